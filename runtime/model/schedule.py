"""Schedules: when an agent works by itself, and each planned time of it."""

from datetime import datetime
from enum import StrEnum

from runtime.errors import Conflict
from runtime.ids import AgentName, InboxId, RunId, ScheduleId, derived, derived_at
from runtime.model.address import Principal, ThreadRef
from runtime.model.value import value


class WhenKind(StrEnum):
    """How a schedule says its times."""

    CRON = "cron"
    """Again and again, by a five-field cron expression; 0 and 7 are Sunday."""
    ONCE = "once"
    """Once, at one instant."""


@value(kw_only=True)
class When:
    """The times of a schedule.

    Attributes:
        kind: which of the two.
        cron: for `CRON`, the five fields; else empty.
        at: for `ONCE`, the instant in UTC; else None.
        zone: the IANA name of the zone that the fields are read in and the times are shown in.
        said: the words the person used, for showing.
    """

    kind: WhenKind
    cron: str = ""
    at: datetime | None = None
    zone: str
    said: str


class ScheduleState(StrEnum):
    """Where a schedule is."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    """No further planned time."""
    DELETED = "deleted"
    """Kept for its history, shown no more."""


@value(kw_only=True)
class Schedule:
    """An instruction to an agent, and when to carry it out.

    Attributes:
        id: its id.
        number: the short number that people use, from 1; 0 before it is stored.
        when: its times.
        instruction: what the agent is told at each time.
        agent: who does it.
        target: the channel (root empty) or thread that gets the result.
        made_by: who made it; it runs with this person's rights.
        made_in: where it was made.
        state: where it is.
        next_at: the next planned time; None unless it is active.
        created_at: when it was made.
        held: the run that paused it, because whoever made it may have none any more or because
            it failed time after time; else None.
    """

    id: ScheduleId
    number: int = 0
    when: When
    instruction: str
    agent: AgentName
    target: ThreadRef
    made_by: Principal
    made_in: ThreadRef
    state: ScheduleState = ScheduleState.ACTIVE
    next_at: datetime | None
    created_at: datetime
    held: RunId | None = None


@value()
class Due:
    """A schedule at its next time: all that planning it takes.

    Attributes:
        schedule: the schedule.
        when: its times.
        next_at: the next planned time, as it was read.
    """

    schedule: ScheduleId
    when: When
    next_at: datetime


class ScheduleEvent(StrEnum):
    """What can happen to a schedule."""

    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"
    RAN_OUT = "ran_out"


_NEXT: dict[tuple[ScheduleState, ScheduleEvent], ScheduleState] = {
    (ScheduleState.ACTIVE, ScheduleEvent.PAUSE): ScheduleState.PAUSED,
    # Said again, as a repeated command or a retry after a crash does: the same answer.
    (ScheduleState.PAUSED, ScheduleEvent.PAUSE): ScheduleState.PAUSED,
    (ScheduleState.PAUSED, ScheduleEvent.RESUME): ScheduleState.ACTIVE,
    (ScheduleState.ACTIVE, ScheduleEvent.RESUME): ScheduleState.ACTIVE,
    (ScheduleState.ACTIVE, ScheduleEvent.RAN_OUT): ScheduleState.FINISHED,
    (ScheduleState.ACTIVE, ScheduleEvent.DELETE): ScheduleState.DELETED,
    (ScheduleState.PAUSED, ScheduleEvent.DELETE): ScheduleState.DELETED,
    (ScheduleState.FINISHED, ScheduleEvent.DELETE): ScheduleState.DELETED,
    (ScheduleState.DELETED, ScheduleEvent.DELETE): ScheduleState.DELETED,
}


def after(state: ScheduleState, event: ScheduleEvent) -> ScheduleState:
    """The state after the event.

    Raises:
        Conflict: the event does not apply in that state.
    """
    try:
        return _NEXT[state, event]
    except KeyError:
        raise Conflict(f"the schedule is {state}, so it cannot {event}") from None


class OccurrenceState(StrEnum):
    """Where one planned time is."""

    DUE = "due"
    """Claimed: its run is started or about to be."""
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"
    """Nobody was there at its time, and a later one ran in its place."""


@value(kw_only=True)
class Occurrence:
    """One planned time of a schedule. There is at most one for each schedule and time.

    Attributes:
        schedule: the schedule.
        planned_at: the planned time, in UTC.
        run: the run that carries it out.
        state: where it is.
        manual: a person asked for it with `/schedule run`.
        finished_at: when it ended, or None.
        result: what the agent said.
        delivery: what became of the result: an outbox state, or why it was kept.
        error: why it failed, in words for a person.
    """

    schedule: ScheduleId
    planned_at: datetime
    run: RunId
    state: OccurrenceState
    manual: bool = False
    finished_at: datetime | None = None
    result: str = ""
    delivery: str = ""
    error: str = ""


def run_id_of(schedule: ScheduleId, planned_at: datetime) -> RunId:
    """The run of a planned time: the same in every process that claims it."""
    return RunId(derived_at(planned_at, "occurrence", schedule, planned_at.isoformat()))


def manual_run_id(schedule: ScheduleId, asked_by: InboxId) -> RunId:
    """The run that `/schedule run` asks for: one for each time somebody asks."""
    return RunId(derived("manual", schedule, asked_by))
