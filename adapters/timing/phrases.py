"""Times that come again and again, in words, as five cron fields.

The grammar is small and closed: a form that cron cannot keep (every ten days, every other week) is
refused with the reason, and anything else is left to whoever reads single moments.
"""

import re
from collections.abc import Sequence
from datetime import time

from adapters.timing import clocktime, wording
from adapters.timing.clocktime import CLOCK
from adapters.timing.wording import MONTH, PART, WEEKDAY
from runtime.errors import Refused

_SECONDS = {
    unit: seconds
    for units, seconds in (
        ("s sec secs second seconds", 1),
        ("m min mins minute minutes", 60),
        ("h hr hrs hour hours", 3_600),
        ("day days", 86_400),
        ("week weeks", 604_800),
        ("month months year years", 2_592_000),
    )
    for unit in units.split()
}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_FRACTIONS = {"half": 0.5, "half an": 0.5, "quarter": 0.25, "quarter of an": 0.25, "other": 2}
_INTERVAL = re.compile(
    r"every (?:(?P<count>\d{1,6}(?:\.\d)?|half|half an|quarter|quarter of an|other) ?)?"
    r"(?P<unit>[a-z]+)"
)
_TO = r"(?: ?- ?| (?:to|and|till|until|through) )"
_BETWEEN = re.compile(
    rf"(?P<what>.+?),? (?:but )?(?:only )?"
    rf"(?P<between>(?:from|between) (?P<first>{CLOCK}){_TO}(?P<last>{CLOCK}))"
)
_ON_DAYS = re.compile(
    rf"(?P<what>.+?),? (?:but )?(?:only )?(?:on |(?:from )?(?=weekdays|weekends|{WEEKDAY}{_TO}))"
    rf"(?P<days>weekdays|weekends|{WEEKDAY}(?:s|.+{WEEKDAY}s?)?)"
)
_ALTERNATING = re.compile(rf"every (?:other|second|2nd|third|3rd) (?:{WEEKDAY}|day|week|month)")

_EVERY_DAY = "* * *"
_DAILY = {
    "every day": _EVERY_DAY,
    "daily": _EVERY_DAY,
    "nightly": _EVERY_DAY,
    "every weekday": "* * 1-5",
    "weekdays": "* * 1-5",
    "every weekend": "* * 6,0",
    "weekends": "* * 6,0",
}
_OF_WEEK, _OF_MONTH = "every monday at 9:00", "on the 1st of the month at 9:00"
_OF_YEAR = "every year on 1 march at 9:00"
_WHICH_DAY = {
    "every week": _OF_WEEK,
    "weekly": _OF_WEEK,
    "every month": _OF_MONTH,
    "monthly": _OF_MONTH,
    "every year": _OF_YEAR,
    "yearly": _OF_YEAR,
    "annually": _OF_YEAR,
}
"""What lacks its day, and how that is written with one."""
_AND = r"(?:, ?and |, ?| and )"
_RANGE = re.compile(rf"(?:every )?({WEEKDAY})(?: ?- ?| to | through | until )({WEEKDAY})")
_NAMES = re.compile(rf"(?P<every>every )?(?P<names>{WEEKDAY}s?(?:{_AND}{WEEKDAY}s?)*)")
_EVERY_MONTH = re.compile(
    r"^(?:every month|monthly)\b(?: on)?| ?(?:of (?:the|every|a) month|every month|monthly)$"
)
_DATE = r"(?:\d{1,2}(?:st|nd|rd|th)?|last|first)"
_DATES = re.compile(rf"(?P<dates>{_DATE}(?:{_AND}(?:the )?{_DATE})*)(?: day)?")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "last")
_NTH = re.compile(rf"(?P<nth>[1-5](?:st|nd|rd|th)|{'|'.join(_ORDINALS)}) (?P<day>{WEEKDAY})")
_EVERY_YEAR = re.compile(r"^(?:every year|yearly|annually)\b(?: on)?| (?:every year|yearly)$")
_DAY_OF_YEAR = re.compile(
    rf"(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m1>{MONTH})"
    rf"|(?P<m2>{MONTH}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?"
)
_PART_AT_END = re.compile(rf" (?P<part>{PART})s?$")

