"""The desk's own tools: what an agent can see of Nightdesk, and what it can make for a person."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from runtime.asking import default_target
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.facts import FactsReader
from runtime.ids import derived
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.localtime import show_time
from runtime.model.schedule import When
from runtime.model.team import Team
from runtime.model.tools import Risk
from runtime.model.value import value
from runtime.places import place_name
from runtime.ports import Timetable, ToolContext
from runtime.reminders import NewReminder, ReminderService
from runtime.schedules import NewSchedule, ScheduleService
from runtime.tools.registry import Effect, Tool

_WHEN = (
    "The time in the person's own words, or a five-field cron line: 'every weekday at 8:30', "
    "'in 2 hours', 'tomorrow at 9am', '0 9 * * 1'."
)


@value(kw_only=True)
class DeskTools:
    """The functions of the tools, each in the name of the person that the agent acts for.

    Attributes:
        facts: reads what the desk knows of itself.
        schedules: makes schedules.
        reminders: makes reminders.
        timetable: reads times.
        team: the configuration as it is now.
        clock: the clock.
    """

    facts: FactsReader
    schedules: ScheduleService
    reminders: ReminderService
    timetable: Timetable
    team: Callable[[], Team]
    clock: Clock

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name="desk.facts",
                about="What this desk knows of itself: its schedules, what ran, failed or was "
                "missed in the last 24 hours, what waits for approval, what was spent and may be. "
                "JSON, times in UTC.",
                run=self.read_facts,
                needs=Action.SCHEDULE_READ,
                risk=Risk.READ,
                effect=Effect.NONE,
            ),
            Tool(
                name="time.now",
                about="The time now, in the person's own time zone.",
                run=self.tell_time,
                needs=Action.CONVERSE,
                risk=Risk.READ,
                effect=Effect.NONE,
            ),
            Tool(
                name="schedule.create",
                about="Make a schedule: you carry out the instruction at each time, and the result "
                "goes to a channel.",
                run=self.create_schedule,
                needs=Action.SCHEDULE_WRITE,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
            Tool(
                name="reminder.create",
                about="Remind the person you are talking with, by direct message, of something.",
                run=self.create_reminder,
                needs=Action.REMIND,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
        )

    async def read_facts(self, context: ToolContext, _key: str, /) -> str:
        """`desk.facts`."""
        facts = await self.facts.read(self.team(), context.agent)
        return json.dumps(asdict(facts), default=_plain, ensure_ascii=False)

    async def tell_time(self, context: ToolContext, _key: str, /) -> str:
        """`time.now`."""
        zone = self.team().zone_of(context.requester)
        return f"{show_time(self.clock.now(), zone)} ({zone})"

    async def create_schedule(
        self,
        context: ToolContext,
        key: str,
        /,
        *,
        when: Annotated[str, _WHEN],
        instruction: Annotated[str, "What is to be done at that time, as an instruction to you."],
    ) -> str:
        """`schedule.create`."""
        team = self.team()
        thread = _asked_in(context)
        if not instruction.strip():
            raise Refused("The instruction is empty: say what is to be done then.")
        times = await self._read(when, team.zone)
        target = default_target(team, thread)
        schedule = await self.schedules.create(
            NewSchedule(
                key=derived("tool", key),
                when=times,
                instruction=instruction.strip(),
                agent=context.agent,
                target=target.thread,
                made_by=context.requester,
                made_in=thread,
            )
        )
        zone = ZoneInfo(times.zone)
        upcoming = ", ".join(
            f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}" for at in self.schedules.upcoming(times)
        )
        place = place_name(team, target.thread)
        fate = (
            f"The result goes to {place}."
            if target.listed
            else f"{place} is not on the proactive list, so the result will be kept: "
            f"/schedule show {schedule.number}."
        )
        return (
            f"Schedule {schedule.number}: “{schedule.instruction}”, "
            f"{self.timetable.describe(times)}. Next: {upcoming}. {fate} "
            f"Undo: /schedule delete {schedule.number}."
        )

    async def create_reminder(
        self,
        context: ToolContext,
        key: str,
        /,
        *,
        when: Annotated[str, _WHEN],
        text: Annotated[str, "What the person is to be reminded of, in their words."],
    ) -> str:
        """`reminder.create`."""
        team = self.team()
        thread = _asked_in(context)
        times = await self._read(when, team.zone_of(context.requester))
        reminder = await self.reminders.create(
            NewReminder(
                key=derived("tool", key),
                person=context.requester,
                text=text.strip(),
                when=times,
                made_in=thread,
            )
        )
        at = reminder.next_at or self.clock.now()
        return (
            f"Reminder {reminder.number}: {show_time(at, times.zone, now=self.clock.now())}, by "
            f"direct message: “{reminder.text}”. Undo: /remind cancel {reminder.number}."
        )

    async def _read(self, when: str, zone: str) -> When:
        # Not on the loop: the first time that is read brings in what reads it.
        return await asyncio.to_thread(self.timetable.read, when, now=self.clock.now(), zone=zone)


def _asked_in(context: ToolContext) -> ThreadRef:
    """Where the person asked.

    Raises:
        Refused: nobody did; a run asks by itself.
    """
    if context.thread is None:
        raise Refused("That is made for a person who asks, and here nobody asks.")
    return context.thread


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no fact")
