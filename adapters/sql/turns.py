"""Turns: `runtime.ports.Turns`. The conversation's log is their journal."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import beginning, log, sending
from adapters.sql.beginning import NO_RUN, OPEN, RUNNING, TURN, WAITING
from adapters.sql.codec import micros
from adapters.sql.database import Database
from adapters.sql.handoffs import hand_over
from adapters.sql.heard import Heard
from adapters.sql.recent import RecentLogs
from adapters.sql.schema import turns
from adapters.sql.transaction import Statement, Transaction, Value
from runtime.clock import Clock
from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, MessageId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.audit import AuditEvent
from runtime.model.conversation import Entry, Role, model_of
from runtime.model.handoff import HandOver
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnStart, TurnState

_is_owners = sa.and_(
    turns.c.id == bindparam("turn"),
    turns.c.fence == bindparam("with_fence", type_=sa.BigInteger),
    turns.c.state == RUNNING,
)

_OWNED = (
    sa.select(turns.c.conversation, log.last_of(turns.c.conversation))
    .where(_is_owners)
    .with_for_update(key_share=True, of=turns)
)
"""Finds where to append, if the turn runs and is the caller's; nobody takes it up meanwhile."""

_SET_DRAFT = sa.update(turns).where(_is_owners).values(draft=bindparam("message"))
"""Remembers the draft, if the turn is the caller's."""

_HAND_BACK = (
    sa.update(turns)
    .where(_is_owners)
    .values(attempt=turns.c.attempt - bindparam("tries", type_=sa.BigInteger))
)
"""Forgets tries of a turn that were none of its own, if it is the caller's."""

_END = (
    sa.update(turns).where(_is_owners).values(state=bindparam("becomes"), ended_at=bindparam("at"))
)
"""Ends a turn, if it is the caller's."""

_CONVERSATION = sa.select(turns.c.conversation).where(turns.c.id == bindparam("turn"))
"""Finds the conversation of a turn that this process did not begin."""

_PARK = (
    sa.update(turns)
    .where(_is_owners)
    .values(state=WAITING, attempt=turns.c.attempt - bindparam("tries", type_=sa.BigInteger))
)
"""Lets a turn wait for people, if it is the caller's."""

_UNPARK = (
    sa.update(turns)
    .where(turns.c.id == bindparam("turn"), turns.c.state == WAITING)
    .values(state=RUNNING)
)
"""Lets a turn run again that waits."""

