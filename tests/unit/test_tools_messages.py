"""`message.send`: only to listed channels, for who may, once for each call."""

import json
from dataclasses import replace

import pytest

from adapters.memory.store import MemoryStore
from runtime.approvals.patterns import in_words
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, TimeOrderedIds, ToolCallId, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.approval import Frozen, pattern_of
from runtime.model.team import ChannelRule, Team
from runtime.model.tools import Risk, ToolCall, ToolResult
from runtime.outbox import whole
from runtime.ports import ToolContext
from runtime.tools.messages import LONGEST, MessageTools
from runtime.tools.registry import Toolbox
from tests.support.approving import BOB, people
from tests.support.build import DM, OPS, TERMINAL
from tests.support.clock import ManualClock


class Bench:
    """The tool, over a store in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.team: Team = people()
        ids = TimeOrderedIds(self.clock)
        self.store = MemoryStore(clock=self.clock, ids=ids)
        self.woken = 0
        tools = MessageTools(
            store=self.store,
            team=lambda: self.team,
            split=whole,
            clock=self.clock,
            wake_outbox=self._wake,
        )
        self.box = Toolbox(tools.tools(), clock=self.clock, ids=ids)

    def _wake(self) -> None:
        self.woken += 1

    async def send(
        self,
        channel: str = "#ops",
        text: str = "It is done.",
        *,
        who: Principal = BOB,
        this: str = "c1",
    ) -> ToolResult:
        arguments = json.dumps({"channel": channel, "text": text})
        return await self.run(arguments, who=who, this=this)

    async def run(self, arguments: str, *, who: Principal = BOB, this: str = "c1") -> ToolResult:
        return await self.box.run(call(arguments, this), context(DM, who))

    async def waiting(self) -> list[str]:
        claimed = await self.store.outbox.claim(
            now=self.clock.now(), owner="me", platforms=[TERMINAL]
        )
        return [row.content.text for row in claimed]


def call(arguments: str, this: str = "c1") -> ToolCall:
    return ToolCall(id=ToolCallId(this), name="message.send", arguments=arguments)


def context(thread: ThreadRef | None, who: Principal = BOB) -> ToolContext:
    return ToolContext(
        turn=TurnId("turn"),
        conversation=ConversationId("talk"),
        agent=AgentName("desk"),
        requester=who,
        thread=thread,
        attended=True,
    )


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_it_posts_to_a_listed_channel_and_binds_its_thread(bench: Bench) -> None:
    result = await bench.send()
    assert (result.text, result.failed) == ("The message is on its way to #ops.", False)
    [row] = await bench.store.outbox.claim(now=bench.clock.now(), owner="me", platforms=[TERMINAL])
    assert (row.thread, row.proactive, row.turn) == (OPS, True, "turn")
    assert row.binds is not None
    talk = await bench.store.conversations.get(row.binds)
    assert talk is not None
    assert talk.agent == "desk"
    assert [e.text for e in await bench.store.conversations.entries(row.binds)] == ["It is done."]
    assert bench.woken == 1


async def test_the_same_call_sends_once_however_often_it_runs(bench: Bench) -> None:
    for _ in range(3):
        assert not (await bench.send()).failed
    assert await bench.waiting() == ["It is done."]


async def test_what_is_on_its_way_is_told_though_the_channel_is_off_the_list_since(
    bench: Bench,
) -> None:
    first = await bench.send()
    bench.team = replace(bench.team, channels=())
    assert await bench.send() == first
    assert await bench.waiting() == ["It is done."]


@pytest.mark.parametrize(
    ("channel", "text", "said"),
    [
        ("#quiet", "x", "does not have proactive = true"),
        ("#nowhere", "x", "There is no channel '#nowhere'."),
        ("", "x", "There is no channel ''."),
        ("dm", "x", "There is no channel 'dm'."),
        ("#ops", "  ", "The message is empty"),
        ("#ops", "x" * (LONGEST + 1), "8,000 is the most"),
    ],
)
async def test_elsewhere_it_is_refused_in_words(
    bench: Bench, channel: str, text: str, said: str
) -> None:
    result = await bench.send(channel, text)
    assert result.failed
    assert said in result.text
    if "channel" in said:
        assert "Channels that take messages: #ops." in result.text
    assert await bench.waiting() == []


async def test_of_two_with_one_name_that_of_the_platform_is_meant(bench: Bench) -> None:
    other = ChannelRef(type(TERMINAL)("slack"), "T1", "C1")
    again = ChannelRef(TERMINAL, "local", "ops2")
    rules = [ChannelRule(ref=ref, name="ops", proactive=True) for ref in (other, again)]
    bench.team = replace(bench.team, channels=(*bench.team.channels, rules[0]))
    assert not (await bench.send()).failed
    assert await bench.waiting() == ["It is done."]
    bench.team = replace(bench.team, channels=(*bench.team.channels, rules[1]))
    result = await bench.send(this="c2")
    assert "several channels" in result.text
    assert "ops2 (terminal)" in result.text


async def frozen(
    bench: Bench, thread: ThreadRef | None, channel: str = "#ops", *, text: str = "hi", **more: str
) -> Frozen:
    arguments = json.dumps({"channel": channel, "text": text, **more})
    return await bench.box.frozen(call(arguments), context(thread))


def covers(frozen: Frozen) -> str:
    """What a yes for a time to this covers."""
    return pattern_of(frozen, {"text"}).digest()


async def test_a_yes_for_a_channel_is_for_no_other_of_that_name(bench: Bench) -> None:
    slack = ChannelRef(type(TERMINAL)("slack"), "T1", "C1")
    rule = ChannelRule(ref=slack, name="ops", proactive=True)
    bench.team = replace(bench.team, channels=(*bench.team.channels, rule))
    here, there = await frozen(bench, DM), await frozen(bench, ThreadRef(slack, "17.1"))
    assert json.loads(here.arguments)["place"] == "terminal:local/ops"
    assert json.loads(there.arguments)["place"] == "slack:T1/C1"
    assert covers(here) != covers(there)
    assert covers(here) == covers(await frozen(bench, DM, text="another"))
    words = in_words(pattern_of(there, {"text"}))
    assert '`channel` = `"#ops"` and `place` = `"slack:T1/C1"`' in words

    # What was frozen is frozen again from nowhere, and posts where the card said.
    assert await bench.box.frozen(call(there.arguments), context(None)) == there
    assert not (await bench.run(there.arguments)).failed
    platforms = [slack.platform, TERMINAL]
    [row] = await bench.store.outbox.claim(now=bench.clock.now(), owner="me", platforms=platforms)
    assert row.thread.channel == slack


async def test_a_yes_for_a_channel_is_not_for_what_has_its_name_later(bench: Bench) -> None:
    before = await frozen(bench, DM)
    moved = ChannelRef(TERMINAL, "local", "ops2")
    bench.team = replace(bench.team, channels=(ChannelRule(ref=moved, name="ops", proactive=True),))
    assert covers(await frozen(bench, DM)) != covers(before)
    with pytest.raises(Refused, match="is terminal:local/ops2, not 'terminal:local/ops'"):
        await bench.box.frozen(call(before.arguments), context(None))
    result = await bench.run(before.arguments)
    assert result.failed
    assert "Leave the place out" in result.text
    assert await bench.waiting() == []


async def test_what_could_be_more_than_one_channel_is_not_asked_for(bench: Bench) -> None:
    again = ChannelRule(ref=ChannelRef(TERMINAL, "local", "ops2"), name="ops", proactive=True)
    bench.team = replace(bench.team, channels=(*bench.team.channels, again))
    for thread in (DM, None):
        with pytest.raises(Refused, match="several channels"):
            await frozen(bench, thread)
    one = await frozen(bench, None, place="terminal:local/ops2")
    assert json.loads(one.arguments)["place"] == "terminal:local/ops2"


def test_it_reaches_people_and_is_repeatable(bench: Bench) -> None:
    [spec] = bench.box.tool_specs()
    assert (spec.risk, spec.repeatable) == (Risk.EXTERNAL, True)
