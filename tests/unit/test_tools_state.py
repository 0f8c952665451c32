"""The tools of what agents keep: bounded, an agent's own, and shared only with the version read."""

import json
from dataclasses import dataclass, field, replace

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import AgentName, ConversationId, TimeOrderedIds, ToolCallId, TurnId
from runtime.model.address import Principal
from runtime.model.state import LONGEST_KEY, LONGEST_VALUE, MOST_KEPT
from runtime.model.team import Agent, Sharing, Team
from runtime.model.tools import Risk, ToolCall, ToolResult
from runtime.ports import ToolContext
from runtime.tools.grants import withheld
from runtime.tools.registry import Toolbox
from runtime.tools.state import StateTools
from tests.support.approving import BOB, people
from tests.support.build import DM
from tests.support.clock import ManualClock

DESK, NIGHT, DAY = AgentName("desk"), AgentName("night"), AgentName("day")


def agents() -> Team:
    """The desk writes what is shared, night reads it, day does neither."""
    model = people().agents[0]
    named = [
        replace(model, name=name, sharing=sharing)
        for name, sharing in ((DESK, Sharing.WRITE), (NIGHT, Sharing.READ), (DAY, Sharing.NONE))
    ]
    return replace(people(), agents=tuple(named))


@dataclass
class Box:
    """A toolbox over a store in memory, and calls of it, each with an id of its own."""

    team: Team = field(default_factory=agents)
    clock: ManualClock = field(default_factory=ManualClock)
    calls: int = 0

    def __post_init__(self) -> None:
        ids = TimeOrderedIds(self.clock)
        self.store = MemoryStore(clock=self.clock, ids=ids)
        tools = StateTools(states=self.store.states, clock=self.clock)
        self.box = Toolbox(
            tools.tools(),
            clock=self.clock,
            ids=ids,
            withheld=lambda agent: withheld(self.team, agent),
        )

    async def run(
        self,
        name: str,
        *,
        agent: AgentName = DESK,
        who: Principal = BOB,
        call: str = "",
        **arguments: object,
    ) -> ToolResult:
        self.calls += 1
        context = ToolContext(
            turn=TurnId("turn"),
            conversation=ConversationId("talk"),
            agent=agent,
            requester=who,
            thread=DM,
            attended=True,
        )
        this = ToolCallId(call or f"c{self.calls}")
        wanted = ToolCall(id=this, name=name, arguments=json.dumps(arguments))
        return await self.box.run(wanted, context)


@pytest.fixture
def box() -> Box:
    return Box()


async def test_a_note_is_kept_listed_read_and_deleted(box: Box) -> None:
    assert (await box.run("state.get", key="mode")).text == "There is no mode."
    assert "is kept" in (await box.run("state.set", key="mode", value='quiet "x"')).text
    assert 'written by desk: "quiet \\"x\\""' in (await box.run("state.get", key="mode")).text
    assert (await box.run("state.list")).text.startswith("mode (version ")
    assert (await box.run("state.list", beginning="x")).text == "Nothing is kept."
    assert (await box.run("state.delete", key="mode")).text == "mode is deleted."
    assert (await box.run("state.delete", key="mode")).text == "There is no mode."


async def test_of_a_long_one_a_list_shows_the_beginning(box: Box) -> None:
    for room in range(3):
        await box.run("state.set", key="long", value="x" * room + "🇩🇪" * 100)
        said = (await box.run("state.list")).text
        assert said.endswith('…" (its beginning)')
        assert said.count("🇩") == said.count("🇪")


