"""Single moments in words: `in 2 hours`, `tomorrow at 9am`, `1 December 2026 at 14:00`.

dateparser reads durations and calendar dates, and nothing else: bare words ("5", "may", "a") are
dates to it, "tonight at 8" is now, and its time-zone mode is an hour off across a change of the
clocks (`RETURN_AS_TIMEZONE_AWARE` keeps the offset of now). So a grammar decides what it is shown,
it is always asked for a naive time, and the zone is put on afterwards.
"""

import re
import threading
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from adapters.timing import clocktime, wording
from adapters.timing.wording import MONTH, PART, WEEKDAY
from runtime.errors import Refused
from runtime.model.localtime import show_time

_one = threading.Lock()
"""Times are read in threads, and dateparser keeps what it learns in dictionaries of its own."""

_UNIT = r"(?:minutes?|mins?|min|m|hours?|hrs?|h|days?|d|weeks?|w|months?)"
_AMOUNT = rf"(?:\d{{1,6}}(?:\.\d{{1,2}})? ?{_UNIT})"
_DURATION = re.compile(
    rf"(?:in |after )(?P<a>{_AMOUNT}(?:(?:,? and |, ?| )?{_AMOUNT})*)"
    rf"|(?P<b>{_AMOUNT}(?:(?:,? and |, ?| )?{_AMOUNT})*) from now"
)
_BY_CALENDAR = re.compile(r"\d ?(?:d|w|mo)")
_UNITS = ("mo", "w", "d", "h", "m")
"""What the units begin with, the longest first."""
_UNIT_SAID = re.compile(rf"\d ?({'|'.join(_UNITS)})")
_IN_WORDS = (
    (re.compile(r"\bhalf an hour\b"), "30 minutes"),
    (re.compile(r"\b(?:a )?quarter of an hour\b"), "15 minutes"),
    (re.compile(r"\ban? hour and a half\b"), "90 minutes"),
    (re.compile(r"\b(\d+) and a half hours\b"), r"\1.5 hours"),
    (re.compile(r"\ba couple of\b"), "2"),
    (re.compile(r"\ban? (?=minute|hour|day|week|month)"), "1 "),
)
_SECONDS = re.compile(r"(?:in|after) \d{1,6} ?(?:s|secs?|seconds?)")
_AGO = re.compile(rf"{_AMOUNT} ago")
_PAST_DAY = re.compile(rf"(?:yesterday|last (?:night|week|month|year|{WEEKDAY}))(?: {PART})?")

_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})(?:t|,? (?:at )?)(?P<clock>\d{2}:\d{2})(?::\d{2}(?:\.\d{1,6})?)?"
    r" ?(?P<offset>z|[+-]\d{2}:?\d{2})"
)
_ISO_T = re.compile(r"(\d{4}-\d{2}-\d{2})t(?=\d{2}:\d{2})")
_DAY = re.compile(
    rf"(?:(?P<today>today|tonight|this(?= {PART}))|(?P<after>(?:the )?day after tomorrow)"
    rf"|(?P<tomorrow>tomorrow)"
    rf"|(?P<which>(?:this |next |coming |the coming )?)(?P<weekday>{WEEKDAY})"
    rf"|in (?P<count>\d{{1,4}}) (?P<unit>days?|weeks?))(?: (?P<part>{PART}))?"
)
_DATE = re.compile(
    rf"(?:{WEEKDAY},? )?(?:the )?(?:(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}|{MONTH}"
    r" (?:the )?\d{1,2}(?:st|nd|rd|th)?)(?:,? (?P<year>\d{4}))?|(?P<iso>\d{4}-\d{2}-\d{2})"
    r"|(?P<dotted>\d{1,2}\.\d{1,2}\.\d{4}))"
)
_SLASHES = re.compile(r"\d{1,2}/\d{1,2}(?:/\d{2,4})?")
_EARLY = 6
_FARTHEST = timedelta(days=50 * 366)


