"""How a turn begins, or is taken up again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import log
from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.constants import word
from adapters.sql.heard import Heard
from adapters.sql.inbox import FINISH, PENDING, RECEIVED, received_of
from adapters.sql.recent import Log
from adapters.sql.schema import bindings, conversations, inbox, turns
from adapters.sql.threads import same_thread
from adapters.sql.transaction import Params, Row, Transaction, Value
from runtime.errors import NightdeskError
from runtime.ids import AgentName, ConversationId, InboxId, MessageId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal, ThreadRef, key_of
from runtime.model.conversation import Entry, Role
from runtime.model.events import Lane, Message, Received
from runtime.model.turn import Turn, TurnStart, TurnState, chain_of, sender_of, turn_id_of, words_of

RUNNING = word(TurnState.RUNNING)
WAITING = word(TurnState.WAITING)
OPEN = sa.or_(turns.c.state == RUNNING, turns.c.state == WAITING)
"""The condition of the index on turns that have not ended."""
NO_RUN = sa.literal_column("''", sa.Text)

LOCK = (
    sa.select(conversations.c.id)
    .where(conversations.c.id == bindparam("this"))
    .with_for_update(key_share=True)
)
"""Lets one process at a time begin or stop turns of a conversation, on Postgres.

Not a full `FOR UPDATE`: that would wait for, and be waited for by, whoever just adds to the log.
"""

_open_turn = sa.and_(turns.c.conversation == conversations.c.id, OPEN, turns.c.run == NO_RUN)
_is_running = sa.exists().where(_open_turn)
_place = (conversations.c.agent, conversations.c.covered, conversations.c.title, _is_running)
_PLACE = sa.select(*_place).where(conversations.c.id == bindparam("this"))
"""Finds where a conversation stands."""

_first = inbox.alias("first")
_pending = bindings.join(_first, same_thread(bindings, _first))
_of_it = (
    bindings.c.conversation == conversations.c.id,
    _first.c.state == PENDING,
    _first.c.lane == word(Lane.TURN),
)
_oldest = sa.select(sa.func.min(_first.c.id)).select_from(_pending).where(*_of_it)
_waits = sa.exists().select_from(_pending).where(*_of_it).correlate(conversations)
_NEXT = sa.select(
    *_place,
    _oldest.correlate(conversations).scalar_subquery(),
    sa.case((sa.and_(_waits, sa.not_(_is_running)), log.WITH_PLACE)),
).where(conversations.c.id == bindparam("this"))
"""Finds, in one, where a conversation stands, the message that its next turn is for, and what its
log says where that turn can begin: to read a long log for nothing takes milliseconds.
"""

TURN = (
    turns.c.id,
    turns.c.conversation,
    turns.c.inbox,
    turns.c.origin,
    turns.c.attempt,
    turns.c.fence,
    turns.c.draft,
    turns.c.started_at,
)

_SAID = sa.select(*RECEIVED).where(inbox.c.id == bindparam("this"))
"""Reads the message that begins a turn, or began one that is taken up."""

_TAKE_UP = (
    sa.update(turns)
    .where(
        turns.c.conversation == bindparam("this"),
        turns.c.state == RUNNING,
        turns.c.run == NO_RUN,
    )
    .values(attempt=turns.c.attempt + 1, fence=turns.c.fence + 1, owner=bindparam("by"))
    .returning(*TURN, turns.c.asked)
)
"""Takes up the open turn that a message began; a run's turn is the run's business."""

_TAKE_UP_RUN = (
    sa.update(turns)
    .where(turns.c.id == bindparam("this"), OPEN)
    .values(
        state=RUNNING,
        attempt=turns.c.attempt + 1,
        fence=turns.c.fence + 1,
        owner=bindparam("by"),
    )
    .returning(*TURN, turns.c.asked)
)
"""Takes up a run's turn, whether it ran or waited."""

_PARKED = sa.select(turns.c.id).where(
    turns.c.conversation == bindparam("this"), turns.c.state == WAITING, turns.c.run == NO_RUN
)
"""Tells a turn that waits for people from one that ended just now."""

