"""The team changes the currency of its budget: nothing of the old one counts in the new one."""

from pathlib import Path

import pytest

from bot.currency import finding, tell_of_others
from bot.diagnosis import State
from tests.scenario.test_budget import PLENTY, Bank
from tests.support.approving import people
from tests.support.desk import DeskUnderTest
from tests.support.paid import PaidModel, limited


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


async def says(desk: DeskUnderTest, command: str) -> str:
    """What the command answers."""
    await desk.command(command)
    return desk.chat.texts[-1]


def notices(desk: DeskUnderTest) -> list[str]:
    """What the owners were told at a start."""
    return [text for text in desk.chat.texts if text.startswith("The budget is in")]


async def test_what_was_spent_and_set_in_the_old_currency_is_apart_and_told(bank: Bank) -> None:
    async with bank.live() as desk:
        assert "USD" in await desk.ask("hello")
        assert "is 0.00 USD a day" in await says(desk, "/budget set agent desk 0 day")
        assert "Nothing may be spent for the agent desk" in await desk.ask("again")
        await tell_of_others(desk.desk.parts, desk.desk.money.limits, desk.desk.dispatcher.wake)

    bank.members = limited(people(), PLENTY, currency="EUR")
    bank.model = PaidModel(lambda _: "Fine.", clock=bank.clock, currency="EUR")
    async with bank.live() as desk:
        limits = desk.desk.money.limits
        for _ in range(2):
            await tell_of_others(desk.desk.parts, limits, desk.desk.dispatcher.wake)
        said = (
            "The budget is in EUR now. What was spent in USD is not counted in it, and limits that "
            "were set in USD do not hold: the agent desk 0.00 USD a day."
        )
        found = finding(await limits.without_force(), bank.members)
        assert found is not None
        assert (found.state, found.found) == (State.WRONG, said)

        await desk.quiet()
        [told] = notices(desk)
        assert told.startswith(said), "once, however often it starts"
        assert await desk.ask("hello") == "Fine.\n\n_0.0003 EUR · 9.99 of 10.00 EUR left today_"
        shown = await says(desk, "/budget")
        assert "0.0003 of 10.00 a day  the whole team" in shown
        assert "Agents: desk 0.0003 EUR" in shown
        assert "Set in another currency than EUR, so they do not hold: the agent desk 0.00" in shown
        assert "to 0.00 USD" in await says(desk, "/budget history")
        assert "0.0003 EUR" in await says(desk, "/cost")

        await says(desk, "/budget set agent desk 5 day")
        assert await limits.without_force() == []
        assert "do not hold" not in await says(desk, "/budget")
