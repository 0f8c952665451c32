"""What the tools share that make something for a person at a time."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from runtime.errors import Refused
from runtime.model.address import ThreadRef
from runtime.model.schedule import When
from runtime.ports import Timetable, ToolContext

Time = Annotated[
    str,
    "The time in the person's own words, or a five-field cron line: 'every weekday at 8:30', "
    "'in 2 hours', 'tomorrow at 9am', '0 9 * * 1'.",
]
"""The argument, as the model is told of it."""

_FIXED = re.compile(r"(2\d{3}-\d{2}-\d{2} \d{2}:\d{2})(?:[+-]\d{4})? \S+")
"""A single time with its date and its zone: `2026-11-21 09:00 Europe/Berlin`."""
_DAY = timedelta(days=1)
_TO_THE_NEXT = timedelta(minutes=1, microseconds=-1)
"""Leads from within a minute into the next: “in 1 minute” leaves a minute for somebody's yes."""


async def read_time(timetable: Timetable, said: str, *, now: datetime, zone: str) -> When:
    """Read the argument: see `Timetable.read`.

    Not on the loop: the first time that is read brings in what reads it.
    """
    return await asyncio.to_thread(timetable.read, said, now=now, zone=zone)


async def fixed_time(timetable: Timetable, said: str, *, now: datetime, zone: str) -> str:
    """The argument so that it is the same time whenever it is read, for people to see.

    A single time has its date and its zone then, at a full minute and no earlier than was said;
    what comes again and again stays. One that was fixed before and has passed since is the same
    still: who runs it refuses it.

    Raises:
        Refused: as for `Timetable.read`.
    """
    when = await read_time(timetable, said, now=_before(said, now), zone=zone)
    if when.at is None:
        return said
    # The grammar reads no zone without a slash but this one.
    place = when.zone if "/" in when.zone else "UTC"
    local = (when.at + _TO_THE_NEXT).astimezone(ZoneInfo(place))
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    which = f"{local:%z}" if twice else ""  # else it is the second once the first has passed
    return f"{local:%Y-%m-%d %H:%M}{which} {place}"


def _before(said: str, now: datetime) -> datetime:
    """When to read the words as of: now, or the day before the date that is fixed in them."""
    match = _FIXED.fullmatch(said)
    try:
        return (
            min(now, datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _DAY) if match else now
        )
    except ValueError:
        return now


def asked_in(context: ToolContext) -> ThreadRef:
    """Where the person asked.

    Raises:
        Refused: nobody did; a run asks by itself.
    """
    if context.thread is None:
        raise Refused("That is made for a person who asks, and here nobody asks.")
    return context.thread
