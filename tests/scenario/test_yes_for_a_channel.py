"""A yes for a channel, where two platforms have one of that name."""

import json
from dataclasses import replace

from adapters.models.scripted import Step, ToolCalls
from runtime.ids import Platform
from runtime.model.address import ChannelRef
from runtime.model.approval import ApprovalState
from runtime.model.completion import ModelRequest
from runtime.model.team import ChannelRule
from runtime.ports import Verdict
from tests.support.approving import BOB
from tests.support.build import OPS
from tests.support.clock import ManualClock
from tests.support.handing import Agents, answers_of, in_memory


def posts(request: ModelRequest) -> Step:
    """What the agent says: it posts to #ops, and answers then."""
    if told := answers_of(request):
        return told[-1]
    return ToolCalls.of("message.send", json.dumps({"channel": "#ops", "text": "It is done."}))


async def test_what_is_asked_for_names_the_channel_of_the_askers_platform(
    clock: ManualClock,
) -> None:
    agents = Agents(in_memory(clock), {"desk": []}, {"desk": posts}, clock=clock)
    agents.verdict = Verdict.ASK
    slack = ChannelRule(ref=ChannelRef(Platform("slack"), "T1", "C1"), name="ops", proactive=True)
    async with agents.life() as life:
        team = life.desk.team
        life.desk.team = replace(team, channels=(slack, *team.channels))
        await life.desk.say("tell ops")
        await life.desk.quiet()
        [approval] = await life.waiting()
        assert json.loads(approval.frozen.arguments)["place"] == "terminal:local/ops"
        assert "terminal:local/ops" in life.card(approval).text
        await life.press(approval, who=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.DONE
        posted = [one.text for one in life.desk.chat.shown if one.thread == OPS]
        assert "It is done." in posted