_EXAMPLES = (
    "every 15 minutes, every 2 hours, every weekday at 8:30, on the 1st of the month at 9:00"
)


def read(text: str) -> str | None:
    """The cron expression for words in their plain spelling; None where they name no repetition.

    Raises:
        Refused: they name one that cannot be kept, or lack the day or the time of day.
    """
    if (every := _interval(text) or _narrowed(text)) is not None:
        return every
    what, times, part = clocktime.split_times(text) or (text, (), "")
    if (times and _interval(what)) or _alternates(what):
        raise _not_kept(text)
    if ending := _PART_AT_END.search(what):
        what, part = what[: ending.start()], part or ending["part"]
    days = _days(f"{what} day" if ending and what == "every" else what)
    if days is None:
        return None
    if not times:
        raise Refused("At what time of day?", hint="For example: every weekday at 8:30.")
    part = part or ("night" if what == "nightly" else "")
    clocks = clocktime.read_clocks(times, part)
    named = ending["part"] if ending else ""
    if days != _EVERY_DAY and any(clocktime.is_next_day(at, part, named=named) for at in clocks):
        raise Refused(
            f"“{text}” is after midnight, and so on the next day.",
            hint="Name that day, for example: every saturday at 1:00.",
        )
    return f"{_clock_fields(clocks)} {days}"


def _interval(text: str) -> str | None:
    """`hourly`, `every 15 minutes` and their like, where they fit evenly into the clock."""
    match = _INTERVAL.fullmatch("every hour" if text == "hourly" else text)
    if match is None or match["unit"] not in _SECONDS:
        return None
    unit, count = _SECONDS[match["unit"]], match["count"]
    if unit >= _DAY:
        if count is None:  # "every day" names days, not an interval
            return None
        raise _not_kept(text)
    seconds = unit * (_FRACTIONS.get(count) or float(count)) if count else unit
    if seconds < _MINUTE:
        raise Refused(
            f"“{text}” is more than once a minute.", hint="Every minute is the most often."
        )
    return _even(text, seconds)


def _narrowed(text: str) -> str | None:
    """An interval between hours or on some days: `every 15 minutes from 9 to 17 on weekdays`."""
    what, between, days = text, None, None
    for _ in range(2):
        if between is None and (between := _BETWEEN.fullmatch(what)):
            what = between["what"]
        if days is None and (days := _ON_DAYS.fullmatch(what)):
            what = days["what"]
    every = _interval(what) if between or days else None
    on = days["days"] if days else "daily"
    fields = _days(on if on in _DAILY else f"every {on}")
    if every is None or fields is None:
        return None
    minute, hour, *_ = every.split()
    return f"{minute} {_hours(what, minute, hour, between) if between else hour} {fields}"


def _hours(what: str, minute: str, hour: str, between: re.Match[str]) -> str:
    """The hours of an interval: by the hour the last belongs to it, by the minute it ends there."""
    first, last = (clocktime.read_clock(between[name]) for name in ("first", "last"))
    if _in_either_half(between["first"], between["last"]):
        said, until = between["first"], between["last"]
        raise Refused(
            f"“{between['between']}” may begin in the morning or in the afternoon.",
            hint=f"Write from {said}am to {until}, or from {said}pm to {until}.",
        )
    by_hour = minute == "0"
    end = last.hour if by_hour else (last.hour or 24) - 1
    if first.minute or last.minute or end < first.hour or last == first:
        raise Refused(
            f"“{between['between']}” is not from one full hour to a later one of the same day.",
            hint=f"For example: {what} from 9 to 17; or cron: {minute} 22-23,0-5 * * *.",
        )
    return f"{first.hour}-{end}{hour.removeprefix('*')}"


def _in_either_half(first: str, last: str) -> bool:
    """`from 1 to 5pm`, where the 1 may be meant as 1pm; `from 9 to 5pm` is plain."""
    end = clocktime.read_clock(last).hour - 12
    return first.isdecimal() and last.endswith("pm") and 0 < int(first) < end


def _alternates(what: str) -> bool:
    """Whether it skips days or weeks; `every second monday of the month` does not."""
    return bool(_ALTERNATING.fullmatch(what))


