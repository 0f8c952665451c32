"""What is read and planned ahead of its time, and what may happen before that time comes."""

import asyncio
from datetime import datetime, timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.errors import Retryable
from runtime.ids import RunId, TimeOrderedIds
from runtime.model.schedule import Due, ScheduleState, run_id_of
from runtime.model.tools import Json
from runtime.schedules import claims
from runtime.schedules.claims import AHEAD, MOST_AHEAD
from tests.support.build import T0
from tests.support.clock import ManualClock, settle
from tests.support.runs import RecordingDurable
from tests.unit.test_schedules import DUE, MISSED, Bench, at

ONE_O_CLOCK = at("2026-11-20 13:00")
HOUR = timedelta(hours=1)


class Watched(MemoryStore):
    """Notes what a tick read as due, in pages."""

    def watch(self) -> list[list[Due]]:
        pages: list[list[Due]] = []
        real = self.schedules.due

        async def due(*, now: datetime, limit: int = 200, skip: int = 0) -> list[Due]:
            pages.append(await real(now=now, limit=limit, skip=skip))
            return pages[-1]

        self.schedules.due = due  # type: ignore[method-assign]
        return pages


@pytest.fixture
def bench() -> Bench:
    clock = ManualClock(T0)
    return Bench(clock=clock, store=Watched(clock=clock, ids=TimeOrderedIds(clock)))


async def prepare(bench: Bench, *, before: timedelta = AHEAD) -> None:
    """Tick as the process's duties do, shortly before one o'clock."""
    await bench.clock.advance(ONE_O_CLOCK - before - bench.clock.now())
    await bench.service.tick()


async def fire(bench: Bench, *, late: timedelta = timedelta()) -> None:
    """Tick at one o'clock."""
    await bench.clock.advance(ONE_O_CLOCK + late - bench.clock.now())
    await bench.service.tick()


def watch(bench: Bench) -> list[list[Due]]:
    assert isinstance(bench.store, Watched)
    return bench.store.watch()


async def test_at_its_time_a_schedule_that_was_known_is_neither_read_nor_planned(
    bench: Bench,
) -> None:
    made = await bench.make("every hour")
    await prepare(bench)
    bench.timetable.computed = 0
    pages = watch(bench)
    await fire(bench, late=timedelta(milliseconds=3))
    assert await bench.states(made) == [(ONE_O_CLOCK, DUE)]
    assert (pages, bench.timetable.computed) == ([], 0)
    assert (await bench.service.find(made.number)).next_at == ONE_O_CLOCK + HOUR


async def test_nothing_fires_before_its_time(bench: Bench) -> None:
    made = await bench.make("every hour")
    await prepare(bench)
    for _ in range(3):
        await bench.clock.advance(AHEAD / 4)
        assert await bench.service.tick() == ONE_O_CLOCK
    assert await bench.states(made) == []
    assert bench.durable.started == {}


async def test_what_is_paused_or_deleted_after_it_was_read_does_not_fire(bench: Bench) -> None:
    kept, paused, deleted = [await bench.make("every hour", key=key) for key in "abc"]
    await prepare(bench)
    await bench.service.pause(paused.number)
    await bench.service.delete(deleted.number)
    await fire(bench)
    assert await bench.states(kept) == [(ONE_O_CLOCK, DUE)]
    assert await bench.states(paused) == await bench.states(deleted) == []
    assert (await bench.service.find(paused.number)).state is ScheduleState.PAUSED
    assert len(bench.durable.started) == 1


async def test_what_is_paused_and_resumed_before_its_time_fires_once(bench: Bench) -> None:
    made = await bench.make("every hour")
    await prepare(bench)
    await bench.service.pause(made.number)
    await bench.service.resume(made.number)
    await fire(bench)
    await bench.service.tick()
    assert await bench.states(made) == [(ONE_O_CLOCK, DUE)]


async def test_what_is_made_after_the_others_were_read_fires_with_them(bench: Bench) -> None:
    first = await bench.make("every hour")
    await prepare(bench)
    second = await bench.make("every hour", key="later")
    await bench.service.tick()
    await fire(bench)
    assert await bench.states(first) == await bench.states(second) == [(ONE_O_CLOCK, DUE)]


