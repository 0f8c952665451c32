"""What was settled long ago is forgotten, hour by hour, and conversations are not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.memory.durable import MemoryDurable
from bot.retention import Retention
from runtime.errors import StorageUnavailable
from runtime.ids import ConversationId, MessageId, ModelName, OutboxId, RunId, StopId, TurnId
from runtime.model.budget import Pause
from runtime.model.ledger import (
    Bound,
    Call,
    CallState,
    HoldId,
    Meter,
    Period,
    Scope,
    Settlement,
    Spender,
)
from runtime.model.run import RunState
from runtime.model.stop import Stop, StopKind
from runtime.model.tools import Json
from runtime.model.turn import turn_of_run
from runtime.ports import RunContext, Store
from tests.support.clock import ManualClock
from tests.support.runs import RecordingDurable
from tests.support.stores import ADA, DESK, SLACK, THREAD, Rows

DAY = timedelta(days=1)
KEPT = 30 * DAY
TOTALS = 400 * DAY


@pytest.fixture
async def durable(clock: ManualClock) -> AsyncIterator[MemoryDurable]:
    async def nothing(_context: RunContext, payload: Json) -> Json:
        return payload

    durable = MemoryDurable(clock)
    durable.register("nothing", nothing)
    await durable.open()
    yield durable
    await durable.close()


async def settle(store: Store, rows: Rows, clock: ManualClock, name: str) -> None:
    """An event that was processed, and its answer, which was sent."""
    received = rows.received(event_key=name)
    await store.inbox.append(received)
    await store.inbox.finish(received.id, [rows.item(name, key=name)])
    [item] = await store.outbox.claim(now=clock.now(), owner="here", platforms=(SLACK,))
    await store.outbox.sent(item.id, item.attempts, MessageId(f"17.{name}"))


async def is_known(store: Store, rows: Rows, name: str) -> bool:
    """Whether an event that is delivered again is known."""
    return not await store.inbox.append(rows.received(event_key=name))


async def test_what_is_older_than_that_goes_and_the_rest_stays(
    store: Store, rows: Rows, durable: MemoryDurable, clock: ManualClock
) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)
    retention = Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS)
    await settle(store, rows, clock, "old")
    await durable.start("nothing", RunId("old"), None)
    await durable.result(RunId("old"))
    await clock.advance(DAY)
    await settle(store, rows, clock, "young")
    await durable.start("nothing", RunId("young"), None)
    await durable.result(RunId("young"))
    waiting = rows.received(event_key="waiting")
    await store.inbox.append(waiting)

    await clock.advance(KEPT - DAY / 2)
    await retention.prune()

    assert await store.outbox.get(OutboxId("old")) is None
    assert await store.outbox.get(OutboxId("young")) is not None
    assert await durable.state(RunId("old")) is None
    assert await durable.state(RunId("young")) is RunState.COMPLETED
    assert await store.inbox.get(waiting.id) is not None
    assert await is_known(store, rows, "young")
    assert not await is_known(store, rows, "old")
    assert await store.conversations.bound(THREAD) == conversation


async def test_stops_that_were_lifted_go_with_the_rest(
    store: Store, durable: MemoryDurable, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Stop(id=StopId("old"), kind=StopKind.AGENT, agent=DESK, by=ADA, at=clock.now())
    for key in ("old", "last"):
        await store.stops.order(replace(stop, id=StopId(key)), closing=lambda _: ())
        await store.stops.lift(DESK, by=ADA, at=clock.now(), key=StopId(f"r-{key}"))
    await store.stops.order(replace(stop, id=StopId("in-force")), closing=lambda _: ())
    await clock.advance(KEPT + DAY)
    with caplog.at_level("INFO"):
        await Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS).prune()
    said = [vars(one) for one in caplog.records if one.message == "retention.forgotten"]
    forgotten = {one["of"]: one["rows"] for one in said}
    assert forgotten["stops"] == 1, "what was lifted last says where the count stands"
    assert forgotten["handoffs"] == 0
    assert [one.id for one in await store.stops.active()] == ["in-force"]


class Failing(RecordingDurable):
    """Cannot forget just now."""

    async def forget(self, *, before: datetime) -> int:
        raise StorageUnavailable("the database is away")


async def test_what_fails_is_said_and_keeps_nothing_else(
    store: Store, rows: Rows, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await settle(store, rows, clock, "old")
    await clock.advance(2 * KEPT)
    with caplog.at_level("INFO"):
        await Retention(store, Failing(), clock=clock, kept=KEPT, totals=TOTALS).prune()
    assert await store.outbox.get(OutboxId("old")) is None
    [failed] = [record for record in caplog.records if record.message == "retention.failed"]
    assert vars(failed)["of"] == "runs"


async def test_single_calls_go_and_what_they_cost_stays(
    store: Store, durable: MemoryDurable, clock: ManualClock
) -> None:
    meter = Meter(scope=Scope.ORGANISATION, subject="", period=Period.MONTH, stamp="2026-01")
    call = Call(
        id=HoldId("old"),
        spender=Spender(provider="acme", agent=DESK, run=TurnId("t"), person=ADA),
        model=ModelName("fast"),
        at=clock.now(),
        expires_at=clock.now() + DAY,
        worst=7,
        meters=(meter,),
    )
    await store.ledger.reserve(call, [])
    done = Settlement(state=CallState.SETTLED, spent=5, at=clock.now())
    await store.ledger.settle(call.id, done)
    await clock.advance(KEPT + DAY)
    await Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS).prune()

    assert await store.ledger.call(call.id) is None
    assert [balance.spent for balance in await store.ledger.balances([meter])] == [5]


async def test_what_runs_cost_goes_but_for_those_that_wait_and_totals_stay_longer(
    store: Store, durable: MemoryDurable, clock: ManualClock
) -> None:
    month = Meter(scope=Scope.ORGANISATION, subject="", period=Period.MONTH, stamp="2026-01")
    over, waits = (
        Meter(scope=Scope.RUN, subject=run, period=Period.FIRING, stamp=run)
        for run in ("over", "waits")
    )
    call = Call(
        id=HoldId("old"),
        spender=Spender(provider="acme", agent=DESK, run=TurnId("over"), person=ADA),
        model=ModelName("fast"),
        at=clock.now(),
        expires_at=clock.now() + DAY,
        worst=7,
        meters=(month, over, waits),
    )
    await store.ledger.reserve(call, [])
    done = Settlement(state=CallState.SETTLED, spent=5, at=clock.now())
    await store.ledger.settle(call.id, done)
    pause = Pause(
        turn=turn_of_run(RunId("waits"), 1),
        conversation=ConversationId("talk"),
        thread=None,
        bound=Bound(month, 1),
        wanted=3,
        until=None,
        at=clock.now(),
    )
    await store.budgets.pause(pause)

    async def spent() -> list[int]:
        retention = Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS)
        await retention.prune()
        return [balance.spent for balance in await store.ledger.balances([month, over, waits])]

    await clock.advance(KEPT - DAY)
    assert await spent() == [5, 5, 5]
    await clock.advance(2 * DAY)
    assert await spent() == [5, 0, 5]
    await clock.advance(TOTALS)
    assert await spent() == [5, 0, 5], "of a limit by which something waits nothing goes"
    await store.budgets.forget_pause(pause)
    assert await spent() == [0, 0, 0]
