"""Messages on their way out: `runtime.ports.Outbox`."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import sending
from adapters.sql.codec import maybe_moment, micros, plain
from adapters.sql.constants import word
from adapters.sql.conversations import rebind
from adapters.sql.database import Database
from adapters.sql.letters import ITEM, SqlSent, item_of
from adapters.sql.outboxclaims import CLAIMED, OPEN, SqlOutboxClaims
from adapters.sql.retention import forget_sent
from adapters.sql.schema import outbox, turns
from adapters.sql.threads import thread_columns, thread_of
from adapters.sql.transaction import First, Params, Statement, Transaction, Value
from runtime.errors import Conflict
from runtime.ids import ConversationId, MessageId, OutboxId, TurnId
from runtime.model import recorded
from runtime.model.address import ChannelRef
from runtime.model.audit import AuditEvent
from runtime.model.outbox import OutboxEvent, OutboxItem, OutboxState, after, thread_under

_PENDING = word(OutboxState.PENDING)
_SENDING = word(OutboxState.SENDING)
_WITHHELD = word(OutboxState.WITHHELD)
_ASIDE = (word(OutboxState.DEAD), _WITHHELD)

_sent = (
    sa.update(outbox)
    .where(CLAIMED)
    .values(state=word(OutboxState.SENT), message_id=bindparam("message"))
)
_SENT = _sent.where(outbox.c.binds.is_(None))
"""Ends a message well under which nothing is to be bound, as under most."""

_SENT_AND_BINDS = _sent.returning(outbox.c.binds, *thread_columns(outbox))
"""Ends a message well, and says what is to be bound to the thread under it."""

_taken_back = outbox.c.taken_back.is_not(None)

_POSTPONE = (
    sa.update(outbox)
    .where(CLAIMED)
    .values(
        state=sa.case((_taken_back, _WITHHELD), else_=_PENDING),
        not_before=bindparam("until"),
        error=sa.func.coalesce(outbox.c.taken_back, bindparam("because", type_=sa.Text)),
        owner=None,
    )
)
"""Hands a claimed message back; one that was taken back meanwhile is not tried again."""

_END_OF = (
    sa.select(turns.c.id).where(turns.c.id == bindparam("of_turn")).with_for_update(key_share=True)
)
"""Waits for an end of the turn that is being stored: whoever waited for that may be gone."""

_HAND_BACK = (
    sa.update(outbox)
    .where(
        CLAIMED,
        outbox.c.owner == bindparam("by"),
        # A turn that has ended keeps the fence under which it did.
        sa.exists().where(
            turns.c.id == bindparam("of_turn"), turns.c.fence == bindparam("with_fence")
        ),
    )
    .values(
        state=sa.case((_taken_back, _WITHHELD), else_=_PENDING),
        error=sa.func.coalesce(outbox.c.taken_back, outbox.c.error),
        owner=None,
    )
)
"""Hands a message back that was claimed as it was written, and that nobody sends."""

_HOLD = (
    sa.update(outbox)
    .where(CLAIMED)
    .values(
        state=sa.case((_taken_back, _WITHHELD), else_=word(OutboxState.HELD)),
        error=sa.func.coalesce(outbox.c.taken_back, outbox.c.error),
        owner=None,
    )
)
"""Hands a claimed message back that a stop holds."""

_SETTLE = (
    sa.update(outbox)
    .where(
        outbox.c.id == bindparam("this"),
        outbox.c.attempts == bindparam("attempt", type_=sa.BigInteger),
        sa.or_(outbox.c.state == _SENDING, outbox.c.state == bindparam("also")),
    )
    .values(state=bindparam("becomes"), error=bindparam("because"))
)
"""Ends a message badly."""

_GET = sa.select(*ITEM).where(outbox.c.id == bindparam("this"))
"""Reads a message, for people and for the refusal of an impossible change."""

_NEXT_TIME = sa.select(sa.func.min(outbox.c.not_before)).where(outbox.c.state == _PENDING)
"""Finds how long the dispatcher may sleep."""

_BINDS_SOON = (
    sa.select(outbox.c.id)
    .where(
        outbox.c.platform == bindparam("platform"),
        outbox.c.workspace == bindparam("workspace"),
        outbox.c.channel == bindparam("channel"),
        outbox.c.state.in_(OPEN),
        outbox.c.state == _SENDING,
        outbox.c.binds.is_not(None),
    )
    .limit(1)
)
"""Tells whether a thread of a channel may be bound in a moment."""

_COUNT = sa.select(sa.func.count()).where(outbox.c.state == bindparam("is", type_=sa.Text))
"""Counts messages in a state that is not final, or sent ones."""

_COUNT_OPEN = _COUNT.where(outbox.c.state.in_(OPEN))
_COUNT_ASIDE = _COUNT.where(outbox.c.state.in_(_ASIDE))
"""The same by an index that does not grow with what was sent."""

_OLDEST = sa.select(sa.func.min(outbox.c.created_at)).where(outbox.c.state.in_(OPEN))
"""Finds since when something waits, for readiness."""

_COUNTS = {
    OutboxState.PENDING: _COUNT_OPEN,
    OutboxState.SENDING: _COUNT_OPEN,
    OutboxState.DEAD: _COUNT_ASIDE,
    OutboxState.WITHHELD: _COUNT_ASIDE,
    OutboxState.SENT: _COUNT,
    OutboxState.HELD: _COUNT.where(outbox.c.state == word(OutboxState.HELD)),
}

_ENDS = {
    OutboxState.DEAD: (OutboxEvent.REJECTED, OutboxState.SENDING),
    OutboxState.WITHHELD: (OutboxEvent.WITHHELD, OutboxState.PENDING),
}
"""The bad ends: the event, and from which state they are reached besides `SENDING`."""


class SqlOutbox(SqlOutboxClaims, SqlSent):
    """The outbox in a database: what is put into it, and what becomes of it.

    Who sends it is in `outboxclaims`, what was sent lately in `letters`.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    async def enqueue(
        self,
        items: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
        first: bool = False,
    ) -> None:
        """Store messages to be sent: see the port."""

        def work(transaction: Transaction) -> None:
            sending.enqueue(transaction, items, audit)

        await self._database.write(First(work) if first else work)

    async def sent(
        self, item: OutboxId, attempt: int, message: MessageId, *, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """Mark the message as sent and bind the thread under it: see the port."""
        mine: dict[str, Value] = {"this": item, "attempt": attempt, "message": message}

        def work(transaction: Transaction) -> None:
            if transaction.run(_SENT, mine):
                transaction.audit(*audit)
                return
            row = transaction.one(_SENT_AND_BINDS, mine)
            if row is None:
                _explain(transaction, item, attempt, OutboxEvent.ACCEPTED, OutboxState.SENT)
                return
            transaction.audit(*audit)
            binds, *thread = row
            if binds is not None:
                under = thread_under(thread_of(*thread), message)
                rebind(transaction, under, ConversationId(binds))

        await self._database.write(work)

    async def hand_back(
        self, items: Sequence[OutboxId], *, owner: str, turn: TurnId, fence: int
    ) -> int:
        """Let messages wait that were claimed as they were written: see the port."""
        mine: dict[str, Value] = {"attempt": 0, "by": owner, "of_turn": turn, "with_fence": fence}
        these: list[Params] = [{"this": item, **mine} for item in items]

        def work(transaction: Transaction) -> int:
            transaction.lock(_END_OF, {"of_turn": turn})
            return transaction.each(_HAND_BACK, these)

        return await self._database.write(work)

    async def postpone(self, item: OutboxId, attempt: int, *, until: datetime, error: str) -> None:
        """Hand a claimed message back: see the port."""
        mine: dict[str, Value] = {"this": item, "attempt": attempt}
        mine |= {"until": micros(until), "because": plain(error)}

        def work(transaction: Transaction) -> None:
            if not transaction.run(_POSTPONE, mine):
                _explain(transaction, item, attempt, OutboxEvent.POSTPONED, None)

        await self._database.write(work)

    async def hold(self, item: OutboxId, attempt: int) -> None:
        """Hand a claimed message back that a stop holds: see the port."""
        mine: dict[str, Value] = {"this": item, "attempt": attempt}

        def work(transaction: Transaction) -> None:
            if not transaction.run(_HOLD, mine):
                _explain(transaction, item, attempt, OutboxEvent.STOPPED, OutboxState.HELD)

        await self._database.write(work)

    async def settle(self, item: OutboxId, attempt: int, state: OutboxState, *, error: str) -> None:
        """End the message as dead or withheld: see the port."""
        event, also = _ENDS[state]
        mine: dict[str, Value] = {"this": item, "attempt": attempt}
        end: dict[str, Value] = {"becomes": state.value, "also": also.value}

        def work(transaction: Transaction) -> None:
            if transaction.run(_SETTLE, {**mine, "because": plain(error), **end}):
                transaction.audit(recorded.message_settled(item, state))
            else:
                _explain(transaction, item, attempt, event, state)

        await self._database.write(work)

    async def get(self, item: OutboxId) -> OutboxItem | None:
        """The message, or None: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": item}))
        return None if row is None else item_of(row)

    async def next_time(self) -> datetime | None:
        """The earliest time of a pending message: see the port."""
        return maybe_moment(await self._number(_NEXT_TIME))

    async def binds_soon(self, channel: ChannelRef) -> bool:
        """Whether a message that binds a thread is being sent there: see the port."""
        place: dict[str, Value] = {
            "platform": channel.platform,
            "workspace": channel.workspace,
            "channel": channel.channel,
        }
        return await self._database.read(lambda t: t.one(_BINDS_SOON, place)) is not None

    async def count(self, state: OutboxState) -> int:
        """How many messages are in that state: see the port."""
        row = await self._database.scan(lambda t: t.one(_COUNTS[state], {"is": state.value}))
        return 0 if row is None else int(row[0])

    async def forget(self, *, before: datetime) -> int:
        """Delete messages sent long ago: see the port."""
        return await forget_sent(self._database, before=before)

    async def oldest_pending(self) -> datetime | None:
        """Since when something waits: see the port."""
        return maybe_moment(await self._number(_OLDEST))

    async def _number(self, statement: Statement) -> int | None:
        row = await self._database.read(lambda t: t.one(statement))
        return None if row is None or row[0] is None else int(row[0])


def _explain(
    transaction: Transaction,
    item: OutboxId,
    attempt: int,
    event: OutboxEvent,
    said: OutboxState | None,
) -> None:
    """Why a change did not apply: nothing to say where it was made before, else a `Conflict`."""
    row = transaction.one(_GET, {"this": item})
    if row is None:
        raise Conflict(f"there is no outbox row {item}")
    now = item_of(row)
    if now.attempts != attempt:
        raise Conflict(f"outbox row was claimed again since attempt {attempt}")
    if now.state is not said:
        after(now.state, event)