_TURNS = (
    sa.select(*TURN)
    .where(turns.c.id > bindparam("after", type_=sa.Text))
    .order_by(turns.c.id)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_PARKED = _TURNS.where(turns.c.state == WAITING)
"""Pages through what waits for people."""
_NOT_OVER = _TURNS.where(OPEN)
"""Pages through what has not ended."""

_OPEN = (
    sa.select(turns.c.conversation)
    .where(
        turns.c.state == RUNNING,
        turns.c.run == NO_RUN,
        turns.c.conversation > bindparam("after", type_=sa.Text),
    )
    .order_by(turns.c.conversation)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Pages through what an earlier life left running."""

_STATE = sa.select(turns.c.state).where(turns.c.id == bindparam("this"))
"""Tells a run how its turn ended that another process carried out."""

_MOST_ENDS = 1_000
"""Turns of which it is noted where the log ended when they began."""

_LOST = "the turn has ended, or another owner took it up since"


class SqlTurns:
    """Turns in a database."""

    def __init__(self, database: Database, *, clock: Clock, heard: Heard) -> None:
        self._database = database
        self._heard = heard
        self._clock = clock
        self._recent = RecentLogs()
        self._ends: dict[TurnId, tuple[ConversationId, int]] = {}

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the open turn or begin the next: see the port."""
        now = self._clock.now()
        known = self._recent.get(conversation)
        start = await self._database.write(
            lambda t: beginning.begin(t, conversation, known, self._heard, owner=owner, now=now)
        )
        if start is not None:
            self._recent.keep(conversation, start.entries)
            self._note_end(start)
        return start

    async def begin_run(
        self,
        turn: TurnId,
        conversation: ConversationId,
        *,
        requester: Principal,
        instruction: str,
        owner: str,
        chain: tuple[AgentName, ...] = (),
    ) -> TurnStart | None:
        """Take up or begin a run's turn: see the port."""
        asked = Entry(role=Role.USER, text=instruction, at=self._clock.now(), turn=turn)
        start = await self._database.write(
            lambda t: beginning.begin_run(
                t, conversation, asked, requester=requester, owner=owner, chain=chain
            )
        )
        if start is not None:
            self._note_end(start)
        return start

    async def state(self, turn: TurnId) -> TurnState | None:
        """Where the turn is: see the port."""
        row = await self._database.read(lambda t: t.one(_STATE, {"this": turn}))
        return None if row is None else TurnState(row[0])

    async def append(
        self,
        turn: TurnId,
        fence: int,
        entries: Sequence[Entry],
        *,
        audit: Sequence[AuditEvent] = (),
        notices: Sequence[OutboxItem] = (),
    ) -> None:
        """Append to the log: see the port."""

        def work(transaction: Transaction) -> None:
            _append(transaction, turn, fence, entries)
            sending.enqueue(transaction, notices)
            transaction.audit(*audit)

        await self._database.write(work)

    async def set_draft(self, turn: TurnId, fence: int, draft: MessageId) -> None:
        """Remember the draft: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence, "message": draft}
        if not await self._database.write(lambda t: t.run(_SET_DRAFT, mine)):
            raise Conflict(_LOST)

    async def finish(
        self,
        turn: TurnId,
        fence: int,
        *,
        state: TurnState,
        entries: Sequence[Entry] = (),
        replies: Sequence[OutboxItem] = (),
        over: HandOver | None = None,
    ) -> None:
        """End the turn with everything that follows from it: see the port."""
        now = micros(self._clock.now())

        mine: dict[str, Value] = {"turn": turn, "with_fence": fence}
        known = self._ends.pop(turn, None)

        def work(transaction: Transaction) -> None:
            if not transaction.run(_END, {**mine, "becomes": state.value, "at": now}):
                raise Conflict(_LOST)
            conversation, last = known or (_conversation_of(transaction, turn), 0)
            log.write_after(transaction, conversation, entries, last=last)
            sending.enqueue(transaction, replies)
            transaction.audit(recorded.turn_ended(turn, conversation, state, model_of(entries)))
            if over is not None:
                hand_over(transaction, over)

        await self._database.write(work)

    async def park(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Let the turn wait: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence, "tries": tries}
        if not await self._database.write(lambda t: t.run(_PARK, mine)):
            raise Conflict(_LOST)

    async def unpark(self, turn: TurnId) -> bool:
        """Let a waiting turn run again: see the port."""
        return bool(await self._database.write(lambda t: t.run(_UNPARK, {"turn": turn})))

    async def parked(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that wait: see the port."""
        return await self._page(_PARKED, after, limit)

    async def not_over(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that have not ended: see the port."""
        return await self._page(_NOT_OVER, after, limit)

    async def _page(self, statement: Statement, after: TurnId | None, limit: int) -> list[Turn]:
        page: dict[str, Value] = {"after": after or "", "limit": limit}
        rows = await self._database.scan(lambda t: t.all(statement, page))
        return [beginning.turn_of(row) for row in rows]

    async def hand_back(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Forget tries of the turn: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence, "tries": tries}
        await self._database.write(lambda t: t.run(_HAND_BACK, mine))

    def _note_end(self, start: TurnStart) -> None:
        """Note where a log ended when a turn began: most often it ends there when the turn does.

        Only a guess, so that it may be forgotten, as it is of turns that never end here.
        """
        self._ends[start.turn.id] = start.turn.conversation, start.entries[-1].seq
        if len(self._ends) > _MOST_ENDS:
            del self._ends[next(iter(self._ends))]

    async def open_conversations(
        self, *, after: ConversationId | None = None, limit: int = 500
    ) -> list[ConversationId]:
        """Conversations of which a turn is running: see the port."""
        page: dict[str, Value] = {"after": after or "", "limit": limit}
        rows = await self._database.scan(lambda t: t.all(_OPEN, page))
        return [ConversationId(row[0]) for row in rows]


def _append(transaction: Transaction, turn: TurnId, fence: int, entries: Sequence[Entry]) -> None:
    """Append to the log of the turn, if it is the caller's."""
    owned = transaction.one(_OWNED, {"turn": turn, "with_fence": fence})
    if owned is None:
        raise Conflict(_LOST)
    conversation, last = owned
    log.write(transaction, conversation, entries, last=last)


def _conversation_of(transaction: Transaction, turn: TurnId) -> ConversationId:
    [conversation] = transaction.one(_CONVERSATION, {"turn": turn}) or ("",)
    return ConversationId(conversation)
