"""The only place that runs a tool: what it runs, what it leaves, and what it writes of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import Conflict
from runtime.ids import AgentName, FileId, TimeOrderedIds, ToolCallId
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalState
from runtime.model.audit import AuditEvent, AuditKind
from runtime.model.checkpoint import CHECKPOINT, STAY
from runtime.model.conversation import Entry, Role
from runtime.model.ending import Ending
from runtime.model.files import OutFile
from runtime.model.step import StepState
from runtime.model.team import MemberRole
from runtime.model.tools import Json, ToolCall
from runtime.notices import Notice
from runtime.ports import Judged, ToolContext, Verdict
from runtime.signature import Arguments
from runtime.tools.registry import Effect, Produced, Tool, Toolbox
from runtime.turns.executor import Executor, Job, MustWait, deciding, not_begun
from tests.support.approving import BOB, CID, Noting, World
from tests.support.asking import DESK, QuestionBench, context, question
from tests.support.build import ANN, STRANGER, team

CALL = ToolCall(id=ToolCallId("c1"), name="git.push", arguments='{"branch":"main"}')
RULE = "team rule 3, line 12"


@dataclass
class Bench:
    """An executor, and what it wrote and showed for one turn.

    Attributes:
        effect: what the tool leaves behind.
        who: in whose name the turn runs.
        entries: the turn's log; `audit` and `notices` are what came with them.
        shown: how far each call was, in order.
        at_run: how many entries the log had when the tool ran.
    """

    effect: Effect = Effect.OUTSIDE
    who: Principal = ANN
    agent: AgentName = DESK
    entries: list[Entry] = field(default_factory=list)
    audit: list[AuditEvent] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    shown: list[tuple[ToolCallId, StepState]] = field(default_factory=list)
    at_run: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = World(Path(), rules=Noting(), effect=self.effect)
        world.before = lambda: self.at_run.append(len(self.entries))
        self.asked = QuestionBench(world=world)
        self.ran = world.ran
        self.use(self.asked.tools)
        self.job = Job(context=self.context, append=self.append, show=self.show)

    def use(self, tools: Toolbox) -> None:
        asked = self.asked
        self.executor = Executor(
            tools, asked.rules, asked.questions, team=asked.team, clock=asked.clock
        )

    def tool(self, tool: Tool) -> None:
        """Another tool in the place of the one that pushes."""
        asked = self.asked
        self.use(Toolbox([tool], clock=asked.clock, ids=TimeOrderedIds(asked.clock)))

    def says(self, verdict: Verdict, reason: str = RULE, **more: Any) -> None:
        self.asked.rules.words[CALL.arguments] = Judged(verdict=verdict, reason=reason, **more)

    def context(self) -> ToolContext:
        return replace(context(who=self.who), agent=self.agent)

    async def append(
        self, entry: Entry, audit: Sequence[AuditEvent], notice: Notice | None
    ) -> None:
        self.entries.append(entry)
        self.audit.extend(audit)
        if notice is not None:
            self.notices.append(notice)

    async def show(self, call: ToolCall, state: StepState) -> None:
        self.shown.append((call.id, state))

    async def run(self, call: ToolCall = CALL) -> Approval | None:
        return await self.executor.run(call, self.job)

    async def take_up(
        self, *asked: Approval, begun: bool = False, call: ToolCall = CALL
    ) -> Approval | None:
        return await self.executor.take_up(call, self.job, begun=begun, asked=asked)

    async def ask(self, **changes: Any) -> Approval:
        """A question of the call, as it stands then."""
        frozen = await self.asked.tools.frozen(CALL, self.context())
        made = question(**{"call": CALL.id, "frozen": frozen, "digest": frozen.digest(), **changes})
        await self.asked.store.approvals.ask(made)
        return made

    async def approved(self) -> Approval:
        one = await self.ask()
        await self.asked.service.approve(one, BOB, shown=one.digest)
        return await self.asked.now(one)

    async def executing(self) -> Approval:
        begun = await self.asked.questions.begin(await self.approved(), self.context())
        assert begun.state is ApprovalState.EXECUTING
        return begun

    def refused(self, said: str, rule: str) -> None:
        """Nothing ran, which the model is told and the audit log has."""
        assert self.ran == []
        assert self.shown == []
        [entry], [record] = self.entries, self.audit
        assert (entry.role, entry.call, entry.text) == (Role.TOOL, CALL.id, said)
        assert (entry.turn, entry.at) == (self.context().turn, self.asked.clock.now())
        assert (record.kind, record.turn) == (AuditKind.TOOL_REFUSED, self.context().turn)
        assert record.body["rule"] == rule

    def answered(self, said: str, *, failed: bool = False, **by: object) -> None:
        """The model is told how it ended, and the audit log has it."""
        entry, record = self.entries[-1], self.audit[-1]
        assert (entry.role, entry.call, entry.text) == (Role.TOOL, CALL.id, said)
        assert record.kind is AuditKind.TOOL_ENDED
        assert {"tool": "git.push", "call": "c1", "failed": failed, **by} == {
            name: value for name, value in record.body.items() if name != "arguments"
        }


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def repeatable() -> Bench:
    return Bench(effect=Effect.OWN)


# ---- what is judged


async def test_a_tool_that_there_is_not_is_refused_and_its_name_is_in_no_log(bench: Bench) -> None:
    bench.says(Verdict.ALLOW)
    assert await bench.run(replace(CALL, name="git.pull")) is None
    bench.refused("no tool git.pull; there are: git.push", "there is no such tool")
    assert bench.audit[0].body["tool"] == ""


async def test_a_tool_that_the_agent_does_not_have_is_none(bench: Bench) -> None:
    bench.agent = AgentName("night")
    bench.says(Verdict.ALLOW)
    assert bench.executor.specs(bench.job) == ()
    assert await bench.run() is None
    bench.refused("no tool git.push; there are: none", "there is no such tool")


@pytest.mark.parametrize("verdict", Verdict)
async def test_nothing_runs_and_nobody_is_asked_for_somebody_without_the_right(
    bench: Bench, verdict: Verdict
) -> None:
    bench.who = STRANGER
    bench.says(verdict)
    assert await bench.run() is None
    bench.refused(
        "git.push was not run. Who asked for it may not have it done; they would be told: You are "
        "not a member of Night shift, so I cannot do that for you.\nAn owner can add you by your "
        "id, terminal: eve.",
        "it takes the right converse, which who asked does not have",
    )
    assert await bench.asked.service.waiting() == []


async def test_the_right_is_the_tool_s_and_the_team_the_one_of_the_moment(bench: Bench) -> None:
    bench.tool(replace(bench.asked.world.tool(), needs=Action.ANY_TOOL))
    bench.says(Verdict.ALLOW)
    await bench.run()
    assert bench.ran == ["main"]
    bench.asked.members = team(role=MemberRole.ADMIN)
    await bench.run()
    assert bench.ran == ["main"]
    assert "it takes the right any_tool" in str(bench.audit[-1].body["rule"])


@pytest.mark.parametrize(("reason", "why"), [(RULE, f": {RULE}"), ("", "")])
async def test_what_policy_denies_does_not_run(bench: Bench, reason: str, why: str) -> None:
    bench.says(Verdict.DENY, reason)
    assert await bench.run() is None
    bench.refused(f"policy does not allow git.push{why}", reason)
    rules = bench.asked.rules
    assert isinstance(rules, Noting)
    assert rules.seen == [(bench.context(), True)]
    assert rules.specs == list(bench.executor.specs(bench.job))


async def test_at_a_checkpoint_that_is_refused_the_model_is_told_to_stay(bench: Bench) -> None:
    bench.tool(replace(bench.asked.world.tool(), name=CHECKPOINT))
    bench.says(Verdict.DENY)
    await bench.run(replace(CALL, name=CHECKPOINT))
    assert bench.entries[0].text.endswith(f". {STAY}")


# ---- what runs by itself


async def test_what_cannot_be_repeated_is_written_down_before_it_runs(bench: Bench) -> None:
    bench.says(Verdict.ALLOW)
    assert await bench.run() is None
    assert bench.ran == ["main"]
    assert bench.at_run == [1]
    begun, _ = bench.entries
    assert (begun.role, begun.text, begun.call) == (Role.EXECUTING, "git.push", CALL.id)
    assert (begun.turn, begun.at) == (bench.context().turn, bench.asked.clock.now())
    assert [record.kind for record in bench.audit] == [AuditKind.TOOL_BEGUN, AuditKind.TOOL_ENDED]
    assert bench.audit[0].body["rule"] == RULE
    bench.answered("pushed main", rule=RULE)
    assert bench.shown == [(CALL.id, StepState.RUNNING), (CALL.id, StepState.DONE)]
    assert bench.notices == []


async def test_a_turn_that_is_another_s_by_now_runs_nothing(bench: Bench) -> None:
    async def lost(*_: object) -> None:
        raise Conflict("another process has the turn")

    bench.says(Verdict.ALLOW)
    bench.job = replace(bench.job, append=lost)
    with pytest.raises(Conflict):
        await bench.run()
    assert bench.ran == []


async def test_what_can_be_repeated_is_not_written_down_before(repeatable: Bench) -> None:
    repeatable.says(Verdict.ALLOW)
    await repeatable.run()
    assert repeatable.at_run == [0]
    [_] = repeatable.entries
    repeatable.answered("pushed main", rule=RULE)


async def test_people_are_told_where_policy_says_so_and_of_what_failed_too(bench: Bench) -> None:
    bench.says(Verdict.ALLOW, notify=True)
    await bench.run()
    done = Notice(call=CALL.id, tool="git.push", failed=False, rule=RULE)
    assert bench.notices == [done]
    wrong = replace(CALL, arguments='{"no such":1}')
    bench.asked.rules.words[wrong.arguments] = bench.asked.rules.words[CALL.arguments]
    await bench.run(wrong)
    assert bench.notices == [done, replace(done, failed=True)]
    assert bench.ran == ["main"]
    assert bench.audit[-1].body["failed"] is True
    assert bench.shown[-2:] == [(CALL.id, StepState.RUNNING), (CALL.id, StepState.FAILED)]


async def test_what_a_tool_made_goes_into_the_log(bench: Bench) -> None:
    file = OutFile(id=FileId("f1"), name="a.txt", media_type="text/plain", size=1)
    made = Produced("done", (file,), Ending(outcome="It is done."))

    async def run(_context: ToolContext, _key: str, /, *, branch: str) -> Produced:
        del branch
        return made

    bench.tool(replace(bench.asked.world.tool(), run=run))
    bench.says(Verdict.ALLOW)
    await bench.run()
    assert (bench.entries[-1].files, bench.entries[-1].ending) == (made.files, made.ending)


# ---- what is asked


async def test_where_policy_asks_people_are_asked_and_nothing_runs(bench: Bench) -> None:
    approval = await bench.run()
    assert approval is not None
    assert await bench.asked.service.waiting() == [approval]
    frozen = await bench.asked.tools.frozen(CALL, bench.context())
    assert (approval.call, approval.frozen) == (CALL.id, frozen)
    assert (bench.ran, bench.entries, bench.shown) == ([], [], [])


async def test_what_somebody_allowed_for_a_time_runs_with_its_number_in_the_log(
    bench: Bench,
) -> None:
    one = await bench.ask(turn="earlier")
    await bench.asked.service.always(one, BOB, shown=one.digest)
    assert await bench.run(replace(CALL, arguments='{ "branch": "main" }')) is None
    assert bench.ran == ["main"]
    assert bench.audit[0].body["grant"] == 1
    bench.answered("pushed main", rule=RULE, grant=1)


async def test_what_cannot_be_asked_is_refused(bench: Bench) -> None:
    wrong = replace(CALL, arguments='{"no such":1}')
    assert await bench.run(wrong) is None
    assert "no argument" in bench.entries[0].text
    bench.refused(bench.entries[0].text, f"{RULE}; it could not be asked for")


async def test_what_is_asked_and_what_runs_is_meant_where_it_was_asked_for(bench: Bench) -> None:
    async def exact(_: Arguments, where: ToolContext) -> Mapping[str, Json]:
        return {"branch": where.thread.channel.channel if where.thread else "nowhere"}

    tool = replace(bench.asked.world.tool(), exact=exact)
    bench.tool(tool)
    approval = await bench.run()
    assert approval is not None
    assert approval.frozen.arguments == '{"branch":"dm"}'
    # Asked for there, and allowed for a time: what was shown runs, wherever the next call is made.
    one = await bench.ask(turn="earlier", frozen=approval.frozen, digest=approval.digest)
    await bench.asked.service.always(one, BOB, shown=one.digest)
    assert await bench.run() is None
    assert bench.ran == ["dm"]


async def test_what_waits_for_people_is_said_to_whoever_runs_the_turn() -> None:
    waits = [question("a"), question("b")]
    assert MustWait(waits).approvals == tuple(waits)
    assert str(MustWait(waits)) == "the turn waits for people"


# ---- what is taken up after a crash


async def test_what_had_not_begun_is_judged_and_run(bench: Bench) -> None:
    bench.says(Verdict.ALLOW)
    assert await bench.take_up() is None
    assert bench.ran == ["main"]
    bench.says(Verdict.DENY)
    await bench.take_up()
    assert bench.ran == ["main"]


async def test_what_may_have_run_is_looked_at_by_a_person_and_never_run_again(bench: Bench) -> None:
    bench.says(Verdict.ALLOW)
    lost = await bench.take_up(begun=True)
    assert lost is not None
    assert (lost.state, lost.call) == (ApprovalState.UNKNOWN, CALL.id)
    assert lost.risk is bench.asked.world.risk
    gone = await bench.take_up(begun=True, call=replace(CALL, name="gone"))
    assert gone is not None
    assert gone.state is ApprovalState.UNKNOWN
    assert bench.ran == []


async def test_what_can_be_repeated_is_judged_again_and_run_again(repeatable: Bench) -> None:
    repeatable.says(Verdict.ALLOW)
    assert await repeatable.take_up(begun=True) is None
    assert repeatable.ran == ["main"]
    repeatable.says(Verdict.DENY)
    assert await repeatable.take_up(begun=True) is None
    assert repeatable.ran == ["main"]


@pytest.mark.parametrize("state", [ApprovalState.PENDING, ApprovalState.UNKNOWN])
async def test_what_waits_for_people_waits_on_and_is_shown_if_it_was_not(
    bench: Bench, state: ApprovalState
) -> None:
    bench.says(Verdict.ALLOW)
    one = await bench.ask(state=state)
    assert await bench.take_up(one) == one
    assert any(row.content.buttons for row in await bench.asked.deliver())
    assert (bench.ran, bench.entries) == ([], [])


async def test_what_was_approved_runs_once_and_not_what_the_model_writes_by_now(
    bench: Bench,
) -> None:
    one = await bench.approved()
    other = replace(CALL, arguments='{"branch":"prod","force":true}')
    assert await bench.take_up(one, call=other) is None
    assert bench.ran == ["main"]
    assert (await bench.asked.now(one)).state is ApprovalState.DONE
    bench.answered("pushed main")
    assert bench.shown == [(CALL.id, StepState.RUNNING), (CALL.id, StepState.DONE)]
    await bench.take_up(await bench.asked.now(one))
    assert bench.ran == ["main"], "its answer is told again, and it does not run again"
    bench.answered("pushed main")


async def test_what_was_edited_runs_in_the_place_of_the_call_it_was_made_from(bench: Bench) -> None:
    one = await bench.ask()
    edited = await bench.asked.service.edit(one, BOB, "branch = dev")
    await bench.asked.service.approve(await bench.asked.now(edited), BOB, shown=edited.digest)
    asked = [await bench.asked.now(one), await bench.asked.now(edited)]
    assert await bench.take_up(*asked) is None
    assert bench.ran == ["dev"]
    assert bench.asked.world.keys == ["turn/c1"]
    bench.answered("pushed dev")


async def test_what_was_approved_is_judged_again_where_it_runs(bench: Bench) -> None:
    rules = bench.asked.rules
    assert isinstance(rules, Noting)
    one = await bench.approved()
    rules.seen.clear()
    await bench.take_up(one)
    assert [where for where, _ in rules.seen] == [bench.context()]
    assert rules.specs[-1] == bench.executor.specs(bench.job)[0]


async def test_what_was_approved_and_fails_has_failed(bench: Bench) -> None:
    def broken() -> None:
        raise ValueError("no network")

    one = await bench.approved()
    bench.asked.world.before = broken
    await bench.take_up(one)
    assert (await bench.asked.now(one)).state is ApprovalState.FAILED
    said = bench.entries[-1].text
    assert said.startswith("It failed on our side.")
    bench.answered(said, failed=True)
    assert bench.shown[-1] == (CALL.id, StepState.FAILED)
    await bench.take_up(await bench.asked.now(one))
    bench.answered(said, failed=True)


async def test_what_was_approved_does_not_run_for_somebody_who_lost_the_right(
    bench: Bench,
) -> None:
    one = await bench.approved()
    bench.who = STRANGER
    assert await bench.take_up(one) is None
    assert (await bench.asked.now(one)).state is ApprovalState.CANCELLED
    said = bench.entries[0].text
    assert said.startswith("git.push was not run. Who asked for it may not have it done")
    bench.refused(said, "its approval is cancelled")


async def test_what_policy_denies_meanwhile_does_not_run_though_it_was_approved(
    bench: Bench,
) -> None:
    one = await bench.approved()
    bench.says(Verdict.DENY)
    await bench.take_up(one)
    bench.refused(bench.entries[0].text, "its approval is cancelled")
    assert "The policy does not allow it any more" in bench.entries[0].text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ApprovalState.DENIED, "Somebody said no to git.push"),
        (ApprovalState.EXPIRED, "nobody decided in time about git.push"),
        (ApprovalState.CANCELLED, "git.push was not run."),
    ],
)
async def test_what_people_did_not_let_run_does_not(
    bench: Bench, state: ApprovalState, said: str
) -> None:
    bench.says(Verdict.ALLOW)
    one = await bench.ask(state=state, decided_by=CID if state is ApprovalState.DENIED else None)
    assert await bench.take_up(one) is None
    assert bench.entries[0].text.startswith(said.replace("Somebody", "Cid"))
    bench.refused(bench.entries[0].text, f"its approval is {state}")


async def test_what_was_approved_and_may_have_run_is_looked_at_and_never_run_again(
    bench: Bench,
) -> None:
    begun = await bench.executing()
    lost = await bench.take_up(begun)
    assert lost is not None
    assert (lost.id, lost.state) == (begun.id, ApprovalState.UNKNOWN)
    assert (bench.ran, bench.entries) == ([], [])


async def test_who_looked_meanwhile_is_believed(bench: Bench) -> None:
    begun = await bench.executing()
    await bench.asked.questions.lost(begun)
    await bench.asked.service.looked(await bench.asked.now(begun), BOB, happened=True)
    assert await bench.take_up(begun) is None
    assert bench.ran == []
    assert bench.entries[0].text.startswith("Bob looked after a crash: it did take effect")


async def test_what_was_approved_and_can_be_repeated_runs_again(repeatable: Bench) -> None:
    begun = await repeatable.executing()
    other = replace(CALL, arguments='{"branch":"prod"}')
    assert await repeatable.take_up(begun, call=other) is None
    assert repeatable.ran == ["main"]
    done = await repeatable.asked.now(begun)
    assert done.state is ApprovalState.DONE
    repeatable.asked.world.keys.clear()
    await repeatable.take_up(done, call=other)
    assert repeatable.ran == ["main", "main"], "for what it made besides words"
    repeatable.answered("pushed main")


@pytest.mark.parametrize("change", ["right", "tool", "arguments", "gone"])
async def test_what_is_not_what_was_approved_any_more_is_not_repeated(
    repeatable: Bench, change: str
) -> None:
    begun = await repeatable.executing()
    tool = repeatable.asked.world.tool()
    match change:
        case "right":
            repeatable.who = STRANGER
        case "tool":
            repeatable.tool(replace(tool, effect=Effect.NONE))
        case "arguments":

            async def run(_context: ToolContext, _key: str, /, *, other: str) -> str:
                raise AssertionError(other)

            repeatable.tool(replace(tool, run=run))
        case _:
            repeatable.agent = AgentName("night")
    lost = await repeatable.take_up(begun)
    assert lost is not None
    assert lost.state is ApprovalState.UNKNOWN
    done = replace(begun, state=ApprovalState.DONE, note="pushed it before")
    assert await repeatable.take_up(done) is None
    repeatable.answered("pushed it before")
    assert repeatable.ran == []


# ---- which approval decides


def test_the_approval_of_the_call_decides_and_an_edited_one_before_it() -> None:
    other = question("x")
    one = question("a", call=CALL.id)
    edited = question("b", replaces=one.id, call=ToolCallId("edited"))
    again = question("c", replaces=edited.id, call=ToolCallId("edited again"))
    assert deciding(CALL, []) is None
    assert deciding(CALL, [other]) is None
    assert deciding(CALL, iter([other, one])) == one
    assert deciding(CALL, iter([other, one, edited])) == edited
    assert deciding(CALL, iter([one, edited, again, other])) == again


def test_one_that_was_taken_back_decides_only_where_there_is_no_other() -> None:
    one = question("a", call=CALL.id)
    edited = question("b", replaces=one.id, state=ApprovalState.CANCELLED)
    assert deciding(CALL, [one, edited]) == one
    taken_back = replace(one, state=ApprovalState.CANCELLED)
    assert deciding(CALL, [taken_back, edited]) == edited
    assert deciding(CALL, [taken_back]) == taken_back


@pytest.mark.parametrize("state", ApprovalState)
def test_what_runs_or_may_have_run_has_begun(state: ApprovalState) -> None:
    begun = state in (ApprovalState.EXECUTING, ApprovalState.UNKNOWN)
    assert not_begun(question(state=state)) is not begun
    assert not_begun(None)
