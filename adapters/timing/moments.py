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
    rf"(?:(?P<weekday>{WEEKDAY}),? )?(?:the )?"
    rf"(?P<words>(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}"
    rf"|{MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?)(?:,? (?P<year>\d{{4}}))?"
    r"|(?P<iso>\d{4}-\d{2}-\d{2})|(?P<dotted>\d{1,2}\.\d{1,2}\.\d{4}))"
)
_NO_MONTH = re.compile(r"(?:the )?\d{1,2}(?:st|nd|rd|th)")
_USUAL = {"night": "22:00", "evening": "20:00", "afternoon": "15:00"}
"""An hour of each part of the day, for an example."""
_DAY_ON = timedelta(days=1)
_SLASHES = re.compile(r"\d{1,2}/\d{1,2}(?:/\d{2,4})?")
_EARLY = 6
_FARTHEST = timedelta(days=50 * 366)


def read(text: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant that words in their plain spelling mean, in UTC; None where they mean none.

    A local time that a change of the clocks skips is the first moment after the gap; of one that
    comes twice it is the first that is still to come.

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
    if at == now and _DURATION.fullmatch(text):
        raise Refused(f"“{text}” is now.", hint="Times are kept to the minute: in 1 minute.")
    if at <= now:
        raise Refused(
            f"{_shown(at, now, zone)} is in the past.",
            hint=f"It is {_shown(now, now, zone)} now.",
        )
    if at - now > _FARTHEST:
        raise Refused(f"{_shown(at, now, zone)} is more than fifty years away.")
    return at


def to_instant(local: datetime, zone: tzinfo, *, now: datetime) -> datetime:
    """The instant of a naive local time, in UTC.

    A time that does not exist is the first moment after the gap; of one that comes twice it is
    the first, or the second where the first has passed and the second has not.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
        return second if first <= now < second else first
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
        return naive and to_instant(naive, zone, now=now)
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
    local: datetime | None = None
    what, times, part = clocktime.split_times(text) or (text, (), "")
    what = what.removeprefix("on ")
    if _PAST_DAY.fullmatch(what):
        raise _past(text)
    if not what:
        return _next_clock(_only_clock(what, times, part), today, zone, now)
    if match := _DAY.fullmatch(what):
        named = match["part"] or "night" * (what == "tonight")
        clock = _only_clock(what, times, part or named)
        local = datetime.combine(_named_day(match, clock, part or named, today), clock)
    elif match := _DATE.fullmatch(what):
        local = _on_date(match, _only_clock(what, times, part), today)
    if local is not None:
        return to_instant(local, zone, now=now)
    if _NO_MONTH.fullmatch(what):
        raise Refused(
            f"“{what}” of which month?",
            hint=f"For example: 1 december at 9:00; or for every month: {what} of the month at "
            "9:00.",
        )
    if _SLASHES.fullmatch(what):
        raise Refused(
            f"“{what}” is one day in Europe and another in America.",
            hint="Write 2026-12-01 or 1 December 2026.",
        )
    return None


def _only_clock(what: str, times: tuple[str, ...], part: str) -> time:
    if not times:
        late = next((hour for part, hour in _USUAL.items() if part in what), "9:00")
        raise Refused(f"At what time of day, {what}?", hint=f"For example: {what} at {late}.")
    if len(times) > 1:
        raise _several()
    return clocktime.read_clock(times[0], part)


def _several() -> Refused:
    return Refused("That is more than one time.", hint="Make a reminder, or a schedule, for each.")


def _next_clock(clock: time, today: datetime, zone: ZoneInfo, now: datetime) -> datetime:
    """The next time that the clock on the wall shows that."""
    local = datetime.combine(today.date(), clock)
    at = to_instant(local, zone, now=now)
    return at if at > now else to_instant(local + _DAY_ON, zone, now=now)


def _named_day(match: re.Match[str], clock: time, part: str, today: datetime) -> date:
    """The day that `today`, `tomorrow`, `next monday` or `in 3 days` names.

    After midnight it is the next: `friday night at 1` is on Saturday.
    """
    more = int(clocktime.is_next_day(clock, part, named=match["part"] or ""))
    if match["weekday"]:
        ahead = (wording.weekday_number(match["weekday"]) - today.isoweekday()) % 7
        if ahead == 0 and "next" in match["which"]:
            ahead = 7
        elif ahead + more in (0, 7) and "next" not in match["which"]:
            # Today, unless it has passed; and what is said in that night itself is this night.
            ahead = 7 * (clock <= today.time()) - more
        ahead += more
    elif match["count"]:
        ahead = int(match["count"]) * (7 if match["unit"].startswith("week") else 1) + more
    elif match["after"]:
        ahead = 2 + more
    elif match["tomorrow"]:
        ahead = 1 + more
    else:  # "tonight at 1" and "tonight at midnight" are after the coming midnight
        night = more or match["today"] == "tonight"
        ahead = int(night and clock.hour < _EARLY <= today.hour)
    return today.date() + timedelta(days=ahead)


def _on_date(match: re.Match[str], clock: time, today: datetime) -> datetime:
    """The local time on a calendar date; without its year, on the next one.

    Raises:
        Refused: there is no such day, or it is another day of the week than was said.
    """
    local = _next_date(match, clock, today)
    if match["weekday"] and wording.weekday_number(match["weekday"]) != local.isoweekday():
        date = f"{local.day} {wording.MONTHS[local.month - 1].title()} {local.year}"
        day = wording.WEEKDAYS[local.weekday()].title()
        raise Refused(f"{date} is a {day}.", hint="Name the day or the date alone.")
    return local


def _next_date(match: re.Match[str], clock: time, today: datetime) -> datetime:
    if written := match["iso"] or match["dotted"]:
        return datetime.combine(_written_day(written), clock)
    # Asked on the day itself dateparser prefers next year's: ask as if it were the day before.
    words = match["words"]
    local = datetime.combine(_calendar_day(words, today - _DAY_ON), clock)
    if local <= today and not match["year"]:
        local = datetime.combine(_calendar_day(words, today), clock)
    return local


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
