"""`/schedule`: create, list, show, pause, resume, delete, run."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.commands import scheduletext
from gateway.commands.forms import form_of
from gateway.commands.grammar import ParsedCommand, UsageError, explain
from gateway.commands.ports import Answer, Request
from gateway.commands.words import cut, left_open, picked_channel, unquoted
from runtime.access import authorize
from runtime.asking import Target, TimedInstruction, default_target, named_target, split_sentence
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.forms import BUDGET, CHANNEL, INSTRUCTION, WHEN, ZONE
from runtime.halt import in_words
from runtime.ids import AgentName, ScheduleId
from runtime.model.access import Action, Resource
from runtime.model.address import Principal
from runtime.model.events import FormSubmit
from runtime.model.schedule import Schedule, ScheduleState
from runtime.model.stop import Stop
from runtime.model.team import Team
from runtime.ports import Schedules, Timetable
from runtime.schedules.holds import objection, remedy
from runtime.schedules.service import NewSchedule, ScheduleService


class Allowances(Protocol):
    """Limits what each run of a schedule may cost, to an amount as it was written.

    Both raise `Refused` where it is no amount, and where the person may not.
    """

    async def check_of_schedule(self, amount: str, request: Request, /) -> None:
        """Only look whether that can be done for a schedule that is to be made."""

    async def limit_schedule(self, schedule: ScheduleId, amount: str, request: Request, /) -> str:
        """Do it; says what holds then."""


_SHOWN_RUNS = 5
_LONGEST_NUMBER = 9
_READING = frozenset({"list", "show"})
_STOPPING = frozenset({"pause", "delete"})


class ScheduleCommands:
    """The commands of the noun `schedule`."""

    def __init__(
        self,
        service: ScheduleService,
        schedules: Schedules,
        timetable: Timetable,
        allowances: Allowances,
        *,
        holds: Callable[[AgentName], Stop | None],
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Change schedules through `service`, and show what is in `schedules`.

        Args:
            service: makes and changes schedules.
            schedules: the schedules.
            timetable: reads times.
            allowances: limits what each run of a schedule may cost.
            holds: tells the stop that holds an agent.
            team: the configuration as it is now.
            clock: the clock.
        """
        self._allowances = allowances
        self._holds = holds
        self._service = service
        self._schedules = schedules
        self._timetable = timetable
        self._team = team
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        await self._authorize(command, request)
        match command.verb:
            case "create":
                return await self._create(command, request)
            case "list":
                return await self._list()
            case "show":
                return await self._show(_number(command))
            case "budget":
                schedule = await self._service.find(_number(command))
                amount = " ".join(command.args[1:])
                said = await self._allowances.limit_schedule(schedule.id, amount, request)
                return Answer(said, private=False)
            case "run":
                await self._require_standing(_number(command))
                return await self._run(_number(command), request)
            case "resume":
                await self._require_standing(_number(command))
                return await self._change("resume", _number(command), request.sender)
            case _:
                return await self._change(command.verb, _number(command), request.sender)

    async def _authorize(self, command: ParsedCommand, request: Request) -> None:
        action, whose = Action.SCHEDULE_WRITE, Resource()
        if command.verb in _READING:
            action = Action.SCHEDULE_READ
        elif command.verb in _STOPPING:
            schedule = await self._schedules.get(_number(command))
            if schedule is not None:
                action, whose = Action.SCHEDULE_STOP, Resource(belongs_to=schedule.made_by)
        authorize(self._team(), request.sender, action, whose)

    async def _require_standing(self, number: int) -> None:
        """Refuse what would not run: who made it may have no schedules any more."""
        schedule = await self._service.find(number)
        if why := objection(self._team(), schedule):
            raise Refused(f"It would not run: {why}.", hint=remedy(schedule))

    async def make_form(self, form: FormSubmit, request: Request) -> Answer:
        """The form of `/schedule create` without its words."""
        team = self._team()
        authorize(team, request.sender, Action.SCHEDULE_WRITE)
        answers = {name: answer.strip() for name, answer in form.answers}
        zone = self._timetable.check_zone(answers.get(ZONE) or team.zone)
        channel = answers.get(CHANNEL) or None
        target = self._target(channel, request, team)
        when = await asyncio.to_thread(
            self._timetable.read, answers.get(WHEN, ""), now=request.at, zone=zone
        )
        asked = TimedInstruction(when=when, instruction=unquoted(answers.get(INSTRUCTION, "")))
        allowed = answers.get(BUDGET, "")
        chosen = channel is not None
        return await self._make(asked, target, request, chosen=chosen, allowed=allowed)

    async def _create(self, command: ParsedCommand, request: Request) -> Answer:
        team = self._team()
        zone = self._timetable.check_zone(command.options.get("tz", team.zone))
        channel = command.options.get("channel")
        target = self._target(channel, request, team)
        # Not on the loop: the first time that is read brings in what reads it, 0.15 s and 9 MB.
        asked = await asyncio.to_thread(self._read, command.tail, request, zone)
        allowed = command.options.get("budget", "")
        return await self._make(asked, target, request, chosen=bool(channel), allowed=allowed)

    async def _make(
        self,
        asked: TimedInstruction,
        target: Target,
        request: Request,
        *,
        chosen: bool,
        allowed: str = "",
    ) -> Answer:
        if not asked.instruction:
            return Answer(_missing_instruction())
        if allowed:
            await self._allowances.check_of_schedule(allowed, request)
        team = self._team()
        rule = team.rule_of(request.thread.channel)
        schedule = await self._service.create(
            NewSchedule(
                key=request.id,
                when=asked.when,
                instruction=asked.instruction,
                agent=rule.agent if rule else team.agents[0].name,
                target=target.thread,
                made_by=request.sender,
                made_in=request.thread,
            )
        )
        text = scheduletext.made(
            schedule,
            self._timetable.describe(schedule.when),
            self._service.upcoming(schedule.when),
            scheduletext.fate(
                team,
                target,
                asked_in=request.thread,
                chosen=chosen,
                number=schedule.number,
            ),
            now=self._clock.now(),
        )
        if allowed:
            limit = await self._allowances.limit_schedule(schedule.id, allowed, request)
            text += f"\n{limit}"
        return Answer("\n".join([text, *self._stopped([schedule])]), private=False)

    def _target(self, name: str | None, request: Request, team: Team) -> Target:
        if name is None:
            return default_target(team, request.thread)
        return named_target(team, picked_channel(name), request.thread)

    def _read(self, tail: str, request: Request, zone: str) -> TimedInstruction:
        """The time, in quotes or as the beginning of the sentence, and the instruction."""
        first = cut(tail)[0]
        if left_open(first):
            raise Refused(
                "The quote around the time is not closed.",
                hint="Close it, or leave the quotes out: they are not needed.",
            )
        if first.quoted:
            when = self._timetable.read(first.text, now=request.at, zone=zone)
            rest = tail[first.end :].lstrip(",;:").strip()
            return TimedInstruction(when=when, instruction=unquoted(rest))
        asked = split_sentence(tail, self._timetable, now=request.at, zone=zone)
        return TimedInstruction(when=asked.when, instruction=unquoted(asked.instruction))

    async def _list(self) -> Answer:
        schedules = await self._schedules.all()
        listed = scheduletext.listing(schedules, self._team(), now=self._clock.now())
        return Answer("\n".join([*self._stopped(schedules), listed]))

    async def _show(self, number: int) -> Answer:
        schedule = await self._service.find(number)
        history = await self._schedules.history(schedule=schedule.id, limit=_SHOWN_RUNS)
        text = scheduletext.detail(
            schedule,
            self._timetable.describe(schedule.when),
            self._service.upcoming(schedule.when),
            history,
            self._team(),
            now=self._clock.now(),
        )
        return Answer("\n".join([*self._stopped([schedule]), text]))

    def _stopped(self, schedules: Sequence[Schedule]) -> list[str]:
        """Which stops keep the times of these from being carried out, a line each."""
        agents = [one.agent for one in schedules if one.state is ScheduleState.ACTIVE]
        stops = [stop for agent in dict.fromkeys(agents) if (stop := self._holds(agent))]
        team, now = self._team(), self._clock.now()
        return [
            f"{in_words(stop, team, now=now)} Times that come before that are missed."
            for stop in dict.fromkeys(stops)
        ]

    async def _run(self, number: int, request: Request) -> Answer:
        schedule = await self._service.run(number, asked_by=request.id, asked_at=request.at)
        where = scheduletext.place(self._team(), schedule.target)
        return Answer(f"Schedule {number} runs now; its result is for {where}.", private=False)

    async def _change(self, verb: str, number: int, who: Principal) -> Answer:
        if verb == "delete":
            await self._service.delete(number, by=who)
            return Answer(f"Schedule {number} is deleted.", private=False)
        if verb == "pause":
            await self._service.pause(number, by=who)
            hint = f"`/schedule resume {number}` goes on."
            return Answer(f"Schedule {number} is paused. {hint}", private=False)
        schedule = await self._service.resume(number, by=who)
        next_time = scheduletext.next_time(schedule, now=self._clock.now())
        lines = [f"Schedule {number} is active; next {next_time}.", *self._stopped([schedule])]
        return Answer("\n".join(lines), private=False)


def _number(command: ParsedCommand) -> int:
    text = command.args[0].removeprefix("#")
    if not (text.isdecimal() and text.isascii() and len(text) <= _LONGEST_NUMBER):
        raise Refused(
            f"“{command.args[0][:20]}” is no schedule number.",
            hint="/schedule list shows the numbers.",
        )
    return int(text)


def _missing_instruction() -> str:
    form = form_of("schedule", "create")
    return explain(
        UsageError(
            problem="What is to be done then? The instruction is missing.",
            forms=(form,) if form else (),
        )
    )
