"""Money in a conversation: reserved before each call, settled after, and what waits for it."""

from pathlib import Path

import pytest

from adapters.models.scripted import BreakOff, Script
from runtime.errors import ModelTimeout, ModelUnavailable
from runtime.ids import AgentName
from runtime.model.completion import Finished, ModelRequest, TextDelta, Usage
from runtime.model.ledger import Meter, Period, Scope
from runtime.spenders import stamp_of
from tests.support.approving import people
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.paid import COST, PaidModel, limited

PLENTY = 10_000_000


def today(clock: ManualClock, scope: Scope = Scope.ORGANISATION, subject: str = "") -> Meter:
    stamp = stamp_of(Period.DAY, clock.now(), people().zone)
    return Meter(scope=scope, subject=subject, period=Period.DAY, stamp=stamp)


async def says(desk: DeskUnderTest, *meters: Meter) -> list[tuple[int, int]]:
    ledger = desk.desk.parts.store.ledger
    found = await ledger.balances(meters or [today(desk.clock)])
    return [(one.spent, one.held) for one in found]


def paid(script: Script, clock: ManualClock, usage: Usage = Usage(100, 20)) -> PaidModel:
    return PaidModel(script, clock=clock, usage=usage)


async def test_a_call_is_held_while_it_is_made_and_settled_at_what_it_cost(tmp_path: Path) -> None:
    clock = ManualClock()
    held: list[int] = []
    model = paid(lambda _: "Fine.", clock)
    async with running_desk(
        tmp_path, clock=clock, model=model, members=limited(people(), PLENTY)
    ) as desk:

        def look(_: ModelRequest) -> str:
            held.append(len(model.scripted.requests))
            return "Fine."

        model.scripted._script = look
        said = await desk.ask("hello")
        agent = today(clock, Scope.AGENT, AgentName("desk"))
        assert await says(desk, today(clock), agent) == [(COST, 0), (COST, 0)]
    assert held == [1]
    assert said.startswith("Fine.")
    assert "0.0003 USD · 10.00 of 10.00 USD left today" in said