_UNSAID = sa.select(turns.c.id, turns.c.asked).where(
    turns.c.conversation == bindparam("this"), OPEN, turns.c.run == NO_RUN
)
"""Finds the turn that a message began, and what it was asked where that is not in the log yet."""

_IN_LOG = (
    sa.update(turns)
    .where(turns.c.id == bindparam("this"), turns.c.asked.is_not(None))
    .values(asked=sa.null())
)
"""Notes that it is in the log; changes none where that was noted."""

_KNOWN = sa.select(turns.c.state).where(turns.c.id == bindparam("this"))
"""Tells a run's turn that ended from one that was never begun."""

_INSERT = sa.insert(turns).values({column.name: bindparam(column.name) for column in turns.c})
"""Begins a turn."""


class _Origin(msgspec.Struct, kw_only=True):
    """Who asked for a turn, and where the answer goes."""

    requester: Principal
    thread: ThreadRef | None = None
    chain: tuple[AgentName, ...] | msgspec.UnsetType = msgspec.UNSET


_decode = decoder(_Origin)


class Begun(NamedTuple):
    """A turn as it begins.

    Attributes:
        start: the turn, for whoever runs it.
        asked: what it was asked, where that is not in the log yet.
    """

    start: TurnStart
    asked: log.Asked | None = None


class Place(NamedTuple):
    """Where a conversation stands.

    Attributes:
        agent: who answers in it.
        covered: the number of the last entry that its summary stands for.
        title: its title, or an empty string.
        running: a turn that a message began is running, or waits for people.
    """

    agent: AgentName
    covered: int
    title: str
    running: bool


_PLACES = len(Place._fields)


def begin(
    transaction: Transaction,
    conversation: ConversationId,
    known: Log,
    heard: Heard,
    *,
    owner: str,
    now: datetime,
) -> Begun | None:
    """Take up the conversation's open turn, or begin the next: see `runtime.ports.Turns`."""
    this: Params = {"this": conversation}
    transaction.lock(LOCK, this)
    next_of: Params = {**this, "after": log.end_of(known)}
    while (row := transaction.one(_NEXT, next_of)) is not None:
        place, (waiting, bodies) = Place(*row[:_PLACES]), row[_PLACES:]
        if place.running:
            taken_up = transaction.one(_TAKE_UP, {**this, "by": owner})
            if taken_up is not None:
                return _take_up(transaction, taken_up, place, known)
            if transaction.one(_PARKED, this) is not None:
                return None
            continue  # it ended just now
        if waiting is None:
            return None
        received = heard.take(waiting) or _said(transaction, waiting)
        if received is not None and transaction.run(FINISH, {"this": received.id}):
            said, last = log.read_with_place(
                transaction, conversation, place.covered, known, bodies
            )
            return _begin_with(
                transaction, conversation, received, place, said, last=last, owner=owner, now=now
            )
    return None


def begin_run(
    transaction: Transaction,
    conversation: ConversationId,
    asked: Entry,
    *,
    requester: Principal,
    owner: str,
    chain: tuple[AgentName, ...],
) -> Begun | None:
    """Take up the run's turn that `asked` is the first entry of, or begin it."""
    this: Params = {"this": conversation}
    transaction.lock(LOCK, this)
    row = transaction.one(_PLACE, this)
    if row is None:
        raise NightdeskError(f"there is no conversation {conversation}")
    place = Place(*row)
    row = transaction.one(_TAKE_UP_RUN, {"this": asked.turn, "by": owner})
    if row is not None:
        return _take_up(transaction, row, place)
    if transaction.one(_KNOWN, {"this": asked.turn}) is not None:
        return None
    if place.running:
        for earlier, body in transaction.all(_UNSAID, this):
            to_log(transaction, TurnId(earlier), conversation, body)
    said, last = log.read(transaction, conversation, place.covered)
    entry = log.asked_as(asked._replace(seq=last + 1)).entry
    origin = _Origin(requester=requester, chain=chain or msgspec.UNSET)
    turn = _insert(transaction, conversation, entry, origin, place, owner=owner)
    log.write(transaction, conversation, [entry], last=last, titled=bool(place.title))
    return Begun(TurnStart(turn=turn, agent=place.agent, entries=(*said, entry)))


