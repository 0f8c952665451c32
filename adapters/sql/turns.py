"""Turns: `runtime.ports.Turns`. The conversation's log is their journal."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import log, sending
from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.inbox import BEGUN, FINISH, PENDING, RECEIVED, received_of
from adapters.sql.recent import Log, RecentLogs
from adapters.sql.schema import bindings, conversations, inbox, turns
from adapters.sql.threads import same_thread
from adapters.sql.transaction import Row, Transaction, Value
from runtime.clock import Clock
from runtime.errors import Conflict, NightdeskError
from runtime.ids import ConversationId, InboxId, MessageId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.events import Lane, Message, Received
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnStart, TurnState, turn_id_of, words_of

_RUNNING = word(TurnState.RUNNING)
_TURN_LANE = word(Lane.TURN)

_LOCK = (
    sa.select(conversations.c.covered)
    .where(conversations.c.id == bindparam("this"))
    .with_for_update()
)
"""Locks a conversation, so that its turns are begun one at a time (SQLite has one writer anyway).

Whatever changes turns or the log writes or locks this row first, in every process, so that no two
transactions can wait for each other.
"""

_TURN = (
    turns.c.id,
    turns.c.conversation,
    turns.c.inbox,
    turns.c.origin,
    turns.c.attempt,
    turns.c.fence,
    turns.c.draft,
    turns.c.started_at,
)

_TAKE_UP = (
    sa.update(turns)
    .where(
        turns.c.conversation == bindparam("this"),
        turns.c.state == _RUNNING,
        turns.c.inbox.is_not(None),
    )
    .values(attempt=turns.c.attempt + 1, fence=turns.c.fence + 1, owner=bindparam("by"))
    .returning(*_TURN)
)
"""Takes up the open turn that a message began; a run's turn is the run's business."""

_TAKE_UP_RUN = (
    sa.update(turns)
    .where(turns.c.id == bindparam("this"), turns.c.state == _RUNNING)
    .values(attempt=turns.c.attempt + 1, fence=turns.c.fence + 1, owner=bindparam("by"))
    .returning(*_TURN)
)
"""Takes up a run's turn."""

_KNOWN = sa.select(turns.c.state).where(turns.c.id == bindparam("this"))
"""Tells a run's turn that ended from one that was never begun."""

_OLDEST = (
    sa.select(*RECEIVED)
    .select_from(bindings.join(inbox, same_thread(bindings, inbox)))
    .where(
        bindings.c.conversation == bindparam("this"),
        inbox.c.state == PENDING,
        inbox.c.lane == _TURN_LANE,
    )
    .order_by(inbox.c.id)
    .limit(1)
)
"""Finds the message that the conversation's next turn is for."""

_MARK_BEGUN = (
    sa.update(inbox)
    .where(inbox.c.id == bindparam("this"), inbox.c.state == PENDING)
    .values(state=BEGUN)
)
"""Takes the message out of the mailbox; none where another conversation took it just now."""

_INSERT = sa.insert(turns).values({column.name: bindparam(column.name) for column in turns.c})
"""Begins a turn."""

_is_owners = sa.and_(
    turns.c.id == bindparam("turn"),
    turns.c.fence == bindparam("with_fence", type_=sa.BigInteger),
    turns.c.state == _RUNNING,
)

_OWNED = sa.select(turns.c.id).where(_is_owners)
"""Whether the turn runs and is the caller's; asked under the conversation's lock."""

_SET_DRAFT = sa.update(turns).where(_is_owners).values(draft=bindparam("message"))
"""Remembers the draft, if the turn is the caller's."""

_END = (
    sa.update(turns)
    .where(_is_owners)
    .values(state=bindparam("becomes"), ended_at=bindparam("at"))
    .returning(turns.c.inbox)
)
"""Ends a turn, if it is the caller's."""

_STOP = (
    sa.update(turns)
    .where(turns.c.conversation == bindparam("this"), turns.c.state == _RUNNING)
    .values(state=word(TurnState.STOPPED), ended_at=bindparam("at"))
    .returning(*_TURN)
)
"""Ends what runs in a conversation, whoever owns it."""

