"""Messages that could not be delivered, for the people who look after them."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.letters import ITEM, item_of
from adapters.sql.schema import outbox
from adapters.sql.transaction import Transaction, Value
from runtime.errors import Conflict
from runtime.ids import OutboxId
from runtime.model import recorded
from runtime.model.outbox import OutboxEvent, OutboxItem, OutboxState, after

_DEAD = word(OutboxState.DEAD)
_ASIDE = outbox.c.state.in_((_DEAD, word(OutboxState.WITHHELD)))
"""What the partial index over them is named by."""

_LATEST = (
    sa.select(*ITEM)
    .where(outbox.c.state == _DEAD, _ASIDE)
    .order_by((outbox.c.position + 0).desc())  # of the few that the index finds
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Lists them, the latest first."""

_GET = sa.select(*ITEM).where(outbox.c.id == bindparam("this"))
"""Reads one, for the refusal of what cannot be done to it."""

_RETRY = (
    sa.update(outbox)
    .where(outbox.c.id == bindparam("this"), outbox.c.state == _DEAD)
    .values(
        state=word(OutboxState.PENDING),
        not_before=bindparam("at"),
        created_at=bindparam("at"),
        owner=None,
    )
)
"""Puts one in line again."""

_DROP = sa.delete(outbox).where(outbox.c.id == bindparam("this"), outbox.c.state == _DEAD)
"""Deletes one."""


class SqlDeadLetters:
    """Dead letters in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, *, limit: int = 10) -> list[OutboxItem]:
        """Those written last: see the port."""
        rows = await self._database.scan(lambda t: t.all(_LATEST, {"limit": limit}))
        return [item_of(row) for row in rows]

    async def retry(self, item: OutboxId, *, now: datetime) -> None:
        """Put it in line again: see the port."""
        at: dict[str, Value] = {"this": item, "at": micros(now)}

        def work(transaction: Transaction) -> None:
            if not transaction.run(_RETRY, at):
                _refuse(transaction, item, OutboxEvent.RETRIED)
            transaction.audit(recorded.message_retried(item))

        await self._database.write(work)

    async def drop(self, item: OutboxId) -> None:
        """Delete it: see the port."""

        def work(transaction: Transaction) -> None:
            if not transaction.run(_DROP, {"this": item}):
                _refuse(transaction, item, OutboxEvent.DROPPED)
            transaction.audit(recorded.message_dropped(item))

        await self._database.write(work)


def _refuse(transaction: Transaction, item: OutboxId, event: OutboxEvent) -> None:
    row = transaction.one(_GET, {"this": item})
    if row is None:
        raise Conflict(f"there is no outbox row {item}")
    after(item_of(row).state, event)
    raise Conflict(f"outbox row {item} was changed in this moment")
