"""Reminders: what a person wants to be told, by direct message, and when."""

from datetime import datetime
from enum import StrEnum

from runtime.errors import Conflict
from runtime.ids import ReminderId
from runtime.model.address import Principal, ThreadRef
from runtime.model.schedule import When
from runtime.model.value import value


class ReminderState(StrEnum):
    """Where a reminder is."""

    WAITING = "waiting"
    """It has a next time."""
    SENT = "sent"
    """The person was reminded, and has not said that it is done."""
    DONE = "done"
    CANCELLED = "cancelled"


class ReminderEvent(StrEnum):
    """What can happen to a reminder."""

    REMINDED = "reminded"
    """Its only, or its last, time came."""
    DONE = "done"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"


_NEXT: dict[tuple[ReminderState, ReminderEvent], ReminderState] = {
    (ReminderState.WAITING, ReminderEvent.REMINDED): ReminderState.SENT,
    (ReminderState.WAITING, ReminderEvent.CANCELLED): ReminderState.CANCELLED,
    (ReminderState.WAITING, ReminderEvent.SNOOZED): ReminderState.WAITING,
    (ReminderState.WAITING, ReminderEvent.DONE): ReminderState.DONE,
    (ReminderState.SENT, ReminderEvent.DONE): ReminderState.DONE,
    (ReminderState.SENT, ReminderEvent.SNOOZED): ReminderState.WAITING,
    (ReminderState.SENT, ReminderEvent.CANCELLED): ReminderState.CANCELLED,
    # Said again, as a repeated command or a second press does: the same answer.
    (ReminderState.DONE, ReminderEvent.DONE): ReminderState.DONE,
    (ReminderState.CANCELLED, ReminderEvent.CANCELLED): ReminderState.CANCELLED,
    # Somebody who pressed the wrong button takes it back.
    (ReminderState.DONE, ReminderEvent.SNOOZED): ReminderState.WAITING,
}


def after(state: ReminderState, event: ReminderEvent) -> ReminderState:
    """The state after the event.

    Raises:
        Conflict: the event does not apply in that state.
    """
    try:
        return _NEXT[state, event]
    except KeyError:
        raise Conflict(f"the reminder is {state}, so it cannot be {event}") from None


@value(kw_only=True)
class Reminder:
    """Something that a person wants to be told.

    Attributes:
        id: its id.
        number: the short number that people use, from 1; 0 before it is stored.
        person: who is reminded, by direct message on the platform where they asked.
        text: of what, as they wrote it.
        when: the time or times, in the person's own zone.
        made_in: where they asked.
        state: where it is.
        next_at: the next time; None unless it is waiting.
        created_at: when it was made.
    """

    id: ReminderId
    number: int = 0
    person: Principal
    text: str
    when: When
    made_in: ThreadRef
    state: ReminderState = ReminderState.WAITING
    next_at: datetime | None
    created_at: datetime