def to_log(
    transaction: Transaction, turn: TurnId, conversation: ConversationId, body: str | None
) -> None:
    """Put what a turn was asked into the log, unless it is there: others will add to it."""
    asked = log.asked_of(body)
    if asked is not None and transaction.run(_IN_LOG, {"this": turn}):
        log.write_with(transaction, conversation, asked, [])


def turn_of(row: Row) -> Turn:
    """The turn of a row of `TURN`."""
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
        chain=asked.chain or (),
    )


def _begin_with(
    transaction: Transaction,
    conversation: ConversationId,
    received: Received,
    place: Place,
    said: Sequence[Entry],
    *,
    last: int,
    owner: str,
    now: datetime,
) -> Begun:
    """Begin a turn with a message, which its own row keeps until the turn says something."""
    inbound, body = received.inbound, received.inbound.body
    if not isinstance(body, Message):
        raise TypeError(f"inbox row {received.id} is in the turn lane and holds no message")
    sender = sender_of(body, inbound.sender)
    entry = Entry(
        role=Role.USER,
        text=words_of(body, received.id),
        at=now,
        turn=turn_id_of(received.id),
        seq=last + 1,
        by=None if sender is None else key_of(sender),
    )
    asked = log.asked_as(entry)
    chain = chain_of(body) or msgspec.UNSET
    origin = _Origin(requester=inbound.sender, thread=inbound.thread, chain=chain)
    turn = _insert(
        transaction,
        conversation,
        asked.entry,
        origin,
        place,
        owner=owner,
        row=received.id,
        kept=asked.body,
    )
    if not place.title:
        log.entitle(transaction, conversation, asked.entry)
    entries = (*said, asked.entry)
    start = TurnStart(turn=turn, agent=place.agent, entries=entries, files=body.files)
    return Begun(start, asked)


def _insert(
    transaction: Transaction,
    conversation: ConversationId,
    asked: Entry,
    origin: _Origin,
    place: Place,
    *,
    owner: str,
    row: InboxId | None = None,
    kept: str | None = None,
) -> Turn:
    """Begin a turn, and keep what was asked with it, as it is stored."""
    values: dict[str, Value] = {
        "id": asked.turn,
        "conversation": conversation,
        "inbox": row,
        "run": asked.turn if row is None else "",
        "origin": encode(origin),
        "state": TurnState.RUNNING.value,
        "owner": owner,
        "attempt": 1,
        "fence": 1,
        "draft": None,
        "started_at": micros(asked.at),
        "ended_at": None,
        "asked": kept,
    }
    transaction.run(_INSERT, values)
    turn = Turn(
        id=asked.turn,
        conversation=conversation,
        inbox=row,
        thread=origin.thread,
        requester=origin.requester,
        attempt=1,
        fence=1,
        draft=None,
        started_at=asked.at,
        chain=origin.chain or (),
    )
    transaction.audit(recorded.turn_started(turn, place.agent))
    return turn


def _said(transaction: Transaction, message: InboxId | None) -> Received | None:
    """The message of that row."""
    row = transaction.one(_SAID, {"this": message})
    return None if row is None else received_of(row)


def _take_up(transaction: Transaction, row: Row, place: Place, known: Log = ()) -> Begun:
    """Go on from the log, and from what the turn was asked where that is not in it."""
    turn, asked = turn_of(row[: len(TURN)]), log.asked_of(row[len(TURN)])
    entries, last = log.read(transaction, turn.conversation, place.covered, known)
    if asked is not None:
        entries.append(asked.entry._replace(seq=last + 1))
    said = None if turn.inbox is None else _said(transaction, turn.inbox)
    body = said.inbound.body if said is not None else None
    files = body.files if isinstance(body, Message) else ()
    start = TurnStart(turn=turn, agent=place.agent, entries=tuple(entries), files=files)
    return Begun(start, asked)
