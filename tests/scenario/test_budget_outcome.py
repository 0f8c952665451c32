"""However a question about money was settled, each of its cards shows that; and nothing is lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Pause as Waits
from adapters.models.scripted import Step
from runtime.ids import MessageId, OutboxId, ToolCallId
from runtime.model.address import ThreadRef
from runtime.model.budget import AlertState, Pause
from runtime.model.completion import Finished, ModelRequest, Usage
from runtime.model.conversation import Role
from runtime.model.events import ButtonPress, Message
from runtime.model.outbox import OutboxState
from runtime.model.tools import ToolCall
from runtime.model.turn import TurnState
from runtime.money.alerts import GOES_ON, WAS_STOPPED
from runtime.money.cards import RAISE
from runtime.money.spenders import run_meter
from tests.scenario.test_budget import PLENTY, WORST, Bank, HouseModel, meter, press, says
from tests.scenario.test_budget_cards import OWNERS, Cheap
from tests.scenario.test_budget_nearly import DAY, again, cards, labels
from tests.support.approving import BOB, people
from tests.support.build import ANN, OPS, QUIET
from tests.support.chat import Shown
from tests.support.desk import DeskUnderTest
from tests.support.eventually import eventually
from tests.support.paid import COST, limited

WAITS = "**Waiting for money.**"


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    bank = Bank(tmp_path, members=limited(people(), WORST, channel=OPS.channel, owners=(ANN,)))
    bank.others = [Cheap("For little.", bank.clock)]
    return bank


async def asked(desk: DeskUnderTest) -> list[Shown]:
    """Let a turn of Bob's wait; its card, the owner's and the channel's."""
    await desk.ask("hello", sender=BOB, thread=QUIET)
    return [*cards(desk, WAITS), *cards(desk, OWNERS)]


def faces(desk: DeskUnderTest, asked: list[Shown]) -> list[Shown]:
    """What those cards show now."""
    now = {one.message: one for one in desk.chat.shown}
    return [now[one.message] for one in asked]


@pytest.mark.parametrize("text", [WAITS, OWNERS])
async def test_a_raise_shows_on_every_card(bank: Bank, text: str) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        assert len(before) == 3
        await press(desk, "Raise by 100 %", text=text)
        found = faces(desk, before)
        assert all("Raised to 0.04096 USD for this day by Ann." in one.text for one in found)
        assert not any(labels(one) for one in found)
        assert found[0].text.startswith("**It waited for money.**")
        assert len(bank.model.scripted.requests) == 1


@pytest.mark.parametrize("text", [WAITS, OWNERS])
async def test_a_limit_that_is_kept_leaves_the_ways_on_that_need_no_money(
    bank: Bank, text: str
) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        if text == WAITS:
            # No button of the thread keeps the limit; somebody else's press shows there.
            await again(desk, before[1], "Keep the limit")
        else:
            await press(desk, "Keep the limit", text=OWNERS)
        found = faces(desk, before)
        assert all("Kept as it is by Ann." in one.text for one in found)
        assert [labels(one) for one in found] == [["Use cheap", "Stop"], [], []]
        assert found[0].text.startswith(WAITS)
    async with bank.live() as desk:
        await press(desk, "Use cheap", text="Kept as it is by Ann.")
        assert any(one.startswith("For little.") for one in desk.chat.texts)
        assert labels(faces(desk, before)[0]) == []


async def test_a_limit_that_is_set_by_a_command_shows_on_every_card(bank: Bank) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        await desk.command("/budget set agent desk 3 day")
        assert all(labels(one) for one in faces(desk, before))  # that is of another limit
        await desk.command("/budget lower team 0.01 day")
        found = faces(desk, before)
        assert all("Lowered to 0.01 USD by Ann." in one.text for one in found)
        before = cards(desk, WAITS)[-1:]
        await desk.command("/budget raise team 1 day")
        assert len(bank.model.scripted.requests) == 1
        assert not any(labels(one) for one in cards(desk, "The budget for"))


@pytest.mark.parametrize("button", ["Stop what waits", "Use cheap"])
async def test_what_the_owner_decides_for_all_shows_in_each_thread(bank: Bank, button: str) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        await press(desk, button, text=OWNERS)
        await desk.desk.money.tick()
        await desk.quiet()
        found = faces(desk, before)
        note = "Stopped by Ann." if button.startswith("Stop") else "Goes on with `cheap`, by Ann."
        assert all(note in one.text for one in found[1:])
        assert not any(labels(one) for one in found)
        # What waits next is another question, and its owner hears of it.
        await desk.command("/model auto", thread=QUIET)
        await asked(desk)
        assert sum(bool(labels(one)) for one in cards(desk, OWNERS)) == 2


@pytest.mark.parametrize("how", ["day", "stop"])
async def test_what_waits_no_more_for_another_reason_says_so(bank: Bank, how: str) -> None:
    bank.members = limited(people(), 2 * WORST)
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 2_000))
    async with bank.live() as desk:
        await desk.ask("first")
        before = await asked(desk)
        if how == "stop":
            await desk.command("/stop", thread=QUIET, sender=BOB)
        else:
            await bank.clock.advance(DAY)
    async with bank.live() as desk:
        await desk.desk.money.tick()
        await desk.quiet()
        face = faces(desk, before)[0]
        said = WAS_STOPPED if how == "stop" else GOES_ON
        assert face.text == f"**It waited for money.** {said}"
        assert labels(face) == []


