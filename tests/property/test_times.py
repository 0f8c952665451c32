"""Each planned time comes exactly once, at every change of the clocks, by a walk over minutes.

The walk knows nothing of cron libraries: it looks at every real minute around each change of three
years in six zones and asks what the clock on the wall shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.timing.moments import to_instant
from adapters.timing.timetable import CronsimTimetable
from runtime.model.schedule import When, WhenKind

TIMETABLE = CronsimTimetable()
MINUTE = timedelta(minutes=1)
# Sao Paulo changed its clocks at midnight, until 2019; Cairo does since 2023.
ZONES = {
    "Europe/Berlin": 2025,
    "America/New_York": 2025,
    "Australia/Lord_Howe": 2025,
    "Asia/Kolkata": 2025,
    "America/Sao_Paulo": 2016,
    "Africa/Cairo": 2024,
}
YEARS = 3


@dataclass(frozen=True, slots=True)
class Minute:
    """A real minute: what the wall shows, whether for the second time, and what was skipped."""

    at: datetime
    shows: datetime
    again: bool
    skipped: tuple[datetime, ...]


@cache
def changes(zone: str) -> list[datetime]:
    """The instants at which the zone's clocks change in its three years, or else three days."""
    place, first = ZoneInfo(zone), ZONES[zone]
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(first + YEARS, 1, 1, tzinfo=UTC)
    found = []
    while at < end:
        after = at + timedelta(minutes=30)
        if at.astimezone(place).utcoffset() != after.astimezone(place).utcoffset():
            found.append(after)
        at = after
    return found or [datetime(first + n, 3, 29, 1, tzinfo=UTC) for n in range(YEARS)]


@cache
def minutes_around(zone: str, change: datetime) -> list[Minute]:
    """Every minute from a day before to a day after the change."""
    place = ZoneInfo(zone)
    start = (change - timedelta(days=1)).replace(minute=0)
    instants = [start + n * MINUTE for n in range(2 * 24 * 60)]
    seen: set[datetime] = set()
    walked = []
    before = (start - MINUTE).astimezone(place).replace(tzinfo=None)
    for at in instants:
        shows = at.astimezone(place).replace(tzinfo=None)
        gap = max(0, int((shows - before - MINUTE) / MINUTE))
        skipped = tuple(before + (n + 1) * MINUTE for n in range(gap))
        walked.append(Minute(at, shows, shows in seen, skipped))
        seen.add(shows)
        before = shows
    return walked


@dataclass(frozen=True, slots=True)
class Fields:
    """A cron expression, and by itself which minutes, hours and days it means."""

    cron: str
    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int]

    def names(self, shown: datetime) -> bool:
        return (
            shown.minute in self.minutes
            and shown.hour in self.hours
            and shown.isoweekday() in self.weekdays
        )

    def walk(self, minutes: list[Minute]) -> Iterator[datetime]:
        """Every hour follows real time; named hours follow the wall, each nominal time once."""
        every_hour = len(self.hours) == 24
        for minute in minutes:
            first_time = every_hour or not minute.again
            if (first_time and self.names(minute.shows)) or (
                not every_hour and any(map(self.names, minute.skipped))
            ):
                yield minute.at


def _field(values: list[int], low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    every = frozenset(range(low, high + 1))
    listed = st.lists(st.sampled_from(values), min_size=1, max_size=3).map(
        lambda some: (",".join(map(str, some)), frozenset(some))
    )
    stepped = st.sampled_from([2, 3, 5, 15, 30]).map(
        lambda n: (f"*/{n}", frozenset(range(low, high + 1, n)))
    )
    ranged = st.tuples(st.sampled_from(values), st.sampled_from(values)).map(
        lambda ends: (f"{min(ends)}-{max(ends)}", frozenset(range(min(ends), max(ends) + 1)))
    )
    return st.one_of(listed, stepped, ranged, st.just(("*", every)))


@st.composite
def expressions(draw: st.DrawFn) -> Fields:
    minute, minutes = draw(_field([0, 1, 15, 29, 30, 31, 45, 59], 0, 59))
    hour, hours = draw(_field([0, 1, 2, 3, 4, 12, 23], 0, 23))
    day, weekdays = draw(
        st.sampled_from(
            [
                ("*", frozenset(range(1, 8))),
                ("1-5", frozenset(range(1, 6))),
                ("0", frozenset({7})),
                ("7", frozenset({7})),
                ("SAT-SUN", frozenset({6, 7})),
                ("sun", frozenset({7})),
                ("5,6,0", frozenset({5, 6, 7})),
            ]
        )
    )
    return Fields(f"{minute} {hour} * * {day}", minutes, hours, weekdays)


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(sorted(ZONES)))
    return zone, draw(st.sampled_from(changes(zone)))


