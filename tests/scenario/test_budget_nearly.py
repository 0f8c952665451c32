"""The cards at 80 % of a limit: for every scope, and each of their buttons does what it says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Pause as Waits
from adapters.models.scripted import Step
from runtime.ids import AgentName, HoldId, ModelName, ToolCallId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.budget import LimitRule
from runtime.model.completion import Finished, ModelRequest, Usage
from runtime.model.conversation import Role
from runtime.model.events import ButtonPress
from runtime.model.ledger import Call, Spender
from runtime.model.meter import Period, Scope
from runtime.model.tools import ToolCall
from runtime.model.turn import TurnState
from tests.scenario.test_budget import PLENTY, Bank, meter, press
from tests.scenario.test_budget_cards import Cheap, limit
from tests.support.approving import BOB, MEL, people
from tests.support.build import ANN, DM, OPS, QUIET
from tests.support.chat import Shown
from tests.support.desk import DeskUnderTest
from tests.support.eventually import eventually
from tests.support.paid import USED, limited

DESK = AgentName("desk")
DAY = timedelta(days=1).total_seconds()
LINE = "is used to 80 %"
MUCH = Finished(text="Fine.", usage=Usage(100, 2_500))
"""A call that costs 25,100 micro-units."""
LIMIT = 30_000
"""Of which that is more than 80 %."""


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    bank = Bank(tmp_path)
    bank.script = lambda _: MUCH
    return bank


def cards(desk: DeskUnderTest, text: str = LINE) -> list[Shown]:
    """What people see now of the messages that said that, each once, as it is now.

    In the order of the channels, for which of them has its message first is left open.
    """
    there = {one.message for one in desk.chat.shown if text in one.text}
    now = {one.message: one for one in desk.chat.shown}
    found = [now[message] for message in now if message in there]
    return sorted(found, key=lambda card: card.thread.channel.channel)


async def again(desk: DeskUnderTest, card: Shown, label: str) -> None:
    """Press a button of a card as it was once."""
    button = next(one for one in card.item.content.buttons if one.label == label)
    body = ButtonPress(action=button.action, value=button.value, message_id=card.message)
    await desk.say(thread=card.thread, sender=ANN, body=body)
    await desk.quiet()


def labels(card: Shown) -> list[str]:
    return [button.label for button in card.item.content.buttons]


def with_rule(bank: Bank, scope: Scope, period: Period, *, micros: int = LIMIT) -> None:
    whole = micros if scope is Scope.ORGANISATION else PLENTY
    team = limited(people(), whole, channel=OPS.channel, owners=(ANN,))
    rule = LimitRule(scope=scope, period=period, micros=micros)
    bank.members = replace(team, budget=replace(team.budget, limits=(*team.budget.limits, rule)))


# ---- every scope has one


@pytest.mark.parametrize(
    ("scope", "name"), [(Scope.RUN, "one run"), (Scope.WORKFLOW, "one workflow")]
)
async def test_a_run_and_a_workflow_have_a_card_once_for_each_of_them(
    bank: Bank, scope: Scope, name: str
) -> None:
    with_rule(bank, scope, Period.FIRING)
    async with bank.live() as desk:
        for asked in (1, 2):
            await desk.ask("hello", sender=BOB, thread=QUIET)
            # Its owner, its channel, and where it was asked, once for each run.
            places = [card.thread.channel.channel for card in cards(desk)]
            assert sorted(places) == sorted(["dm-ann", "ops", "quiet"] * asked)
        found = cards(desk)
        assert f"**The budget for {name} is used to 80 %**" in found[0].text
        assert "Agents: desk 0.03 USD\nPeople: Bob 0.03 USD" in found[0].text


async def test_a_firing_has_a_card_where_it_posts_and_once_a_day(bank: Bank) -> None:
    with_rule(bank, Scope.SCHEDULE, Period.FIRING)
    bank.members = replace(bank.members, budget=replace(bank.members.budget, channel=None))
    async with bank.live() as desk:
        create = "/schedule create every hour Say hello --channel #ops"
        await desk.command(create, thread=DM)
        for _ in range(2):
            await bank.clock.advance(3600)
            await desk.fire()
        found = cards(desk)
        assert [card.thread.channel.channel for card in found] == ["dm-ann", "ops"]
        assert found[0].text.startswith("**The budget for schedule 1 is used to 80 %**")
        assert "0.025 USD of 0.03 USD a run spent." in found[0].text
        assert "Agents: desk 0.03 USD\nPeople: Ann 0.03 USD" in found[0].text
        await bank.clock.advance(DAY)
        await desk.fire()
        assert len(cards(desk)) == 4


async def test_a_place_that_takes_no_messages_has_no_card_of_a_firing(bank: Bank) -> None:
    with_rule(bank, Scope.SCHEDULE, Period.FIRING)
    async with bank.live() as desk:
        await desk.command("/schedule create every hour Say hello --channel #quiet", thread=DM)
        await bank.clock.advance(3600)
        await desk.fire()
        assert [card.thread.channel.channel for card in cards(desk)] == ["dm-ann", "ops"]


async def test_the_card_of_a_person_shows_what_that_person_spent(bank: Bank) -> None:
    with_rule(bank, Scope.PERSON, Period.DAY, micros=60_000)
    async with bank.live() as desk:
        for sender in (BOB, MEL, MEL, BOB):
            await desk.ask("hello", sender=sender)
        [hers, *_] = [card.text for card in cards(desk) if "for Mel" in card.text]
        assert "0.05 USD of 0.06 USD a day spent" in hers
        assert "Agents: desk 0.05 USD" in hers
        assert "People" not in hers
        assert "Bob" not in hers


async def test_what_is_above_the_limit_is_said_to_be_used_up(bank: Bank) -> None:
    with_rule(bank, Scope.PERSON, Period.DAY)
    bank.script = lambda _: Finished(text="Fine.", usage=Usage(100, 9_000))
    async with bank.live() as desk:
        await desk.ask("hello")
        assert "**The budget for Ann is used up**" in cards(desk, "is used up")[0].text


async def test_a_call_that_expires_is_told_of_at_once(bank: Bank) -> None:
    with_rule(bank, Scope.AGENT, Period.DAY)
    async with bank.live() as desk:
        now, store = bank.clock.now(), desk.desk.parts.store
        held = Call(
            id=HoldId("a"),
            spender=Spender(provider="acme", agent=DESK, run=TurnId("t"), person=BOB),
            model=ModelName("scripted"),
            at=now,
            expires_at=now + timedelta(minutes=30),
            worst=25_000,
            meters=(meter(bank.clock, Scope.AGENT, DESK),),
        )
        await store.ledger.reserve(held, [])
        await desk.desk.money.tick()
        assert cards(desk) == []
        await bank.clock.advance(1801)
        for _ in range(2):
            await desk.desk.money.tick()
            await desk.quiet()
        assert [card.thread.channel.channel for card in cards(desk)] == ["dm-ann", "ops"]


# ---- its buttons


TEAM = 290_000
DEAR = Finished(text="Fine.", usage=Usage(100, 6_000))
"""A call that costs 60,100 micro-units, of which four are 80 % of that."""


async def near(desk: DeskUnderTest) -> None:
    """Spend until the team has a card."""
    for _ in range(4):
        await desk.ask("hello", sender=BOB)
    assert cards(desk)


def switched(bank: Bank) -> None:
    bank.members = limited(people(), TEAM, channel=OPS.channel, owners=(ANN,))
    bank.others = [Cheap("For little.", bank.clock)]
    requests = bank.model.scripted.requests
    bank.script = lambda _: DEAR if len(requests) <= 4 else "Fine."


async def test_the_card_switches_the_next_calls_whatever_was_chosen_before(bank: Bank) -> None:
    switched(bank)
    async with bank.live() as desk:
        await desk.command("/model set scripted")
        await desk.command("/model set scripted me")
        await near(desk)
        assert labels(cards(desk)[0]) == [
            "Raise by 25 %",
            "Raise by 100 %",
            "Use cheap",
            "Stop what runs",
            "Keep the limit",
        ]
        # An operator may set no model for the whole team.
        await press(desk, "Use cheap", who=BOB, text=LINE)
        assert "needs the role admin" in desk.chat.texts[-1]
        assert (await desk.ask("hello")).startswith("Fine.")
        await press(desk, "Use cheap", text=LINE)
        note = "`cheap` answers for the whole team from now on, by Ann."
        assert all(note in card.text and not labels(card) for card in cards(desk))
        assert (await desk.ask("hello")).startswith("For little.")
        assert (await desk.ask("hello", thread=QUIET, sender=MEL)).startswith("For little.")
        await desk.command("/model why")
        assert "is set for the whole team, by a card about money" in desk.chat.texts[-1]
    async with bank.live() as desk:
        assert (await desk.ask("hello")).startswith("For little.")
        # What somebody chooses later counts, and all of it can be taken back.
        await bank.clock.advance(1)
        await desk.command("/model set scripted")
        assert (await desk.ask("hello")).startswith("Fine.")
        await desk.command("/model auto budget", sender=BOB)
        assert "needs the role admin" in desk.chat.texts[-1]
        await desk.command("/model auto budget")
        await desk.command("/budget raise team 5 day")
        assert (await desk.ask("hello", thread=QUIET, sender=MEL)).startswith("Fine.")


async def test_a_card_that_was_used_does_nothing_more(bank: Bank) -> None:
    switched(bank)
    async with bank.live() as desk:
        await near(desk)
        old = cards(desk)
        before = next(one for one in desk.chat.shown if one.message == old[0].message)
        await press(desk, "Use cheap", text=LINE)
        await desk.command("/model auto budget")
        for label in ("Use cheap", "Stop what runs", "Raise by 25 %", "Keep the limit"):
            await again(desk, before, label)
            assert desk.chat.texts[-1].startswith("That was decided: `cheap` answers")
        assert (await desk.ask("hello")).startswith("Fine.")
        assert await limit(desk) == TEAM


@pytest.mark.parametrize(
    "label", ["Use cheap", "Stop what runs", "Raise by 25 %", "Keep the limit"]
)
async def test_a_card_of_a_day_that_is_over_does_nothing(bank: Bank, label: str) -> None:
    switched(bank)
    async with bank.live() as desk:
        await near(desk)
    await bank.clock.advance(DAY)
    async with bank.live() as desk:
        await press(desk, label, text=LINE)
        assert "The day that this card was about is over" in desk.chat.texts[-1]
        assert not any(labels(card) for card in cards(desk))
        assert (await desk.ask("hello")).startswith("Fine.")
        assert await limit(desk) == TEAM


@pytest.mark.parametrize(
    ("scope", "who", "others"),
    [
        (Scope.PERSON, "Bob", "Fine."),
        (Scope.CHANNEL, "#quiet", "Fine."),
        (Scope.THREAD, "a thread in #quiet", "Fine."),
        (Scope.AGENT, "the agent desk", "For little."),
        (Scope.PROVIDER, "the provider acme at its own address", "For little."),
    ],
)
async def test_a_card_switches_its_scope_and_nothing_else(
    bank: Bank, scope: Scope, who: str, others: str
) -> None:
    with_rule(bank, scope, Period.DAY, micros=60_000)
    bank.others = [Cheap("For little.", bank.clock)]
    async with bank.live() as desk:
        for _ in range(2):
            await desk.ask("hello", sender=BOB, thread=QUIET)
        await press(desk, "Use cheap", text=LINE)
        assert f"`cheap` answers for {who} from now on" in desk.chat.texts[-1]
        assert (await desk.ask("hello", sender=BOB, thread=QUIET)).startswith("For little.")
        await desk.command("/budget set provider acme 1 day")
        assert (await desk.ask("hello", sender=MEL)).startswith(others)


def works(bank: Bank) -> None:
    """Two calls of 60,100 each, a third one that takes an hour, and one that ends the turn."""

    def script(request: ModelRequest) -> Step | Sequence[Step]:
        turn = request.entries[-1].turn
        calls = sum(one.role is Role.TOOL and one.turn == turn for one in request.entries)
        if calls == 3:
            return "Done dearly."
        look = ToolCall(id=ToolCallId(f"c{calls}"), name=f"nothing{calls}", arguments="{}")
        much = Finished(text="", usage=Usage(100, 6_000), tool_calls=(look,))
        return [Waits(3_600), replace(much, usage=USED)] if calls == 2 else much

    bank.script = script


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.WORKFLOW])
@pytest.mark.parametrize("label", ["Use cheap", "Stop what runs", "Raise by 100 %"])
async def test_the_buttons_of_a_run_are_about_that_run(
    bank: Bank, scope: Scope, label: str
) -> None:
    with_rule(bank, scope, Period.FIRING, micros=150_000)
    bank.others = [Cheap("Done for little.", bank.clock)]
    works(bank)
    async with bank.live() as desk:
        requests = bank.model.scripted.requests
        await desk.say("hello", sender=BOB, thread=QUIET)
        await eventually(lambda: len(requests) == 3, "three calls")
        await eventually(lambda: cards(desk), "the card")
        [work] = await desk.desk.parts.store.stops.under_way()
        card = cards(desk)[0]
        await press_now(desk, label, ANN)
        await eventually(lambda: not labels(cards(desk)[0]), "what was decided")
        if label != "Stop what runs":
            await bank.clock.advance(3_601)
            end = "Done for little." if label == "Use cheap" else "Done dearly."
            await eventually(lambda: any(one.startswith(end) for one in desk.chat.texts), end)
        await desk.quiet()
        assert await desk.desk.parts.store.turns.state(work.turn.id) is (
            TurnState.STOPPED if label == "Stop what runs" else TurnState.DONE
        )
        assert "Waiting for money" not in "".join(desk.chat.texts)
        # Of the run that is over nothing is left to decide.
        await again(desk, card, "Keep the limit")
        assert desk.chat.texts[-1].startswith("That was decided")


@pytest.mark.parametrize(
    "label", ["Use cheap", "Stop what runs", "Raise by 100 %", "Keep the limit"]
)
async def test_a_card_of_a_run_that_is_over_says_so(bank: Bank, label: str) -> None:
    with_rule(bank, Scope.RUN, Period.FIRING)
    bank.others = [Cheap("For little.", bank.clock)]
    async with bank.live() as desk:
        await desk.ask("hello")
    async with bank.live() as desk:
        await press(desk, label, text=LINE)
        assert "The run that this card was about is over." in desk.chat.texts[-1]
        assert not any(labels(card) for card in cards(desk))
        assert (await desk.desk.money.limits.now()).changes == ()
        assert (await desk.ask("hello")).startswith("Fine.")


async def press_now(desk: DeskUnderTest, label: str, who: Principal) -> None:
    """Press a button of the card while turns run on."""
    card = next(one for one in cards(desk) if labels(one))
    button = next(one for one in card.item.content.buttons if one.label == label)
    body = ButtonPress(action=button.action, value=button.value, message_id=card.message)
    await desk.say(thread=card.thread, sender=who, body=body)


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (Scope.ORGANISATION, {BOB, MEL}),
        (Scope.PROVIDER, {BOB, MEL}),
        (Scope.CHANNEL, {BOB}),
        (Scope.PERSON, {BOB}),
    ],
)
async def test_the_card_stops_what_spends_there_as_far_as_one_may(
    bank: Bank, scope: Scope, stopped: set[Principal]
) -> None:
    with_rule(bank, scope, Period.DAY, micros=TEAM + 10_000)
    requests = bank.model.scripted.requests

    def script(request: ModelRequest) -> Step | Sequence[Step]:
        return [Waits(3_600), "Late."] if request.entries[-1].text == "long" else DEAR

    bank.script = script
    async with bank.live() as desk:
        store = desk.desk.parts.store

        async def running() -> set[Principal]:
            works = await store.stops.under_way()
            return {one.turn.requester for one in works if one.state is TurnState.RUNNING}

        for _ in range(3):
            await desk.ask("hello", sender=BOB, thread=QUIET)
        await desk.say("long", sender=MEL)
        await desk.say("long", sender=BOB, thread=ThreadRef(QUIET.channel, "1"))
        await eventually(lambda: len(requests) == 5, "two long calls")
        await desk.say("hello", sender=BOB, thread=QUIET)
        await eventually(lambda: cards(desk), "the card")
        assert await running() >= {BOB, MEL}
        # A member may stop what is theirs, which decides nothing for the others.
        await press_now(desk, "Stop what runs", MEL)
        told = "Stopped." if MEL in stopped else "needs the role"
        await eventually(lambda: any(told in text for text in desk.chat.texts), told)
        assert labels(cards(desk)[0])
        assert await running() >= {BOB}
        await press_now(desk, "Stop what runs", ANN)
        decided = "Stopped by Ann."
        await eventually(lambda: all(decided in one.text for one in cards(desk)), decided)
        assert not any(labels(card) for card in cards(desk))
        assert await running() == {BOB, MEL} - stopped
        await desk.command("/stop everything")
        await desk.quiet()
