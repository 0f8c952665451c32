"""The outbox: every message that is to be sent, until it is sent or set aside."""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, MessageId, OutboxId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content
from runtime.model.value import value


class OutboxState(StrEnum):
    """Where a message is."""

    PENDING = "pending"
    """Waits for its turn, for the rate limit or for the next try."""
    SENDING = "sending"
    """Handed to the platform, no answer yet. Found so at start it is ambiguous."""
    SENT = "sent"
    """The platform took it."""
    DEAD = "dead"
    """Set aside: it will never be sent. The owner is told."""
    WITHHELD = "withheld"
    """The allow-list no longer had its channel when it was to be sent, or somebody stopped what it
    comes from. Kept and logged."""
    HELD = "held"
    """What it comes from is stopped: it goes out once that is resumed, and is in nobody's way."""


class OutboxEvent(StrEnum):
    """What can happen to a message."""

    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    POSTPONED = "postponed"
    REJECTED = "rejected"
    WITHHELD = "withheld"
    RETRIED = "retried"
    """A person wants a dead message to be tried again."""
    DROPPED = "dropped"
    """A person does not want a dead message any more: it is deleted."""
    STOPPED = "stopped"
    """An agent or everything was stopped."""
    RESUMED = "resumed"


_NEXT: dict[tuple[OutboxState, OutboxEvent], OutboxState] = {
    (OutboxState.PENDING, OutboxEvent.CLAIMED): OutboxState.SENDING,
    (OutboxState.PENDING, OutboxEvent.WITHHELD): OutboxState.WITHHELD,
    (OutboxState.SENDING, OutboxEvent.ACCEPTED): OutboxState.SENT,
    (OutboxState.SENDING, OutboxEvent.POSTPONED): OutboxState.PENDING,
    (OutboxState.SENDING, OutboxEvent.REJECTED): OutboxState.DEAD,
    (OutboxState.SENDING, OutboxEvent.WITHHELD): OutboxState.WITHHELD,
    # After a restart the ambiguous row is claimed again by whoever reconciles it.
    (OutboxState.SENDING, OutboxEvent.CLAIMED): OutboxState.SENDING,
    (OutboxState.DEAD, OutboxEvent.RETRIED): OutboxState.PENDING,
    (OutboxState.PENDING, OutboxEvent.STOPPED): OutboxState.HELD,
    # Claimed by a process that had not heard of the stop, and not handed to the platform.
    (OutboxState.SENDING, OutboxEvent.STOPPED): OutboxState.HELD,
    (OutboxState.HELD, OutboxEvent.RESUMED): OutboxState.PENDING,
    (OutboxState.HELD, OutboxEvent.WITHHELD): OutboxState.WITHHELD,
}


def after(state: OutboxState, event: OutboxEvent) -> OutboxState:
    """The state after the event.

    Raises:
        Conflict: the event does not apply, because somebody else was first.
    """
    try:
        return _NEXT[state, event]
    except KeyError:
        raise Conflict(f"outbox row is {state}, so it cannot be {event}") from None


NOT_TO_BE_SENT = (OutboxState.SENT, OutboxState.WITHHELD)
"""The states in which a message is not going to be sent: it was, or never will be."""


def is_final(state: OutboxState) -> bool:
    """Whether nothing more will happen by itself to a message in this state."""
    match state:
        case OutboxState.PENDING | OutboxState.SENDING:
            return False
        case OutboxState.SENT | OutboxState.DEAD | OutboxState.WITHHELD | OutboxState.HELD:
            return True
        case _:
            assert_never(state)


@value(kw_only=True)
class OutboxItem:
    """One platform message to be sent: one row of the outbox.

    Attributes:
        id: the idempotency key: stable over retries, known to the platform where it allows that.
        thread: where to.
        content: what, short enough for one message of the platform.
        proactive: it passed the allow-list and must pass it again when it is sent.
        only_for: show it to this person only; None for everybody.
        reply_url: the platform's own address for this answer, or empty. A secret.
        draft: a message that becomes this one, or None.
        binds: the conversation to bind to the thread under the sent message, or None.
        turn: the turn that wrote it, or None.
        agent: the agent whose words it brings, which a stop of that agent holds; None for our own.
        state: where it is.
        attempts: how often it was claimed since it was written.
        not_before: the earliest time of the next try.
        created_at: when it was written.
        message_id: the platform's id once it is sent.
        error: why it is dead or withheld.
    """

    id: OutboxId
    thread: ThreadRef
    content: Content
    proactive: bool
    only_for: Principal | None = None
    reply_url: str = ""
    draft: MessageId | None = None
    binds: ConversationId | None = None
    turn: TurnId | None = None
    agent: AgentName | None = None
    state: OutboxState = OutboxState.PENDING
    attempts: int = 0
    not_before: datetime
    created_at: datetime
    message_id: MessageId | None = None
    error: str = ""


def thread_under(sent_to: ThreadRef, message: MessageId) -> ThreadRef:
    """The thread under a sent message: in a thread that thread itself, else a new one below it."""
    return sent_to if sent_to.root else sent_to.under(message)
