"""What people were asked is judged again by the rules of every agent that had the task."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from runtime.approvals.judging import context_of
from runtime.approvals.questions import Questions
from runtime.approvals.service import ApprovalService
from runtime.errors import Refused
from runtime.ids import AgentName, ToolCallId
from runtime.model.approval import Approval
from runtime.model.tools import ToolCall
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.policy.rules import Comparison, Condition, Layer, Permission, Preset, Rule
from tests.support.approving import BOB, World
from tests.support.asking import QuestionBench, context

ASKS = Layer(
    name="team",
    preset=Preset.FULL_AUTO,
    rules=(Rule(name="team rule 1", tools="git.*", permission=Permission.APPROVAL),),
)
RESEARCH = AgentName("research")


def never(argument: str, value: str | bool) -> Layer:
    """What the agent of before may not do."""
    condition = Condition(argument=argument, test=Comparison.IS, value=value)
    blocked = Rule(
        name="research rule 1", tools="git.*", when=(condition,), permission=Permission.BLOCKED
    )
    return Layer(name="agent research", rules=(blocked,))


@dataclass
class Handed:
    """A desk whose agent has the task from another one, which has rules of its own."""

    layer: Layer
    asked: QuestionBench = field(
        default_factory=lambda: QuestionBench(world=World(Path(), varies=frozenset({"force"})))
    )

    def __post_init__(self) -> None:
        book = PolicyBook(team=ASKS, agents={RESEARCH: self.layer})
        self.policy = RulePolicy(
            lambda: book, read=self.asked.tools.arguments, clock=self.asked.clock
        )
        self.questions = Questions(
            self.asked.book, self.asked.tools, self.policy, self.asked.limits
        )
        self.service = ApprovalService(self.asked.book, self.asked.tools, self.questions)

    async def ask(self, *chain: AgentName) -> Approval:
        call = ToolCall(id=ToolCallId("c1"), name="git.push", arguments='{"branch":"main"}')
        where = replace(context(), chain=chain)
        [spec] = self.asked.tools.specs(where.agent)
        judged = await self.policy.judge(call, spec, where)
        frozen = await self.asked.tools.frozen(call, where)
        return await self.questions.ask(frozen, judged, spec, call, where)


async def test_an_edit_is_judged_by_the_rules_of_who_handed_the_task_over() -> None:
    handed = Handed(never("branch", "dev"))
    approval = await handed.ask(RESEARCH)
    assert context_of(approval).chain == (RESEARCH,)
    with pytest.raises(Refused, match=r"does not allow git\.push with that: research rule 1"):
        await handed.service.edit(approval, BOB, "branch = dev")
    edited = await handed.service.edit(approval, BOB, "branch = release/2")
    assert context_of(edited).chain == (RESEARCH,)
    with pytest.raises(Refused, match="research rule 1"):
        await handed.service.edit(edited, BOB, "branch = dev")


async def test_who_was_handed_nothing_is_judged_by_the_teams_rules_alone() -> None:
    handed = Handed(never("branch", "dev"))
    approval = await handed.ask()
    edited = await handed.service.edit(approval, BOB, "branch = dev")
    assert edited.frozen.arguments == '{"branch":"dev"}'


async def test_what_a_rule_of_who_handed_it_over_looks_at_does_not_vary() -> None:
    handed = Handed(never("force", True))
    assert (await handed.ask(RESEARCH)).varies == ()
    assert (await Handed(never("force", True)).ask()).varies == ("force",)
