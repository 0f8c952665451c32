"""Which planned times of a due schedule have come, and which is the next."""

from collections import deque
from datetime import datetime, timedelta

from runtime.ids import ScheduleId
from runtime.model.schedule import (
    Due,
    Occurrence,
    OccurrenceState,
    When,
    WhenKind,
    run_id_of,
)
from runtime.ports import Claim, Timetable

MISSED_KEPT = 50
"""Missed planned times that are written one by one; the first of them tells of earlier ones."""
COMPUTED_AT_ONCE = 40
"""Next times computed before others get the loop; each costs some 50 us."""
MISSED = "Nightdesk was not running at that time"


class Planner:
    """Plans claims; schedules with the same times share the computation."""

    def __init__(self, timetable: Timetable) -> None:
        """Plan with the times of `timetable`."""
        self._timetable = timetable
        self._known: dict[tuple[str, str, datetime], datetime | None] = {}
        self._computed = 0

    def claim(self, due: Due, now: datetime) -> Claim:
        """What to write at `now`: the latest time up to then is `DUE`, earlier ones `MISSED`."""
        first, only = due.next_at, self.first(due)
        if only.next_at is None or only.next_at > now:
            return only
        *missed, latest = self._passed(due.when, first, now)
        occurrences = [_missed(due.schedule, at, now) for at in missed]
        if missed and missed[0] != first:
            since = f"{MISSED}, nor at any since {first:%Y-%m-%d %H:%M} UTC"
            occurrences[0] = _missed(due.schedule, missed[0], now, since)
        occurrences.append(_occurrence(due.schedule, latest, OccurrenceState.DUE))
        return Claim(due=due, occurrences=tuple(occurrences), next_at=self._next(due.when, now))

    def first(self, due: Due) -> Claim:
        """The first time alone, and the one after it: what was claimed while nothing was missed."""
        only = _occurrence(due.schedule, due.next_at, OccurrenceState.DUE)
        return Claim(due=due, occurrences=(only,), next_at=self._next(due.when, due.next_at))

    def wants_break(self) -> bool:
        """Whether enough was computed since it last said so to let others have the loop."""
        if self._computed < COMPUTED_AT_ONCE:
            return False
        self._computed = 0
        return True

    def _passed(self, when: When, first: datetime, now: datetime) -> list[datetime]:
        """The planned times from the first up to now, oldest first; of many only the latest."""
        times, at = [first], self._next(when, first)
        while at is not None and at <= now:
            times.append(at)
            if len(times) > MISSED_KEPT + 1:
                return self._latest(when, first, now, span=at - first)
            at = self._next(when, at)
        return times

    def _latest(
        self, when: When, first: datetime, now: datetime, span: timedelta
    ) -> list[datetime]:
        """The latest of very many: look back, and twice as far until there are enough."""
        while True:
            start = max(first, now - span)
            times: deque[datetime] = deque(maxlen=MISSED_KEPT + 1)
            at = self._next(when, start)
            while at is not None and at <= now:
                times.append(at)
                at = self._next(when, at)
            if len(times) > MISSED_KEPT or start == first:
                return list(times)
            span *= 2

    def _next(self, when: When, after: datetime) -> datetime | None:
        if when.kind is WhenKind.ONCE:
            return self._timetable.next_after(when, after)
        key = (when.cron, when.zone, after)
        if key not in self._known:
            self._computed += 1
            self._known[key] = self._timetable.next_after(when, after)
        return self._known[key]


def _missed(schedule: ScheduleId, at: datetime, now: datetime, why: str = MISSED) -> Occurrence:
    return _occurrence(schedule, at, OccurrenceState.MISSED, finished_at=now, error=why)


def _occurrence(
    schedule: ScheduleId,
    at: datetime,
    state: OccurrenceState,
    *,
    finished_at: datetime | None = None,
    error: str = "",
) -> Occurrence:
    return Occurrence(
        schedule=schedule,
        planned_at=at,
        run=run_id_of(schedule, at),
        state=state,
        finished_at=finished_at,
        error=error,
    )
