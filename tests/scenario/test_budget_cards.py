"""The cards about money: what they say, and that each of their buttons does what it says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Pause as Waits
from runtime.ids import MessageId, ModelName
from runtime.model.budget import LimitRule
from runtime.model.completion import Finished, ModelInfo, Price, Usage
from runtime.model.events import ButtonPress, Message
from runtime.model.meter import Period, Scope
from runtime.model.schedule import OccurrenceState
from tests.scenario.test_budget import PLENTY, WORST, Bank, HouseModel, meter, press, says
from tests.support.approving import BOB, MEL, people
from tests.support.build import ANN, DM, OPS, QUIET
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest
from tests.support.eventually import eventually
from tests.support.paid import COST, PaidModel, limited

OWNERS = "**The budget for the whole team"
"""How the card to those who look after the money begins."""


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


class Cheap(PaidModel):
    """A model of another provider, a tenth of the price."""

    def __init__(
        self,
        says: str,
        clock: ManualClock,
        *,
        name: str = "cheap",
        known: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(lambda _: says, clock=clock, price=Price(input=100_000, output=1_000_000))
        self.name, self.known = name, known or {}

    @property
    def info(self) -> ModelInfo:
        given = {"name": ModelName(self.name), "provider": "corner", **self.known}
        return replace(super().info, **given)  # type: ignore[arg-type]


def buttons(desk: DeskUnderTest, text: str) -> list[str]:
    shown = [one for one in desk.chat.shown if text in one.text and one.item.content.buttons]
    return [button.label for button in shown[-1].item.content.buttons]


async def limit(desk: DeskUnderTest) -> int | None:
    return (await desk.desk.money.limits.now()).of(meter(desk.clock))


async def test_a_card_shows_why_a_call_has_no_room(bank: Bank) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        said = next(text for text in bank.chat.texts if "Waiting for money" in text)
        assert (
            "The budget for the whole team does not leave room for this call: 0.00 of "
            "0.02048 USD a day spent, 0.02048 USD is left, and it may cost up to 0.02"
        ) in said
        card = next(text for text in bank.chat.texts if text.startswith(OWNERS))
        assert f"{OWNERS} does not leave room for a call**" in card
        assert "0.02048 USD is left, and it may cost up to 0.02" in card
        # A quarter more would not do: no button offers that.
        raises = ["Raise to 0.03 USD", "Raise by 100 %"]
        assert buttons(desk, "Waiting for money") == [*raises, "Stop"]
        assert buttons(desk, OWNERS) == [*raises, "Stop what waits", "Keep the limit"]


async def test_a_limit_of_which_nothing_is_left_is_used_up(bank: Bank) -> None:
    bank.members = limited(people(), WORST * 2)
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 5_000))
    async with bank.live() as desk:
        await desk.ask("first")
        said = await desk.ask("second")
    assert "is used up: 0.0501 of 0.04096 USD a day spent" in said
    assert "spent, and this call may cost up to 0.02" in said


@pytest.mark.parametrize("text", ["Waiting for money", OWNERS])
async def test_raising_to_what_is_needed_is_enough(bank: Bank, text: str) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    async with bank.live() as desk:
        await desk.ask("hello")
        await press(desk, "Raise to 0.03 USD", text=text)
        assert len(bank.model.scripted.requests) == 1
        assert await limit(desk) == 30_000


class Running(ManualClock):
    """A clock that shows no moment twice, as a real one: what waits is known by when it began to."""

    _reads = 0

    def now(self) -> datetime:
        self._reads += 1
        return super().now() + timedelta(microseconds=self._reads)


async def test_what_has_no_room_yet_after_a_raise_says_what_it_needs_now(tmp_path: Path) -> None:
    bank = Bank(tmp_path, members=limited(people(), WORST), clock=Running())
    async with bank.live() as desk:
        await desk.ask("hello")
        await desk.command("/budget raise team 0.025")
        await desk.quiet()
        assert bank.model.scripted.requests == []
        waits = [text for text in bank.chat.texts if text.startswith("**Waiting for money.**")]
        assert len(waits) == 2
        assert "0.025 USD is left, and it may cost up to 0.02" in waits[-1]
        await press(desk, "Raise to 0.03 USD")
        assert len(bank.model.scripted.requests) == 1


@pytest.mark.parametrize("text", ["Waiting for money", OWNERS])
async def test_what_waits_can_go_on_with_a_cheaper_model(bank: Bank, text: str) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    bank.others = [Cheap("For little.", bank.clock), Cheap("For less?", bank.clock, name="other")]
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        told = "\n".join(bank.chat.texts)
        assert "`cheap` could go on with it for up to 0.002" in told
        # Whoever may set no model for a thread may not press it, either.
        await press(desk, "Use cheap", who=MEL, text=text)
        assert "needs the role operator" in bank.chat.texts[-1]
        assert "For little." not in " ".join(bank.chat.texts)
        await press(desk, "Use cheap", text=text)
        assert any(one.startswith("For little.") for one in bank.chat.texts)
        assert await says(desk) == [(COST // 10, 0)]
        done = await desk.desk.parts.store.audit.page()
        presses = [one for one in done if "budget.use" in one.body]
        assert [one.kind for one in presses] == ["command.refused", "command.done"]


@pytest.mark.parametrize(
    "known",
    [
        {"tools": False},
        {"context_tokens": 2_000},
        {"currency": "EUR"},
        {"prices": ()},
        {"prices": (Price(input=990_000, output=9_900_000),)},
        {"prices": (Price(input=1_100_000, output=11_000_000),)},
    ],
    ids=["no tools", "too small", "other currency", "no price", "no room either", "dearer"],
)
async def test_a_model_that_cannot_do_it_for_less_is_not_offered(
    bank: Bank, known: dict[str, object]
) -> None:
    bank.members = limited(people(), WORST)
    bank.others = [Cheap("Never.", bank.clock, known=known)]
    async with bank.live() as desk:
        said = await desk.ask("hello")
        assert "cheap" not in said
        assert buttons(desk, "Waiting for money")[-1] == "Stop"
        assert "Use cheap" not in buttons(desk, "Waiting for money")


async def test_a_model_whose_provider_has_no_room_is_not_offered(bank: Bank) -> None:
    team = limited(people(), WORST)
    rule = LimitRule(scope=Scope.PROVIDER, subject="corner", period=Period.DAY, micros=1_000)
    bank.members = replace(team, budget=replace(team.budget, limits=(*team.budget.limits, rule)))
    bank.others = [Cheap("Never.", bank.clock)]
    async with bank.live() as desk:
        assert "cheap" not in await desk.ask("hello")


async def test_those_who_look_after_the_money_can_stop_what_waits(bank: Bank) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        body = Message(text="and this", message_id=MessageId("9"))
        await desk.say(thread=QUIET, sender=BOB, body=body)
        await desk.quiet()
        assert len(await desk.desk.parts.store.budgets.pauses()) == 2
        await press(desk, "Stop what waits", who=MEL, text=OWNERS)
        assert len(await desk.desk.parts.store.budgets.pauses()) == 2
        await press(desk, "Stop what waits", text=OWNERS)
        await desk.desk.money.tick()
        await desk.quiet()
        assert await desk.desk.parts.store.budgets.pauses() == []
        await press(desk, "Stop")
        assert bank.chat.texts[-1] == "That was decided: Stopped by Ann."
        assert bank.model.scripted.requests == []


async def test_a_card_of_a_thread_stops_what_waits_there_and_nothing_else(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        body = Message(text="and this", message_id=MessageId("9"))
        await desk.say(thread=QUIET, sender=BOB, body=body)
        await desk.quiet()  # its card is there before the one that is pressed
        await desk.ask("hello")
        await press(desk, "Stop")
        await desk.desk.money.tick()
        [left] = await desk.desk.parts.store.budgets.pauses()
        assert left.thread is not None
        assert left.thread.channel == QUIET.channel
        # Used up there already: nothing of the other thread is touched.
        await press(desk, "Stop")
        await desk.desk.money.tick()
        assert await desk.desk.parts.store.budgets.pauses() == [left]


async def test_a_run_goes_on_with_a_cheaper_model_of_its_agent(bank: Bank) -> None:
    bank.others = [Cheap("For little.", bank.clock)]
    async with bank.live() as desk:
        await desk.command(
            "/schedule create every day at 10:00 Say hello --channel #ops --budget 0.003", thread=DM
        )
        await bank.clock.advance(2 * 3600)
        await desk.fire()
        await press(desk, "Use cheap", text="The budget for schedule 1")
        await desk.quiet()
        assert any("wherever the agent desk does" in text for text in bank.chat.texts)
        assert "For little." in bank.chat.texts
        [run] = await desk.desk.parts.store.schedules.history(limit=5)
        assert run.state is OccurrenceState.DONE


async def test_a_raised_limit_has_a_line_at_eighty_per_cent_of_its_own(bank: Bank) -> None:
    bank.members = limited(people(), 100_000, channel=OPS.channel, owners=(ANN,))
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 2000))

    def told() -> int:
        cards = [one for one in bank.chat.shown if one.item.content.buttons]
        return sum("is used to 80 %" in one.text for one in cards)

    async with bank.live() as desk:
        for _ in range(4):
            await desk.ask("more")
        assert told() == 2  # Ann, and the channel
        await desk.command("/budget raise team 0.2")
        for spent, cards in ((3, 2), (1, 4), (1, 4)):
            for _ in range(spent):
                await desk.ask("more")
            assert told() == cards


async def test_the_next_model_answers_where_the_first_is_paid_in_another_currency(
    bank: Bank,
) -> None:
    team = limited(people(), PLENTY, currency="EUR")
    desk_agent = replace(team.agents[0], models=(ModelName("cheap"), ModelName("house")))
    bank.members = replace(team, agents=(desk_agent, *team.agents[1:]))
    cheap = Cheap("In euros.", bank.clock, known={"currency": "EUR"})
    bank.others = [cheap, HouseModel("For free.", bank.clock)]
    why = "it is paid in USD, and the team's budget is in EUR"
    async with bank.live() as desk:
        assert (await desk.ask("hello")).startswith("In euros.")
        await desk.command("/model why")
        assert f"usable: `scripted`: {why}" in desk.chat.texts[-1]
        await desk.command("/model list")
        shown = desk.chat.texts[-1].splitlines()
        assert next(line for line in shown if "`scripted`" in line).endswith(f"**out: {why}**")
        assert "free" in next(line for line in shown if "`house`" in line)
        await desk.command("/model set scripted")
        assert desk.chat.texts[-1].startswith(f"`scripted` cannot be set: {why}.")
        assert "in EUR" in desk.chat.texts[-1].splitlines()[-1]
        await desk.command("/model set house")
        assert (await desk.ask("again")) == "For free."
        assert bank.model.scripted.requests == []


async def test_a_limit_that_was_raised_and_lowered_again_has_a_card_that_raises_it(
    bank: Bank,
) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        old = next(one for one in desk.chat.shown if "Waiting for money" in one.text)
        await press(desk, "Raise by 100 %", text=OWNERS)
        await desk.command("/budget lower team 0.02048 day")
        # The old card in the thread says the same, and does nothing that it does not say.
        button = next(one for one in old.item.content.buttons if one.label == "Raise by 100 %")
        body = ButtonPress(action=button.action, value=button.value, message_id=old.message)
        await desk.say(thread=old.thread, sender=ANN, body=body)
        await desk.quiet()
        assert desk.chat.texts[-1].startswith("That was decided: Raised to 0.04096 USD for this")
        assert desk.chat.texts[-1].endswith("The limit was changed since then.")
        assert await limit(desk) == WORST
        await desk.ask("second", sender=BOB)
        assert len(bank.model.scripted.requests) == 1
        await press(desk, "Raise by 100 %")
        assert await limit(desk) == 2 * WORST
        assert len(bank.model.scripted.requests) == 2


@pytest.mark.parametrize("text", ["Waiting for money", OWNERS])
async def test_what_waits_after_a_limit_was_kept_has_a_card_of_its_own(
    bank: Bank, text: str
) -> None:
    bank.members = limited(people(), WORST, channel=OPS.channel)
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        await press(desk, "Keep", text=OWNERS)
        await desk.command("/stop")
        for _ in range(2):  # one more card for the owners, however many wait
            await desk.ask("again", sender=BOB)
            await desk.command("/stop")
        await desk.ask("once more", sender=BOB)
        cards = {one.item.content.buttons for one in desk.chat.shown if OWNERS in one.text}
        assert len(cards - {()}) == 2
        await press(desk, "Raise to", text=text)
        assert await limit(desk) == 30_000
        assert len(bank.model.scripted.requests) == 1


async def test_a_day_that_is_over_when_its_call_ends_has_no_card(bank: Bank) -> None:
    bank.members = limited(people(), 30_000, channel=OPS.channel)
    answer = Finished(text="Fine.", usage=Usage(100, 2_500))
    bank.script = lambda _: [Waits(120), answer]
    await bank.clock.advance(timedelta(hours=14, minutes=59).total_seconds())
    async with bank.live() as desk:
        await desk.say("hello", sender=BOB)
        await eventually(lambda: bank.model.scripted.requests, "the call")
        yesterday = meter(bank.clock)
        await desk.clock.advance(130)
        await desk.quiet()
        assert meter(bank.clock) != yesterday
        [(spent, _)] = await says(desk, yesterday)
        assert spent > 25_000
        assert not any("is used to" in text for text in bank.chat.texts)


async def test_a_card_at_eighty_per_cent_shows_what_is_left(bank: Bank) -> None:
    bank.members = limited(people(), 30_000, channel=OPS.channel)
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 2_500))
    async with bank.live() as desk:
        await desk.ask("hello", sender=BOB)
        card = next(text for text in bank.chat.texts if "is used to 80 %" in text)
        assert "0.025 USD of 0.03 USD a day spent" in card
