"""Hand-offs: `runtime.ports.HandoffLog`."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.beginning import OPEN
from adapters.sql.codec import decoder, encode, micros
from adapters.sql.constants import word
from adapters.sql.conversations import bound_locked, create, rebind
from adapters.sql.database import Database
from adapters.sql.inbox import accept
from adapters.sql.schema import bindings, conversations, outbox, turns
from adapters.sql.schema_state import handoffs
from adapters.sql.transaction import Params, Row, Transaction
from adapters.sql.upsert import insert
from runtime.ids import ConversationId
from runtime.model import recorded
from runtime.model.handoff import Handoff, HandOver, led_to
from runtime.model.outbox import NOT_TO_BE_SENT

_INSERT = (
    insert(handoffs)
    .values({column.name: bindparam(column.name) for column in handoffs.c})
    .on_conflict_do_nothing()
)
"""Notes a hand-off; nothing where it happened already."""

_GET = sa.select(handoffs.c.body).where(handoffs.c.conversation == bindparam("this"))

_is_bound = (
    sa.exists(sa.select(bindings.c.conversation))
    .where(bindings.c.conversation == handoffs.c.conversation)
    .correlate(handoffs)
)
_AT_WORK = (
    sa.select(handoffs.c.body)
    .join(turns, turns.c.conversation == handoffs.c.conversation)
    .where(OPEN)
)
"""The hand-offs that led to turns that have not ended."""
_WILL_BIND = (
    sa.select(handoffs.c.conversation)
    .join(outbox, outbox.c.binds == handoffs.c.conversation)
    .where(outbox.c.state.not_in([word(state) for state in NOT_TO_BE_SENT]))
)
"""Those whose thread is bound once a message is sent: what is stopped may be held for long."""
_OLD = (
    sa.select(handoffs.c.conversation)
    .join(conversations, conversations.c.id == handoffs.c.conversation)
    .where(
        handoffs.c.conversation > bindparam("after", type_=sa.Text),
        conversations.c.created_at < bindparam("before", type_=sa.BigInteger),
        ~_is_bound,
    )
    .order_by(handoffs.c.conversation)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Pages through hand-offs by which nobody has a thread now."""
_FORGET = sa.delete(handoffs).where(handoffs.c.conversation == bindparam("this"), ~_is_bound)
_PAGE = 200

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

    async def forget(self, *, before: datetime) -> int:
        """Delete old hand-offs: see the port."""
        needed = await self._database.scan(_needed)
        forgotten, after = 0, ""
        while True:
            rows = await self._old(before, after)
            old = [row[0] for row in rows if row[0] not in needed]
            forgotten += await self._delete(old) if old else 0
            if not rows:
                return forgotten
            after = rows[-1][0]

    async def _old(self, before: datetime, after: str) -> Sequence[Row]:
        page: Params = {"after": after, "before": micros(before), "limit": _PAGE}
        return await self._database.scan(lambda t: t.all(_OLD, page))

    async def _delete(self, old: Sequence[str]) -> int:
        these: list[Params] = [{"this": this} for this in old]
        return await self._database.write(lambda t: t.each(_FORGET, these))


def _needed(transaction: Transaction) -> set[ConversationId]:
    """Where work that has not ended goes on, where it came from, and what messages will bind."""
    ends = [_decode(row[0]) for row in transaction.all(_AT_WORK)]

    def of(conversation: ConversationId) -> Handoff | None:
        row = transaction.one(_GET, {"this": conversation})
        return None if row is None else _decode(row[0])

    will_bind = {ConversationId(row[0]) for row in transaction.all(_WILL_BIND)}
    return led_to(ends, of) | will_bind


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
