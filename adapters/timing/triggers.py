"""APScheduler triggers of a duration: it reads its own clock, we never hand it an absolute time.

Its own IntervalTrigger, after the machine slept, walks through every time that passed.
"""

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger


class After(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Once, that long from now."""

    def __init__(self, wait: timedelta) -> None:
        self._wait = wait

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The only time; None once it has come."""
        return now + self._wait if previous is None else None


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Again and again, that long after the last."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """An interval from now, however many have passed."""
        return now + self._interval
