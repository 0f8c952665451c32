"""Money in a conversation: reserved before each call, settled after, and what waits for it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.catalogue import ModelConfig, describe
from adapters.models.scripted import BreakOff, Script, Step
from adapters.models.scripted import Pause as Waits
from runtime.errors import ModelTimeout, ModelUnavailable
from runtime.ids import AgentName
from runtime.model.address import Principal
from runtime.model.budget import LimitRule
from runtime.model.completion import Finished, ModelInfo, ModelRequest, Usage
from runtime.model.events import ButtonPress, Command
from runtime.model.meter import Meter, Period, Scope
from runtime.model.schedule import OccurrenceState
from runtime.model.team import Team
from runtime.money.spenders import stamp_of
from runtime.ports import ModelPort
from runtime.schedules.firings import NO_MONEY, TOO_LITTLE
from tests.support.approving import BOB, MEL, people
from tests.support.build import ANN, DM, OPS
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.eventually import eventually
from tests.support.idle import idle
from tests.support.paid import COST, PaidModel, limited

PLENTY = 10_000_000
WORST = 20_480
"""More than one call of these tests holds for its answer alone: 2,048 tokens at 10 micro-units."""


@dataclass
class Bank:
    """What outlives a life of the program."""

    folder: Path
    script: Script = lambda _: "Fine."
    members: Team = field(default_factory=lambda: limited(people(), PLENTY))
    clock: ManualClock = field(default_factory=ManualClock)
    chat: MemoryChat = field(default_factory=MemoryChat)
    others: list[ModelPort] = field(default_factory=list)
    alone: bool = True

    def __post_init__(self) -> None:
        self.model = PaidModel(self._answer, clock=self.clock)

    def _answer(self, request: ModelRequest) -> Step | Sequence[Step]:
        return self.script(request)

    def live(self) -> AbstractAsyncContextManager[DeskUnderTest]:
        """One life of the program."""
        return running_desk(
            self.folder,
            clock=self.clock,
            chat=self.chat,
            model=self.model,
            members=self.members,
            more_models=self.others,
            alone=self.alone,
        )


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


class HouseModel(PaidModel):
    """A model as configuration describes one that runs on this machine."""

    def __init__(self, says: str, clock: ManualClock) -> None:
        super().__init__(lambda _: says, clock=clock)

    @property
    def info(self) -> ModelInfo:
        address = "http://127.0.0.1:8000/v1"
        return describe(ModelConfig(name="house", model="openai/llama", base_url=address))


def meter(clock: ManualClock, scope: Scope = Scope.ORGANISATION, subject: str = "") -> Meter:
    stamp = stamp_of(Period.DAY, clock.now(), people().zone)
    return Meter(scope=scope, subject=subject, period=Period.DAY, stamp=stamp)


async def says(desk: DeskUnderTest, *meters: Meter) -> list[tuple[int, int]]:
    ledger = desk.desk.parts.store.ledger
    found = await ledger.balances(meters or [meter(desk.clock)])
    return [(one.spent, one.held) for one in found]


async def press(
    desk: DeskUnderTest, label: str, *, who: Principal = ANN, text: str = "Waiting for money"
) -> None:
    """Press the button of the latest card with that text."""
    shown = [one for one in desk.chat.shown if text in one.text and one.item.content.buttons]
    card = shown[-1]
    button = next(one for one in card.item.content.buttons if one.label.startswith(label))
    body = ButtonPress(action=button.action, value=button.value, message_id=card.message)
    await desk.say(thread=card.thread, sender=who, body=body)
    await desk.quiet()


async def test_a_call_is_settled_at_what_it_cost_and_the_answer_says_it(bank: Bank) -> None:
    async with bank.live() as desk:
        said = await desk.ask("hello")
        agent = meter(bank.clock, Scope.AGENT, AgentName("desk"))
        assert await says(desk, meter(bank.clock), agent) == [(COST, 0), (COST, 0)]
        log = bank.model.scripted.requests
        assert said == "Fine.\n\n_0.0003 USD · 9.99 of 10.00 USD left today_"
        await desk.ask("again")
        # The model is not shown what stands under its answers.
        assert all("USD" not in entry.text for entry in log[-1].entries)
        assert await says(desk) == [(2 * COST, 0)]


async def test_the_footer_can_be_switched_off(bank: Bank) -> None:
    bank.members = limited(people(), PLENTY, footer=False)
    async with bank.live() as desk:
        assert await desk.ask("hello") == "Fine."


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        (ModelUnavailable("no", undone=True), False),
        (ModelUnavailable("gone before a word of the answer"), True),
        (ModelTimeout("slow"), True),
        (["Half an", BreakOff()], True),
        (["Half an", ModelUnavailable("gone")], True),
        (RuntimeError("ours"), True),
    ],
    ids=["refused", "lost", "timed out", "broken off", "gone in the middle", "our own fault"],
)
async def test_what_failed_counts_as_the_most_unless_the_provider_did_nothing(
    bank: Bank, step: Step | list[Step], counts: bool
) -> None:
    bank.script = lambda _: step
    async with bank.live() as desk:
        await desk.say("hello")
        await passing(desk, 5, lambda: desk.chat.texts)
        [(took, held)] = await says(desk)
        calls = len(bank.model.scripted.requests)
        assert held == 0
        assert took == 0 if not counts else took >= calls * WORST


async def test_a_stopped_turn_counts_as_the_most(bank: Bank) -> None:
    bank.script = lambda _: ["Let me", Waits(3600)]
    async with bank.live() as desk:
        await desk.say("hello")
        while not bank.model.scripted.requests:
            await desk.clock.advance(0.1)
        [(_, held)] = await says(desk)
        assert held > WORST
        await desk.command("/stop")
        assert await says(desk) == [(held, 0)]


@pytest.mark.parametrize(
    ("usage", "low", "high"),
    [
        (Usage(None, None), WORST, 30_000),
        (Usage(-5, 20), 300, 10_000),
        (Usage(100, -1), WORST, 30_000),
        (Usage(10**9, 10**9), 90_000, 100_000),
        (Usage(50_000, 20), 8_000, 9_000),
    ],
    ids=["missing", "negative prompt", "negative answer", "absurd", "more than the context"],
)
async def test_usage_that_cannot_be_true_is_never_counted_too_low(
    bank: Bank, usage: Usage, low: int, high: int
) -> None:
    bank.script = lambda _: Finished(text="Fine.", usage=usage)
    async with bank.live() as desk:
        await desk.ask("hello")
        [(spent, held)] = await says(desk)
        assert (low <= spent <= high, held) == (True, 0), spent


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])
async def test_a_turn_waits_for_money_and_goes_on_when_the_limit_is_raised(
    bank: Bank, alone: bool
) -> None:
    bank.alone = alone
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        await desk.ask("hello")
        no_room = "The budget for the whole team does not leave room for this call"
        assert any(no_room in text for text in bank.chat.texts)
        assert bank.model.scripted.requests == []
        assert await says(desk) == [(0, 0)]
        # A member may not, and is told who could; the turn waits on.
        await press(desk, "Raise by 100 %", who=MEL)
        assert "needs the role admin" in bank.chat.texts[-1]
        assert bank.model.scripted.requests == []
        await press(desk, "Raise by 100 %")
        # The answer to the turn and the one to the button go their ways side by side.
        assert sum(text.startswith("Fine.") for text in bank.chat.texts) == 1
        assert len(bank.model.scripted.requests) == 1
        # The card is used up, and says what came of it.
        await press(desk, "Raise to", text="The budget for")
        assert any("Raised to 0.04096 USD for this day by Ann" in text for text in bank.chat.texts)
        assert (await desk.desk.money.limits.now()).of(meter(bank.clock)) == 2 * WORST


async def test_people_are_told_that_a_turn_waits_for_budget(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        await desk.ask("hello")
        await desk.say("and what else?")
        await desk.quiet()
        assert bank.chat.texts[-1] == (
            "Queued: I answer this after the message before it, which waits for budget "
            "(`/budget` tells more). `/stop` ends that one."
        )
        await desk.command("status")
        assert "desk waits for budget (`/budget` tells more), for Ann" in bank.chat.texts[-1]


async def test_what_waits_outlives_a_restart_and_a_new_day_gives_room(bank: Bank) -> None:
    bank.members = limited(people(), 2 * WORST)
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 2000))
    async with bank.live() as desk:
        await desk.ask("first")
        assert "does not leave room" in await desk.ask("second")
    async with bank.live() as desk:
        await desk.desk.money.tick()
        await desk.quiet()
        assert len(bank.model.scripted.requests) == 1
        await bank.clock.advance(timedelta(days=1).total_seconds())
        await desk.desk.money.tick()
        await desk.quiet()
        assert len(bank.model.scripted.requests) == 2
        assert bank.chat.texts[-1].startswith("Fine.")


async def test_what_waits_can_be_stopped_from_its_card(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        await desk.ask("hello")
        await press(desk, "Stop")
        await bank.clock.advance(timedelta(days=1).total_seconds())
        await desk.desk.money.tick()
        await desk.quiet()
        assert bank.model.scripted.requests == []
        assert await desk.desk.parts.store.budgets.pauses() == []


async def test_what_waits_can_go_on_with_a_model_that_costs_nothing(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    bank.others = [HouseModel("For free.", bank.clock)]
    async with bank.live() as desk:
        await desk.ask("hello")
        await press(desk, "Use house")
        assert "For free." in bank.chat.texts
        assert any("`house` answers" in text for text in bank.chat.texts)
        assert await desk.ask("again") == "For free."
        assert bank.model.scripted.requests == []
        assert await says(desk) == [(0, 0)]


@pytest.mark.parametrize("where", ["", " me", " agent"])
async def test_what_waits_goes_on_when_another_model_is_set(bank: Bank, where: str) -> None:
    bank.members = limited(people(), WORST)
    bank.others = [HouseModel("For free.", bank.clock)]
    async with bank.live() as desk:
        assert "does not leave room" in await desk.ask("hello")
        await desk.command(f"/model set house{where}")
        await desk.quiet()
        assert "For free." in bank.chat.texts
        assert await desk.desk.parts.store.budgets.pauses() == []


async def test_nothing_may_be_spent_with_a_limit_of_nothing(bank: Bank) -> None:
    bank.members = limited(people(), 0)
    async with bank.live() as desk:
        said = await desk.ask("hello")
    assert "Nothing may be spent for the whole team: the limit is 0 USD a day" in said
    assert bank.model.scripted.requests == []


async def test_a_model_without_a_price_is_not_called(bank: Bank) -> None:
    bank.model.prices = ()
    async with bank.live() as desk:
        said = await desk.ask("hello")
    assert "its price is not known" in said
    assert bank.model.scripted.requests == []


async def test_a_model_that_is_paid_in_another_currency_is_not_called(bank: Bank) -> None:
    bank.model.currency = "EUR"
    async with bank.live() as desk:
        said = await desk.ask("hello")
    assert "is paid in EUR, and the team's budget is in USD" in said
    assert bank.model.scripted.requests == []


async def test_the_owner_is_told_once_at_eighty_per_cent(bank: Bank) -> None:
    bank.members = limited(people(), 100_000, channel=OPS.channel, owners=(ANN,))
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 1000))
    async with bank.live() as desk:
        for _ in range(8):
            await desk.ask("more", sender=BOB)
        told = [text for text in bank.chat.texts if "is used to 80 %" in text]
        # The owner and the channel, once each; and who spent it.
        assert len(told) == 2
        assert "People: Bob" in told[0]
        assert "Agents: desk" in told[0]


async def test_a_card_of_a_day_that_is_over_raises_nothing(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        await desk.ask("hello")
        await press(desk, "Stop")
        await bank.clock.advance(timedelta(days=1).total_seconds())
        await press(desk, "Raise to", text="The budget for")
        assert "The day that this card was about is over" in bank.chat.texts[-1]
        limits = await desk.desk.money.limits.now()
        assert limits.changes == ()


async def test_one_person_can_be_limited_and_others_go_on(bank: Bank) -> None:
    team = limited(people(), PLENTY)
    rule = LimitRule(scope=Scope.PERSON, period=Period.DAY, micros=WORST)
    bank.members = replace(team, budget=replace(team.budget, limits=(*team.budget.limits, rule)))
    async with bank.live() as desk:
        await desk.ask("a little")
        assert "The budget for Ann does not leave room" in bank.chat.texts[-1]


async def test_a_lowered_limit_refuses_at_once(bank: Bank) -> None:
    async with bank.live() as desk:
        await desk.ask("first")
        await desk.command("/budget lower team 0.0001")
        assert "nothing more is spent until that is over" in bank.chat.texts[-1]
        assert "is used up" in await desk.ask("second")
        assert len(bank.model.scripted.requests) == 1


async def test_a_month_that_ends_during_a_call_is_settled_where_it_was_reserved(
    bank: Bank,
) -> None:
    await bank.clock.advance(timedelta(days=26, hours=14, minutes=59).total_seconds())
    bank.script = lambda _: [Waits(120), "Fine."]
    january = meter(bank.clock)
    async with bank.live() as desk:
        await desk.say("hello")
        await eventually(lambda: bank.model.scripted.requests, "the call")
        await desk.clock.advance(130)
        await desk.quiet()
        assert january.stamp == "2026-01-31"
        assert await says(desk, january, meter(bank.clock)) == [(COST, 0), (0, 0)]


async def test_a_free_model_leaves_what_it_used(tmp_path: Path) -> None:
    clock = ManualClock()
    model = PaidModel(lambda _: "Fine.", clock=clock).scripted
    async with running_desk(
        tmp_path, clock=clock, model=model, members=limited(people(), 0)
    ) as desk:
        assert await desk.ask("hello") == "Fine."
        [balance] = await desk.desk.parts.store.ledger.balances([meter(clock)])
    assert (balance.spent, balance.calls, balance.prompt_tokens) == (0, 1, 100)


async def test_a_run_of_a_schedule_waits_for_money_and_goes_on(bank: Bank) -> None:
    async with bank.live() as desk:
        await desk.command(
            "/schedule create every day at 10:00 Say hello --channel #ops --budget 0.001", thread=DM
        )
        assert "The limit for schedule 1 is 0.001 USD a run" in bank.chat.texts[-1]
        await bank.clock.advance(timedelta(hours=2).total_seconds())
        await desk.fire()
        assert bank.model.scripted.requests == []
        told = [text for text in bank.chat.texts if "The budget for schedule 1 does not" in text]
        assert len(told) == 1
        await desk.command("/schedule budget 1 1")
        await desk.quiet()
        assert bank.chat.texts[-1] == "Fine." or "Fine." in bank.chat.texts
        assert len(bank.model.scripted.requests) == 1
        await desk.command("/cost schedule 1")
        assert "Schedule 1: 0.0003 USD" in bank.chat.texts[-1]


async def test_a_run_that_waits_for_money_can_be_stopped(bank: Bank) -> None:
    async with bank.live() as desk:
        await desk.command(
            "/schedule create every day at 10:00 Say hello --channel #ops --budget 0.001", thread=DM
        )
        await bank.clock.advance(timedelta(hours=2).total_seconds())
        await desk.fire()
        await desk.say(body=Command(text="/stop 1"))
        await eventually(lambda: any("Stopped." in text for text in bank.chat.texts))
        await desk.desk.money.tick()
        await desk.quiet()
        [run] = await desk.desk.parts.store.schedules.history(limit=5)
        assert (run.state, run.error) == (OccurrenceState.FAILED, "Somebody stopped it.")
        assert await desk.desk.parts.store.budgets.pauses() == []
        assert bank.model.scripted.requests == []


async def test_a_schedule_whose_runs_may_cost_too_little_does_not_pile_up(bank: Bank) -> None:
    bank.members = limited(people(), PLENTY, channel=OPS.channel, owners=(ANN,))
    async with bank.live() as desk:
        store = desk.desk.parts.store
        await desk.command(
            "/schedule create every hour Say hello --channel #ops --budget 0.001", thread=DM
        )
        for _ in range(4):
            await bank.clock.advance(timedelta(hours=1).total_seconds())
            await desk.fire()
        assert len(await store.budgets.pauses()) == 1
        told = [text for text in bank.chat.texts if "The budget for schedule 1 does not" in text]
        assert len(told) == 2  # Ann, and the channel
        skipped = (await store.schedules.history(limit=3))[0]
        assert (skipped.state, skipped.error) == (OccurrenceState.FAILED, TOO_LITTLE)
        for _ in range(3):
            await bank.clock.advance(timedelta(hours=1).total_seconds())
            await desk.fire()
        assert any("Schedule 1 (`Say hello`) is paused" in text for text in bank.chat.texts)
        # Raising the limit lets what waits go on, and holds for the runs to come.
        assert bank.model.scripted.requests == []
        await press(desk, "Raise to", text="The budget for schedule 1")
        assert "is paused" not in bank.chat.texts[-1]
        each = Meter(scope=Scope.SCHEDULE, subject=skipped.schedule, period=Period.FIRING, stamp="")
        assert (await desk.desk.money.limits.now()).of(each) == 30_000
        assert len(bank.model.scripted.requests) == 1


async def test_a_schedule_that_waits_for_a_new_day_passes_and_is_not_paused(bank: Bank) -> None:
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        store = desk.desk.parts.store
        await desk.command("/schedule create every hour Say hello --channel #ops", thread=DM)
        for _ in range(7):
            await bank.clock.advance(timedelta(hours=1).total_seconds())
            await desk.fire()
        assert len(await store.budgets.pauses()) == 1
        passed = (await store.schedules.history(limit=6))[0]
        assert (passed.state, passed.error) == (OccurrenceState.MISSED, NO_MONEY)
        assert not any("is paused" in text for text in bank.chat.texts)


async def test_people_hear_of_a_schedules_limit_once_a_day(bank: Bank) -> None:
    async with bank.live() as desk:
        await desk.command(
            "/schedule create every hour Say hello --channel #ops --budget 0.001", thread=DM
        )

        def told() -> int:
            return sum("The budget for schedule 1" in text for text in bank.chat.texts)

        def stopped() -> int:
            return sum("Stopped." in text for text in bank.chat.texts)

        for hours, cards in ((1, 1), (1, 1), (24, 2)):
            await bank.clock.advance(timedelta(hours=hours).total_seconds())
            await desk.fire()
            assert told() == cards
            before = stopped()
            await desk.say(body=Command(text="/stop 1"))
            await eventually(lambda: stopped() > before)  # noqa: B023 - awaited at once
            await desk.desk.money.tick()
            await desk.quiet()


async def test_thirty_idle_days_cost_nothing(tmp_path: Path) -> None:
    idled = await idle(tmp_path, days=30, step=timedelta(hours=12))
    assert (idled.calls, idled.tokens, idled.spent) == (0, 0, 0)
    assert idled.duties > 300
