"""Deleting what was settled long ago: little at once, so that nobody waits for it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros
from adapters.sql.database import Database
from adapters.sql.schema import outbox
from adapters.sql.transaction import Params, Row
from runtime.model.outbox import OutboxState

_PAGE = 200
"""Rows in one unit, which keeps everybody else waiting for a millisecond or two."""

_FROM = (
    sa.select(outbox.c.position, outbox.c.state, outbox.c.created_at)
    .where(outbox.c.position > bindparam("beyond", type_=sa.BigInteger))
    .order_by(outbox.c.position)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads the outbox from its beginning, where the oldest messages are, without their bodies."""

_DELETE = sa.delete(outbox).where(outbox.c.position == bindparam("this"))
"""Deletes a message."""


async def forget_sent(database: Database, *, before: datetime) -> int:
    """Delete the messages that were sent, and written before that time; how many.

    Messages stand in the order in which they were written, but for those that a person had sent
    again, so the first page on which all are younger is the last that is read.
    """
    forgotten, beyond, horizon = 0, 0, micros(before)
    while True:
        rows = await _read(database, beyond)
        old = [row for row in rows if row[2] < horizon]
        gone = [row[0] for row in old if row[1] == OutboxState.SENT]
        if gone:
            await _delete(database, gone)
            forgotten += len(gone)
        if not old:
            return forgotten
        beyond = rows[-1][0]


async def _read(database: Database, beyond: int) -> Sequence[Row]:
    page: Params = {"beyond": beyond, "limit": _PAGE}
    return await database.scan(lambda t: t.all(_FROM, page))


async def _delete(database: Database, positions: Sequence[int]) -> None:
    these: list[Params] = [{"this": position} for position in positions]
    await database.write(lambda t: t.each(_DELETE, these))
