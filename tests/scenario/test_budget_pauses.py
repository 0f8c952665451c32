"""What waits for money is never lost: not by a stop, nor by a raise that comes too early."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Command
from tests.scenario.test_budget import WORST, Bank, HouseModel
from tests.support.approving import BOB, MEL, people
from tests.support.build import DM, QUIET
from tests.support.chat import MemoryChat
from tests.support.desk import DeskUnderTest
from tests.support.eventually import eventually
from tests.support.paid import PaidModel, limited

DAY = timedelta(days=1).total_seconds()
ALONE = pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


class SlowToFind(MemoryChat):
    """A platform that takes its time to say where somebody is told things."""

    __slots__ = ("asked", "go_on")

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def direct(self, who: Principal) -> ThreadRef:
        self.asked.set()
        await self.go_on.wait()
        return await super().direct(who)


async def looked_at(desk: DeskUnderTest) -> None:
    """What the clock has done every few seconds, twice."""
    for _ in range(2):
        await desk.desk.money.tick()
        await desk.desk.asks.vigil.tick()
        await desk.quiet()


async def waiting(desk: DeskUnderTest) -> tuple[int, int]:
    """How many turns are parked, and how many wait for money."""
    store = desk.desk.parts.store
    return len(await store.turns.parked()), len(await store.budgets.pauses())


async def gone_on(desk: DeskUnderTest, *models: PaidModel) -> list[int]:
    """How often each of the models was called, once one was: the queue may take its time."""
    requests = [model.scripted.requests for model in models]
    await eventually(lambda: any(requests), "a call")
    await desk.quiet()
    assert await waiting(desk) == (0, 0)
    return [len(made) for made in requests]


@ALONE
@pytest.mark.parametrize("how", ["raise", "day", "model"])
async def test_what_has_room_again_while_its_agent_is_stopped_goes_on_after_that(
    bank: Bank, alone: bool, how: str
) -> None:
    bank.alone = alone
    bank.members = limited(people(), WORST if how == "raise" else WORST * 2)
    bank.others = [house := HouseModel("For free.", bank.clock)]
    async with bank.live() as desk:
        if how != "raise":
            await desk.command("/budget lower team 0.02048 day")
        await desk.ask("hello")
        await desk.quiet()
        await desk.command("/stop agent desk")
        if how == "raise":
            await desk.command("/budget raise team 1 day")
        elif how == "model":
            await desk.command("/model set house")
        else:
            await bank.clock.advance(DAY)
        await looked_at(desk)
        assert await waiting(desk) == (1, 1)
        if how == "day":
            await desk.command("/budget raise team 1 day")
        await desk.command("/resume agent desk")
        await looked_at(desk)
        calls = await gone_on(desk, bank.model, house)
        assert calls == ([0, 1] if how == "model" else [1, 0])


async def test_a_run_that_has_room_again_while_its_agent_is_stopped_goes_on_after_that(
    bank: Bank,
) -> None:
    async with bank.live() as desk:
        create = "/schedule create every day at 10:00 Say hello --channel #ops --budget 0.001"
        await desk.command(create, thread=DM)
        await bank.clock.advance(2 * 3600)
        await desk.fire()
        assert await waiting(desk) == (1, 1)
        await desk.command("/stop agent desk")
        await desk.command("/schedule budget 1 1")
        await looked_at(desk)
        assert await waiting(desk) == (1, 1)
        await desk.command("/resume agent desk")
        await looked_at(desk)
        await gone_on(desk, bank.model)
        await eventually(lambda: any(text.startswith("Fine.") for text in bank.chat.texts))


async def test_a_model_that_is_set_while_a_turn_is_about_to_wait_is_not_missed(
    bank: Bank,
) -> None:
    bank.chat = slow = SlowToFind()
    bank.members = limited(people(), WORST)
    bank.others = [HouseModel("For free.", bank.clock)]
    async with bank.live() as desk:
        await desk.say("hello", thread=QUIET, sender=BOB)
        await slow.asked.wait()
        assert await waiting(desk) == (0, 1)
        await desk.say(sender=MEL, body=Command(text="/model set house me"), thread=DM)
        await eventually(lambda: any("`house` answers" in text for text in slow.texts))
        slow.go_on.set()
        await looked_at(desk)
        # It was taken up with the model that it had, for Mel's is hers, and waits as before.
        await desk.command("/budget raise team 5 day")
        await looked_at(desk)
        assert await gone_on(desk, bank.model) == [1]


@ALONE
async def test_a_turn_that_waits_for_nothing_is_taken_up(bank: Bank, alone: bool) -> None:
    bank.alone = alone
    bank.members = limited(people(), WORST)
    async with bank.live() as desk:
        await desk.ask("hello")
        await desk.quiet()
        budgets = desk.desk.parts.store.budgets
        [pause] = await budgets.pauses()
        await budgets.forget_pause(pause)
        await desk.command("/budget raise team 1 day")
        assert await waiting(desk) == (1, 0)
        await looked_at(desk)
        assert await gone_on(desk, bank.model) == [1]
