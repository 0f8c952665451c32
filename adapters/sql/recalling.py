"""Claiming again what a process claimed, and never heard that it had."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.letters import ITEM
from adapters.sql.schema import outbox
from adapters.sql.transaction import Row, Transaction
from runtime.ids import OutboxId
from runtime.model.outbox import OutboxState

_SENDING = word(OutboxState.SENDING)

_HELD_BY = sa.select(outbox.c.id, outbox.c.attempts).where(
    outbox.c.state == _SENDING,
    # Follows from the first condition; it is what the partial index is named by.
    outbox.c.state.in_((word(OutboxState.PENDING), _SENDING)),
    outbox.c.owner == bindparam("of"),
    outbox.c.attempts > sa.literal_column("0", sa.BigInteger),
)
"""Finds what a process claimed, but for what it claimed as it was written."""

_AGAIN = (
    sa.update(outbox)
    .where(
        outbox.c.id == bindparam("this"),
        outbox.c.state == _SENDING,
        outbox.c.attempts == bindparam("attempt", type_=sa.BigInteger),
    )
    .values(attempts=outbox.c.attempts + 1)
    .returning(*ITEM)
)
"""Claims a message once more, unless another process took it on meanwhile."""


async def recalled(
    database: Database, owner: str, known: Collection[tuple[OutboxId, int]]
) -> list[Row]:
    """What the owner holds but for the known claims, claimed again; see `Outbox.recall`."""

    def work(transaction: Transaction) -> list[Row]:
        held = transaction.all(_HELD_BY, {"of": owner})
        lost = [(item, attempt) for item, attempt in held if (item, attempt) not in known]
        again = [transaction.one(_AGAIN, {"this": item, "attempt": n}) for item, n in lost]
        return [row for row in again if row is not None]

    return await database.write(work)
