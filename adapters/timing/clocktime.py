"""Times of day in words: `8:30`, `9am`, `noon`, `6 in the evening`."""

import re
from collections.abc import Sequence
from datetime import time

from runtime.errors import Refused

CLOCK = (
    r"(?:\d{1,2}(?:[:.]\d{2})?\s?[ap]m|\d{1,2}[:.]\d{2}|\d{1,2}h(?:\d{2})?|noon|midnight|\d{1,2})"
)
_PART = r"(?:\s+(?:in\s+the\s+(?P<part>morning|afternoon|evening)|at\s+(?P<night>night)))?"
_JOIN = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+)"
_LIST = rf"(?P<times>{CLOCK}(?:{_JOIN}{CLOCK})*){_PART}"
# A bare number is a time of day only after "at".
_UNMISTAKABLE = re.compile(r"[:.]\d|[ap]m|\dh|noon|midnight")
_AFTER = re.compile(rf"(?P<what>.*?)(?P<at>(?:^|[\s,]+)at\s+|(?:^|[\s,]+)){_LIST}")
_BEFORE = re.compile(rf"(?P<at>at\s+|){_LIST}(?:\s+(?:on\s+)?)(?P<what>.+)")

_READ = re.compile(r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})|h)?\s?(?P<half>[ap]m)?")
_NAMED = {"noon": time(12), "midnight": time(0)}
_HALF_DAY = 12
_EARLY = 6
_DARK = ("evening", "night")
_LATE = {"afternoon": range(1, 12), "evening": range(1, 12), "night": range(5, 12)}


def split_times(text: str) -> tuple[str, tuple[str, ...], str] | None:
    """Cut the times of day off what they belong to, at either end; None where there are none.

    Returns:
        What is left, the times as written, and the part of the day said with them or "".
    """
    for shape in (_AFTER, _BEFORE):
        match = shape.fullmatch(text)
        if match and (match["at"].strip(" ,") or _UNMISTAKABLE.search(match["times"])):
            times = tuple(re.split(_JOIN, match["times"]))
            return match["what"].strip(" ,"), times, match["part"] or match["night"] or ""
    return None


def read_clock(text: str, part: str = "") -> time:
    """The time of day; `part` (morning, afternoon, evening, night) settles which half of the day.

    Raises:
        Refused: the day has no such time.
    """
    if text in _NAMED:
        return _NAMED[text]
    match = _READ.fullmatch(text)
    if match is None:
        raise _no_time(text)
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"]
    if half:
        if not 1 <= hour <= _HALF_DAY:
            raise _no_time(text)
        hour = hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0)
    elif hour in _LATE.get(part, ()):
        hour += _HALF_DAY
    elif hour == _HALF_DAY and part in _DARK:
        hour = 0
    try:
        return time(hour, minute)
    except ValueError:
        raise _no_time(text) from None


def is_next_day(clock: time, part: str, *, named: str) -> bool:
    """Whether that is after the midnight that ends the day: `friday night at 1`, `12 at night`.

    Args:
        clock: the time.
        part: the part of the day that was said.
        named: the same, where it was said with the day, or "": `friday at 1 at night` is early on
            Friday.
    """
    return part in _DARK and clock.hour < (_EARLY if named else 1)


def read_clocks(texts: Sequence[str], part: str = "") -> tuple[time, ...]:
    """The same for several, in their order.

    Raises:
        Refused: the day has no such time.
    """
    return tuple(read_clock(text, part) for text in texts)


def _no_time(text: str) -> Refused:
    return Refused(f"“{text}” is no time of day.", hint="Write 8:30, 17:00, 9am or noon.")