def fired(when: When, start: datetime, end: datetime) -> list[datetime]:
    """The times as a schedule gets them: each computed from the one before."""
    times, at = [], TIMETABLE.next_after(when, start)
    while at is not None and at <= end:
        times.append(at)
        at = TIMETABLE.next_after(when, at)
    return times


def cron(expression: str, zone: str) -> When:
    return When(kind=WhenKind.CRON, cron=expression, zone=zone, said=expression)


@settings(max_examples=300)
@given(windows(), expressions())
def test_chained_times_are_those_of_a_walk_over_every_minute(
    window: tuple[str, datetime], fields: Fields
) -> None:
    zone, minutes = window[0], minutes_around(*window)
    expected = list(fields.walk(minutes))
    start, end = minutes[0].at - MINUTE, minutes[-1].at
    assert fired(cron(fields.cron, zone), start, end) == expected


USUAL = (
    Fields("30 2 * * *", frozenset({30}), frozenset({2}), frozenset(range(1, 8))),
    Fields("0 0 * * *", frozenset({0}), frozenset({0}), frozenset(range(1, 8))),
    Fields("15 1-3 * * 0", frozenset({15}), frozenset({1, 2, 3}), frozenset({7})),
    Fields("*/30 * * * *", frozenset({0, 30}), frozenset(range(24)), frozenset(range(1, 8))),
)


@pytest.mark.parametrize("zone", sorted(ZONES))
def test_at_each_change_of_three_years_usual_times_are_those_of_a_walk(zone: str) -> None:
    for change in changes(zone):
        minutes = minutes_around(zone, change)
        start, end = minutes[0].at - MINUTE, minutes[-1].at
        for fields in USUAL:
            assert fired(cron(fields.cron, zone), start, end) == list(fields.walk(minutes)), change


DAY = 24 * 60 * 60
ANY_SECOND = st.integers(0, 2 * DAY - 1)
NEAR_THE_CHANGE = st.integers(DAY - 2 * 60 * 60, DAY + 2 * 60 * 60)


@settings(max_examples=400)
@given(windows(), expressions(), ANY_SECOND | NEAR_THE_CHANGE)
def test_the_next_time_from_any_second_is_the_first_of_the_walk_after_it(
    window: tuple[str, datetime], fields: Fields, second: int
) -> None:
    zone, minutes = window[0], minutes_around(*window)
    after = minutes[0].at + timedelta(seconds=second)
    expected = next((at for at in fields.walk(minutes) if at > after), None)
    found = TIMETABLE.next_after(cron(fields.cron, zone), after)
    assert found is not None
    assert found == expected if expected else found > minutes[-1].at


@pytest.mark.parametrize("zone", sorted(ZONES))
@pytest.mark.parametrize("clock", [time(0), time(0, 30), time(2, 30), time(8, 30), time(23, 59)])
def test_a_daily_time_comes_once_on_each_day_of_three_years(zone: str, clock: time) -> None:
    first = date(ZONES[zone], 1, 1)
    days = [
        first + timedelta(days=n) for n in range((date(ZONES[zone] + YEARS, 1, 1) - first).days)
    ]
    place = ZoneInfo(zone)
    start = datetime.combine(first, time(), place).astimezone(UTC) - MINUTE
    end = datetime.combine(days[-1], time(23, 59), place).astimezone(UTC)
    times = fired(cron(f"{clock.minute} {clock.hour} * * *", zone), start, end)
    shown = [at.astimezone(place) for at in times]
    assert [local.date() for local in shown] == days
    # Where the time is skipped it comes later on the same day, at most once a year.
    odd = [local for local in shown if local.time() != clock]
    assert all(local.time() > clock for local in odd)
    assert len(odd) <= YEARS
    assert all(at.utcoffset() == timedelta() for at in times)


@given(
    zone=st.sampled_from(sorted(ZONES)),
    local=st.datetimes(datetime(2016, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - the wall
)
def test_a_local_time_is_itself_or_the_first_moment_after_its_gap(
    zone: str, local: datetime
) -> None:
    local = local.replace(second=0, microsecond=0)
    _check_instant(local, zone)


@pytest.mark.parametrize("zone", sorted(ZONES))
def test_every_minute_around_a_change_has_an_instant(zone: str) -> None:
    for change in changes(zone):
        for minute in minutes_around(zone, change)[23 * 60 : 26 * 60]:
            for shown in (minute.shows, *minute.skipped):
                _check_instant(shown, zone)


def _check_instant(local: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    at = to_instant(local, place, now=datetime.min.replace(tzinfo=UTC))
    shown = at.astimezone(place)
    if shown.replace(tzinfo=None) == local:
        assert shown.fold == 0
    else:
        before = (at - MINUTE).astimezone(place)
        assert before.replace(tzinfo=None) < local < shown.replace(tzinfo=None)
