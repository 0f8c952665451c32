"""Schedules, reminders, and what wakes up for them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import Platform, ReminderId, RunId, ScheduleId
from runtime.model.address import Principal
from runtime.model.outbox import OutboxItem
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.schedule import Due, Occurrence, OccurrenceState, Schedule, ScheduleState, When
from runtime.model.value import value


@value(kw_only=True)
class Claim:
    """What to write for one due schedule.

    Attributes:
        due: the schedule, as it was read.
        occurrences: the planned times up to now: earlier ones `MISSED`, the latest `DUE`.
        next_at: the planned time after now, or None where there is none.
    """

    due: Due
    occurrences: tuple[Occurrence, ...]
    next_at: datetime | None


class Schedules(Protocol):
    """Schedules and their planned times. This table is the truth; tickers only look at it."""

    async def add(self, schedule: Schedule) -> Schedule:
        """Store a schedule and give it the next number; one that is there already is returned."""
        ...

    async def get(self, number: int) -> Schedule | None:
        """The schedule of that number, deleted ones included, or None."""
        ...

    async def by_id(self, schedule: ScheduleId) -> Schedule | None:
        """The schedule of that id, deleted ones included, or None."""
        ...

    async def all(self) -> list[Schedule]:
        """Every schedule that is not deleted: those with a next time first, by that time."""
        ...

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
        """Change the state, as that person wants; `held` is as `Schedule` has it.

        Raises:
            Conflict: the state is no longer `was`.
        """
        ...

    async def due(self, *, now: datetime, limit: int = 200, skip: int = 0) -> list[Due]:
        """Active schedules whose next time has come, earliest first, after the first `skip`.

        Where the table changes between two pages, the second may repeat or lack some.
        """
        ...

    async def claim(self, claims: Sequence[Claim]) -> list[Occurrence]:
        """Write the planned times of due schedules, in one transaction, before any run starts.

        A schedule whose state or next time is no longer as it was read is passed over, and so is
        a planned time that is there already: another process was first. Returns the `DUE`
        occurrences that this call wrote. A schedule whose claim has no next time is `FINISHED`
        with it; the others are due still, until `move_on`.
        """
        ...

    async def move_on(self, claims: Sequence[Claim]) -> None:
        """Give schedules the next times that their claims have.

        Only where the planned time that is to be run is written, by whomever, and the schedule is
        as it was read; every other is left alone. Done again, it changes nothing.
        """
        ...

    async def add_occurrence(self, occurrence: Occurrence) -> None:
        """Store a planned time that a person asked for; a run that is there is left alone."""
        ...

    async def next_time(self) -> datetime | None:
        """The earliest next time of an active schedule, or None."""
        ...

    async def unfinished(
        self,
        *,
        schedule: ScheduleId | None = None,
        after: Occurrence | None = None,
        limit: int = 500,
    ) -> list[Occurrence]:
        """Planned times, of one schedule or of all, that are `DUE`: their runs may not have begun.

        By planned time, then by run, those behind `after`: a page of them, empty at the end.
        """
        ...

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
        """Write how a planned time ended. Writing it again changes nothing.

        A delivery that was noted before stays: its message can be sent before its run has ended.
        """
        ...

    async def note_delivery(self, run: RunId, delivery: str) -> None:
        """Write what became of the result of a planned time."""
        ...

    async def occurrence(self, run: RunId) -> Occurrence | None:
        """The planned time that the run carries out, or None."""
        ...

    async def history(
        self, *, schedule: ScheduleId | None = None, since: datetime | None = None, limit: int = 20
    ) -> list[Occurrence]:
        """Planned times, of one schedule or of all, latest first."""
        ...


class Reminders(Protocol):
    """Reminders. This table is the truth; tickers only look at it."""

    async def add(self, reminder: Reminder) -> Reminder:
        """Store a reminder and give it the next number; one that is there already is returned."""
        ...

    async def get(self, number: int) -> Reminder | None:
        """The reminder of that number, or None."""
        ...

    async def by_id(self, reminder: ReminderId) -> Reminder | None:
        """The reminder of that id, or None."""
        ...

    async def open_of(self, people: Sequence[Principal], *, limit: int = 50) -> list[Reminder]:
        """The people's reminders that are not done: those that wait first, by their time."""
        ...

    async def due(self, *, now: datetime, platform: Platform, limit: int = 200) -> list[Reminder]:
        """Waiting reminders of people of the platform whose time has come, earliest first."""
        ...

    async def remind(
        self,
        reminder: Reminder,
        *,
        becomes: ReminderState,
        next_at: datetime | None,
        rows: Sequence[OutboxItem],
    ) -> bool:
        """Move a due reminder on and enqueue its message, in one transaction.

        False, and nothing is written, where its state or its time is no longer as it was read.
        """
        ...

    async def change(
        self,
        reminder: ReminderId,
        *,
        was: ReminderState,
        becomes: ReminderState,
        next_at: datetime | None,
    ) -> None:
        """Change the state and the next time.

        Raises:
            Conflict: the state is no longer `was`.
        """
        ...

    async def next_time(self, *, after: datetime | None = None) -> datetime | None:
        """The earliest time of a waiting reminder, of those after that instant, or None."""
        ...


class Timetable(Protocol):
    """Reads times that people write, and computes the next one."""

    def read(self, text: str, *, now: datetime, zone: str) -> When:
        """The times that the words mean, in the zone.

        Takes five-field cron (0 and 7 are Sunday, names allowed), "every weekday at 8:30",
        "every 15 minutes", "in 2 hours", "tomorrow at 9am", "2026-12-01 14:00".

        Raises:
            NotATime: the words are no time at all.
            Refused: the time lies in the past, never comes, comes more than once a minute, or is
                a bare number or word that could mean many things.
        """
        ...

    def next_after(self, when: When, after: datetime) -> datetime | None:
        """The first planned time after that instant, in UTC, or None. Pure.

        At a change of clocks each nominal local time comes once; one that does not exist comes
        at the first moment after the gap. Times of every hour follow real time instead.
        """
        ...

    def describe(self, when: When) -> str:
        """The times in words: "at 08:30 on Monday through Friday"."""
        ...

    def check_zone(self, zone: str) -> str:
        """The zone's IANA name as it is written properly.

        Raises:
            Refused: there is no such zone; names near ones.
        """
        ...


class Ticker(Protocol):
    """Calls jobs of this process at their time. It remembers nothing over a restart."""

    def every(self, seconds: float, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Call the job again and again; a call that is still running is not doubled."""
        ...

    def wake_at(self, when: datetime, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Call the job once at that time, at once where it has passed; replaces the same name's."""
        ...

    def start(self) -> None:
        """Begin calling."""
        ...

    async def stop(self) -> None:
        """Call no more, and wait for calls under way."""
        ...
