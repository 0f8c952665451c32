"""Buttons of cards about money that are pressed late, or by two at once, or again after a crash."""

from pathlib import Path

import pytest

from adapters.models.scripted import Pause as Waits
from adapters.models.scripted import Step
from runtime.ids import ModelName
from runtime.model.budget import AlertState
from runtime.model.choice import Chosen, Purse
from runtime.model.completion import ModelRequest
from runtime.model.events import ButtonPress
from runtime.model.meter import Period, Scope
from runtime.money.spenders import subject_of_channel
from runtime.ports import ModelPort
from tests.scenario.test_budget import PLENTY, WORST, Bank, press
from tests.scenario.test_budget_cards import OWNERS, Cheap, limit
from tests.scenario.test_budget_nearly import DAY, LINE, MUCH, again, cards, labels, with_rule
from tests.scenario.test_budget_outcome import WAITS, asked, faces
from tests.support.approving import BOB, MEL, people
from tests.support.build import ANN, OPS, QUIET
from tests.support.desk import DeskUnderTest
from tests.support.eventually import eventually
from tests.support.paid import PaidModel, limited

OVER = "The day that this card was about is over, and a new one began."
HERE = "`cheap` answers for #quiet from now on, by Ann. `/model auto budget` takes it back."


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    bank = Bank(tmp_path, members=limited(people(), WORST, channel=OPS.channel, owners=(ANN,)))
    bank.others = [Cheap("For little.", bank.clock)]
    return bank


@pytest.fixture
def channel(bank: Bank) -> Bank:
    """Whose channel #quiet has a card at 80 % after two calls, and no room for a third."""
    with_rule(bank, Scope.CHANNEL, Period.DAY, micros=60_000)
    bank.script = lambda _: MUCH
    return bank


@pytest.fixture
def agent(bank: Bank) -> Bank:
    """Whose agent has a card at 80 % after one call."""
    with_rule(bank, Scope.AGENT, Period.DAY)
    bank.script = lambda _: MUCH
    return bank


# ---- where something else waits or runs by now


async def test_a_stop_that_comes_late_ends_nothing_else(bank: Bank) -> None:
    def script(request: ModelRequest) -> Step | list[Step]:
        return [Waits(3_600), "Late."] if request.entries[-1].text == "long" else "Fine."

    bank.script = script
    async with bank.live() as desk:
        before = await asked(desk)
        await press(desk, "Raise by 100 %", text=WAITS)
        await desk.command("/budget raise team 5 day")
        await desk.say("long", sender=BOB, thread=QUIET)
        await eventually(lambda: len(bank.model.scripted.requests) == 2, "the long call")
        stop = next(one for one in before[0].item.content.buttons if one.label == "Stop")
        pressed = ButtonPress(action=stop.action, value=stop.value, message_id=before[0].message)
        await desk.say(thread=QUIET, sender=ANN, body=pressed)
        told = "That was decided: Raised to 0.04096 USD for this day by Ann."
        await eventually(lambda: told in desk.chat.texts, told)
        assert len(await desk.desk.parts.store.stops.under_way()) == 1
        assert faces(desk, before)[0].text.startswith("**It waited for money.** Raised to")
        await bank.clock.advance(3_601)
        await desk.quiet()
        assert any(text.startswith("Late.") for text in desk.chat.texts)


@pytest.mark.parametrize("label", ["Use cheap", "Stop"])
async def test_a_card_that_was_decided_does_nothing_to_what_waits_there_now(
    bank: Bank, label: str
) -> None:
    async with bank.live() as desk:
        before = await asked(desk)
        await press(desk, "Raise by 100 %", text=WAITS)
        await desk.command("/budget lower team 0.0205 day")
        await desk.ask("and this", sender=MEL, thread=QUIET)
        await again(desk, before[0], label)
        assert desk.chat.texts[-1].startswith("That was decided: Raised to 0.04096 USD")
        assert faces(desk, before)[0].text.startswith("**It waited for money.** Raised to")
        assert len(await desk.desk.parts.store.budgets.pauses()) == 1
        # The card of what waits there does.
        await press(desk, label, text=WAITS)
        await desk.desk.money.tick()
        assert await desk.desk.parts.store.budgets.pauses() == []


async def test_what_waits_on_under_a_limit_that_was_kept_can_be_stopped_there(bank: Bank) -> None:
    async with bank.live() as desk:
        await asked(desk)
        await press(desk, "Keep the limit", text=OWNERS)
        await press(desk, "Stop", text="Kept as it is by Ann.")
        await desk.desk.money.tick()
        assert "Stopped." in desk.chat.texts
        assert await desk.desk.parts.store.budgets.pauses() == []


# ---- by two at once, and again


async def test_two_who_switch_at_once_switch_once(channel: Bank) -> None:
    async with channel.live() as desk:
        for _ in range(2):
            await desk.ask("hello", sender=MEL, thread=QUIET)
        for card, who in zip(cards(desk), (ANN, BOB), strict=True):
            use = next(one for one in card.item.content.buttons if one.label == "Use cheap")
            pressed = ButtonPress(action=use.action, value=use.value, message_id=card.message)
            await desk.say(thread=card.thread, sender=who, body=pressed)
        await desk.quiet()
        assert all(" answers for #quiet from now on" in card.text for card in cards(desk))
        assert sum(text.startswith("That was decided") for text in desk.chat.texts) == 1
        assert (await desk.ask("hello", sender=MEL, thread=QUIET)).startswith("For little.")


