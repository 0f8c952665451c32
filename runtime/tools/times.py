"""What the tools share that make something for a person at a time."""

import asyncio
from datetime import datetime
from typing import Annotated

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


async def read_time(timetable: Timetable, said: str, *, now: datetime, zone: str) -> When:
    """Read the argument: see `Timetable.read`.

    Not on the loop: the first time that is read brings in what reads it.
    """
    return await asyncio.to_thread(timetable.read, said, now=now, zone=zone)


def asked_in(context: ToolContext) -> ThreadRef:
    """Where the person asked.

    Raises:
        Refused: nobody did; a run asks by itself.
    """
    if context.thread is None:
        raise Refused("That is made for a person who asks, and here nobody asks.")
    return context.thread