def read(text: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant that words in their plain spelling mean, in UTC; None where they mean none.

    A local time that a change of the clocks skips is the first moment after the gap; of one that
    comes twice it is the first.

    Raises:
        Refused: they mean one that lies in the past or cannot be told without guessing.
    """
    for pattern, plain in _IN_WORDS:
        text = pattern.sub(plain, text)
    if _AGO.fullmatch(text):
        raise _past(text)
    if _SECONDS.fullmatch(text):
        raise Refused("Times are kept to the minute.", hint="For example: in 1 minute.")
    try:
        at = _duration(text, now, zone) or _with_offset(text) or _day_and_clock(text, now, zone)
    except OverflowError:  # in the year 1 or 9999, where the zone leads out of the calendar
        raise Refused(f"“{text}” is too far away.") from None
    if at is None:
        return None
    if at <= now:
        raise Refused(
            f"{_shown(at, now, zone)} is in the past.",
            hint=f"It is {_shown(now, now, zone)} now.",
        )
    if at - now > _FARTHEST:
        raise Refused(f"{_shown(at, now, zone)} is more than fifty years away.")
    return at


def to_instant(local: datetime, zone: tzinfo) -> datetime:
    """The instant of a naive local time, in UTC.

    A time that does not exist is the first moment after the gap; of one that comes twice it is
    the first.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # In a gap the reading before it (fold 0) lands after the change and the other before it.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change_between(before, first, zone)


def _change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first minute with the offset that is in force at `after`."""
    offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds() // 60)
    while low < high:
        middle = (low + high) // 2
        if (before + timedelta(minutes=middle)).astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle + 1
    return before + timedelta(minutes=high)


def _duration(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """`in 2 hours` is so much real time; `in 3 days` is the same time of day, three days on.

    The units of one duration get smaller: `in 10 minutes and 20 minutes` is two.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    words = f"in {match['a'] or match['b']}"
    sizes = [_UNITS.index(unit) for unit in _UNIT_SAID.findall(words)]
    if sizes != sorted(set(sizes)):  # "1 hour and 30 minutes" is one, "10 minutes and 20" is not
        raise _several()
    if _BY_CALENDAR.search(words):
        naive = _dateparser(words, now.astimezone(zone).replace(tzinfo=None))
        return naive and to_instant(naive, zone)
    naive = _dateparser(words, now.astimezone(UTC).replace(tzinfo=None))
    return naive and naive.replace(tzinfo=UTC)


def _with_offset(text: str) -> datetime | None:
    """An ISO 8601 time that names its own offset; it is taken at its word."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(
            f"{match['day']}T{match['clock']}{match['offset'].upper()}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(f"There is no such time as “{text}”.") from None


def _day_and_clock(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """A day, in one of its many forms, and a time of day; the day may be left out."""
    text = _ISO_T.sub(r"\1 ", text)
    today = now.astimezone(zone).replace(tzinfo=None)
    what, times, part = clocktime.split_times(text) or (text, (), "")
    what = what.removeprefix("on ")
    if _PAST_DAY.fullmatch(what):
        raise _past(text)
    if not what:
        return _next_clock(_only_clock(what, times, part), today, zone)
    if match := _DAY.fullmatch(what):
        clock = _only_clock(what, times, part or match["part"] or "night" * (what == "tonight"))
        return to_instant(datetime.combine(_named_day(match, clock, today), clock), zone)
    if match := _DATE.fullmatch(what):
        return _on_date(match, _only_clock(what, times, part), today, zone)
    if _SLASHES.fullmatch(what):
        raise Refused(
            f"“{what}” is one day in Europe and another in America.",
            hint="Write 2026-12-01 or 1 December 2026.",
        )
    return None


def _only_clock(what: str, times: tuple[str, ...], part: str) -> time:
    if not times:
        raise Refused(f"At what time of day, {what}?", hint=f"For example: {what} at 9:00.")
    if len(times) > 1:
        raise _several()
    return clocktime.read_clock(times[0], part)


def _several() -> Refused:
    return Refused("That is more than one time.", hint="Make a reminder, or a schedule, for each.")


def _next_clock(clock: time, today: datetime, zone: ZoneInfo) -> datetime:
    """The next time that the clock on the wall shows that."""
    day = today.date() if clock > today.time() else today.date() + timedelta(days=1)
    return to_instant(datetime.combine(day, clock), zone)


def _named_day(match: re.Match[str], clock: time, today: datetime) -> date:
    """The day that `today`, `tomorrow`, `next monday` or `in 3 days` names."""
    if match["weekday"]:
        ahead = (wording.weekday_number(match["weekday"]) - today.isoweekday()) % 7
        if ahead == 0 and ("next" in match["which"] or clock <= today.time()):
            ahead = 7
    elif match["count"]:
        ahead = int(match["count"]) * (7 if match["unit"].startswith("week") else 1)
    elif match["after"]:
        ahead = 2
    elif match["tomorrow"]:
        ahead = 1
    else:  # "tonight at 1" and "tonight at midnight" are after the coming midnight
        ahead = int(match["today"] == "tonight" and clock.hour < _EARLY <= today.hour)
    return today.date() + timedelta(days=ahead)


def _on_date(match: re.Match[str], clock: time, today: datetime, zone: ZoneInfo) -> datetime:
    """A calendar date; without its year, the next one."""
    if written := match["iso"] or match["dotted"]:
        return to_instant(datetime.combine(_written_day(written), clock), zone)
    # Asked on the day itself dateparser prefers next year's: ask as if it were the day before.
    local = datetime.combine(_calendar_day(match[0], today - timedelta(days=1)), clock)
    if local <= today and not match["year"]:
        local = datetime.combine(_calendar_day(match[0], today), clock)
    return to_instant(local, zone)


def _written_day(words: str) -> date:
    """`2026-12-01` or `1.12.2026`. Not by dateparser, to which 2026-13-01 is 13 January."""
    year, month, day = words.split("-") if "-" in words else reversed(words.split("."))
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise _no_such_day(words) from None


def _calendar_day(words: str, base: datetime) -> date:
    found = _dateparser(words, base)
    if found is None:
        raise _no_such_day(words)
    return found.date()


def _no_such_day(words: str) -> Refused:
    return Refused(
        f"There is no such day as “{words}”.", hint="Write year-month-day, such as 2026-12-01."
    )


def _dateparser(words: str, base: datetime) -> datetime | None:
    """Ask dateparser for a naive time, never an aware one; English only, the future preferred."""
    with _one:
        import dateparser  # noqa: PLC0415 - 0.15 s and 9 MB with its first parse: not at the start

        return dateparser.parse(
            words,
            languages=["en"],
            settings={"PREFER_DATES_FROM": "future", "RELATIVE_BASE": base},
        )


def _past(text: str) -> Refused:
    return Refused(f"“{text}” is in the past.", hint="Give a time that is still to come.")


def _shown(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    return show_time(at, zone.key, now=now)
