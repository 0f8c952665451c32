"""Whose money a call is: a question with all that was handed on for it, and a vendor's addresses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.ids import AgentName, TurnId
from runtime.model.budget import BudgetRules, LimitRule
from runtime.model.completion import ModelInfo, Usage
from runtime.model.ledger import Spender
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.money.amounts import show_amount
from runtime.money.limits import Limits
from runtime.money.spenders import meters_of, run_meter, whose, workflow_meter
from runtime.money.workflows import begun_by
from runtime.ports import Verdict
from tests.scenario.test_budget import PLENTY, press
from tests.support.approving import Rules, people
from tests.support.build import ANN, DM, T0, team
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.handing import Agents, hands, in_memory, says
from tests.support.paid import COST, USED, PaidModel, limited

EACH = 30_000
"""Enough for what a call holds, and not for that beside what another cost."""


class Dear(PaidModel):
    """A model of a provider at an address of its own."""

    @property
    def info(self) -> ModelInfo:
        return replace(super().info, provider="acme@far.example")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@asynccontextmanager
async def handing_on(
    clock: ManualClock, *rules: LimitRule
) -> AsyncIterator[tuple[DeskUnderTest, PaidModel]]:
    """A desk whose first agent hands everything to the second."""
    say = {"desk": hands("research"), "research": says("Because.")}
    agents = Agents(in_memory(clock), {"desk": ["research"], "research": []}, say, clock=clock)
    usage = Usage(100, 2_000) if rules else USED
    model = Dear(agents.script, clock=clock, usage=usage)
    budget = limited(people(), PLENTY).budget
    members = replace(agents.team(), budget=replace(budget, limits=(*budget.limits, *rules)))
    async with running_desk(
        agents.home,
        clock=clock,
        chat=agents.chat,
        model=model,
        members=members,
        policy=Rules(Verdict.ALLOW),
    ) as desk:
        yield desk, model


async def test_a_question_and_what_was_handed_on_for_it_are_one_workflow(
    clock: ManualClock,
) -> None:
    async with handing_on(clock) as (desk, model):
        assert "Because." in await desk.ask("why?")
        first, second = (request.entries[-1].turn for request in model.scripted.requests)
        meters = [workflow_meter(begun_by(first)), run_meter(first), run_meter(second)]
        found = await desk.desk.parts.store.ledger.balances(meters)
        assert [(one.spent, one.calls) for one in found] == [(2 * COST, 2), (COST, 1), (COST, 1)]
        await desk.command(f"/cost workflow {first}")
        assert f"and what followed: {show_amount(2 * COST, 'USD')}" in desk.chat.texts[-1]
        # The next question is another cause, whoever has the thread.
        await desk.ask("and since when?")
        third = model.scripted.requests[-1].entries[-1].turn
        [alone] = await desk.desk.parts.store.ledger.balances([run_meter(third)])
        assert alone.spent == COST
        # Nobody can hand it on, and no workflow is limited: it is not counted twice.
        [whole] = await desk.desk.parts.store.ledger.balances([workflow_meter(begun_by(third))])
        assert whole.calls == 0
        await desk.command(f"/cost workflow {third}")
        assert f"and what followed: {show_amount(COST, 'USD')}" in desk.chat.texts[-1]


async def test_what_was_handed_on_waits_where_the_workflow_has_no_room(clock: ManualClock) -> None:
    each = LimitRule(scope=Scope.WORKFLOW, period=Period.FIRING, micros=EACH)
    async with handing_on(clock, each) as (desk, model):
        await desk.ask("why?")
        no_room = "The budget for one workflow does not leave room for this call"
        [said] = [text for text in desk.chat.texts if no_room in text]
        assert "of 0.03 USD in all spent" in said
        assert len(model.scripted.requests) == 1
        await press(desk, "Raise to")
        assert any(text.startswith("Because.") for text in desk.chat.texts)
        # The next one has all of it again, and is counted though nobody can hand it on.
        await desk.ask("and since when?")
        third = model.scripted.requests[-1].entries[-1].turn
        [whole] = await desk.desk.parts.store.ledger.balances([workflow_meter(begun_by(third))])
        assert whole.calls == 1
        assert (await desk.desk.money.limits.now()).of(workflow_meter("another")) == EACH


async def test_a_planned_time_and_what_was_handed_on_for_it_are_one_workflow(
    clock: ManualClock,
) -> None:
    async with handing_on(clock) as (desk, model):
        await desk.command(
            "/schedule create every day at 10:00 Say hello --channel #ops", thread=DM
        )
        await clock.advance(timedelta(hours=2).total_seconds())
        await desk.fire()
        [run] = await desk.desk.parts.store.schedules.history(limit=5)
        assert len(model.scripted.requests) == 2
        first = TurnId(run.run or "")
        each = Meter(scope=Scope.SCHEDULE, subject=run.schedule, period=Period.FIRING, stamp=first)
        meters = [workflow_meter(begun_by(first)), each]
        found = await desk.desk.parts.store.ledger.balances(meters)
        assert [(one.spent, one.calls) for one in found] == [(2 * COST, 2)] * 2


async def test_a_vendor_is_limited_at_all_its_addresses(clock: ManualClock) -> None:
    rule = LimitRule(scope=Scope.PROVIDER, subject="acme", period=Period.DAY, micros=EACH)
    async with handing_on(clock, rule) as (desk, model):
        assert "The budget for the provider acme does not leave room" in await desk.ask("why?")
        assert len(model.scripted.requests) == 1


def test_what_holds_for_each_provider_holds_at_each_address_by_itself() -> None:
    rule = LimitRule(scope=Scope.PROVIDER, period=Period.DAY, micros=5)
    of_all = LimitRule(scope=Scope.PROVIDER, subject="acme", period=Period.DAY, micros=9)
    here, all_of_it, other = (
        Meter(scope=Scope.PROVIDER, subject=name, period=Period.DAY, stamp="2026-01-05")
        for name in ("acme@far.example", "acme", "corner@")
    )
    limits = Limits(BudgetRules(limits=(rule,)), ())
    assert limits.bounds([here, all_of_it]) == [Bound(here, 5)]
    assert limits.bounds([other]) == [Bound(other, 5)]
    limits = Limits(BudgetRules(limits=(rule, of_all)), ())
    assert limits.bounds([here, all_of_it]) == [Bound(here, 5), Bound(all_of_it, 9)]


def test_one_provider_is_one_place_with_one_key() -> None:
    """What is spent at a server of one's own is not counted as spent at the vendor's."""
    rule = LimitRule(scope=Scope.PROVIDER, period=Period.DAY, micros=5)
    limits = Limits(BudgetRules(limits=(rule,)), ())

    def bounded(provider: str) -> set[str]:
        spender = Spender(provider=provider, agent=AgentName("desk"), run=TurnId("t"), person=ANN)
        meters = meters_of(spender, team(), at=T0)
        counted = {each.subject for each in meters if each.scope is Scope.PROVIDER}
        assert "acme" in counted, "a limit of the vendor counts it all"
        return {bound.meter.subject for bound in limits.bounds(meters)}

    names = ("acme", "acme@far.example", "acme#second", "acme@far.example#second")
    assert [bounded(name) for name in names] == [
        {"acme@"},
        {"acme@far.example"},
        {"acme#second"},
        {"acme@far.example#second"},
    ]
    assert whose(team(), Scope.PROVIDER, "acme@") == "the provider acme at its own address"
