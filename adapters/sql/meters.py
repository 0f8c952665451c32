"""Forgetting meters: little at once, so that nobody waits for it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema_ledger import meters
from adapters.sql.transaction import Params, Row
from runtime.model.meter import Period

_PAGE = 500

_is_old = sa.and_(
    meters.c.held == 0,
    sa.case(
        (
            meters.c.period == word(Period.FIRING),
            meters.c.used_at < bindparam("runs", type_=sa.BigInteger),
        ),
        else_=meters.c.used_at < bindparam("periods", type_=sa.BigInteger),
    ),
)
_OLD = (
    sa.select(meters.c.id, meters.c.stamp)
    .where(meters.c.id > bindparam("after", type_=sa.Text), _is_old)
    .order_by(meters.c.id)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Pages through what can go."""
_DELETE = sa.delete(meters).where(meters.c.id == bindparam("this"), _is_old)
"""Deletes a meter, if nobody used it since we looked."""


async def forget_meters(
    database: Database, *, runs: datetime, periods: datetime, waiting: Collection[str]
) -> int:
    """Delete meters that were used last before that: see `runtime.ports.Ledger`."""
    times: Params = {"runs": micros(runs), "periods": micros(periods)}
    forgotten, after = 0, ""
    while True:
        rows = await _old(database, {**times, "after": after, "limit": _PAGE})
        old = [row[0] for row in rows if row[1] not in waiting]
        forgotten += await _delete(database, [{**times, "this": this} for this in old])
        if not rows:
            return forgotten
        after = rows[-1][0]


async def _old(database: Database, page: Params) -> Sequence[Row]:
    return await database.scan(lambda t: t.all(_OLD, page))


async def _delete(database: Database, these: Sequence[Params]) -> int:
    return await database.write(lambda t: t.each(_DELETE, these)) if these else 0