_OPEN = sa.union(
    sa.select(turns.c.conversation).where(turns.c.state == _RUNNING, turns.c.inbox.is_not(None)),
    sa.select(bindings.c.conversation)
    .select_from(bindings.join(inbox, same_thread(bindings, inbox)))
    .where(inbox.c.state == PENDING, inbox.c.lane == _TURN_LANE),
)
"""Finds what an earlier life left to be done."""


class _Origin(msgspec.Struct, kw_only=True):
    """Who asked for a turn, and where the answer goes."""

    requester: Principal
    thread: ThreadRef | None = None


_decode = decoder(_Origin)


class SqlTurns:
    """Turns in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._recent = RecentLogs()

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the open turn or begin the next: see the port."""
        now = self._clock.now()
        known = self._recent.get(conversation)
        start = await self._database.write(
            lambda t: _begin(t, conversation, known, owner=owner, now=now)
        )
        if start is not None:
            self._recent.keep(conversation, start.entries)
        return start

    async def begin_run(
        self,
        turn: TurnId,
        conversation: ConversationId,
        *,
        requester: Principal,
        instruction: str,
        owner: str,
    ) -> TurnStart | None:
        """Take up or begin a run's turn: see the port."""
        now = self._clock.now()
        asked = Entry(role=Role.USER, text=instruction, at=now, turn=turn)

        def work(transaction: Transaction) -> TurnStart | None:
            covered = _lock(transaction, conversation)
            if covered is None:
                raise NightdeskError(f"there is no conversation {conversation}")
            taken = transaction.one(_TAKE_UP_RUN, {"this": turn, "by": owner})
            if taken is None:
                if transaction.one(_KNOWN, {"this": turn}) is not None:
                    return None
                origin = _Origin(requester=requester)
                taken = _insert(transaction, conversation, asked, None, origin, owner)
            return _start(transaction, taken, covered)

        return await self._database.write(work)

    async def append(self, turn: TurnId, fence: int, entries: Sequence[Entry]) -> None:
        """Append to the log: see the port."""

        def work(transaction: Transaction) -> None:
            last, conversation = _advance(transaction, turn, entries)
            mine: dict[str, Value] = {"turn": turn, "with_fence": fence}
            if transaction.one(_OWNED, mine) is None:
                raise Conflict(_LOST)
            log.write(transaction, conversation, entries, last)

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
    ) -> None:
        """End the turn with everything that follows from it: see the port."""
        mine: dict[str, Value] = {"turn": turn, "with_fence": fence}
        end: dict[str, Value] = {"becomes": state.value, "at": micros(self._clock.now())}

        def work(transaction: Transaction) -> None:
            last, conversation = _advance(transaction, turn, entries)
            ended = transaction.one(_END, {**mine, **end})
            if ended is None:
                raise Conflict(_LOST)
            log.write(transaction, conversation, entries, last)
            if ended[0] is not None:
                transaction.run(FINISH, {"this": ended[0]})
            sending.enqueue(transaction, replies)

        await self._database.write(work)

    async def stop(self, conversation: ConversationId) -> Turn | None:
        """Stop what runs in the conversation: see the port."""
        now = micros(self._clock.now())

        def work(transaction: Transaction) -> Turn | None:
            if _lock(transaction, conversation) is None:
                return None
            rows = transaction.all(_STOP, {"this": conversation, "at": now})
            stopped = [_turn_of(row) for row in rows]
            begun = [turn.inbox for turn in stopped if turn.inbox is not None]
            transaction.each(FINISH, [{"this": row} for row in begun])
            # A message's turn before a run's: it is the one that somebody watches.
            return min(stopped, key=lambda turn: turn.inbox is None, default=None)

        return await self._database.write(work)

    async def open_conversations(self) -> list[ConversationId]:
        """Conversations with something to be done: see the port."""
        rows = await self._database.scan(lambda t: t.all(_OPEN))
        return [ConversationId(row[0]) for row in rows]


