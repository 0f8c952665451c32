"""Limits that people set: which may be, from when they hold, and who knows of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.audit import MemoryAudit
from adapters.memory.budgets import MemoryBudgets
from adapters.memory.modelbook import MemoryModelBook
from adapters.memory.tables import Tables
from runtime.errors import Refused
from runtime.model.budget import BudgetRules, LimitChange, LimitRule
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.model.team import Team
from runtime.money.limits import MOST, LimitBook, Limits
from tests.support.build import ANN, T0, team
from tests.support.clock import ManualClock

DAY = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp="")
TODAY = replace(DAY, stamp="2026-11-20")
CONFIGURED = 1_000_000
"""The limit of a day where nobody sets another."""


class Budgets(MemoryBudgets):
    """The limits of all processes, and how often they were read."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Tables(audit=MemoryAudit(clock)), MemoryModelBook())
        self.read = 0

    async def limits(self, *, since: datetime, limit: int = 1_000_000) -> list[LimitChange]:
        self.read += 1
        return await super().limits(since=since, limit=limit)


class Books:
    """Two processes that know the same limits."""

    def __init__(self, clock: ManualClock, *, alone: bool) -> None:
        self.clock = clock
        self.teams: list[Team] = [team()]
        self.budgets = Budgets(clock)
        self.here, self.there = (
            LimitBook(self.budgets, team=lambda: self.teams[-1], clock=clock, alone=alone)
            for _ in range(2)
        )

    def speaks(self, currency: str) -> None:
        """The team counts in that currency from now on."""
        now = self.teams[-1]
        self.teams.append(replace(now, budget=replace(now.budget, currency=currency)))


@pytest.fixture
def alone(clock: ManualClock) -> Books:
    return Books(clock, alone=True)


@pytest.fixture
def several(clock: ManualClock) -> Books:
    return Books(clock, alone=False)


@pytest.mark.parametrize("micros", [-1, MOST + 1])
async def test_a_limit_below_nothing_or_above_all_money_is_refused_and_not_set(
    alone: Books, micros: int
) -> None:
    with pytest.raises(Refused) as refused:
        await alone.here.set(DAY, micros, ANN, key="k")
    assert refused.value.message == "A limit is at most 1000000000.00 USD."
    assert (await alone.here.now()).of(DAY) == CONFIGURED
    assert await alone.here.history() == []


async def test_a_limit_holds_however_many_were_set_since(several: Books) -> None:
    change = await several.here.set(DAY, 1, ANN, key="first")
    for number in range(5_001):
        other = replace(change, scope=Scope.THREAD, subject=f"t{number}", key=f"k{number}")
        several.budgets._changes.append(other)
    assert (await several.here.now()).of(DAY) == 1


@pytest.mark.parametrize("micros", [0, 1, MOST])
async def test_what_is_set_holds_at_once_nothing_at_all_included(alone: Books, micros: int) -> None:
    assert (await alone.here.now()).of(DAY) == CONFIGURED
    change = await alone.here.set(DAY, micros, ANN, key="k")
    assert (change.before, change.base, change.micros) == (CONFIGURED, CONFIGURED, micros)
    assert (change.by, change.at, change.stamp) == (ANN, alone.clock.now(), "")
    assert (await alone.here.now()).of(TODAY) == micros
    assert (await alone.here.now()).bounds([TODAY]) == [Bound(TODAY, micros)]


async def test_a_limit_that_is_taken_away_is_that_of_the_configuration_again(alone: Books) -> None:
    await alone.here.set(DAY, 5, ANN, key="k1")
    change = await alone.here.set(DAY, None, ANN, key="k2")
    assert (change.before, change.micros) == (5, None)
    assert (await alone.here.now()).of(DAY) == CONFIGURED


async def test_a_limit_for_one_period_holds_in_that_one_alone(alone: Books) -> None:
    change = await alone.here.set(TODAY, 5, ANN, key="k")
    assert change.stamp == TODAY.stamp
    limits = await alone.here.now()
    assert limits.of(TODAY) == 5
    assert limits.of(replace(DAY, stamp="2026-11-21")) == CONFIGURED


async def test_who_is_alone_reads_the_limits_once_and_after_each_change(alone: Books) -> None:
    for _ in range(3):
        await alone.here.now()
    assert alone.budgets.read == 1
    await alone.here.set(DAY, 5, ANN, key="k")
    for _ in range(3):
        assert (await alone.here.now()).of(DAY) == 5
    assert alone.budgets.read == 2


async def test_who_is_not_alone_knows_at_once_what_another_process_set(several: Books) -> None:
    assert (await several.here.now()).of(DAY) == CONFIGURED
    await several.there.set(DAY, 5, ANN, key="k")
    assert (await several.here.now()).of(DAY) == 5


async def test_the_same_asking_sets_once_and_is_found_again(alone: Books) -> None:
    first = await alone.here.set(DAY, 5, ANN, key="k1")
    await alone.here.set(DAY, 7, ANN, key="k2")
    await alone.here.set(DAY, 5, ANN, key="k1")
    assert (await alone.here.now()).of(DAY) == 7
    assert await alone.here.made("k1") == first
    assert await alone.here.made("k3") is None
    assert [change.key for change in await alone.here.history()] == ["k2", "k1"]


