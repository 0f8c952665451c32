"""Schedules and their planned times, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from adapters.memory.tables import Tables
from runtime.errors import Conflict, NightdeskError
from runtime.ids import RunId, ScheduleId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.schedule import Due, Occurrence, OccurrenceState, Schedule, ScheduleState
from runtime.ports import Claim

_NEVER = datetime.max.replace(tzinfo=UTC)


class MemorySchedules:
    """`runtime.ports.Schedules` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(self, schedule: Schedule) -> Schedule:
        """Store the schedule under the next number: see the port."""
        number = len(self._tables.schedules) + 1
        if schedule.id not in self._tables.schedules:
            made = self._tables.schedules[schedule.id] = replace(schedule, number=number)
            self._tables.audit.record(recorded.schedule_made(made))
        return self._tables.schedules[schedule.id]

    async def get(self, number: int) -> Schedule | None:
        """The schedule of that number: see the port."""
        every = self._tables.schedules.values()
        return next((schedule for schedule in every if schedule.number == number), None)

    async def by_id(self, schedule: ScheduleId) -> Schedule | None:
        """The schedule of that id: see the port."""
        return self._tables.schedules.get(schedule)

    async def all(self) -> list[Schedule]:
        """Every schedule that is not deleted: see the port."""
        every = self._tables.schedules.values()
        kept = (schedule for schedule in every if schedule.state is not ScheduleState.DELETED)
        return sorted(kept, key=_by_next_time)

    async def change(
        self,
        schedule: ScheduleId,
        *,
        was: ScheduleState,
        becomes: ScheduleState,
        next_at: datetime | None,
        held: RunId | None = None,
        by: Principal | None = None,
    ) -> None:
        """Change the state: see the port."""
        known = self._tables.schedules.get(schedule)
        if known is None or known.state is not was:
            raise Conflict(f"the schedule is no longer {was}")
        self._tables.schedules[schedule] = replace(known, state=becomes, next_at=next_at, held=held)
        self._tables.audit.record(recorded.schedule_changed(schedule, was, becomes, by))

    async def due(self, *, now: datetime, limit: int = 200, skip: int = 0) -> list[Due]:
        """Schedules whose time has come: see the port."""
        timed = [Due(s.id, s.when, s.next_at) for s in self._active() if s.next_at is not None]
        come = [due for due in timed if due.next_at <= now]
        return sorted(come, key=lambda due: due.next_at)[skip : skip + limit]

    async def claim(self, claims: Sequence[Claim]) -> list[Occurrence]:
        """Write planned times: see the port."""
        # In the order in which the databases take them.
        ordered = sorted(claims, key=lambda claim: (claim.due.next_at, claim.due.schedule))
        written = [occurrence for claim in ordered for occurrence in self._claim(claim)]
        self._tables.audit.record(*recorded.occurrences_claimed(written))
        runs = {occurrence.run for occurrence in written}
        return [
            occurrence
            for claim in claims
            for occurrence in claim.occurrences
            if occurrence.state is OccurrenceState.DUE and occurrence.run in runs
        ]

    async def move_on(self, claims: Sequence[Claim]) -> None:
        """Write next times: see the port."""
        for claim in claims:
            self._move_on(claim)

    async def add_occurrence(self, occurrence: Occurrence) -> None:
        """Store a planned time that a person asked for: see the port."""
        if occurrence.schedule not in self._tables.schedules:
            raise NightdeskError(f"there is no schedule {occurrence.schedule}")
        if self._insert(occurrence):
            self._tables.audit.record(recorded.occurrence_claimed(occurrence))

    async def next_time(self) -> datetime | None:
        """The earliest next time: see the port."""
        times = (schedule.next_at for schedule in self._active())
        return min((time for time in times if time is not None), default=None)

    async def unfinished(
        self,
        *,
        schedule: ScheduleId | None = None,
        after: Occurrence | None = None,
        limit: int = 500,
    ) -> list[Occurrence]:
        """Planned times that are due: see the port."""
        due = [
            occurrence
            for occurrence in self._tables.occurrences.values()
            if occurrence.state is OccurrenceState.DUE
            and schedule in (None, occurrence.schedule)
            and (after is None or _place(occurrence) > _place(after))
        ]
        return sorted(due, key=_place)[:limit]

    async def end_occurrence(
        self,
        run: RunId,
        *,
        state: OccurrenceState,
        now: datetime,
        result: str = "",
        delivery: str = "",
        error: str = "",
    ) -> None:
        """Write how a planned time ended: see the port."""
        known = self._tables.occurrences.get(run)
        if known is not None and known.state is OccurrenceState.DUE:
            self._tables.occurrences[run] = replace(
                known,
                state=state,
                finished_at=now,
                result=result,
                delivery=known.delivery or delivery,
                error=error,
            )
            self._tables.audit.record(recorded.occurrence_ended(run, state))

    async def note_delivery(self, run: RunId, delivery: str) -> None:
        """Write what became of the result: see the port."""
        known = self._tables.occurrences.get(run)
        if known is not None:
            self._tables.occurrences[run] = replace(known, delivery=delivery)

    async def occurrence(self, run: RunId) -> Occurrence | None:
        """The planned time of the run: see the port."""
        return self._tables.occurrences.get(run)

    async def history(
        self, *, schedule: ScheduleId | None = None, since: datetime | None = None, limit: int = 20
    ) -> list[Occurrence]:
        """Planned times, latest first: see the port."""
        found = [
            occurrence
            for occurrence in self._tables.occurrences.values()
            if schedule in (None, occurrence.schedule)
            and (since is None or occurrence.planned_at >= since)
        ]
        by_run = sorted(found, key=lambda o: o.run)
        return sorted(by_run, key=lambda o: o.planned_at, reverse=True)[:limit]

    def _active(self) -> list[Schedule]:
        every = self._tables.schedules.values()
        return [schedule for schedule in every if schedule.state is ScheduleState.ACTIVE]

    def _claim(self, claim: Claim) -> list[Occurrence]:
        if not self._as_read(claim):
            return []
        written = [occurrence for occurrence in claim.occurrences if self._insert(occurrence)]
        if claim.next_at is None:
            self._move_on(claim)
        return written

    def _move_on(self, claim: Claim) -> None:
        """Write the next time, if the planned time that is to be run is written."""
        if self._as_read(claim) and self._planned(claim.occurrences[-1]):
            known = self._tables.schedules[claim.due.schedule]
            state = ScheduleState.FINISHED if claim.next_at is None else known.state
            moved = replace(known, state=state, next_at=claim.next_at)
            self._tables.schedules[known.id] = moved

    def _as_read(self, claim: Claim) -> bool:
        known = self._tables.schedules.get(claim.due.schedule)
        return (
            known is not None
            and known.state is ScheduleState.ACTIVE
            and known.next_at == claim.due.next_at
        )

    def _insert(self, occurrence: Occurrence) -> bool:
        """Store a planned time unless it is there."""
        planned = not occurrence.manual and self._planned(occurrence)
        if planned or occurrence.run in self._tables.occurrences:
            return False
        self._tables.occurrences[occurrence.run] = occurrence
        return True

    def _planned(self, occurrence: Occurrence) -> bool:
        """Whether that planned time of that schedule is there, under whatever run."""
        return any(
            not known.manual
            and (known.schedule, known.planned_at) == (occurrence.schedule, occurrence.planned_at)
            for known in self._tables.occurrences.values()
        )


def _place(occurrence: Occurrence) -> tuple[datetime, RunId]:
    """Where it is among planned times, oldest first."""
    return (occurrence.planned_at, occurrence.run)


def _by_next_time(schedule: Schedule) -> tuple[datetime, int]:
    return (schedule.next_at or _NEVER, schedule.number)