async def test_notes_are_an_agents_own(box: Box) -> None:
    await box.run("state.set", key="mode", value="quiet")
    assert (await box.run("state.get", agent=NIGHT, key="mode")).text == "There is no mode."
    await box.run("state.set", agent=NIGHT, key="mode", value="loud")
    assert '"quiet"' in (await box.run("state.get", key="mode")).text
    assert (await box.run("state.shared.get", key="mode")).text == "There is no mode."


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("", "x", "cannot be a key"),
        ("../etc", "x", "cannot be a key"),
        ("a b", "x", "cannot be a key"),
        ("a" * (LONGEST_KEY + 1), "x", "cannot be a key"),
        ("a\u202e", "x", "cannot be a key"),
        ("mode", "x" * (LONGEST_VALUE + 1), "4,000 is the most"),
        ("mode", "x" * 199_000, "4,000 is the most"),
        ("mode", "x" * 1_000_000, "longer than"),
    ],
)
async def test_what_does_not_fit_is_refused_in_words(
    box: Box, key: str, value: str, said: str
) -> None:
    result = await box.run("state.set", key=key, value=value)
    assert result.failed
    assert said in result.text
    assert (await box.run("state.list")).text == "Nothing is kept."


async def test_there_is_a_most(box: Box) -> None:
    for number in range(MOST_KEPT):
        assert not (await box.run("state.set", key=f"k{number}", value="x")).failed
    full = await box.run("state.set", key="one-more", value="x")
    assert full.failed
    assert "200 values are kept already" in full.text
    assert not (await box.run("state.set", key="k0", value="y")).failed


async def test_who_read_another_version_changes_nothing_and_is_told_what_it_says(box: Box) -> None:
    first = await box.run("state.shared.set", key="freeze", value="off", version=0)
    assert first.text == "freeze is written, as version 1."
    late = await box.run("state.shared.set", key="freeze", value="maybe", version=0)
    assert late.failed
    assert "VersionConflict: freeze has version 1, not 0; desk wrote it" in late.text
    assert 'It says now: "off"' in late.text
    assert "Name version 1" in late.text.replace("name", "Name")
    second = await box.run("state.shared.set", key="freeze", value="on", version=1)
    assert second.text == "freeze is written, as version 2."
    gone = await box.run("state.shared.delete", key="freeze", version=1)
    assert gone.failed
    assert "has version 2" in gone.text
    assert (await box.run("state.shared.delete", key="freeze", version=2)).text.endswith("deleted.")
    never = await box.run("state.shared.set", key="freeze", value="on", version=2)
    assert "is not there (any more), and you named version 2" in never.text


async def test_a_call_that_is_run_twice_writes_once(box: Box) -> None:
    first = await box.run("state.shared.set", call="c", key="freeze", value="on", version=0)
    again = await box.run("state.shared.set", call="c", key="freeze", value="on", version=0)
    assert (first.text, first.failed) == (again.text, again.failed)


async def test_what_is_shared_is_granted_to_each_agent(box: Box) -> None:
    def has(agent: AgentName) -> set[str]:
        return {spec.name for spec in box.box.specs(agent) if "shared" in spec.name}

    assert has(DAY) == set()
    assert has(NIGHT) == {"state.shared.get", "state.shared.list"}
    assert len(has(DESK)) == 4
    await box.run("state.shared.set", key="freeze", value="on", version=0)
    assert '"on"' in (await box.run("state.shared.get", agent=NIGHT, key="freeze")).text
    refused = await box.run("state.shared.set", agent=NIGHT, key="freeze", value="x", version=1)
    assert refused.text == "There is no tool state.shared.set."
    assert (await box.run("state.shared.list", agent=DAY)).failed
    box.team = replace(box.team, agents=(*box.team.agents[:1], _plain(NIGHT), _plain(DAY)))
    assert has(NIGHT) == set()


def _plain(name: AgentName) -> Agent:
    return Agent(name=name, model=people().agents[0].model, instructions="")


def test_each_is_declared(box: Box) -> None:
    risks = {spec.name: (spec.risk, spec.repeatable) for spec in box.box.tool_specs()}
    assert len(risks) == 8
    for name, (risk, repeatable) in risks.items():
        reads = name.endswith(("get", "list"))
        assert (risk, repeatable) == (Risk.READ if reads else Risk.WRITE, True)
