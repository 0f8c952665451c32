"""`/stop` and `/resume`: of this thread's work, of a run, of an agent, of everything."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import compress

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import authorize, permits
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.halt import how_to_resume, in_words, what_is_stopped
from runtime.ids import AgentName, StopId
from runtime.model.access import Action, Resource
from runtime.model.conversation import Role
from runtime.model.events import Received
from runtime.model.localtime import show_time
from runtime.model.schedule import OccurrenceState
from runtime.model.stop import EVERYTHING, Lifted, Stop, StopKind, Stopped, Work
from runtime.model.team import Team
from runtime.model.turn import TurnState, run_of
from runtime.near import nearest
from runtime.ports import Store
from runtime.stopping import Stopping

SHORT = 8
"""Characters of an id that people are shown: its last, which differ most."""
_LEAST = 4
"""Characters that somebody must write of an id."""
_NUMBER = 6
"""Digits of a schedule's number at the most; longer ones are ids."""
_ALL = ("everything", "all")
_UNTIL = (
    "Until it is resumed no turn begins, no model is called, no tool runs, no schedule fires, and "
    "nothing of it is sent; what waits for approval waits on."
)
_MISSED_SHOWN = 20
_AT_ONCE = 500

GoBack = Callable[[ParsedCommand, Request], Awaitable[Answer]]
"""`/resume` of an earlier conversation."""


