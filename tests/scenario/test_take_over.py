"""Several processes over one store: who takes up whose work, and when nobody does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.memory.durable import MemoryDurable
from adapters.memory.store import MemoryStore
from adapters.timing.timetable import CronsimTimetable
from bot.parts import Opened
from bot.role import Role
from bot.running.lifecycle import working
from bot.wiring.desk import Desk, Parts, wire
from runtime.errors import ConfigurationError, Retryable, StorageUnavailable
from runtime.ids import AgentName, MessageId, OutboxId, RunId, TimeOrderedIds
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.schedule import Occurrence, OccurrenceState
from runtime.ports import Worker
from runtime.schedules.service import NewSchedule
from tests.support.build import ANN, DM, OPS, TERMINAL, outbox_item, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually
from tests.support.faults import failing_times
from tests.support.ticker import ClockTicker


class Watched(MemoryDurable):
    """Notes whose runs were taken over; fails the first so many times."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []
        self.failures = 0

    async def take_over(self, slot: str) -> int:
        self.asked.append(slot)
        if len(self.asked) <= self.failures:
            raise Retryable("some runs could not be taken over")
        return 0


@dataclass
class Peer:
    """One process among several, and the others as it sees them."""

    role: Role = Role.WEB
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self.durable = Watched(self.clock)
        self.chat = MemoryChat()

    def desk(self) -> Desk:
        """The process, put together."""
        return wire(
            Parts(
                role=self.role,
                slot=f"{self.role}-0",
                team=team,
                alone=False,
                clock=self.clock,
                ids=TimeOrderedIds(self.clock),
                store=self.store,
                durable=self.durable,
                models={},
                chats={TERMINAL: self.chat},
                timetable=CronsimTimetable(),
            )
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Desk]:
        """Run it."""
        desk = self.desk()
        opened = Opened(
            parts=desk.parts,
            ticker=ClockTicker(self.clock),
            serves_http=False,
            routes=(),
            listener=None,
        )
        async with working(desk, opened):
            yield desk

    async def sign(self, slot: str, *, ahead: float = 0) -> None:
        """Let another process of the same role, its clock so far ahead, give a sign of life now."""
        seen_at = self.clock.now() + timedelta(seconds=ahead)
        await self.store.workers.beat(Worker(slot=slot, role=self.role, seen_at=seen_at))


async def test_the_work_of_a_process_that_gives_no_sign_of_life_is_taken_up_once() -> None:
    peer = Peer()
    await peer.sign("web-1")
    async with peer.running():
        await peer.clock.advance(8.0)
        assert peer.durable.asked == []
        await peer.clock.advance(7.0)
        assert peer.durable.asked == ["web-1"]
        await peer.clock.advance(60.0)
        assert peer.durable.asked == ["web-1"]


@pytest.mark.parametrize("ahead", [-60.0, -10.0, 10.0, 60.0])
async def test_a_process_is_dead_when_its_signs_of_life_end_whatever_its_clock_says(
    ahead: float,
) -> None:
    peer = Peer()
    async with peer.running():
        for _ in range(20):
            await peer.sign("web-1", ahead=ahead)
            await peer.clock.advance(3.0)
        assert peer.durable.asked == []
        await peer.clock.advance(9.0)
        assert peer.durable.asked == ["web-1"]


async def test_a_message_taken_up_with_nobody_hearing_of_it_goes_out_with_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = Peer()
    claim = peer.store.outbox.claim
    unheard: list[OutboxItem] = []

    async def broken_off(**given: Any) -> list[OutboxItem]:
        items = await claim(**given)
        if items and not unheard:
            unheard.extend(items)
            raise StorageUnavailable
        return items

    monkeypatch.setattr(peer.store.outbox, "claim", broken_off)
    async with peer.running():
        item = outbox_item("the news", at=peer.clock.now())
        await peer.store.outbox.enqueue([item])
        await peer.clock.advance(1.0)
        assert [one.id for one in unheard] == [item.id]
        await peer.clock.advance(12.0)
        assert peer.chat.texts == ["the news"]


@pytest.mark.parametrize("step", [-60.0, 60.0])
async def test_nobody_dies_of_a_clock_that_is_set(step: float) -> None:
    peer = Peer()
    async with peer.running():
        for seconds in (0.0, 0.0, step, 0.0, 0.0):
            await peer.sign("web-1")
            await peer.clock.advance(2.0)
            await peer.clock.jump(seconds)
            await peer.clock.advance(1.0)
        assert peer.durable.asked == []


async def test_after_an_outage_nobody_is_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer()
    async with peer.running():
        await peer.clock.advance(6.0)
        await peer.sign("web-1")
        workers = peer.store.workers
        monkeypatch.setattr(workers, "beat", failing_times(workers.beat, 4))
        await peer.clock.advance(16.0)
        await peer.sign("web-1")
        await peer.clock.advance(8.0)
        assert peer.durable.asked == []


async def test_nobody_dies_while_the_database_answers_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = Peer()
    workers, answers = peer.store.workers, asyncio.Event()
    answers.set()
    known = workers.known

    async def late() -> list[Worker]:
        found = await known()
        await answers.wait()
        return found

    monkeypatch.setattr(workers, "known", late)
    async with peer.running():
        for _ in range(4):
            await peer.sign("web-1")
            await peer.clock.advance(3.0)
        answers.clear()
        await peer.clock.advance(20.0)
        answers.set()
        await settle()
        assert peer.durable.asked == []
        await peer.sign("web-1")
        await peer.clock.advance(8.0)
        assert peer.durable.asked == []


