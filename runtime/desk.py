"""The desk's own tools: what an agent can see of Nightdesk, and the schedules it can make."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from runtime.asking import default_target
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.facts import FactsReader, place_name
from runtime.ids import AgentName, derived
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.team import Team
from runtime.model.tools import Risk, ToolCall, ToolResult, ToolSpec
from runtime.ports import Timetable, ToolContext
from runtime.schedules import NewSchedule, ScheduleService
from runtime.words import explain

Authorize = Callable[[Team, Principal, Action], None]
"""The one judge of who may do what; raises `Refused`."""

FACTS = ToolSpec(
    name="desk.facts",
    description=(
        "What this desk knows of itself: its schedules, what ran, failed or was missed in the "
        "last 24 hours, what waits for approval, what was spent. JSON, times in UTC."
    ),
    parameters={"type": "object", "properties": {}, "additionalProperties": False},
    risk=Risk.READ,
    repeatable=True,
)
CREATE = ToolSpec(
    name="schedule.create",
    description="Make a schedule or a reminder for the person you are talking with.",
    parameters={
        "type": "object",
        "properties": {
            "when": {
                "type": "string",
                "description": "The time in the person's own words, or a five-field cron line: "
                "'every weekday at 8:30', 'in 2 hours', 'tomorrow at 9am', '0 9 * * 1'.",
            },
            "instruction": {
                "type": "string",
                "description": "What is to be done at that time, as an instruction to you.",
            },
        },
        "required": ["when", "instruction"],
        "additionalProperties": False,
    },
    risk=Risk.WRITE,
    repeatable=True,
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The arguments of `schedule.create`, read."""

    when: str
    instruction: str


class DeskTools:
    """The tools. Implements `runtime.ports.Tools`."""

    def __init__(
        self,
        facts: FactsReader,
        schedules: ScheduleService,
        timetable: Timetable,
        *,
        team: Callable[[], Team],
        authorize: Authorize,
        clock: Clock,
    ) -> None:
        """Serve `facts` and `schedules` to agents, as far as `authorize` lets the requester."""
        self._facts = facts
        self._schedules = schedules
        self._timetable = timetable
        self._team = team
        self._authorize = authorize
        self._clock = clock

    def specs(self, agent: AgentName) -> tuple[ToolSpec, ...]:  # noqa: ARG002 - the same for all
        """Both tools, for every agent."""
        return (FACTS, CREATE)

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Run it; what is wrong is a failed result that says so."""
        try:
            if call.name == FACTS.name:
                text = await self._read_facts(context)
            else:
                text = await self._create(call, context)
        except Refused as refused:
            return ToolResult(call=call.id, text=explain(refused), failed=True)
        return ToolResult(call=call.id, text=text)

    async def _read_facts(self, context: ToolContext) -> str:
        team = self._team()
        self._authorize(team, context.requester, Action.SCHEDULE_READ)
        facts = await self._facts.read(team, context.agent)
        return json.dumps(asdict(facts), default=_plain, ensure_ascii=False)

    async def _create(self, call: ToolCall, context: ToolContext) -> str:
        team = self._team()
        self._authorize(team, context.requester, Action.SCHEDULE_WRITE)
        if context.thread is None:
            raise Refused("A schedule is made for a person who asks, and here nobody asks.")
        wish = _read_wish(call.arguments)
        # Not on the loop: the first time that is read brings in what reads it.
        when = await asyncio.to_thread(
            self._timetable.read, wish.when, now=self._clock.now(), zone=team.zone
        )
        target = default_target(team, context.thread)
        schedule = await self._schedules.create(
            NewSchedule(
                key=derived("tool", context.turn, call.id),
                when=when,
                instruction=wish.instruction,
                agent=context.agent,
                target=target.thread,
                made_by=context.requester,
                made_in=context.thread,
            )
        )
        zone = ZoneInfo(when.zone)
        times = ", ".join(
            f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}" for at in self._schedules.upcoming(when)
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
            f"{self._timetable.describe(when)}. Next: {times}. {fate} "
            f"Undo: /schedule delete {schedule.number}."
        )


def _read_wish(arguments: str) -> _Wish:
    """The arguments, checked.

    Raises:
        Refused: they do not fit; says what would.
    """
    wanted = 'an object like {"when": "tomorrow at 9am", "instruction": "…"}'
    try:
        value = json.loads(arguments)
    except ValueError:
        raise Refused(f"The arguments are not JSON; wanted {wanted}.") from None
    if not isinstance(value, dict) or set(value) != {"when", "instruction"}:
        raise Refused(f"The arguments do not fit; wanted {wanted}.")
    when, instruction = value["when"], value["instruction"]
    if not isinstance(when, str) or not isinstance(instruction, str) or not instruction.strip():
        raise Refused(f"Both must be text, and the instruction not empty; wanted {wanted}.")
    return _Wish(when, instruction.strip())


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no fact")