class StopCommands:
    """Stops and resumes."""

    def __init__(
        self,
        stopping: Stopping,
        store: Store,
        *,
        go_back: GoBack,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Act through `stopping`, for the people of `team`.

        Args:
            stopping: stops and resumes.
            store: the database, to say what was stopped.
            go_back: the other meaning of `/resume`: an earlier conversation of the thread.
            team: the configuration as it is now.
            clock: the clock.
        """
        self._stopping = stopping
        self._store = store
        self._go_back = go_back
        self._team = team
        self._clock = clock

    # ---- stopping

    async def stop(self, command: ParsedCommand, request: Request) -> Answer:
        """`/stop [id | number | agent NAME | mine | everything]`."""
        authorize(self._team(), request.sender, Action.STOP)
        match [word.casefold() for word in command.args]:
            case []:
                return await self._stop_here(request)
            case ["mine"]:
                return await self._stop_mine(request)
            case [word] if word in _ALL:
                return await self._stop_agent(EVERYTHING, request)
            case ["agent"]:
                raise self._which_agent()
            case ["run" | "schedule" as what]:
                raise Refused(f"Which {what}?", hint="/status shows what runs, with its id.")
            case ["agent", _]:
                return await self._stop_agent(self._agent(command.args[1]), request)
            case [this] | ["run", this] | ["schedule", this]:
                return await self._stop_run(this, request)
            case _:
                raise Refused(
                    f"I do not know what “{' '.join(command.args)[:40]}” is.",
                    hint="Write /stop, /stop <id>, /stop agent <name>, or /stop everything.",
                )

    async def _stop_here(self, request: Request) -> Answer:
        works, unbegun = await self._stopping.to_stop_in(request.thread, before=request.id)
        did = await self._end(works, request, unbegun)
        if not did.ended and not did.unbegun:
            return Answer("Nothing is running in this thread.")
        return Answer(await self._what_ended(did), private=False)

    async def _stop_mine(self, request: Request) -> Answer:
        member = self._team().member_of(request.sender)
        mine = member.principals if member else (request.sender,)
        works, unbegun = await self._stopping.to_stop_of(mine, before=request.id)
        did = await self._end(works, request, unbegun, behind=True)
        if not did.ended and not did.unbegun:
            return Answer("Nothing runs that you asked for.")
        return Answer(await self._what_ended(did), private=False)

    async def _stop_run(self, this: str, request: Request) -> Answer:
        works = await self._stopping.under_way()
        by_number = this.isdecimal() and len(this) <= _NUMBER
        found = await self._of_schedule(int(this), works) if by_number else _with_id(this, works)
        did = await self._end(found, request)
        if did.ended:
            return Answer(await self._what_ended(did), private=False)
        if by_number and await self._is_due(int(this)):
            raise Refused(
                f"The run of schedule {this} begins at this moment, or goes to its next agent.",
                hint="Say it again in a second.",
            )
        what = f"No run of schedule {this} is under way" if by_number else f"Nothing runs as {this}"
        raise Refused(f"{what[:60]}.", hint="/status shows what runs, with its id.")

    async def _end(
        self,
        works: Sequence[Work],
        request: Request,
        unbegun: Sequence[Received] = (),
        *,
        behind: bool = False,
    ) -> Stopped:
        """End those of them that the person may end; the same command ends the same ones.

        Where that ends nothing, or with `behind`, the messages `unbegun` of which they may do so
        begin no turns.

        Raises:
            Refused: there are some, and they may end none of them.
        """
        team, who = self._team(), request.sender
        theirs = [Resource(belongs_to=work.turn.requester) for work in works]
        said = [Resource(belongs_to=received.inbound.sender) for received in unbegun]
        may_end = [permits(team, who, Action.STOP, owner) for owner in theirs]
        may_keep = [permits(team, who, Action.STOP, owner) for owner in said]
        did = await self._stopping.stop_turns(
            list(compress(works, may_end)),
            by=who,
            key=StopId(request.id),
            unbegun=list(compress(unbegun, may_keep)),
            behind=behind,
        )
        # Asked of what was done: a command that is carried out again finds only what is left.
        if (theirs or said) and not any((*may_end, *may_keep, did.ended, did.unbegun)):
            authorize(team, who, Action.STOP, (theirs + said)[0])
        return did

    async def _stop_agent(self, agent: AgentName, request: Request) -> Answer:
        authorize(self._team(), request.sender, Action.STOP_ALL)
        did = await self._stopping.stop_agent(agent, by=request.sender, key=StopId(request.id))
        stop = did.stop
        if stop.id != StopId(request.id):
            return Answer(in_words(stop, self._team(), now=self._clock.now()))
        is_ = f"**{what_is_stopped(stop)} is stopped.**"
        ended = _count(len(did.ended), "turn") + " ended"
        held = _count(did.messages, "message") + (" is held" if did.messages == 1 else " are held")
        lines = [
            f"{is_} {ended}, {held}. What was being sent at this moment may still arrive.",
            _UNTIL,
            *await self._unclear(did),
            f"`{how_to_resume(stop)}` ends that.",
        ]
        return Answer("\n".join(lines), private=False)

    async def _what_ended(self, did: Stopped) -> str:
        unanswered = f"{_count(did.unbegun, 'message')} not answered."
        if not did.ended:
            they = "it" if did.unbegun == 1 else "they"
            return f"Stopped before {they} began: {unanswered}"
        said = ["Stopped." if len(did.ended) == 1 else f"Stopped {len(did.ended)} turns."]
        if did.messages:
            said.append(f"{_count(did.messages, 'message')} not sent yet: taken back.")
        if did.unbegun:
            said.append(unanswered)
        return "\n".join([" ".join(said), *await self._unclear(did)])

    async def _unclear(self, did: Stopped) -> list[str]:
        """What had begun and has no result: nobody here knows whether it happened."""
        begun: list[str] = []
        for ended in did.ended:
            entries = await self._store.conversations.entries(ended.conversation)
            mine = [entry for entry in entries if entry.turn == ended.turn]
            known = {entry.call for entry in mine if entry.role is Role.TOOL}
            begun += [e.text for e in mine if e.role is Role.EXECUTING and e.call not in known]
        return [f"`{name}` had begun: it may have happened. I do not repeat it." for name in begun]

    # ---- resuming

    async def resume(self, command: ParsedCommand, request: Request) -> Answer:
        """`/resume [number | agent NAME | everything]`."""
        match [word.casefold() for word in command.args]:
            case []:
                lifted = await self._stopping.lifted_with(StopId(request.id))
                stop = lifted or await self._holding(request)
                if stop is not None:
                    return await self._lift(stop.agent, request)
                return await self._go_back(command, request)
            case [word] if word in _ALL:
                return await self._lift(EVERYTHING, request)
            case ["agent"]:
                raise self._which_agent()
            case ["agent", _]:
                return await self._lift(self._stopped_agent(command.args[1]), request)
            case [word] if len(word) < SHORT:
                return await self._go_back(command, request)
            case _:
                raise Refused(
                    "What was stopped by its id, or in its thread, has ended and does not go on.",
                    hint="Say it again, or /schedule run <number>. "
                    "/resume agent <name> and /resume everything end a stop.",
                )

    def _stopped_agent(self, name: str) -> AgentName:
        """The stopped agent of that name, which need not be in the team any more."""
        known = {stop.agent.casefold(): stop.agent for stop in self._stopping.active}
        return known.get(name.casefold(), AgentName(name))

    async def _holding(self, request: Request) -> Stop | None:
        """The stop that holds this thread back: `/resume` alone means it."""
        conversation = await self._store.conversations.bound(request.thread)
        found = None if conversation is None else await self._store.conversations.get(conversation)
        rule = self._team().rule_of(request.thread.channel)
        agent = found.agent if found else rule.agent if rule else self._team().agents[0].name
        return self._stopping.holds(agent)

    async def _lift(self, agent: AgentName, request: Request) -> Answer:
        team = self._team()
        authorize(team, request.sender, Action.STOP_ALL)
        lifted = await self._stopping.lift(agent, by=request.sender, key=StopId(request.id))
        if lifted is None:
            agent = self._agent(agent) if agent else agent
            what = f"The agent {agent[:40]}" if agent else "Everything as a whole"
            also = [in_words(stop, team, now=self._clock.now()) for stop in self._stopping.active]
            return Answer("\n".join([f"{what} is not stopped.", *also]))
        return Answer("\n".join(await self._what_goes_on(lifted)), private=False)

    async def _what_goes_on(self, lifted: Lifted) -> list[str]:
        team, now, stop = self._team(), self._clock.now(), lifted.stop
        at, who = show_time(stop.at, team.zone, now=now), name_of(team, stop.by)
        lines = [f"**{what_is_stopped(stop)} goes on**: {who} had stopped it, {at}."]
        if lifted.messages:
            lines.append(f"{_count(lifted.messages, 'message')} that waited: sent now.")
        lines.append(
            "What waits for approval goes on once it is decided. Turns that the stop ended, and "
            "messages that were written meanwhile, are not taken up: say them again."
        )
        lines += await self._missed(stop)
        for other in self._stopping.active:
            lines.append(in_words(other, team, now=now))
        return lines

    async def _missed(self, stop: Stop) -> list[str]:
        """The planned times that passed meanwhile."""
        history = await self._store.schedules.history(since=stop.at, limit=_AT_ONCE)
        passed = Counter(one.schedule for one in history if one.state is OccurrenceState.MISSED)
        lines: list[str] = []
        for this, times in passed.items():
            schedule = await self._store.schedules.by_id(this)
            if schedule is None or (stop.kind is StopKind.AGENT and schedule.agent != stop.agent):
                continue
            number = schedule.number
            lines.append(
                f"- schedule {number}: {_count(times, 'planned time')} passed; "
                f"`/schedule run {number}` carries it out now."
            )
        more = [f"- and {len(lines) - _MISSED_SHOWN} more"] if len(lines) > _MISSED_SHOWN else []
        return [*lines[:_MISSED_SHOWN], *more]

    # ---- looking

    def _which_agent(self) -> Refused:
        """What asks for the name that is missing."""
        return Refused(
            "Which agent?", hint=f"There is {', '.join(a.name for a in self._team().agents)}."
        )

    def _agent(self, name: str) -> AgentName:
        """The agent of that name.

        Raises:
            Refused: there is none.
        """
        names = [str(agent.name) for agent in self._team().agents]
        found = next((one for one in names if one.casefold() == name.casefold()), None)
        if found is None:
            known = nearest(name, names) or ", ".join(names)
            raise Refused(f"There is no agent {name[:40]}.", hint=f"There is {known}.")
        return AgentName(found)

    async def _of_schedule(self, number: int, works: Sequence[Work]) -> list[Work]:
        schedule = await self._store.schedules.get(number)
        found: list[Work] = []
        for work in works:
            if schedule is None or work.turn.inbox is not None:
                continue
            occurrence = await self._store.schedules.occurrence(run_of(work.turn.id))
            if occurrence is not None and occurrence.schedule == schedule.id:
                found.append(work)
        return found

    async def _is_due(self, number: int) -> bool:
        """Whether the schedule has a run that has not ended."""
        schedule = await self._store.schedules.get(number)
        if schedule is None:
            return False
        return bool(await self._store.schedules.unfinished(schedule=schedule.id, limit=1))


def what_is_under_way(
    work: Work, who: str, team: Team, clock: Clock, *, waits_for: str = ""
) -> str:
    """One line of what runs, waits (for that, where it is known), or was not sent yet."""
    match work.state:
        case TurnState.RUNNING:
            does = "runs"
        case TurnState.WAITING:
            does = f"waits for {waits_for}" if waits_for else "waits"
        case _:
            does = f"has {_count(work.unsent, 'message')} on the way"
    since = show_time(work.turn.started_at, team.zone, now=clock.now())
    asked = f"for {who}" if work.turn.inbox is not None else f"a planned run of {who}"
    return f"- `{short_id(work)}`: {work.agent} {does}, {asked}, since {since}"


def short_id(work: Work) -> str:
    """What people call a turn by."""
    return work.turn.id[-SHORT:]


def _with_id(this: str, works: Sequence[Work]) -> list[Work]:
    if len(this) < _LEAST:
        return []
    found = [w for w in works if w.turn.id.casefold().endswith(this)]
    if len({run_of(work.turn.id) for work in found}) > 1:
        raise Refused("Several runs end like that.", hint="/status shows their ids.")
    return found


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
