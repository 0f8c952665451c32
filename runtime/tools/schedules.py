"""The tools that make schedules, look at them and change them, as a person could by a command."""

from collections.abc import Callable, Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

from runtime.access import authorize
from runtime.asking import default_target
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import derived
from runtime.model.access import Action, Resource
from runtime.model.localtime import show_time
from runtime.model.schedule import Schedule, ScheduleState
from runtime.model.team import Team
from runtime.model.tools import Json, Risk
from runtime.model.value import value
from runtime.places import place_name
from runtime.ports import Schedules, Timetable, ToolContext
from runtime.schedules.holds import objection
from runtime.schedules.service import NewSchedule, ScheduleService
from runtime.signature import Arguments
from runtime.text import clipped
from runtime.tools.registry import Effect, Tool
from runtime.tools.times import Time, asked_in, fixed_time, read_time

_MOST = 100
_SHOWN = 200
"""Characters of an instruction that a list shows."""

Number = Annotated[int, "Its number, as schedule.list shows it."]


@value(kw_only=True)
class ScheduleTools:
    """The functions of the tools, each in the name of the person that the agent acts for.

    Attributes:
        service: makes and changes schedules.
        schedules: the schedules.
        timetable: reads times, and says them in words.
        team: the configuration as it is now.
        clock: the clock.
    """

    service: ScheduleService
    schedules: Schedules
    timetable: Timetable
    team: Callable[[], Team]
    clock: Clock

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name="schedule.create",
                about="Make a schedule: you carry out the instruction at each time, and the result "
                "goes to a channel.",
                run=self.create,
                needs=Action.SCHEDULE_WRITE,
                risk=Risk.WRITE,
                effect=Effect.OWN,
                exact=self.exact,
            ),
            Tool(
                name="schedule.list",
                about="List the schedules of this desk, with their numbers and next times.",
                run=self.list,
                needs=Action.SCHEDULE_READ,
                risk=Risk.READ,
                effect=Effect.NONE,
            ),
            Tool(
                name="schedule.pause",
                about="Let no more times of a schedule come until it is resumed.",
                run=self.pause,
                needs=Action.SCHEDULE_STOP,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
            Tool(
                name="schedule.resume",
                about="Go on with a paused schedule at its next time.",
                run=self.resume,
                needs=Action.SCHEDULE_WRITE,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
            Tool(
                name="schedule.delete",
                about="Delete a schedule. It cannot be had back.",
                run=self.delete,
                needs=Action.SCHEDULE_STOP,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
        )

    async def exact(self, arguments: Arguments, _context: ToolContext) -> Mapping[str, Json]:
        """The time itself: “tomorrow” is another day when somebody says yes.

        Raises:
            Refused: it is none, or it has passed.
        """
        now, said = self.clock.now(), arguments["when"]
        return {"when": await fixed_time(self.timetable, said, now=now, zone=self.team().zone)}

    async def create(
        self,
        context: ToolContext,
        key: str,
        /,
        *,
        when: Time,
        instruction: Annotated[str, "What is to be done at that time, as an instruction to you."],
    ) -> str:
        """`schedule.create`."""
        # Done twice, after a crash, it may be past its time, and was made in time.
        this = derived("tool", key)
        known = await self.service.made(this)
        return self._told(known or await self._make(this, context, when, instruction))

    async def _make(self, key: str, context: ToolContext, when: str, instruction: str) -> Schedule:
        team, thread = self.team(), asked_in(context)
        if not instruction.strip():
            raise Refused("The instruction is empty: say what is to be done then.")
        times = await read_time(self.timetable, when, now=self.clock.now(), zone=team.zone)
        return await self.service.create(
            NewSchedule(
                key=key,
                when=times,
                instruction=instruction.strip(),
                agent=context.agent,
                target=default_target(team, thread).thread,
                made_by=context.requester,
                made_in=thread,
            )
        )

    def _told(self, made: Schedule) -> str:
        team, times = self.team(), made.when
        this = f"Schedule {made.number}"
        if made.state is not ScheduleState.ACTIVE:
            return f"{this} was made, and is {made.state} by now: “{made.instruction}”."
        zone = ZoneInfo(times.zone)
        upcoming = ", ".join(
            f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}" for at in self.service.upcoming(times)
        )
        place, rule = place_name(team, made.target), team.rule_of(made.target.channel)
        fate = (
            f"The result goes to {place}."
            if rule is not None and rule.proactive
            else f"{place} is not on the proactive list, so the result will be kept: "
            f"/schedule show {made.number}."
        )
        return (
            f"{this}: “{made.instruction}”, {self.timetable.describe(times)}. "
            f"Next: {upcoming or 'its time has come'}. {fate} "
            f"Undo: /schedule delete {made.number}."
        )

    async def list(self, _context: ToolContext, _key: str, /) -> str:
        """`schedule.list`."""
        team = self.team()
        found = await self.schedules.all()
        if not found:
            return "There are no schedules."
        more = len(found) - _MOST
        lines = [self._line(team, schedule) for schedule in found[:_MOST]]
        return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])

    async def pause(self, context: ToolContext, _key: str, /, *, number: Number) -> str:
        """`schedule.pause`."""
        await self._authorize_stop(context, number)
        return self._line(self.team(), await self.service.pause(number, by=context.requester))

    async def resume(self, context: ToolContext, _key: str, /, *, number: Number) -> str:
        """`schedule.resume`."""
        team = self.team()
        if why := objection(team, await self.service.find(number)):
            raise Refused(f"It would not run: {why}.")
        return self._line(team, await self.service.resume(number, by=context.requester))

    async def delete(self, context: ToolContext, _key: str, /, *, number: Number) -> str:
        """`schedule.delete`."""
        await self._authorize_stop(context, number)
        deleted = await self.service.delete(number, by=context.requester)
        return f"Schedule {deleted.number} is deleted."

    async def _authorize_stop(self, context: ToolContext, number: int) -> None:
        """Raises `Refused` where the person may not stop that schedule."""
        schedule = await self.schedules.get(number)
        team, who = self.team(), context.requester
        if schedule is None:
            authorize(team, who, Action.SCHEDULE_WRITE)
        else:
            authorize(team, who, Action.SCHEDULE_STOP, Resource(belongs_to=schedule.made_by))

    def _line(self, team: Team, schedule: Schedule) -> str:
        times = self.timetable.describe(schedule.when)
        if schedule.state is ScheduleState.ACTIVE and schedule.next_at is not None:
            upcoming = show_time(schedule.next_at, schedule.when.zone, now=self.clock.now())
            times = f"{times}, next {upcoming}"
        words = clipped(" ".join(schedule.instruction.split()), _SHOWN)
        place = place_name(team, schedule.target)
        return f"Schedule {schedule.number} ({schedule.state}): “{words}”, {times}, to {place}."
