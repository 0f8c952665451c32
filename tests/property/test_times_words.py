"""The words for times: any text is a time or refused, and every time of day is read back."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from adapters.timing.timetable import CronsimTimetable
from runtime.errors import Refused
from runtime.model.schedule import WhenKind

TIMETABLE = CronsimTimetable()
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo")
NOWS = st.integers(0, 3 * 365 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=17)
)
PIECES = st.sampled_from(
    ["every", "day", "weekday", "monday", "mondays", "and", ",", "at", "in", "the", "of", "month",
     "1st", "31", "9", "9am", "13pm", "25:00", "8:30", "noon", "*", "*/5", "1-5", "0", "L", "2#5",
     "tomorrow", "tonight", "next", "ago", "hours", "minutes", "2", "may", "march", "2027", "last",
     "2027-02-29", "T10:00Z", "Europe/Berlin", "EST", "half", "an", "hour", "-", "@daily", "week"]
)  # fmt: skip


@given(st.lists(PIECES, min_size=1, max_size=8).map(" ".join) | st.text(max_size=60), NOWS)
def test_any_text_is_a_time_to_come_or_refused(text: str, now: datetime) -> None:
    try:
        when = TIMETABLE.read(text, now=now, zone="Europe/Berlin")
    except Refused:
        return
    first = TIMETABLE.next_after(when, now)
    assert first is not None
    assert first > now
    assert TIMETABLE.describe(when)
    assert (when.at is not None) is (when.kind is WhenKind.ONCE)


@given(st.times(), st.sampled_from(ZONES), NOWS, st.data())
def test_a_daily_time_is_read_however_it_is_written(
    clock: time, zone: str, now: datetime, data: st.DataObject
) -> None:
    half = "am" if clock.hour < 12 else "pm"
    spelled = data.draw(
        st.sampled_from(
            [
                f"{clock:%H:%M}",
                f"{clock.hour}:{clock:%M}",
                f"{clock.hour % 12 or 12}:{clock:%M}{half}",
                f"{clock.hour % 12 or 12}:{clock:%M} {half.upper()}",
            ]
        )
    )
    text = data.draw(
        st.sampled_from([f"every day at {spelled}", f"daily {spelled}", f"{spelled} every day"])
    )
    assert TIMETABLE.read(text, now=now, zone=zone).cron == f"{clock.minute} {clock.hour} * * *"


@given(NOWS, st.integers(1, 5_000), st.sampled_from(["minutes", "min", "m", "hours", "h"]))
def test_a_duration_is_so_much_real_time(now: datetime, count: int, unit: str) -> None:
    when = TIMETABLE.read(f"in {count} {unit}", now=now, zone="America/New_York")
    real = timedelta(hours=count) if unit.startswith("h") else timedelta(minutes=count)
    assert when.at == now + real


@given(NOWS, st.integers(1, 700), st.times(), st.sampled_from(ZONES))
def test_a_date_and_time_is_that_time_in_the_zone_or_the_end_of_its_gap(
    now: datetime, days: int, clock: time, zone: str
) -> None:
    place = ZoneInfo(zone)
    day = now.astimezone(place).date() + timedelta(days=days)
    wanted = datetime.combine(day, clock.replace(second=0, microsecond=0))
    spellings = (
        f"{wanted:%Y-%m-%d %H:%M}",
        f"{wanted:%Y-%m-%dT%H:%M}",
        f"{wanted.day} {wanted:%B %Y} at {wanted:%H:%M}",
        f"{wanted:%B} {wanted.day}, {wanted:%Y} {wanted:%H:%M}",
        f"{wanted:%d.%m.%Y %H:%M}",
    )
    found = {TIMETABLE.read(text, now=now, zone=zone).at for text in spellings}
    assert len(found) == 1
    at = found.pop()
    assert at is not None
    shown = at.astimezone(place).replace(tzinfo=None)
    assert shown == wanted or timedelta() < shown - wanted <= timedelta(hours=1)