def _even(text: str, seconds: float) -> str:
    """The cron fields of an interval that divides an hour, or a day into whole hours."""
    if seconds == _MINUTE:
        return "* * * * *"
    if seconds < _HOUR and seconds % _MINUTE == 0 and _HOUR % seconds == 0:
        return f"*/{int(seconds // _MINUTE)} * * * *"
    if seconds == _HOUR:
        return "0 * * * *"
    if seconds < _DAY and seconds % _HOUR == 0 and _DAY % seconds == 0:
        return f"0 */{int(seconds // _HOUR)} * * *"
    raise Refused(
        f"“{text}” does not fit evenly into the clock.",
        hint="Take 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8 or 12 hours;"
        " or name the times: every day at 9:00 and 17:00.",
    )


def _days(what: str) -> str | None:
    """The cron fields for day, month and weekday; None where the words name no repetition."""
    what = what.removeprefix("on ")
    if (example := _WHICH_DAY.get(what)) is not None:
        raise Refused("On which day?", hint=f"For example: {example}.")
    readers = (_DAILY.get, _weekday_range, _weekdays, _monthly, _yearly)
    return next((fields for reader in readers if (fields := reader(what))), None)


def _weekday_range(what: str) -> str | None:
    match = _RANGE.fullmatch(what)
    if match is None:
        return None
    first, last = wording.weekday_number(match[1]), wording.weekday_number(match[2])
    days = _span(first, last) if first <= last else f"{_span(first, 7)},{_span(1, last)}"
    return f"* * {days}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _weekdays(what: str) -> str | None:
    """`every monday and thursday`, `mondays`; a single `monday` is one day and not ours."""
    match = _NAMES.fullmatch(what)
    if match is None:
        return None
    names = re.split(_AND, match["names"])
    if not match["every"] and not all(name.endswith("days") for name in names):
        if len(names) == 1:
            return None
        raise Refused("Once, or every week?", hint=f"For every week write: every {what} at 9:00.")
    numbers = sorted({wording.weekday_number(name) for name in names})
    return f"* * {','.join(str(number % 7) for number in numbers)}"


def _monthly(what: str) -> str | None:
    """`the 1st and 15th of the month`, `the first monday of every month`, `monthly on the 1st`."""
    rest = _EVERY_MONTH.sub("", what).strip()
    if rest == what:
        return None
    rest = rest.removeprefix("on ").removeprefix("the ").removeprefix("every ")
    if match := _NTH.fullmatch(rest):
        return f"* * {wording.weekday_number(match['day']) % 7}{_nth(match['nth'])}"
    if match := _DATES.fullmatch(rest):
        dates = re.split(rf"{_AND}(?:the )?", match["dates"])
        return f"{','.join(map(_date, dates))} * *"
    return None


def _nth(ordinal: str) -> str:
    if ordinal == "last":
        return "L"
    return f"#{_ORDINALS.index(ordinal) + 1 if ordinal in _ORDINALS else ordinal[0]}"


def _date(ordinal: str) -> str:
    if ordinal == "last":
        return "L"
    return "1" if ordinal == "first" else ordinal.rstrip("stndrh")


def _yearly(what: str) -> str | None:
    """`every year on 1 march`, `every 1 march`, `march 1st every year`."""
    rest = _EVERY_YEAR.sub("", what).strip()
    if rest == what and not what.startswith("every "):
        return None
    match = _DAY_OF_YEAR.fullmatch(rest.removeprefix("every ").removeprefix("the "))
    if match is None:
        return None
    return f"{match['d1'] or match['d2']} {wording.month_number(match['m1'] or match['m2'])} *"


def _clock_fields(times: Sequence[time]) -> str:
    minutes = {at.minute for at in times}
    if len(minutes) > 1:
        raise Refused(
            "Times with different minutes cannot be kept as one.",
            hint="Make one for each, or take times such as 9:30 and 17:30.",
        )
    hours = sorted({at.hour for at in times})
    return f"{minutes.pop()} {','.join(map(str, hours))}"


def _not_kept(text: str) -> Refused:
    return Refused(
        f"“{text}” cannot be kept: what repeats does so by the clock and the calendar.",
        hint=f"For example: {_EXAMPLES}.",
    )
