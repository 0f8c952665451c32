"""A time of a call is frozen as the instant it meant when it was asked for."""

from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.timing.timetable import CronsimTimetable
from runtime.errors import Refused
from runtime.tools.times import fixed_time

TIMETABLE = CronsimTimetable()
BERLIN = "Europe/Berlin"
LATE = datetime(2026, 11, 20, 22, 50, 37, tzinfo=UTC)
"""Friday, 23:50 in Berlin."""
ZONES = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()


async def fixed(said: str, *, now: datetime = LATE, zone: str = BERLIN) -> str:
    return await fixed_time(TIMETABLE, said, now=now, zone=zone)


@pytest.mark.parametrize(
    ("said", "is_then"),
    [
        ("tomorrow at 9am", "2026-11-21 09:00 Europe/Berlin"),
        ("in 2 hours", "2026-11-21 01:51 Europe/Berlin"),
        ("at 9", "2026-11-21 09:00 Europe/Berlin"),
        ("2026-12-01 14:00", "2026-12-01 14:00 Europe/Berlin"),
        ("2026-12-01T14:00Z", "2026-12-01 15:00 Europe/Berlin"),
        ("tomorrow at 9am Asia/Tokyo", "2026-11-22 09:00 Asia/Tokyo"),
        # What comes again and again is the same whenever it is read.
        ("every weekday at 8:30", "every weekday at 8:30"),
        ("0 9 * * 1", "0 9 * * 1"),
    ],
)
async def test_a_single_time_gets_its_date_and_its_zone(said: str, is_then: str) -> None:
    assert await fixed(said) == is_then


async def test_what_was_fixed_stays_also_where_it_has_passed_since() -> None:
    this = await fixed("tomorrow at 9am")
    for later in (timedelta(minutes=30), timedelta(days=3)):
        assert await fixed(this, now=LATE + later, zone="Asia/Tokyo") == this
    with pytest.raises(Refused, match="is in the past"):
        await fixed("2026-11-20 09:00")
    with pytest.raises(Refused, match="no such day"):
        await fixed("2026-13-41 09:00 Europe/Berlin")
    with pytest.raises(Refused, match="more than fifty years away"):
        await fixed("2999-01-01 09:00 Europe/Berlin")


@given(
    at=st.datetimes(datetime(2026, 11, 21), datetime(2038, 1, 1)),  # noqa: DTZ001 - made aware below
    zone=st.sampled_from(ZONES),
)
async def test_it_is_the_same_instant_in_every_zone(at: datetime, zone: str) -> None:
    instant = at.replace(second=0, microsecond=0, tzinfo=UTC)
    this = await fixed(f"{instant:%Y-%m-%dT%H:%M}Z", zone=zone)
    read = TIMETABLE.read(this, now=LATE, zone="Asia/Tokyo")
    assert read.at == instant
    assert await fixed(this, zone="Asia/Tokyo") == this


@pytest.mark.parametrize(("hour", "offset"), [(0, "+0200"), (1, "+0100")])
async def test_each_of_two_hours_is_told_from_the_other(hour: int, offset: str) -> None:
    now = datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(hours=hour)
    this = await fixed("in 30 minutes", now=now)
    assert TIMETABLE.read(this, now=now, zone=BERLIN).at == now + timedelta(minutes=30)
    shown = (now + timedelta(minutes=30)).astimezone(ZoneInfo(BERLIN))
    assert this == f"2026-10-25 {shown:%H:%M}{offset} Europe/Berlin"


async def test_the_first_of_two_hours_does_not_become_the_second_once_it_has_passed() -> None:
    this = await fixed("2026-10-25 02:30", now=datetime(2026, 10, 24, tzinfo=UTC))
    with pytest.raises(Refused, match="is in the past"):
        TIMETABLE.read(this, now=datetime(2026, 10, 25, 0, 40, tzinfo=UTC), zone=BERLIN)


@given(st.datetimes(datetime(2026, 11, 21), datetime(2038, 1, 1)))  # noqa: DTZ001 - made aware below
async def test_it_is_not_earlier_than_was_said_and_less_than_a_minute_later(now: datetime) -> None:
    now = now.replace(tzinfo=UTC)
    read = TIMETABLE.read(await fixed("in 1 minute", now=now), now=now, zone="Asia/Tokyo")
    assert read.at is not None
    later = read.at - (now + timedelta(minutes=1))
    assert timedelta() <= later < timedelta(minutes=1)
