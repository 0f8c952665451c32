"""P14, quickly: gateways wired together and graphs of agents come to an end; the rest `make prove`."""

import random

import pytest

from runtime.ids import MessageId
from runtime.model.events import ButtonPress, Command, Message
from runtime.model.handoff import DEEPEST
from runtime.turns.loops import MOST_IN_A_ROW, WINDOW
from tests.support.build import ANN, OPS
from tests.support.clock import ManualClock
from tests.support.graphs import walked
from tests.support.wired import Pair, Wire, bot_name, bots_heard, in_memory


@pytest.mark.parametrize("wire", list(Wire))
async def test_two_gateways_that_answer_each_other_end(clock: ManualClock, wire: Wire) -> None:
    posted = await Pair(in_memory(clock), wire, random.Random(wire.value), clock).exchange()
    assert 2 <= posted <= MOST_IN_A_ROW


async def test_after_the_window_a_program_is_answered_again(clock: ManualClock) -> None:
    pair = Pair(in_memory(clock), Wire.THREAD, random.Random(1), clock)
    await pair.exchange()
    before = sum(pair.posted)
    await pair.clock.advance(WINDOW.total_seconds())
    await pair.say(0, bot_name(1), "still there?", mentioned=True)
    assert sum(pair.posted) == before + 1


async def test_a_person_is_answered_in_the_middle_of_it(clock: ManualClock) -> None:
    pair = Pair(in_memory(clock), Wire.THREAD, random.Random(2), clock)
    await pair.exchange()
    before = sum(pair.posted)
    for _ in range(5):
        await pair.say(0, ANN, "and now me", mentioned=True)
    assert sum(pair.posted) == before + 5


async def test_a_program_can_only_talk(clock: ManualClock) -> None:
    pair = Pair(in_memory(clock), Wire.THREAD, random.Random(3), clock)
    async with pair.life(0) as desk:
        press = ButtonPress(action="approval.approve", value="x:y", message_id=MessageId("m"))
        for body in (Command(text="new"), Command(text="handoff to desk"), press):
            await desk.say(body=body, sender=bot_name(1), thread=OPS)
        words = Message(text="/status", message_id=MessageId("m2"), mentioned=True)
        await desk.say(body=words, sender=bot_name(1), thread=OPS.under(MessageId("r")))
        await desk.quiet()
        assert desk.chat.texts == []


def test_what_a_platform_signs_as_a_bots_is_not_heard() -> None:
    assert bots_heard(["hello", "@us <@U0US> <@900000000000000002> what do you say?"]) == 0


async def test_agents_that_hand_everything_on_come_to_an_end(clock: ManualClock) -> None:
    store, _ = in_memory(clock)
    found = await walked(store, random.Random(4), graphs=60)
    assert found.deepest <= DEEPEST
    assert found.twice == 0
    assert found.unanswered == 0
    assert found.handoffs > 50, "too little was handed over to mean anything"