async def test_what_another_process_claimed_meanwhile_fires_once(bench: Bench) -> None:
    made = [await bench.make("every hour", key=key) for key in "abc"]
    other = bench.another()
    await prepare(bench)
    await other.tick()
    await bench.clock.advance(AHEAD)
    await asyncio.gather(bench.service.tick(), other.tick())
    for schedule in made:
        assert await bench.states(schedule) == [(ONE_O_CLOCK, DUE)]
    assert bench.durable.asked == len(bench.durable.started) == len(made)


async def test_a_process_that_stood_still_says_what_it_missed(bench: Bench) -> None:
    made = await bench.make("every hour")
    await prepare(bench)
    await fire(bench, late=2 * HOUR)
    assert await bench.states(made) == [
        (ONE_O_CLOCK, MISSED),
        (ONE_O_CLOCK + HOUR, MISSED),
        (ONE_O_CLOCK + 2 * HOUR, DUE),
    ]


async def test_after_the_clock_was_set_back_it_is_read_again(bench: Bench) -> None:
    await prepare(bench)
    made = await bench.make("every minute")
    await prepare(bench)
    await bench.clock.jump(-HOUR)
    early = await bench.make("every minute", key="early")
    assert early.next_at == at("2026-11-20 12:00")
    pages = watch(bench)
    await bench.clock.advance(early.next_at - AHEAD / 2 - bench.clock.now())
    await bench.service.tick()
    assert [[one.schedule for one in page] for page in pages] == [[early.id]]
    await fire(bench)
    assert (await bench.states(made))[-1] == (ONE_O_CLOCK, DUE)


async def test_times_within_the_same_moments_are_read_once_and_fire_at_theirs(
    bench: Bench,
) -> None:
    steps = [timedelta(milliseconds=400 * number) for number in range(4)]
    made = []
    for step in steps:
        await bench.clock.advance(T0 + step - bench.clock.now())
        made.append(await bench.make("in 1 hour", key=str(step)))
    pages = watch(bench)
    await prepare(bench)
    assert [len(page) for page in pages] == [1]  # the others are not due within that time
    await bench.clock.advance(timedelta(seconds=1.5))
    pages.clear()
    for number, schedule in enumerate(made):
        assert schedule.next_at is not None
        await bench.clock.advance(schedule.next_at - bench.clock.now())
        await bench.service.tick()
        assert len(bench.durable.started) == number + 1


async def test_runs_that_take_long_to_start_keep_no_later_time_waiting(bench: Bench) -> None:
    class Held(RecordingDurable):
        """An engine that takes its time to start what comes at one o'clock."""

        def __init__(self) -> None:
            super().__init__()
            self.let = asyncio.Event()

        async def start(
            self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
        ) -> None:
            if run == run_id_of(first.id, ONE_O_CLOCK):
                await self.let.wait()
            await super().start(workflow, run, payload, partition=partition)

    bench.durable = held = Held()
    bench.service = bench.another()
    first = await bench.make("every hour")
    second = await bench.make("in 61 minutes", key="later")
    await bench.service.tick()
    bench.announced.clear()
    await bench.clock.advance(HOUR)
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(bench.service.tick())
        await settle()
        assert bench.announced == ["changed"]  # so that the ticker asks for the next time
        await bench.clock.advance(timedelta(minutes=1))
        await bench.service.tick()
        assert await bench.states(second) == [(ONE_O_CLOCK + timedelta(minutes=1), DUE)]
        assert not one.done()
        assert len(held.started) == 1
        held.let.set()
    assert len(held.started) == held.asked == 2


async def test_a_start_that_fails_late_is_made_up_for_by_the_next_tick(bench: Bench) -> None:
    await bench.make("every hour")
    await prepare(bench)
    bench.durable.failures = 1
    with pytest.raises(Retryable):
        await fire(bench)
    assert bench.durable.started == {}
    await bench.service.tick()
    assert len(bench.durable.started) == 1


async def test_of_very_many_the_first_are_known_ahead_and_all_fire(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_AHEAD % claims.PAGE == 0
    monkeypatch.setattr(claims, "MOST_AHEAD", 2 * claims.PAGE)
    count = 3 * claims.PAGE + 7
    for number in range(count):
        await bench.make("every hour", key=str(number))
    pages = watch(bench)
    await prepare(bench)
    assert [len(page) for page in pages] == [claims.PAGE, claims.PAGE]
    await fire(bench)
    assert len(bench.durable.started) == bench.durable.asked == count