async def test_a_card_that_is_on_its_way_shows_what_was_decided_once_it_is_there(
    bank: Bank,
) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        store, alerts = desk.desk.parts.store, desk.desk.money.alerts
        [pause] = await store.budgets.pauses()
        alert = await store.budgets.alert(pause.alert)
        assert alert is not None
        # As it is in the moment before the dispatcher sends it.
        late = replace(before[0].item, id=OutboxId("late"), state=OutboxState.PENDING)
        await store.budgets.pause(replace(pause, card=late.id))
        await alerts.decide(alert, AlertState.KEPT, ANN, "Kept as it is by Ann.")
        await desk.quiet()
        assert all(one.thread != QUIET for one in cards(desk, "Kept as it is"))
        await store.outbox.enqueue([replace(late, not_before=bank.clock.now())])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        await desk.desk.money.tick()
        await desk.quiet()
        assert any(one.thread == QUIET for one in cards(desk, "Kept as it is"))


# ---- a limit of nothing


async def test_a_limit_of_nothing_offers_a_model_that_costs_nothing(bank: Bank) -> None:
    bank.members = limited(people(), 0)
    bank.others = [Cheap("Never.", bank.clock), HouseModel("For free.", bank.clock)]
    async with bank.live() as desk:
        said = await desk.ask("hello", sender=BOB, thread=QUIET)
        assert "Nothing may be spent for the whole team: the limit is 0 USD a day" in said
        assert "`house` could go on with it free." in said
        assert "The period ends" not in "".join(desk.chat.texts)
        assert labels(cards(desk, WAITS)[0])[1:] == ["Use house", "Stop"]
        # The next day leaves no more: nobody is asked again.
        told = len(desk.chat.shown)
        await bank.clock.advance(DAY)
        await desk.desk.money.tick()
        await desk.quiet()
        assert len(desk.chat.shown) == told
    async with bank.live() as desk:
        await press(desk, "Use house", text=WAITS)
        assert "For free." in desk.chat.texts
        assert await desk.ask("again", sender=BOB, thread=QUIET) == "For free."
        assert bank.model.scripted.requests == []


# ---- several that wait for the same


async def half_done(desk: DeskUnderTest, first: Pause, killed: str) -> None:
    """What a press had done of a raise when the process ended."""
    if killed:
        note = "Raised to 0.16 USD for this day by Ann."
        budgets = desk.desk.parts.store.budgets
        await budgets.answer_alert(first.alert, state=AlertState.RAISED, by=ANN, note=note)
    if killed in ("set", "one went on"):
        limits, key = desk.desk.money.limits, f"alert/{first.alert}"
        await limits.set(first.bound.meter, 160_000, ANN, key=key)
    if killed == "one went on":
        resume, key = desk.desk.asks.resumption.turn, f"money/{first.at.isoformat()}"
        assert await resume(first.turn, first.conversation, is_run=False, key=key)


@pytest.mark.parametrize("killed", ["", "decided", "set", "one went on"])
async def test_three_that_wait_for_one_limit_go_on_after_one_raise(bank: Bank, killed: str) -> None:
    """Wherever the process ends meanwhile: the press that was not finished is carried out again."""
    threads = [ThreadRef(QUIET.channel, root) for root in "123"]
    async with bank.live() as desk:
        for number, thread in enumerate(threads):
            body = Message(text=f"question {number}", message_id=MessageId(f"q{number}"))
            await desk.say(thread=thread, sender=BOB, body=body)
        await desk.quiet()
        budgets = desk.desk.parts.store.budgets
        first, *_ = pauses = await budgets.pauses()
        assert len(pauses) == 3
        assert len({pause.alert for pause in pauses}) == 1
        assert len(cards(desk, OWNERS)) == 2  # one question: its owner, and its channel
        await half_done(desk, first, killed)
    async with bank.live() as desk:
        owner = cards(desk, OWNERS)[0]
        value = f"{first.alert}={160_000:x}"
        pressed = ButtonPress(action=RAISE, value=value, message_id=owner.message)
        await desk.say(thread=owner.thread, sender=ANN, body=pressed)
        await desk.quiet()
        await desk.desk.money.tick()
        await desk.quiet()
        store = desk.desk.parts.store
        assert await store.budgets.pauses() == []
        asked = [request.entries[-1].text for request in bank.model.scripted.requests]
        assert sorted(asked) == ["question 0", "question 1", "question 2"]
        states = [await store.turns.state(pause.turn) for pause in pauses]
        assert states == [TurnState.DONE] * 3
        answers = [one.thread for one in desk.chat.shown if one.text.startswith("Fine.")]
        assert sorted(answers, key=str) == sorted(threads, key=str)
        assert not any(labels(one) for one in cards(desk, WAITS))
        [change] = (await desk.desk.money.limits.now()).changes
        assert change.micros == 160_000


async def test_a_month_that_ends_during_a_run_counts_each_call_where_it_was_reserved(
    bank: Bank,
) -> None:
    bank.members = limited(people(), PLENTY)
    look = ToolCall(id=ToolCallId("c"), name="nothing", arguments="{}")

    def script(request: ModelRequest) -> Step | Sequence[Step]:
        if request.entries[-1].role is Role.TOOL:
            return "Done."
        return [Waits(120), Finished(text="", usage=Usage(100, 20), tool_calls=(look,))]

    bank.script = script
    await bank.clock.advance(timedelta(days=26, hours=14, minutes=59).total_seconds())
    requests = bank.model.scripted.requests
    async with bank.live() as desk:
        january = meter(bank.clock)
        await desk.say("hello", sender=BOB)
        await eventually(lambda: requests, "the first call")
        await bank.clock.advance(130)
        await desk.quiet()
        assert (january.stamp, meter(bank.clock).stamp) == ("2026-01-31", "2026-02-01")
        whole = run_meter(requests[0].entries[-1].turn)
        counted = await says(desk, january, meter(bank.clock), whole)
        assert counted == [(COST, 0), (COST, 0), (2 * COST, 0)]
