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
from adapters.sql.transaction import First, Params, Statement, Transaction, Value
from adapters.sql.unsaid import Unsaid
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
    sa.select(turns.c.conversation, turns.c.asked)
    .where(_is_owners)
    .with_for_update(key_share=True, of=turns)
)
"""Finds where to append, and what was asked where that is not in the log, if the turn runs and is
the caller's; nobody takes it up meanwhile.
"""

_SET_DRAFT = sa.update(turns).where(_is_owners).values(draft=bindparam("message"))
"""Remembers the draft, if the turn is the caller's."""

_HAND_BACK = (
    sa.update(turns)
    .where(_is_owners)
    .values(attempt=turns.c.attempt - bindparam("tries", type_=sa.BigInteger))
)
"""Forgets tries of a turn that were none of its own, if it is the caller's."""

_END = (
    sa.update(turns)
    .where(_is_owners)
    .values(state=bindparam("becomes"), ended_at=bindparam("at"), asked=sa.null())
)
"""Ends a turn, if it is the caller's."""

_END_UNSAID = _END.where(turns.c.asked.is_not(None))
"""Ends it where it says the first thing with that."""

_IN_LOG = sa.update(turns).where(_is_owners).values(asked=sa.null())
"""Notes that what a turn was asked is in the log."""

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

_WORDS = {state: state.value for state in TurnState}
"""A member's `value` is looked up by Python code, and this is done for each turn."""

_LOST = "the turn has ended, or another owner took it up since"


class SqlTurns:
    """Turns in a database."""

    def __init__(self, database: Database, *, clock: Clock, heard: Heard, unsaid: Unsaid) -> None:
        self._database = database
        self._heard = heard
        self._clock = clock
        self._recent = RecentLogs()
        self._unsaid = unsaid

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the open turn or begin the next: see the port."""
        now = self._clock.now()
        known = self._recent.get(conversation)
        begun = await self._database.write(
            lambda t: beginning.begin(t, conversation, known, self._heard, owner=owner, now=now)
        )
        if begun is None:
            return None
        start, asked = begun
        self._recent.keep(conversation, start.entries, but=0 if asked is None else 1)
        if asked is not None:
            self._unsaid.keep(start.turn, asked)
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
        begun = await self._database.write(
            lambda t: beginning.begin_run(
                t, conversation, asked, requester=requester, owner=owner, chain=chain
            )
        )
        return None if begun is None else begun.start

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
        if entries:
            self._unsaid.drop([turn])

        def work(transaction: Transaction) -> None:
            _append(transaction, {"turn": turn, "with_fence": fence}, entries)
            sending.enqueue(transaction, notices)
            transaction.audit(*audit)

        try:
            await self._database.write(work)
        except Conflict:
            self._unsaid.drop([turn])
            raise

    async def set_draft(self, turn: TurnId, fence: int, draft: MessageId) -> None:
        """Remember the draft: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence, "message": draft}
        if not await self._database.write(lambda t: t.run(_SET_DRAFT, mine)):
            self._unsaid.drop([turn])
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
        sender: str = "",
    ) -> list[OutboxItem]:
        """End the turn with everything that follows from it: see the port."""
        now = micros(self._clock.now())

        mine: dict[str, Value] = {"turn": turn, "with_fence": fence}
        end: Params = {**mine, "becomes": _WORDS[state], "at": now}
        known = self._unsaid.take(turn)

        def work(transaction: Transaction) -> list[OutboxItem]:
            if known is not None and transaction.run(_END_UNSAID, end):
                conversation, asked = known
                log.write_with(transaction, conversation, asked, entries)
            else:
                conversation = _append(transaction, mine, entries, all_of_it=True)
                transaction.run(_END, end)
            claimed = sending.enqueue_claimed(transaction, replies, sender=sender)
            transaction.audit(recorded.turn_ended(turn, conversation, state, model_of(entries)))
            if over is not None:
                hand_over(transaction, over)
            return claimed

        return await self._database.write(work)

    async def park(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Let the turn wait: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence, "tries": tries}
        self._unsaid.drop([turn])
        if not await self._database.write(lambda t: t.run(_PARK, mine)):
            raise Conflict(_LOST)

    async def unpark(self, turn: TurnId) -> bool:
        """Let a waiting turn run again: see the port."""
        # The answer to a STOP waits for it, where the turn was asking people.
        return bool(await self._database.write(First(lambda t: t.run(_UNPARK, {"turn": turn}))))

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
        self._unsaid.drop([turn])
        await self._database.write(lambda t: t.run(_HAND_BACK, mine))

    async def open_conversations(
        self, *, after: ConversationId | None = None, limit: int = 500
    ) -> list[ConversationId]:
        """Conversations of which a turn is running: see the port."""
        page: dict[str, Value] = {"after": after or "", "limit": limit}
        rows = await self._database.scan(lambda t: t.all(_OPEN, page))
        return [ConversationId(row[0]) for row in rows]


def _append(
    transaction: Transaction, mine: Params, entries: Sequence[Entry], *, all_of_it: bool = False
) -> ConversationId:
    """Append to the log of the turn, with what it was asked where that is not there yet.

    Raises:
        Conflict: the turn is not the caller's.
    """
    row = transaction.one(_OWNED, mine)
    if row is None:
        raise Conflict(_LOST)
    conversation, asked = ConversationId(row[0]), log.asked_of(row[1])
    if asked is not None and (entries or all_of_it):
        log.write_with(transaction, conversation, asked, entries)
        transaction.run(_IN_LOG, mine)
    elif entries:
        last = log.last_of(transaction, conversation)
        log.write(transaction, conversation, entries, last=last, titled=True)
    return conversation
