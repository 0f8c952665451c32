"""How an instant and a distance are written for people, the same everywhere."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Not strftime: its names follow the locale of the process.
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_HOUR = 60
_DAY = 24 * _HOUR
"""In minutes."""


def show_time(at: datetime, zone: str, *, now: datetime | None = None) -> str:
    """The instant in the zone's local time: `Mon 23 Nov 08:30 CET`.

    The year is written too, unless `now` is given and lies in the same year there.
    """
    local = at.astimezone(ZoneInfo(zone))
    this_year = now is not None and now.astimezone(local.tzinfo).year == local.year
    year = "" if this_year else f" {local.year}"
    day = f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]}{year}"
    return f"{day} {local:%H:%M} {show_zone(local)}"


def show_zone(local: datetime) -> str:
    """The abbreviation in force at that local time: `CET`, or `UTC-03` where there is no name."""
    name = local.tzname() or ""
    if not name.startswith(("+", "-")):
        return name
    hours, minutes = name[:3], name[3:5]
    return f"UTC{hours}:{minutes}" if minutes.strip("0") else f"UTC{hours}"


def show_distance(left: timedelta) -> str:
    """How far away something is: `in 45 min`, `in 3 h`, `in 2 days`; `now` where it has come."""
    if left <= timedelta():
        return "now"
    minutes = round(left / timedelta(minutes=1))  # "in 2 hours" is answered some seconds later
    if not minutes:
        return "in less than a minute"
    if minutes < _HOUR:
        return f"in {minutes} min"
    if minutes < _DAY:
        return _hours(minutes)
    days = round(minutes / _DAY)
    return f"in {days} day" if days == 1 else f"in {days} days"


def _hours(minutes: int) -> str:
    """Hours, with the minutes while they still matter: `in 2 h 5 min`, `in 15 h`."""
    hours, rest = divmod(minutes, _HOUR)
    if rest and hours < 4:  # noqa: PLR2004 - from four hours on nobody counts the minutes
        return f"in {hours} h {rest} min"
    return f"in {hours} h"
