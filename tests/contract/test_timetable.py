"""What every timetable promises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from adapters.timing.timetable import CronsimTimetable
from runtime.errors import NotATime, Refused
from runtime.model.schedule import When, WhenKind
from runtime.ports import Timetable

NOW = datetime(2026, 11, 18, 20, 30, tzinfo=UTC)
"""A Wednesday, 15:30 in New York and 21:30 in Berlin."""
NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"


@pytest.fixture(params=[CronsimTimetable])
def timetable(request: pytest.FixtureRequest) -> Timetable:
    make: Callable[[], Timetable] = request.param
    return make()


def local(text: str, zone: str) -> datetime:
    # In UTC: between two zones a time in the repeated hour equals nothing.
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("30 8 * * 1-5", "2026-11-19 08:30"),
        ("0 9 * * 0", "2026-11-22 09:00"),
        ("0 9 * * 7", "2026-11-22 09:00"),
        ("0 9 * * sun", "2026-11-22 09:00"),
        ("0 9 1 jan *", "2027-01-01 09:00"),
        ("* * * * *", "2026-11-18 15:31"),
        ("every weekday at 8:30", "2026-11-19 08:30"),
        ("every 15 minutes", "2026-11-18 15:45"),
        ("in 2 hours", "2026-11-18 17:30"),
        ("tomorrow at 9am", "2026-11-19 09:00"),
        ("2026-12-01 14:00", "2026-12-01 14:00"),
    ],
)
def test_the_forms_of_the_port_are_read_in_the_zone(
    timetable: Timetable, said: str, first: str
) -> None:
    when = timetable.read(said, now=NOW, zone=NEW_YORK)
    found = timetable.next_after(when, NOW)
    assert found == local(first, NEW_YORK)
    assert found.utcoffset() == timedelta()
    assert (when.zone, when.said) == (NEW_YORK, said)


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ("2026-11-18 15:30", "is in the past"),
        ("yesterday at 9", "is in the past"),
        ("0 0 31 2 *", "never comes"),
        ("every year on 30 february at 9:00", "never comes"),
        ("every 10 seconds", "more than once a minute"),
        ("*/10 * * * * *", "once a minute at most"),
        ("* * * * * *", "once a minute at most"),
        ("5", "could mean many times"),
        ("may", "could mean many times"),
        ("a", "could mean many times"),
        ("", "Nothing was written"),
        ("   ", "Nothing was written"),
    ],
)
def test_what_is_no_time_to_keep_is_refused_with_the_reason_and_a_hint(
    timetable: Timetable, said: str, because: str
) -> None:
    with pytest.raises(Refused, match=because) as refused:
        timetable.read(said, now=NOW, zone=NEW_YORK)
    assert refused.value.hint
    assert not isinstance(refused.value, NotATime)


@pytest.mark.parametrize("said", ["soon", "write the briefing", "x" * 5_000, "🕘", "\x00"])
def test_what_is_no_time_at_all_says_so_in_its_kind(timetable: Timetable, said: str) -> None:
    with pytest.raises(NotATime) as refused:
        timetable.read(said, now=NOW, zone=NEW_YORK)
    assert "every weekday at 8:30" in refused.value.hint


def test_a_zone_is_written_properly_or_refused_with_near_names(timetable: Timetable) -> None:
    assert timetable.check_zone("europe/berlin") == "Europe/Berlin"
    with pytest.raises(Refused, match="There is no time zone “Europe/Berln”") as refused:
        timetable.check_zone("Europe/Berln")
    assert "Europe/Berlin" in refused.value.hint
    with pytest.raises(Refused, match="There is no time zone"):
        timetable.read("every day at 9", now=NOW, zone="Mars/Base")


def test_a_single_time_comes_once(timetable: Timetable) -> None:
    when = timetable.read("in 2 hours", now=NOW, zone=BERLIN)
    at = NOW + timedelta(hours=2)
    assert when == When(kind=WhenKind.ONCE, at=at, zone=BERLIN, said="in 2 hours")
    assert timetable.next_after(when, at - timedelta(microseconds=1)) == at
    assert timetable.next_after(when, at) is None


def test_the_next_time_lies_strictly_after_the_instant(timetable: Timetable) -> None:
    when = timetable.read("every hour", now=NOW, zone=BERLIN)
    hour = datetime(2026, 11, 18, 21, tzinfo=UTC)
    assert timetable.next_after(when, hour - timedelta(microseconds=1)) == hour
    assert timetable.next_after(when, hour) == hour + timedelta(hours=1)
    assert timetable.next_after(when, hour.astimezone(ZoneInfo(BERLIN))) == hour + timedelta(
        hours=1
    )


@pytest.mark.parametrize(
    ("cron", "after", "times"),
    [
        # Spring: 02:00 to 03:00 does not exist on 29 March; its times come at 03:00, once.
        ("30 2 * * *", "2026-03-28 12:00", ["2026-03-29 03:00", "2026-03-30 02:30"]),
        ("*/15 2 * * *", "2026-03-29 00:00", ["2026-03-29 03:00", "2026-03-30 02:00"]),
        ("0 2,3 * * *", "2026-03-29 00:00", ["2026-03-29 03:00", "2026-03-30 02:00"]),
        ("0 0 * * *", "2026-03-28 12:00", ["2026-03-29 00:00", "2026-03-30 00:00"]),
        # Autumn: 02:00 to 03:00 comes twice on 25 October; its times come the first time.
        ("30 2 * * *", "2026-10-24 12:00", ["2026-10-25 02:30", "2026-10-26 02:30"]),
        ("*/30 2 * * *", "2026-10-25 02:10", ["2026-10-25 02:30", "2026-10-26 02:00"]),
    ],
)
def test_named_hours_follow_the_clock_on_the_wall(
    timetable: Timetable, cron: str, after: str, times: list[str]
) -> None:
    when = When(kind=WhenKind.CRON, cron=cron, zone=BERLIN, said=cron)
    at = local(after, BERLIN)
    for expected in times:
        found = timetable.next_after(when, at)
        assert found == local(expected, BERLIN)
        at = found


def test_every_hour_follows_real_time_over_both_changes(timetable: Timetable) -> None:
    when = When(kind=WhenKind.CRON, cron="30 * * * *", zone=BERLIN, said="")
    for start in (
        datetime(2026, 3, 28, 22, 30, tzinfo=UTC),
        datetime(2026, 10, 24, 22, 30, tzinfo=UTC),
    ):
        at = start
        for hours in range(1, 8):
            found = timetable.next_after(when, at)
            assert found == start + timedelta(hours=hours)
            at = found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("every weekday at 8:30", "at 08:30 on Monday through Friday"),
        ("every 15 minutes", "every 15 minutes"),
        ("on the 22nd of the month at 9", "at 09:00 on the 22nd day of every month"),
        (
            "0 9 3,11,23,31 * *",
            "at 09:00 on the third, the 11th, the 23rd, and the 31st day of the month",
        ),
        ("2026-12-01 14:00", "once, Tue 1 Dec 2026 14:00 CET"),
        (
            "2027-03-28 02:30",
            "once, Sun 28 Mar 2027 03:00 CEST (the clocks go forward at that moment)",
        ),
        ("2027-10-31 02:30", "once, Sun 31 Oct 2027 02:30 CEST (the first of two)"),
        ("2027-10-31 01:30Z", "once, Sun 31 Oct 2027 02:30 CET (the second of two)"),
    ],
)
def test_times_are_described_in_words(timetable: Timetable, said: str, words: str) -> None:
    assert timetable.describe(timetable.read(said, now=NOW, zone=BERLIN)) == words