async def test_a_take_over_that_failed_is_tried_again() -> None:
    peer = Peer()
    peer.durable.failures = 2
    await peer.sign("web-1")
    async with peer.running():
        await peer.clock.advance(30.0)
        assert peer.durable.asked == ["web-1"] * 3


async def test_a_process_that_came_back_takes_up_its_own_work() -> None:
    peer = Peer()
    peer.durable.failures = 100
    await peer.sign("web-1")
    async with peer.running():
        await peer.clock.advance(13.0)
        asked = len(peer.durable.asked)
        assert asked
        for _ in range(10):
            await peer.sign("web-1")
            await peer.clock.advance(3.0)
        assert len(peer.durable.asked) == asked


async def test_a_process_gives_a_sign_of_life_before_it_takes_up_its_own_work() -> None:
    peer = Peer()
    await peer.sign("web-0")
    await peer.clock.advance(60.0)
    async with peer.running():
        [known] = await peer.store.workers.known()
        assert known.seen_at == peer.clock.now()


@pytest.mark.parametrize("reconciled", [False, True])
async def test_a_message_whose_sender_and_whose_taker_are_dead_is_sent_by_a_third(
    reconciled: bool,
) -> None:
    peer = Peer()
    outbox, workers = peer.store.outbox, peer.store.workers
    await outbox.enqueue([outbox_item("lost?", at=peer.clock.now())])
    await peer.sign("web-2")
    await outbox.claim(now=peer.clock.now(), owner="web-2", platforms=[TERMINAL])
    await peer.clock.advance(20.0)
    await peer.sign("web-1")
    dead = (await workers.known())[0]
    assert await workers.take_over("web-2", seen_at=dead.seen_at, by="web-1")
    if reconciled:
        await outbox.take_on(owner="web-2", by="web-1", platforms=[TERMINAL])
    async with peer.running():
        await peer.clock.advance(15.0)
        await eventually(lambda: peer.chat.texts, "the message")
        assert sorted(peer.durable.asked) == ["web-1", "web-2"]
        await peer.clock.advance(60.0)
        assert sorted(peer.durable.asked) == ["web-1", "web-2"]
        assert peer.chat.texts == ["lost?"]
    assert await outbox.count(OutboxState.SENT) == 1


async def test_a_take_over_that_an_earlier_life_began_is_seen_through() -> None:
    peer = Peer()
    await peer.sign("web-1")
    [dead] = await peer.store.workers.known()
    assert await peer.store.workers.take_over("web-1", seen_at=dead.seen_at, by="web-0")
    async with peer.running():
        await peer.clock.advance(10.0)
        assert peer.durable.asked == ["web-1"]


async def test_the_planned_times_that_a_dead_clock_left_are_carried_out_by_another() -> None:
    peer = Peer(role=Role.CLOCK)
    async with peer.running() as desk:
        timetable = desk.parts.timetable
        made = await desk.schedules.create(
            NewSchedule(
                key="k",
                when=timetable.read("every hour", now=peer.clock.now(), zone="UTC"),
                instruction="Brief us",
                agent=AgentName("desk"),
                target=OPS,
                made_by=ANN,
                made_in=DM,
            )
        )
        await peer.clock.advance(1.0)
        await peer.sign("clock-1")
        due = Occurrence(
            schedule=made.id,
            planned_at=peer.clock.now(),
            run=RunId("r1"),
            state=OccurrenceState.DUE,
        )
        await peer.store.schedules.add_occurrence(due)
        await peer.clock.advance(15.0)
        assert await peer.durable.state(RunId("r1")) is not None


async def test_a_second_process_of_the_same_name_is_refused_and_the_first_works_on() -> None:
    first = Peer()
    second = Peer(clock=first.clock)
    second.store = first.store

    async def start() -> BaseException | None:
        try:
            async with second.running():
                return None
        except ExceptionGroup as group:
            [error] = group.exceptions
            return error

    async with first.running(), asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(start())
        await first.clock.advance(5.0)
        assert starting.done()
        await first.clock.advance(20.0)
    error = starting.result()
    assert isinstance(error, ConfigurationError)
    assert "the name web-0 is in use" in str(error)
    assert second.durable.asked == []


async def test_a_process_whose_name_another_has_ends() -> None:
    peer = Peer()

    async def live() -> None:
        async with peer.running():
            held = await peer.store.workers.get("web-0")
            assert held is not None
            await peer.store.workers.let_go(held)
            await peer.store.workers.beat(replace(held, life="another"))
            await peer.clock.advance(60.0)

    with pytest.raises(ExceptionGroup) as ended:
        await live()
    [error] = ended.value.exceptions
    assert isinstance(error, ConfigurationError)
    assert "It ends, so that nothing is done twice" in str(error)
    now = await peer.store.workers.get("web-0")
    assert now is not None
    assert now.life == "another"


async def test_a_process_that_ended_in_order_can_be_started_again_at_once() -> None:
    peer = Peer()
    async with peer.running():
        pass
    again = Peer(clock=peer.clock)
    again.store = peer.store
    async with again.running():
        pass


async def test_what_was_sent_long_ago_is_forgotten_while_a_clock_works() -> None:
    peer = Peer(role=Role.CLOCK)
    now, outbox = peer.clock.now(), peer.store.outbox
    for key, days in (("old", 31), ("young", 29)):
        await outbox.enqueue([outbox_item(key=key, at=now - timedelta(days=days))])
        [item] = await outbox.claim(now=now, owner="here", platforms=(TERMINAL,))
        await outbox.sent(item.id, item.attempts, MessageId(key))
    async with peer.running():
        await peer.clock.advance(61.0)
        assert await outbox.get(OutboxId("old")) is None
        assert await outbox.get(OutboxId("young")) is not None