async def test_a_switch_whose_process_ended_then_is_finished_by_its_press(channel: Bank) -> None:
    async with channel.live() as desk:
        for _ in range(3):
            await desk.ask("hello", sender=MEL, thread=QUIET)
        budgets = desk.desk.parts.store.budgets
        [pause] = await budgets.pauses()
        [nearly] = [one for one in await budgets.open_alerts() if one.share != 100]
        purse = Purse(Scope.CHANNEL, subject_of_channel(QUIET.channel))
        chosen = Chosen(scope=purse, model=ModelName("cheap"), by=ANN, at=channel.clock.now())
        await budgets.answer_alert(
            nearly.id, state=AlertState.SWITCHED, by=ANN, note=HERE, chosen=chosen
        )
    async with channel.live() as desk:
        budgets = desk.desk.parts.store.budgets
        await desk.desk.money.tick()
        assert await budgets.pauses() == [pause]
        await press(desk, "Use cheap", text=LINE)
        assert f"That was decided: {HERE}" in desk.chat.texts
        assert any(text.startswith("For little.") for text in desk.chat.texts)
        assert not any(labels(card) for card in cards(desk))
        assert await budgets.pauses() == []


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (None, "`cheap` cannot be asked now."),
        ({"currency": "EUR"}, "it is paid in EUR, and the team's budget is in USD"),
    ],
    ids=["gone", "other currency"],
)
async def test_a_model_that_cannot_be_asked_any_more_is_not_switched_to(
    agent: Bank, known: dict[str, object] | None, why: str
) -> None:
    async with agent.live() as desk:
        await desk.ask("hello")
    gone: list[ModelPort] = []
    agent.others = gone if known is None else [Cheap("Never.", agent.clock, known=known)]
    async with agent.live() as desk:
        await press(desk, "Use cheap", text=LINE)
        assert why in desk.chat.texts[-1]
        assert all(labels(card) for card in cards(desk))
        assert await desk.desk.parts.store.modelbook.every() == []


# ---- when its time, or its currency, is over


@pytest.mark.parametrize("label", ["Use cheap", "Stop what waits", "Keep the limit", "Raise by"])
async def test_a_card_of_yesterdays_refusal_says_that_it_is_over_on_each_of_its_cards(
    bank: Bank, label: str
) -> None:
    async with bank.live() as desk:
        yesterday = (await asked(desk))[1:]
    await bank.clock.advance(DAY)
    async with bank.live() as desk:
        await desk.desk.money.tick()  # what waited waits for the new day's limit
        await desk.quiet()
        full = next(one for one in labels(yesterday[0]) if one.startswith(label))
        for _ in range(2):
            before = len(desk.chat.texts)
            await again(desk, yesterday[0], full)
            assert OVER in desk.chat.texts[before:]
            assert all(one.text.endswith(OVER) for one in faces(desk, yesterday))
            assert not any(labels(one) for one in faces(desk, yesterday))
        assert await limit(desk) == WORST
        assert len(await desk.desk.parts.store.budgets.pauses()) == 1
        # Those of today are another question.
        assert sum(bool(labels(one)) for one in cards(desk, OWNERS)) == 2


async def test_a_limit_that_is_set_today_is_no_outcome_of_yesterdays_card(agent: Bank) -> None:
    async with agent.live() as desk:
        await desk.ask("hello")
    await agent.clock.advance(DAY)
    async with agent.live() as desk:
        before = [card.text for card in cards(desk)]
        await desk.command("/budget set agent desk 5 day")
        await desk.quiet()
        assert [card.text for card in cards(desk)] == before


@pytest.mark.parametrize(
    "label", ["Use cheap", "Stop what runs", "Keep the limit", "Raise by 25 %"]
)
async def test_a_card_of_another_currency_says_so_and_keeps_its_amounts(
    agent: Bank, label: str
) -> None:
    async with agent.live() as desk:
        await desk.ask("hello")
        old = cards(desk)
    agent.members = limited(people(), PLENTY, currency="EUR", channel=OPS.channel, owners=(ANN,))
    agent.model = PaidModel(lambda _: "Fine.", clock=agent.clock, currency="EUR")
    async with agent.live() as desk:
        await said_of_dollars(desk, old[0].message, label)
        await desk.command("/budget set agent desk 5 day")
        await desk.quiet()
        assert [card.text for card in cards(desk)] == [card.text for card in old]
        await said_of_dollars(desk, old[0].message, label)
        [change] = (await desk.desk.money.limits.now()).changes
        assert change.micros == 5_000_000


async def said_of_dollars(desk: DeskUnderTest, message: str, label: str) -> None:
    [card] = [card for card in cards(desk) if card.message == message]
    await again(desk, card, label)
    said = "This card is about a budget in USD, and the team's is in EUR now."
    assert desk.chat.texts[-1] == said