_LOST = "the turn has ended, or another owner took it up since"


def _lock(transaction: Transaction, conversation: ConversationId) -> int | None:
    """Lock the conversation; the last entry that a summary stands for, None where it is gone."""
    row = transaction.one(_LOCK, {"this": conversation})
    return None if row is None else int(row[0])


def _begin(
    transaction: Transaction,
    conversation: ConversationId,
    known: Log,
    *,
    owner: str,
    now: datetime,
) -> TurnStart | None:
    covered = _lock(transaction, conversation)
    if covered is None:
        return None
    row = transaction.one(_TAKE_UP, {"this": conversation, "by": owner})
    if row is None:
        received = _next_message(transaction, conversation)
        if received is None:
            return None
        row = _begin_with(transaction, conversation, received, owner=owner, now=now)
    return _start(transaction, row, covered, known)


def _next_message(transaction: Transaction, conversation: ConversationId) -> Received | None:
    """Take the oldest message out of the mailbox."""
    while (row := transaction.one(_OLDEST, {"this": conversation})) is not None:
        received = received_of(row)
        if transaction.run(_MARK_BEGUN, {"this": received.id}):
            return received
    return None


def _begin_with(
    transaction: Transaction,
    conversation: ConversationId,
    received: Received,
    *,
    owner: str,
    now: datetime,
) -> Row:
    inbound = received.inbound
    if not isinstance(inbound.body, Message):
        raise TypeError(f"inbox row {received.id} is in the turn lane and holds no message")
    asked = Entry(
        role=Role.USER,
        text=words_of(inbound.body),
        at=now,
        turn=turn_id_of(received.id),
        sender=inbound.sender,
    )
    origin = _Origin(requester=inbound.sender, thread=inbound.thread)
    return _insert(transaction, conversation, asked, received.id, origin, owner)


def _insert(
    transaction: Transaction,
    conversation: ConversationId,
    asked: Entry,
    row: InboxId | None,
    origin: _Origin,
    owner: str,
) -> Row:
    """Begin a turn with what was asked; returns it as `_TURN` reads it."""
    started, body = micros(asked.at), encode(origin)
    values: dict[str, Value] = {
        "id": asked.turn,
        "conversation": conversation,
        "inbox": row,
        "origin": body,
        "state": TurnState.RUNNING.value,
        "owner": owner,
        "attempt": 1,
        "fence": 1,
        "draft": None,
        "started_at": started,
        "ended_at": None,
    }
    transaction.run(_INSERT, values)
    last = log.advance(transaction, conversation, [asked])
    log.write(transaction, conversation, [asked], last or 0)
    return (asked.turn, conversation, row, body, 1, 1, None, started)


def _start(transaction: Transaction, row: Row, covered: int, known: Log = ()) -> TurnStart:
    turn = _turn_of(row)
    entries = log.read(transaction, turn.conversation, covered, known)
    return TurnStart(turn=turn, entries=tuple(entries))


def _turn_of(row: Row) -> Turn:
    key, conversation, message, origin, attempt, fence, draft, started_at = row
    asked = _decode(origin)
    return Turn(
        id=TurnId(key),
        conversation=ConversationId(conversation),
        inbox=None if message is None else InboxId(message),
        thread=asked.thread,
        requester=asked.requester,
        attempt=attempt,
        fence=fence,
        draft=None if draft is None else MessageId(draft),
        started_at=moment(started_at),
    )


def _advance(
    transaction: Transaction, turn: TurnId, entries: Sequence[Entry]
) -> tuple[int, ConversationId]:
    """Lock the turn's conversation and take numbers for its entries."""
    change = log.Advance.of(entries)
    row = transaction.one(log.ADVANCE_OF_TURN, {"turn": turn, **change._asdict()})
    if row is None:
        raise Conflict(_LOST)
    last, conversation = row
    return int(last), ConversationId(conversation)
