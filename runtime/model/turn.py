"""One turn: a message, and everything until its answer is in the outbox."""

import re
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from runtime.errors import Conflict
from runtime.ids import (
    AgentName,
    ConversationId,
    FileId,
    InboxId,
    MessageId,
    OutboxId,
    RunId,
    TurnId,
    derived,
    following,
)
from runtime.model.address import Principal, ThreadRef
from runtime.model.conversation import Entry
from runtime.model.ending import Handed
from runtime.model.events import Message, Received
from runtime.model.files import FileRef, clean_name, size_of
from runtime.model.value import value


class TurnState(StrEnum):
    """Where a turn is."""

    RUNNING = "running"
    """Begun; what it did so far is in the log."""
    WAITING = "waiting"
    """Parked until people decided what it asked them; nobody works at it."""
    DONE = "done"
    """Its answer is in the outbox."""
    FAILED = "failed"
    """It gave up; the person was told."""
    STOPPED = "stopped"
    """A person stopped it."""


class TurnEvent(StrEnum):
    """What can happen to a turn."""

    ANSWERED = "answered"
    GAVE_UP = "gave_up"
    STOPPED = "stopped"


def after(state: TurnState, event: TurnEvent) -> TurnState:
    """The state after the event.

    Raises:
        Conflict: the turn had already ended; whoever ended it first won.
    """
    if state is not TurnState.RUNNING:
        raise Conflict(f"turn already {state}")
    match event:
        case TurnEvent.ANSWERED:
            return TurnState.DONE
        case TurnEvent.GAVE_UP:
            return TurnState.FAILED
        case TurnEvent.STOPPED:
            return TurnState.STOPPED
        case _:
            assert_never(event)


@value(kw_only=True)
class Turn:
    """A turn as its owner holds it.

    Attributes:
        id: its id.
        conversation: the conversation it belongs to.
        inbox: the inbox row that began it; None for a run's turn, which has no row.
        thread: where the answer goes; None for a run's turn, which delivers by itself.
        requester: who asked; for a schedule, who made the schedule.
        attempt: how many times it was begun, from 1, but for those that were handed back;
            counted before the work.
        fence: 1 for the first owner, more for each later one; a write with an older one is refused.
        draft: the platform's id of a message that shows the answer while it grows, or None.
        started_at: when it was first begun.
        chain: the agents that had it before for the same cause, in order; empty where a person's
            message or a planned time is the cause.
    """

    id: TurnId
    conversation: ConversationId
    inbox: InboxId | None
    thread: ThreadRef | None
    requester: Principal
    attempt: int
    fence: int
    draft: MessageId | None
    started_at: datetime
    chain: tuple[AgentName, ...] = ()


@value(kw_only=True)
class TurnStart:
    """A turn that was begun or taken up again, with what it needs to go on.

    Attributes:
        turn: the turn.
        agent: who answers in the conversation.
        entries: the conversation since its latest summary, oldest first, that summary first,
            the turn's own entries last.
        files: what came with the message, of which nothing may have been fetched yet.
    """

    turn: Turn
    agent: AgentName
    entries: tuple[Entry, ...]
    files: tuple[FileRef, ...] = ()


_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")

FILE = "[file from outside, untrusted"
"""How the line of each file of a message begins."""
HANDED = "[handed over by"
"""How the line begins behind a task that an agent handed over."""
QUOTED = "[quoted, not typed by the sender]"
"""The line before each piece of a message that its sender did not type."""


FILES_NAMED = 10
"""Files of a message that are named one by one."""
_HANDING = "handoff:"


def turn_id_of(row: InboxId) -> TurnId:
    """The turn that a message begins: the same however often it is begun."""
    return TurnId(following("turn", row))


def turn_of_run(run: RunId, place: int) -> TurnId:
    """The turn of a run at that place: its first one has its id, and each hand-off begins another.

    They end alike, so that people call the run by the same short id whoever has it.
    """
    return TurnId(f"{place}.{run}" if place else run)


def run_of(turn: TurnId) -> RunId:
    """The run that a turn is of; one that a message began is its own."""
    return RunId(turn.rpartition(".")[2])


def briefing_id_of(run: RunId) -> OutboxId:
    """The message that delivers the result of a run."""
    return OutboxId(derived("briefing", run))


def file_id_of(row: InboxId, place: int) -> FileId:
    """The id of the file at that place of a message: the same however often it is fetched."""
    return FileId(derived("file", row, str(place)))


def words_of(message: Message, row: InboxId) -> str:
    """What the log keeps of a message: the sender's words, what they quoted, their files, marked.

    What is said of a file is the sender's claim.
    """
    if not (message.quoted or message.files) and message.handed is None:
        return message.text  # as of most
    pieces = [message.text, *(f"{QUOTED}\n{piece}" for piece in message.quoted)]
    if message.handed is not None:
        pieces.append(handed_line(message.handed))
    if message.files:
        named = enumerate(message.files[:FILES_NAMED])
        lines = [_claim(file, file_id_of(row, place)) for place, file in named]
        more = len(message.files) - len(lines)
        pieces.append("\n".join([*lines, *([f"[and {more} more files]"] if more else [])]))
    return "\n\n".join(piece for piece in pieces if piece)


def handing_key(turn: TurnId) -> str:
    """The event key of the message that the turn hands its thread on with."""
    return f"{_HANDING}{turn}"


def handed_row_of(turn: TurnId) -> InboxId:
    """The row of the message that the turn hands its thread on with, where it does."""
    return InboxId(following("handoff", turn))


def handed_by(received: Received) -> TurnId | None:
    """The turn that handed the message on; None for what no agent wrote."""
    body, key = received.inbound.body, received.inbound.event_key
    if not isinstance(body, Message) or body.handed is None:
        return None
    return TurnId(key.removeprefix(_HANDING))


def chain_of(message: Message) -> tuple[AgentName, ...]:
    """The agents that had the message before, in order."""
    return message.handed.chain if message.handed is not None else ()


def sender_of(message: Message, sender: Principal) -> Principal | None:
    """Who typed the message; nobody typed what an agent handed over."""
    return sender if message.handed is None else None


def handed_line(handed: Handed) -> str:
    """What stands behind a task that an agent handed over: whose words it is, and its context."""
    giver = handed.chain[-1]
    line = f"{HANDED} {giver}; no person typed it]"
    return f"{line}\n[what {giver} gave along]\n{handed.context}" if handed.context else line


def _claim(file: FileRef, key: FileId) -> str:
    said = [file.media_type] if _MEDIA_TYPE.fullmatch(file.media_type) else []
    said += [size_of(file.size)] if file.size is not None else []
    claimed = f", said to be {' of '.join(said)}" if said else ""
    return f'{FILE}: id {key}, called "{clean_name(file.name)}"{claimed}]'
