"""The promises of `runtime.ports.Ledger` and `runtime.ports.Budgets`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Conflict
from runtime.ids import ConversationId, HoldId, ModelName, OutboxId, TurnId
from runtime.model.budget import Alert, AlertId, AlertState, LimitChange, Pause
from runtime.model.choice import Chosen
from runtime.model.completion import Usage
from runtime.model.ledger import Call, CallState, EntryKind, Settlement, Spender
from runtime.model.meter import Balance, Bound, Meter, Period, Scope, Short
from runtime.model.outbox import OutboxState
from runtime.money.spenders import run_meter, workflow_meter
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, THREAD, Opener, Rows

HOUR = timedelta(hours=1)
ALL = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp="2026-11-21")
ITS = Meter(scope=Scope.AGENT, subject="desk", period=Period.MONTH, stamp="2026-11")


def call(
    clock: ManualClock, name: str = "a", *, worst: int = 40, meters: tuple[Meter, ...] = (ALL, ITS)
) -> Call:
    return Call(
        id=HoldId(name),
        spender=Spender(
            provider="openai",
            agent=DESK,
            run=TurnId("t1"),
            person=ADA,
            thread=THREAD,
            workflow="w1",
        ),
        model=ModelName("fast"),
        at=clock.now(),
        expires_at=clock.now() + HOUR,
        worst=worst,
        meters=meters,
    )


def cost(clock: ManualClock, spent: int, **more: object) -> Settlement:
    state = CallState.SETTLED
    return Settlement(state=state, spent=spent, at=clock.now(), **more)  # type: ignore[arg-type]


async def says(store: Store, *meters: Meter) -> list[tuple[int, int]]:
    balances = await store.ledger.balances(meters or (ALL, ITS))
    return [(balance.spent, balance.held) for balance in balances]


async def test_a_call_is_held_in_every_meter_and_settled_there(
    open_again: Opener, clock: ManualClock
) -> None:
    usage = Usage(10, 2, cached_tokens=5)
    async with open_again() as store:
        assert await store.ledger.reserve(call(clock), []) is None
        assert await says(store) == [(0, 40), (0, 40)]
    async with open_again() as store:
        done = await store.ledger.settle(HoldId("a"), cost(clock, 7, usage=usage, note="odd"))
    async with open_again() as store:
        assert await store.ledger.call(HoldId("a")) == done
        assert await says(store) == [(7, 0), (7, 0)]
        [balance] = await store.ledger.balances([ALL])
    assert done == replace(call(clock), state=CallState.SETTLED, spent=7, usage=usage, note="odd")
    assert balance == Balance(ALL, spent=7, calls=1, prompt_tokens=10, completion_tokens=2)


async def test_nothing_is_held_where_one_bound_would_be_passed(
    store: Store, clock: ManualClock
) -> None:
    bounds = [Bound(ITS, 1_000), Bound(ALL, 100)]
    for name in "ab":
        assert await store.ledger.reserve(call(clock, name), bounds) is None

    short = await store.ledger.reserve(call(clock, "c"), bounds)

    assert short == Short(bounds[1], Balance(ALL, held=80), 40)
    assert await says(store) == [(0, 80), (0, 80)]
    assert await store.ledger.call(HoldId("c")) is None
    assert await store.ledger.reserve(call(clock, "d", worst=20), bounds) is None


async def test_a_workflow_counts_whatever_its_runs_are(
    open_again: Opener, clock: ManualClock
) -> None:
    whole, first, second = workflow_meter("w1"), run_meter("t1"), run_meter("t2")
    bounds = [Bound(whole, 100)]
    async with open_again() as store:
        one = call(clock, "a", worst=60, meters=(whole, first))
        assert await store.ledger.reserve(one, bounds) is None
        await store.ledger.settle(HoldId("a"), cost(clock, 50))
        two = call(clock, "b", worst=50, meters=(whole, second))
        assert await store.ledger.reserve(two, bounds) is None
        three = call(clock, "c", worst=1, meters=(whole, second))
        short = await store.ledger.reserve(three, bounds)
        assert short == Short(bounds[0], Balance(whole, 50, 50, 1), 1)
    async with open_again() as store:
        assert await says(store, whole, first, second) == [(50, 50), (50, 0), (0, 50)]
        kept = await store.ledger.call(HoldId("b"))
        assert kept is not None
        assert kept.spender.workflow == "w1"


async def test_a_limit_of_nothing_lets_nothing_be_spent(store: Store, clock: ManualClock) -> None:
    assert await store.ledger.reserve(call(clock, worst=1), [Bound(ALL, 0)]) is not None
    assert await store.ledger.reserve(call(clock, worst=0), [Bound(ALL, 0)]) is None


async def test_a_limit_below_what_was_spent_refuses_at_once(
    store: Store, clock: ManualClock
) -> None:
    await store.ledger.reserve(call(clock), [Bound(ALL, 100)])
    await store.ledger.settle(HoldId("a"), cost(clock, 40))

    short = await store.ledger.reserve(call(clock, "b", worst=1), [Bound(ALL, 30)])

    assert short is not None
    assert (short.balance.spent, short.bound.limit) == (40, 30)


async def test_two_hundred_at_once_on_one_dollar_stay_within_it(
    store: Store, clock: ManualClock
) -> None:
    bound = Bound(ALL, 1_000_000)
    calls = [call(clock, f"h{number:03}", worst=17_001) for number in range(200)]

    async def spend(one: Call) -> bool:
        if await store.ledger.reserve(one, [bound]) is not None:
            return False
        await store.ledger.settle(one.id, cost(clock, 17_001))
        return True

    done = await asyncio.gather(*(spend(one) for one in calls))

    assert sum(done) == 1_000_000 // 17_001
    assert await says(store, ALL) == [(sum(done) * 17_001, 0)]


async def test_what_was_charged_beyond_the_hold_counts_against_the_next(
    store: Store, clock: ManualClock
) -> None:
    bound = Bound(ALL, 100)
    await store.ledger.reserve(call(clock), [bound])
    await store.ledger.settle(HoldId("a"), cost(clock, 130, note="30 more than reserved"))

    assert await says(store, ALL) == [(130, 0)]
    assert await store.ledger.reserve(call(clock, "b", worst=1), [bound]) is not None


async def test_a_call_that_was_not_made_costs_nothing(store: Store, clock: ManualClock) -> None:
    await store.ledger.reserve(call(clock), [])
    by = Settlement(state=CallState.RELEASED, spent=0, at=clock.now())
    await store.ledger.settle(HoldId("a"), by)

    assert await says(store) == [(0, 0), (0, 0)]
    [balance] = await store.ledger.balances([ALL])
    assert balance.calls == 0


async def test_a_call_is_settled_once(store: Store, clock: ManualClock) -> None:
    await store.ledger.reserve(call(clock), [])
    await store.ledger.settle(HoldId("a"), cost(clock, 7))
    with pytest.raises(Conflict):
        await store.ledger.settle(HoldId("a"), cost(clock, 9))
    with pytest.raises(Conflict):
        await store.ledger.settle(HoldId("unknown"), cost(clock, 9))

    assert await says(store) == [(7, 0), (7, 0)]


async def test_what_nobody_settled_counts_in_full_once_its_time_is_over(
    store: Store, clock: ManualClock
) -> None:
    await store.ledger.reserve(call(clock), [])
    await store.ledger.reserve(replace(call(clock, "b"), expires_at=clock.now() + 2 * HOUR), [])
    assert await store.ledger.sweep(now=clock.now()) == []
    await clock.advance(HOUR)

    [swept] = await store.ledger.sweep(now=clock.now())

    assert (swept.id, swept.state, swept.spent) == ("a", CallState.EXPIRED, 40)
    assert await store.ledger.sweep(now=clock.now()) == []
    assert await says(store) == [(40, 40), (40, 40)]


async def test_the_truth_takes_the_place_of_what_was_assumed(
    store: Store, clock: ManualClock
) -> None:
    await store.ledger.reserve(call(clock), [])
    await clock.advance(HOUR)
    await store.ledger.sweep(now=clock.now())
    await store.ledger.settle(HoldId("a"), cost(clock, 7))

    assert await says(store) == [(7, 0), (7, 0)]
    entries = await store.ledger.entries(HoldId("a"))
    assert [(one.kind, one.held, one.spent) for one in entries] == [
        (EntryKind.RESERVE, 40, 0),
        (EntryKind.SETTLE, -40, 40),
        (EntryKind.SETTLE, 0, -33),
    ]


async def test_a_call_that_cost_nothing_is_recorded_with_what_it_used(
    store: Store, clock: ManualClock
) -> None:
    free = replace(call(clock, worst=0), state=CallState.SETTLED, usage=Usage(100, 20))
    assert await store.ledger.reserve(free, []) is None

    [balance] = await store.ledger.balances([ITS])
    assert balance == Balance(ITS, calls=1, prompt_tokens=100, completion_tokens=20)


async def test_what_was_spent_since_a_time_is_summed(store: Store, clock: ManualClock) -> None:
    assert await store.ledger.spent(since=clock.now()) == 0
    for name in "ab":
        await store.ledger.reserve(call(clock, name), [])
        await store.ledger.settle(HoldId(name), cost(clock, 7))
        await clock.advance(HOUR)

    assert await store.ledger.spent(since=clock.now() - HOUR) == 7
    assert await store.ledger.spent(since=clock.now() - 2 * HOUR) == 14


async def test_each_currency_has_numbers_of_its_own(open_again: Opener, clock: ManualClock) -> None:
    euros = tuple(replace(meter, currency="EUR") for meter in (ALL, ITS))
    async with open_again() as store:
        await store.ledger.reserve(call(clock, "a"), [])
        await store.ledger.settle(HoldId("a"), cost(clock, 7))
        assert (
            await store.ledger.reserve(call(clock, "b", meters=euros), [Bound(euros[0], 40)])
            is None
        )
    async with open_again() as store:
        held = await store.ledger.call(HoldId("b"))
        assert held is not None
        assert (held.meters, held.currency) == (euros, "EUR")
        await store.ledger.settle(HoldId("b"), cost(clock, 9))
        assert await says(store, ALL, euros[0]) == [(7, 0), (9, 0)]
        for currency, spent in (("USD", 7), ("EUR", 9), ("GBP", 0)):
            assert await store.ledger.spent(since=clock.now(), currency=currency) == spent
        for currency, meter, spent in (("USD", ITS, 7), ("EUR", euros[1], 9)):
            [of] = await store.ledger.dearest(
                Scope.AGENT, Period.MONTH, "2026-11", currency=currency
            )
            [in_all] = await store.ledger.series(
                Scope.AGENT, "desk", Period.MONTH, currency=currency
            )
            assert (of.meter, of.spent) == (in_all.meter, in_all.spent) == (meter, spent)


async def test_the_dearest_come_first(store: Store, clock: ManualClock) -> None:
    meters = [replace(ITS, subject=name) for name in ("cheap", "dear", "idle")]
    for meter, spent in zip(meters, (3, 9), strict=False):
        await store.ledger.reserve(call(clock, meter.subject, meters=(meter,)), [])
        await store.ledger.settle(HoldId(meter.subject), cost(clock, spent))

    found = await store.ledger.dearest(Scope.AGENT, Period.MONTH, "2026-11")

    assert [(one.meter, one.spent) for one in found] == [(meters[1], 9), (meters[0], 3)]
    assert len(await store.ledger.dearest(Scope.AGENT, Period.MONTH, "2026-11", limit=1)) == 1
    assert await store.ledger.dearest(Scope.AGENT, Period.MONTH, "2026-10") == []


async def test_it_is_known_who_spent_what_a_meter_counted(store: Store, clock: ManualClock) -> None:
    def by(scope: Scope, subject: str) -> Meter:
        return replace(ITS, scope=scope, subject=subject)

    def month(scope: Scope, subject: str, spent: int) -> Balance:
        return Balance(replace(by(scope, subject), stamp=ALL.stamp, period=ALL.period), spent=spent)

    ann, bob = by(Scope.PERSON, "ann"), by(Scope.PERSON, '["slack", "T_1%", "bob"]')
    hourly, another = by(Scope.SCHEDULE, "hourly"), replace(ALL, stamp="2026-11-20")
    meters: dict[str, tuple[Meter, ...]] = {
        "a": (ALL, ITS, ann),
        "b": (ALL, ITS, bob),
        "c": (ALL, by(Scope.AGENT, "x"), ann),
    }
    meters |= {"d": (ALL, ITS, ann, hourly), "e": (another, ITS, bob), "held": (ALL, ITS, bob)}
    for name, counted in meters.items():
        await store.ledger.reserve(call(clock, name, meters=counted), [])
    began = clock.now()
    for name, spent in (("a", 3), ("b", 9), ("c", 4), ("d", 1), ("e", 50)):
        await store.ledger.settle(HoldId(name), cost(clock, spent))

    assert await store.ledger.within(ALL, since=began) == [
        month(Scope.AGENT, "desk", 13),
        month(Scope.PERSON, bob.subject, 9),
        month(Scope.PERSON, "ann", 8),
        month(Scope.AGENT, "x", 4),
        month(Scope.SCHEDULE, "hourly", 1),
    ]
    hers = await store.ledger.within(ann, since=began)
    assert [(one.meter.subject, one.spent) for one in hers] == [
        ("ann", 8),
        ("desk", 4),
        ("x", 4),
        ("hourly", 1),
    ]
    assert await store.ledger.within(ALL, since=began + HOUR) == []


async def test_what_is_under_way_is_known(store: Store, clock: ManualClock) -> None:
    for name in "ab":
        await store.ledger.reserve(call(clock, name), [])
        await clock.advance(1)
    await store.ledger.settle(HoldId("a"), cost(clock, 3))
    assert [one.id for one in await store.ledger.under_way()] == ["b"]


async def test_the_latest_of_a_series_comes_first(store: Store, clock: ManualClock) -> None:
    for stamp in ("2026-11-01", "2026-11-03", "2026-11-02"):
        await store.ledger.reserve(call(clock, stamp, meters=(replace(ALL, stamp=stamp),)), [])

    found = await store.ledger.series(Scope.ORGANISATION, "", Period.DAY, limit=2)

    assert [one.meter.stamp for one in found] == ["2026-11-03", "2026-11-02"]


async def test_old_calls_are_forgotten_and_their_money_is_not(
    store: Store, clock: ManualClock
) -> None:
    await store.ledger.reserve(call(clock), [])
    await store.ledger.reserve(call(clock, "b"), [])
    await store.ledger.settle(HoldId("a"), cost(clock, 7))

    assert await store.ledger.forget(before=clock.now() + HOUR) == 1

    assert await store.ledger.call(HoldId("a")) is None
    assert await store.ledger.entries(HoldId("a")) == []
    assert await store.ledger.call(HoldId("b")) is not None
    assert await says(store, ALL) == [(7, 40)]


# ---- what people decided


async def test_old_meters_are_forgotten_but_none_that_is_needed(
    open_again: Opener, clock: ManualClock
) -> None:
    once = Meter(scope=Scope.RUN, subject="r", period=Period.FIRING, stamp="r")
    waits = replace(once, subject="w", stamp="w")
    every = (ALL, once, waits)
    async with open_again() as store:
        await store.ledger.reserve(call(clock, "a", meters=every), [])
        await store.ledger.settle(HoldId("a"), cost(clock, 5))
        held = replace(once, subject="h", stamp="h")
        await store.ledger.reserve(call(clock, "b", meters=(held,)), [])
        await clock.advance(10)
        used = replace(once, subject="u", stamp="u")
        await store.ledger.reserve(call(clock, "c", meters=(used,)), [])
        began = clock.now()
        await clock.advance(10)
        await store.ledger.settle(HoldId("c"), cost(clock, 7))
    async with open_again() as store:
        forget = store.ledger.forget_meters
        settled, past = clock.now(), clock.now() - timedelta(days=1)
        assert await forget(runs=past, periods=past) == 0
        assert await forget(runs=settled, periods=past, waiting={"w"}) == 1
        # What is settled is used by that, too.
        assert await says(store, *every, used) == [(5, 0), (0, 0), (5, 0), (7, 0)]
        assert await forget(runs=began, periods=began) == 2
        assert await says(store, *every, used) == [(0, 0), (0, 0), (0, 0), (7, 0)]
        # What is held stays, however old it is, and can be settled.
        assert await forget(runs=settled + timedelta(days=9), periods=past) == 1
        await store.ledger.settle(HoldId("b"), cost(clock, 3))
        assert await says(store, held) == [(3, 0)]


def limit(clock: ManualClock, micros: int | None, stamp: str = "", *, key: str = "") -> LimitChange:
    return LimitChange(
        scope=Scope.AGENT,
        subject="desk",
        period=Period.DAY,
        stamp=stamp,
        micros=micros,
        before=5,
        base=None,
        by=ADA,
        at=clock.now(),
        key=key or f"{micros}/{stamp}",
    )


async def test_limits_are_kept_in_order(open_again: Opener, clock: ManualClock) -> None:
    first, second = limit(clock, 10), limit(clock, None)
    async with open_again() as store:
        await store.budgets.set_limit(first)
        await store.budgets.set_limit(second)
        await store.budgets.set_limit(limit(clock, 99, key=first.key))
    async with open_again() as store:
        assert await store.budgets.limits(since=clock.now()) == [second, first]


async def test_limits_of_one_period_are_left_out_when_they_are_old(
    store: Store, clock: ManualClock
) -> None:
    for_good, once = limit(clock, 10), limit(clock, 20, "2026-11-21")
    await store.budgets.set_limit(for_good)
    await store.budgets.set_limit(once)

    assert await store.budgets.limits(since=clock.now()) == [once, for_good]
    assert await store.budgets.limits(since=clock.now() + HOUR) == [for_good]


async def test_an_alert_is_told_once_and_answered_once(
    open_again: Opener, clock: ManualClock, rows: Rows
) -> None:
    alert = Alert(
        id=AlertId("a"),
        bound=Bound(ALL, 100),
        share=100,
        turn=TurnId("t"),
        thread=THREAD,
        agent=DESK,
        at=clock.now(),
        wanted=40,
        instead=ModelName("cheap"),
        cards=(OutboxId("o1"), OutboxId("o2")),
    )
    async with open_again() as store:
        assert await store.budgets.raise_alert(alert, [rows.item()])
        assert await store.budgets.open_alerts() == [alert]
        assert not await store.budgets.raise_alert(alert, [rows.item()])
        assert await store.budgets.alert(alert.id) == alert
        assert await store.budgets.alert(AlertId("b")) is None
    async with open_again() as store:
        answered = await store.budgets.answer_alert(
            alert.id, state=AlertState.RAISED, by=ADA, note="to 125"
        )
        assert answered == replace(alert, state=AlertState.RAISED, by=ADA, note="to 125")
        late = Chosen(scope=DESK, model=ModelName("cheap"), by=ADA, at=clock.now())
        with pytest.raises(Conflict):
            await store.budgets.answer_alert(
                alert.id, state=AlertState.SWITCHED, by=ADA, note="", chosen=late
            )
        assert await store.modelbook.every() == []
        assert await store.budgets.alert(alert.id) == answered
        assert await store.budgets.open_alerts() == []
        assert await store.outbox.count(OutboxState.PENDING) == 1


async def test_what_is_chosen_by_an_answer_is_stored_with_it(
    open_again: Opener, clock: ManualClock
) -> None:
    alert = Alert(id=AlertId("a"), bound=Bound(ALL, 100), share=80, at=clock.now())
    chosen = Chosen(scope=DESK, model=ModelName("cheap"), by=ADA, at=clock.now())
    async with open_again() as store:
        await store.budgets.raise_alert(alert)
        await store.budgets.answer_alert(
            alert.id, state=AlertState.SWITCHED, by=ADA, note="cheap", chosen=chosen
        )
    async with open_again() as store:
        assert await store.modelbook.every() == [chosen]


async def test_turns_wait_for_money_until_they_do_not(
    open_again: Opener, clock: ManualClock
) -> None:
    first = Pause(
        turn=TurnId("t1"),
        conversation=ConversationId("c"),
        thread=THREAD,
        bound=Bound(ALL, 100),
        wanted=40,
        until=clock.now() + HOUR,
        at=clock.now(),
        instead=ModelName("cheap"),
        alert=AlertId("a"),
        card=OutboxId("o1"),
    )
    plain = replace(first, thread=None, until=None, instead=ModelName(""), card=None)
    second = replace(plain, turn=TurnId("t0"), at=clock.now() + HOUR)
    async with open_again() as store:
        await store.budgets.pause(replace(first, wanted=1))
        await store.budgets.pause(second)
        await store.budgets.pause(first)
    async with open_again() as store:
        assert await store.budgets.pauses() == [first, second]
        assert await store.budgets.paused(second.turn) == second
        # It was taken up and parked again meanwhile: that is another pause, which stays.
        await store.budgets.forget_pause(replace(first, at=first.at - HOUR))
        assert await store.budgets.paused(first.turn) == first
        await store.budgets.forget_pause(first)
        await store.budgets.forget_pause(first)
        assert await store.budgets.paused(first.turn) is None
        assert await store.budgets.pauses() == [second]
