"""Claims on messages: which process sends which, and that no other does."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.letters import ITEM, item_of
from adapters.sql.schema import outbox
from adapters.sql.threads import same_thread
from adapters.sql.transaction import First, Row, Statement, Transaction, Value
from runtime.ids import OutboxId, Platform
from runtime.model.outbox import OutboxItem, OutboxState

_PENDING = word(OutboxState.PENDING)
_SENDING = word(OutboxState.SENDING)
OPEN = (_PENDING, _SENDING)
"""What keeps later messages of its thread waiting; the partial index is named by it."""

CLAIMED = sa.and_(
    outbox.c.id == bindparam("this"),
    outbox.c.state == _SENDING,
    outbox.c.attempts == bindparam("attempt", type_=sa.BigInteger),
)
"""The message is being sent under the caller's claim."""

_HOLDS = sa.select(outbox.c.id).where(CLAIMED)
"""Tells whoever is about to send whether nobody else took the message on."""

# Not the bare column: SQLite would then read the whole table, which is in that order already,
# rather than sort the few rows that a partial index finds.
_IN_ORDER = outbox.c.position + 0


@lru_cache(maxsize=16)
def claiming(platforms: int) -> Statement:
    """Takes messages that may go: one of each thread, and nothing out of order.

    One statement for each number of platforms. On Postgres a row that another process is just
    claiming is passed over, not waited for; its thread is passed over too, because to this
    statement the row is still open.
    """
    earlier = outbox.alias("earlier")
    due = (
        sa.select(outbox.c.position)
        .where(
            outbox.c.state == _PENDING,
            outbox.c.not_before <= bindparam("now", type_=sa.BigInteger),
            outbox.c.platform.in_([bindparam(f"platform{n}") for n in range(platforms)]),
            ~sa.exists().where(
                same_thread(earlier, outbox),
                earlier.c.position < outbox.c.position,
                earlier.c.state.in_(OPEN),
            ),
        )
        .order_by(_IN_ORDER)
        .limit(bindparam("limit", type_=sa.BigInteger))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        sa.update(outbox)
        .where(outbox.c.position.in_(sa.select(due.c.position)))
        .values(state=_SENDING, attempts=outbox.c.attempts + 1, owner=bindparam("by"))
        .returning(*ITEM)
    )


@lru_cache(maxsize=16)
def taking_on(platforms: int) -> Statement:
    """Claims what a process that is gone was sending; a third finds it by its new owner."""
    return (
        sa.update(outbox)
        .where(
            outbox.c.state == _SENDING,
            # Follows from the first condition; it is what the partial index is named by.
            outbox.c.state.in_(OPEN),
            outbox.c.owner == bindparam("of"),
            outbox.c.platform.in_([bindparam(f"platform{n}") for n in range(platforms)]),
        )
        .values(attempts=outbox.c.attempts + 1, owner=bindparam("by"))
        .returning(*ITEM)
    )


class SqlOutboxClaims:
    """The part of the outbox that says who sends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self,
        *,
        now: datetime,
        owner: str,
        limit: int = 50,
        platforms: Sequence[Platform],
        first: bool = False,
    ) -> list[OutboxItem]:
        """Take messages that may be sent now: see the port."""
        if not platforms:
            return []
        statement = claiming(len(platforms))
        page = _names(platforms) | {"now": micros(now), "by": owner, "limit": limit}

        def work(transaction: Transaction) -> Sequence[Row]:
            return transaction.all(statement, page)

        return _in_order(await self._database.write(First(work) if first else work))

    async def take_on(
        self, *, owner: str, by: str, platforms: Sequence[Platform]
    ) -> list[OutboxItem]:
        """Claim what a process that is gone was sending: see the port."""
        if not platforms:
            return []
        given: dict[str, Value] = {"of": owner, "by": by, **_names(platforms)}
        take = taking_on(len(platforms))
        return _in_order(await self._database.write(lambda t: t.all(take, given)))

    async def holds(self, item: OutboxId, attempt: int) -> bool:
        """Whether the claim still holds: see the port."""
        mine: dict[str, Value] = {"this": item, "attempt": attempt}
        return await self._database.read(lambda t: t.one(_HOLDS, mine)) is not None


def _names(platforms: Sequence[Platform]) -> dict[str, Value]:
    return {f"platform{n}": name for n, name in enumerate(platforms)}


def _in_order(rows: Sequence[Row]) -> list[OutboxItem]:
    """The messages, oldest first: a RETURNING has no order; the position is the last column."""
    return [item_of(row) for row in sorted(rows, key=lambda row: int(row[-1]))]