async def test_a_limit_for_a_period_is_forgotten_long_after_it_and_one_that_lasts_is_not(
    alone: Books,
) -> None:
    await alone.here.set(TODAY, 5, ANN, key="k1")
    await alone.here.set(DAY, 7, ANN, key="k2")
    await alone.clock.advance(timedelta(days=40).total_seconds())
    assert [change.key for change in await alone.here.history()] == ["k2", "k1"]
    assert len((await alone.there.now()).changes) == 2
    await alone.clock.advance(1)
    assert [change.key for change in await alone.here.history()] == ["k2"]
    later = LimitBook(alone.budgets, team=team, clock=alone.clock, alone=True)
    assert [change.key for change in (await later.now()).changes] == ["k2"]


async def test_who_listens_hears_of_a_limit_once_it_holds(alone: Books) -> None:
    heard: list[tuple[LimitChange, int | None]] = []

    async def listen(change: LimitChange) -> None:
        heard.append((change, (await alone.here.now()).of(DAY)))

    alone.here.on_set(listen)
    change = await alone.here.set(DAY, 5, ANN, key="k")
    assert heard == [(change, 5)]


async def test_a_limit_in_another_currency_has_no_force_and_is_named(alone: Books) -> None:
    await alone.here.set(TODAY, 3, ANN, key="k0")
    await alone.here.set(DAY, 5, ANN, key="k1")
    last = await alone.here.set(DAY, 7, ANN, key="k2")
    month = replace(DAY, period=Period.MONTH)
    await alone.here.set(month, 9, ANN, key="k3")
    await alone.here.set(month, None, ANN, key="k4")
    assert await alone.here.without_force() == []
    alone.speaks("EUR")
    assert (await alone.here.now()).of(replace(DAY, currency="EUR")) == CONFIGURED
    assert (await alone.here.now()).of(DAY) is None, "it is a meter of another currency"
    assert await alone.here.without_force() == [last]
    again = await alone.here.set(replace(DAY, currency="EUR"), 8, ANN, key="k5")
    assert again.currency == "EUR"
    assert await alone.here.without_force() == []


async def test_no_more_of_the_history_is_read_than_people_look_at(alone: Books) -> None:
    for number in range(51):
        await alone.here.set(DAY, number, ANN, key=f"k{number}")
    history = await alone.here.history()
    assert [change.micros for change in history] == list(range(50, 0, -1))


# ---- which limits there are


def change(micros: int | None, **of: Any) -> LimitChange:
    meter = {"scope": Scope.ORGANISATION, "subject": "", "period": Period.DAY, "base": CONFIGURED}
    made = {**meter, "before": None, "by": ANN, "at": T0, "key": "k", **of}
    return LimitChange(micros=micros, **made)


def test_every_limit_of_those_periods_is_listed_once_as_it_is_now() -> None:
    rules = BudgetRules()
    day, month = rules.limits
    assert Limits(rules, ()).current({}) == [day, month]
    agent = change(7, scope=Scope.AGENT, subject="desk", base=None)
    today = change(5, stamp=TODAY.stamp)
    limits = Limits(rules, (today, agent, change(3)))
    lasting = replace(day, micros=3)
    of_agent = LimitRule(scope=Scope.AGENT, subject="desk", period=Period.DAY, micros=7)
    assert limits.current({}) == [lasting, month, of_agent]
    stamps = {Period.DAY: TODAY.stamp}
    assert limits.current(stamps) == [replace(day, micros=5), month, of_agent]
    other = {Period.DAY: "2026-11-21", Period.MONTH: TODAY.stamp}
    assert limits.current(other) == [lasting, month, of_agent]
    taken = Limits(rules, (replace(agent, micros=None), agent))
    assert taken.current({}) == [day, month], "what was taken away is none"


def test_what_was_set_for_each_of_them_in_one_period_holds_there_for_each_alone() -> None:
    each = change(5, scope=Scope.AGENT, base=None, stamp=TODAY.stamp)
    limits = Limits(BudgetRules(), (each,))
    desk = replace(TODAY, scope=Scope.AGENT, subject="desk")
    assert limits.of(desk) == 5
    assert limits.of(replace(desk, stamp="2026-11-21")) is None


def test_whether_there_may_be_a_limit_of_a_scope() -> None:
    limits = Limits(BudgetRules(), (change(7, scope=Scope.AGENT, subject="desk", base=None),))
    assert limits.has(Scope.ORGANISATION)
    assert limits.has(Scope.AGENT)
    assert not limits.has(Scope.CHANNEL)
    assert not Limits(BudgetRules(), ()).has(Scope.AGENT)


def test_what_holds_for_each_provider_holds_for_each_place_and_not_for_the_sum_of_them() -> None:
    each = LimitRule(scope=Scope.PROVIDER, period=Period.DAY, micros=5)
    limits = Limits(BudgetRules(limits=(each,)), ())
    of = replace(TODAY, scope=Scope.PROVIDER)
    assert limits.of(replace(of, subject="openai@")) == 5
    assert limits.of(replace(of, subject="openai#second")) == 5
    assert limits.of(replace(of, subject="openai")) is None
    own = replace(each, subject="openai", micros=9)
    assert Limits(BudgetRules(limits=(each, own)), ()).of(replace(of, subject="openai")) == 9
    agents = Limits(BudgetRules(limits=(replace(each, scope=Scope.AGENT),)), ())
    assert agents.of(replace(TODAY, scope=Scope.AGENT, subject="openai")) == 5
