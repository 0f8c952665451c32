"""What was settled long ago is forgotten, hour by hour, and conversations are not."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.memory.durable import MemoryDurable
from bot.running.retention import Retention
from runtime.errors import StorageUnavailable
from runtime.ids import (
    ConversationId,
    HoldId,
    MessageId,
    ModelName,
    OutboxId,
    RunId,
    StopId,
    TurnId,
)
from runtime.model.budget import Pause
from runtime.model.ending import Handed
from runtime.model.events import Message
from runtime.model.handoff import Handoff, HandOver, next_conversation
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.model.run import RunState
from runtime.model.stop import Stop, StopKind
from runtime.model.tools import Json
from runtime.model.turn import Turn, TurnState, turn_of_run
from runtime.money.spenders import run_meter, workflow_meter
from runtime.money.workflows import begun_by
from runtime.ports import RunContext, Store
from tests.support.clock import ManualClock
from tests.support.runs import RecordingDurable
from tests.support.stores import ADA, DESK, SLACK, THREAD, Rows, begun

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


async def handed_on(store: Store, rows: Rows, clock: ManualClock) -> Turn:
    """A question's first turn, which handed it on: what that wakes is not begun yet."""
    turn = (await begun(store, rows.received())).turn
    conversation = ConversationId(next_conversation(turn.id))
    handoff = Handoff(
        conversation=conversation,
        before=turn.conversation,
        thread=THREAD,
        giver=DESK,
        taker=DESK,
        requester=ADA,
        chain=(DESK,),
        at=clock.now(),
    )
    said = Message(text="go on", message_id=MessageId(""), handed=Handed(chain=(DESK,), context=""))
    over = HandOver(handoff=handoff, opening=(), wakes=rows.received(body=said, event_key="handed"))
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, over=over)
    return turn


async def run_turn(store: Store, name: str) -> Turn:
    """The first turn of a run."""
    talk = ConversationId(f"talk-{name}")
    await store.conversations.create(talk, DESK)
    start = await store.turns.begin_run(
        turn_of_run(RunId(name), 0), talk, requester=ADA, instruction="Look.", owner="here"
    )
    assert start is not None
    return start.turn


async def spend(store: Store, clock: ManualClock, meters: Sequence[Meter]) -> None:
    """A call that cost 5, and counts there."""
    call = Call(
        id=HoldId("old"),
        spender=Spender(provider="acme", agent=DESK, run=TurnId("any"), person=ADA),
        model=ModelName("fast"),
        at=clock.now(),
        expires_at=clock.now() + DAY,
        worst=7,
        meters=tuple(meters),
    )
    await store.ledger.reserve(call, [])
    done = Settlement(state=CallState.SETTLED, spent=5, at=clock.now())
    await store.ledger.settle(call.id, done)


async def test_of_a_workflow_that_is_not_over_no_meter_goes(
    store: Store, rows: Rows, durable: MemoryDurable, clock: ManualClock
) -> None:
    first = await handed_on(store, rows, clock)
    meters = [workflow_meter(begun_by(first.id))]
    await spend(store, clock, meters)

    async def spent() -> list[int]:
        await clock.advance((KEPT + DAY).total_seconds())
        await Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS).prune()
        return [balance.spent for balance in await store.ledger.balances(meters)]

    assert await spent() == [5], "what was handed on is not begun"
    second = await store.turns.begin(next_conversation(first.id), owner="here")
    assert second is not None
    assert await spent() == [5], "it is at work"
    await store.turns.park(second.turn.id, second.turn.fence, tries=0)
    assert await spent() == [5], "it waits for the month's limit"
    assert await store.turns.unpark(second.turn.id)
    again = await store.turns.begin(second.turn.conversation, owner="here")
    assert again is not None
    await store.turns.finish(again.turn.id, again.turn.fence, state=TurnState.DONE)
    assert await spent() == [0]


async def test_of_a_run_that_is_not_over_no_meter_goes(
    store: Store, rows: Rows, durable: MemoryDurable, clock: ManualClock
) -> None:
    planned = rows.schedule()
    await store.schedules.add(planned)
    due = rows.occurrence(planned)
    await store.schedules.add_occurrence(due)
    waits, works, ended = [await run_turn(store, name) for name in ("waits", "works", "ended")]
    await store.turns.park(waits.id, waits.fence, tries=0)
    await store.turns.finish(ended.id, ended.fence, state=TurnState.DONE)
    meters = [run_meter(one) for one in (due.run, waits.id, works.id, ended.id)]
    await spend(store, clock, meters)
    await clock.advance((KEPT + DAY).total_seconds())
    await Retention(store, durable, clock=clock, kept=KEPT, totals=TOTALS).prune()
    left = [balance.spent for balance in await store.ledger.balances(meters)]
    assert left == [5, 5, 5, 0], "the planned time is due; one waits for people; one is at work"


async def test_turns_that_are_not_over_are_read_in_pages(store: Store) -> None:
    turns = [await run_turn(store, name) for name in ("a", "b", "c", "d")]
    await store.turns.park(turns[1].id, turns[1].fence, tries=0)
    await store.turns.finish(turns[2].id, turns[2].fence, state=TurnState.DONE)
    assert [turn.id for turn in await store.turns.not_over(limit=2)] == ["a", "b"]
    assert [turn.id for turn in await store.turns.not_over(after=turns[1].id)] == ["d"]
