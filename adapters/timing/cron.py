"""Cron expressions, by cronsim.

Five fields: minute, hour, day of the month, month, day of the week; 0 and 7 are Sunday, names are
allowed, and so are `L` and `#` (last day, last Friday, second Monday).

At a change of the clocks a schedule that names its hours follows the clock on the wall: each
nominal local time comes once, and one that does not exist comes at the first moment after the gap
(as Debian's cron does). A schedule of every hour follows real time: it goes on every real hour.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from runtime.errors import Refused

if TYPE_CHECKING:
    from cronsim import CronSim

_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ("0 to 59", "0 to 23", "1 to 31", "1 to 12 or JAN to DEC", "0 to 7 or SUN to SAT")
_NAMES = r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun"
_FIELD = re.compile(rf"(?:[\d*,/#?lw-]|{_NAMES})+", re.IGNORECASE)
_NUMERIC = re.compile(r"[\d*,/-]+")
_EXAMPLE = "Five fields: minute hour day month weekday, for example 30 8 * * 1-5."
_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_ORDINAL = re.compile(r"\b(\d+)th\b")
_STEP = re.compile(r"\*/\d+")
_SPAN = re.compile(r"(?:\*|(?P<first>\d+)-(?P<last>\d+))(?:/(?P<step>\d+))?")
_EVERY_MINUTES = re.compile(r"^every \S+ minute(?: of every hour)?(?= from \d| on | in |$)")
_EVERY_HOURS = re.compile(
    r"^at minute 0 past every (?:\S+ )?hour(?: from \d+ through \d+)?(?= on | in |$)"
)
_IN_AN_HOUR, _IN_A_DAY = 60, 24
_MINUTE = timedelta(minutes=1)
_LEAP = timedelta(hours=2)
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_EVERY_HOUR = frozenset(range(24))


def looks_like_cron(text: str) -> bool:
    """Whether the words are meant as cron: a star, a macro, or four to seven fields and no more."""
    fields = text.split()
    if len(fields) == 1:
        return text.casefold() in _MACROS or text.startswith("*")
    meant = all(map(_NUMERIC.fullmatch, fields[:2])) and all(map(_FIELD.fullmatch, fields))
    return meant and ("*" in text or len(fields) in range(4, 8))


def checked(text: str, *, said: str = "") -> str:
    """The expression, spaces apart, once it is sure that it can be read and comes some day.

    Args:
        text: the expression.
        said: the words that it was made from; empty where it was written itself.

    Raises:
        Refused: says which field is wrong, or that it never comes.
    """
    expression = _MACROS.get(text.casefold(), " ".join(text.split()))
    fields = expression.split()
    if len(fields) > len(_FIELDS):
        raise Refused(
            f"“{expression}” has {_count(fields)}, one of them for seconds, and what "
            "repeats comes once a minute at most.",
            hint=_EXAMPLE,
        )
    if len(fields) < len(_FIELDS):
        raise Refused(f"“{expression}” has {_count(fields)}, not five.", hint=_EXAMPLE)
    _check_fields(fields)
    if not _comes(expression):
        right = "the last day of the month at 9:00" if said else "0 9 L * *"
        raise Refused(
            f"“{said or expression}” never comes: no month named there has that day.",
            hint=f"For the last day of each month write: {right}.",
        )
    return expression


def next_time(cron: str, zone: str, after: datetime) -> datetime | None:
    """The first time after that instant, in UTC; None where none comes within fifty years."""
    return _next_time(cron, zone, after.astimezone(UTC).replace(second=0, microsecond=0))


def explain(cron: str) -> str:
    """The expression in words: `at 08:30 on Monday through Friday`."""
    words = str(_simulate(_spelled(cron), _SOME_DAY).explain())
    # cronsim writes "22th" and "day of month".
    words = _ORDINAL.sub(lambda match: _ordinal(int(match[1])), words)
    words = words.replace("day of month", "day of the month")
    minute, hour, *_ = cron.split()
    return _in_steps(words[:1].lower() + words[1:], minute, hour)


def _in_steps(words: str, minute: str, hour: str) -> str:
    """`every 15 minutes`, where they divide the hour, for `every 15th minute of every hour`."""
    step = int(minute.removeprefix("*/")) if _STEP.fullmatch(minute) else 0
    if step > 1 and _IN_AN_HOUR % step == 0:
        return _EVERY_MINUTES.sub(f"every {step} minutes", words)
    spans = _SPAN.fullmatch(hour) if minute == "0" else None
    if spans is None:
        return words
    step = int(spans["step"] or 1)
    every = "every hour" if step == 1 else f"every {step} hours"
    if spans["first"]:
        first, last = int(spans["first"]), int(spans["last"])
        last -= (last - first) % step
        return _EVERY_HOURS.sub(f"{every} from {first:02}:00 through {last:02}:00", words)
    if step > 1 and _IN_A_DAY % step == 0:
        said, changed = _EVERY_HOURS.subn(f"{every}, from midnight,", words)
        return said.removesuffix(",") if changed else words
    return words


def _ordinal(number: int) -> str:
    """`22nd`, `13th`."""
    ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


@lru_cache(maxsize=4096)
def _next_time(cron: str, zone: str, minute: datetime) -> datetime | None:
    """The same for a whole minute: many schedules share an expression, a zone and a minute.

    Cron times are whole minutes, so the first after 08:29:30 is the first after 08:29:00.
    """
    place = ZoneInfo(zone)
    sim = _simulate(_effective(cron), minute.astimezone(place))
    # In the repeated hour of autumn cronsim sees only the local reading, so that its first answer
    # can lie an hour before the instant asked about: go on until one lies after it.
    for candidate in sim:
        if (at := candidate.astimezone(UTC)) > minute:
            return _passed_over(sim, minute, at, place) or at
    return None


def _passed_over(
    sim: "CronSim", minute: datetime, found: datetime, place: ZoneInfo
) -> datetime | None:
    """A time of an hourly schedule between the two, where the clocks were set back there.

    With one minute named, cronsim leaps most of an hour at once, and over the repeated half hour
    of Lord Howe Island, whose clocks change by thirty minutes.
    """
    if sim.hours != _EVERY_HOUR or found - minute > _LEAP:
        return None
    if found.astimezone(place).utcoffset() == minute.astimezone(place).utcoffset():
        return None
    between = (minute + step * _MINUTE for step in range(1, (found - minute) // _MINUTE))
    return next((at for at in between if _names(sim, at.astimezone(place))), None)


def _names(sim: "CronSim", local: datetime) -> bool:
    return local.minute in sim.minutes and local.month in sim.months and sim.match_day(local)


def _simulate(expression: str, start: datetime) -> "CronSim":
    from cronsim import CronSim  # noqa: PLC0415 - kept out of the program's start

    return CronSim(expression, start)


def _spelled(cron: str) -> str:
    """The expression as cronsim wants it: it knows Sunday as 0 only, so that MON-SUN runs back."""
    return re.sub(r"-SUN\b", "-7", cron.upper())


@lru_cache(maxsize=4096)
def _effective(cron: str) -> str:
    """The expression with its hours spelled out, unless it means every hour.

    cronsim, like Debian's cron, takes a star in the minute or hour field for "by real time", and
    so `*/30 2 * * *` would come four times in autumn and never in spring. Here only every hour is
    by real time; what names its hours, be it `*/2`, follows the clock on the wall.
    """
    parts = _spelled(cron).split()
    sim = _simulate(" ".join(parts), _SOME_DAY)
    if sim.hours == _EVERY_HOUR:
        parts[1] = "*"
    else:
        parts[0], parts[1] = _listed(sim.minutes), _listed(sim.hours)
    return " ".join(parts)


def _listed(values: set[int]) -> str:
    return ",".join(str(value) for value in sorted(values))


def _comes(expression: str) -> bool:
    from cronsim import CronSimError  # noqa: PLC0415 - kept out of the program's start

    try:
        return next(iter(_simulate(_spelled(expression), _SOME_DAY)), None) is not None
    except CronSimError:  # each field is right by itself, so that it is the day in its month
        return False


def _count(fields: list[str]) -> str:
    return f"{len(fields)} field" if len(fields) == 1 else f"{len(fields)} fields"


def _check_fields(fields: list[str]) -> None:
    from cronsim import CronSimError  # noqa: PLC0415 - kept out of the program's start

    for place, field in enumerate(fields):
        alone = ["*"] * len(fields)
        alone[place] = field
        try:
            _simulate(_spelled(" ".join(alone)), _SOME_DAY)
        except CronSimError:
            raise Refused(
                f"“{field}” is no {_FIELDS[place]}.", hint=f"It goes from {_RANGES[place]}."
            ) from None
