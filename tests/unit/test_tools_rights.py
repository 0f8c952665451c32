"""Every tool of the desk says which right it takes, and the executor asks the judge for it."""

import ast
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from runtime.access import permits
from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.audit import AuditEvent, AuditKind
from runtime.model.conversation import Entry
from runtime.model.step import StepState
from runtime.model.team import Member, MemberRole, Sharing, Team
from runtime.model.tools import ToolCall
from runtime.notices import Notice
from runtime.ports import ToolContext, Verdict
from runtime.turns.executor import Job
from tests.architecture import source
from tests.support.approving import Rules
from tests.support.build import DM, TERMINAL, team
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.handing import in_memory

NEEDS = {
    "desk.facts": Action.SCHEDULE_READ,
    "time.now": Action.CONVERSE,
    "file.read": Action.CONVERSE,
    "file.send": Action.CONVERSE,
    "task.complete": Action.CONVERSE,
    "handoff.to": Action.HAND_OFF,
    "checkpoint.ask": Action.CHECKPOINT,
    "schedule.list": Action.SCHEDULE_READ,
    "schedule.create": Action.SCHEDULE_WRITE,
    "schedule.resume": Action.SCHEDULE_WRITE,
    # Of somebody else's the tool itself asks the judge.
    "schedule.pause": Action.SCHEDULE_STOP,
    "schedule.delete": Action.SCHEDULE_STOP,
    "reminder.create": Action.REMIND,
    "state.get": Action.NOTES,
    "state.list": Action.NOTES,
    "state.set": Action.NOTES,
    "state.delete": Action.NOTES,
    "state.shared.get": Action.SHARED_READ,
    "state.shared.list": Action.SHARED_READ,
    "state.shared.set": Action.SHARED_WRITE,
    "state.shared.delete": Action.SHARED_WRITE,
    "message.send": Action.POST,
}
_PEOPLE = (*MemberRole, "program", "stranger")


def _person(name: str) -> Principal:
    return Principal(TERMINAL, "local", name)


def _everybody() -> Team:
    """Somebody of each role, a program that is an owner, and an agent with every tool."""
    members = [Member(name=role, role=role, principals=(_person(role),)) for role in MemberRole]
    program = Member(name="CI", role=MemberRole.OWNER, principals=(_person("program"),), bot=True)
    desk = team().agents[0]
    other = replace(desk, name=AgentName("other"))
    able = replace(desk, hands_to=(other.name,), sharing=Sharing.WRITE)
    return replace(team(), members=(*members, program), agents=(able, other))


@dataclass
class Noted:
    """A job, and what was written for it."""

    who: Principal
    entries: list[Entry] = field(default_factory=list)
    audit: list[AuditEvent] = field(default_factory=list)

    async def append(
        self, entry: Entry, audit: Sequence[AuditEvent], _notice: Notice | None
    ) -> None:
        self.entries.append(entry)
        self.audit.extend(audit)

    async def show(self, _call: ToolCall, _state: StepState) -> None:
        """Nobody looks on."""

    def context(self) -> ToolContext:
        return ToolContext(
            turn=TurnId("turn"),
            conversation=ConversationId("talk"),
            agent=AgentName("desk"),
            requester=self.who,
            thread=DM,
            attended=True,
        )


@pytest.fixture
async def desk(clock: ManualClock) -> AsyncIterator[DeskUnderTest]:
    rules = Rules(Verdict.ALLOW)
    async with running_desk(
        in_memory(clock), members=_everybody(), clock=clock, policy=rules
    ) as running:
        yield running


def test_each_says_what_it_takes(desk: DeskUnderTest) -> None:
    tools = desk.desk.asks.tools
    assert {spec.name: tools.needs(spec.name) for spec in tools.tool_specs()} == NEEDS


async def test_nobody_has_one_run_for_them_without_the_right(desk: DeskUnderTest) -> None:
    for name, needs in NEEDS.items():
        for who in map(_person, _PEOPLE):
            job = Noted(who)
            # None of them takes that argument: who may is told so by the tool.
            call = ToolCall(id=ToolCallId("c1"), name=name, arguments='{"no such": 1}')
            await desk.desk.asks.executor.run(
                call, Job(context=job.context, append=job.append, show=job.show)
            )
            [entry], [record] = job.entries, job.audit
            allowed = permits(desk.team, who, needs)
            assert ("no argument" in entry.text) is allowed, (name, who.user)
            assert (record.kind is AuditKind.TOOL_ENDED) is allowed
            if not allowed:
                assert entry.text.startswith(f"{name} was not run. Who asked for it may not")
                assert record.kind is AuditKind.TOOL_REFUSED
                assert str(needs) in str(record.body["rule"])


async def test_what_a_guest_has_no_agent_do(desk: DeskUnderTest) -> None:
    guest = _person(MemberRole.GUEST)
    may = {name for name, needs in NEEDS.items() if permits(desk.team, guest, needs)}
    talking = {"time.now", "file.read", "file.send", "task.complete"}
    assert may == talking | {"reminder.create", "schedule.pause", "schedule.delete"}


def test_no_tool_leaves_it_open() -> None:
    """Whoever writes a new tool says which right it takes, even where that is an owner's."""
    made = [
        (module.path, call)
        for module in source.modules()
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Tool"
    ]
    assert len(made) > 10
    open_ones = [
        f"{path}:{call.lineno}"
        for path, call in made
        if all(keyword.arg != "needs" for keyword in call.keywords)
    ]
    assert open_ones == []
