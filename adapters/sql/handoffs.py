"""Hand-offs: `runtime.ports.HandoffLog`."""

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import decoder, encode
from adapters.sql.conversations import bound_locked, create, rebind
from adapters.sql.database import Database
from adapters.sql.inbox import accept
from adapters.sql.schema_state import handoffs
from adapters.sql.transaction import Params, Transaction
from adapters.sql.upsert import insert
from runtime.ids import ConversationId
from runtime.model import recorded
from runtime.model.handoff import Handoff, HandOver

_INSERT = (
    insert(handoffs)
    .values({column.name: bindparam(column.name) for column in handoffs.c})
    .on_conflict_do_nothing()
)
"""Notes a hand-off; nothing where it happened already."""

_GET = sa.select(handoffs.c.body).where(handoffs.c.conversation == bindparam("this"))

_decode = decoder(Handoff)


class SqlHandoffs:
    """Hand-offs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, conversation: ConversationId) -> Handoff | None:
        """How the conversation came to its agent: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": conversation}))
        return None if row is None else _decode(row[0])

    async def record(self, over: HandOver) -> bool:
        """Let it happen: see the port."""
        return await self._database.write(lambda t: hand_over(t, over))


def hand_over(transaction: Transaction, over: HandOver) -> bool:
    """Let it happen, inside the transaction of whatever ends with it: see the port."""
    handoff = over.handoff
    thread = handoff.thread
    if thread is not None and bound_locked(transaction, thread) != handoff.before:
        return False
    row: Params = {"conversation": handoff.conversation, "body": encode(handoff)}
    if not transaction.run(_INSERT, row):
        return False
    create(transaction, handoff.conversation, handoff.taker, over.opening, at=handoff.at)
    if thread is not None:
        rebind(transaction, thread, handoff.conversation)
    if over.wakes is not None:
        accept(transaction, over.wakes)
    transaction.audit(recorded.handed_over(handoff))
    return True
