"""What every ticker promises: APScheduler's in real milliseconds, the tests' own by hand."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from adapters.timing.scheduler import SteadyScheduler
from adapters.timing.ticker import ApschedulerTicker
from adapters.timing.triggers import Every
from runtime.clock import SystemClock
from runtime.errors import StorageUnavailable
from runtime.ports import Ticker
from tests.support.clock import START, ManualClock
from tests.support.eventually import eventually
from tests.support.ticker import ClockTicker

UNIT = 0.01


@dataclass
class Bench:
    """A ticker under test, and time for it; a unit is a hundredth of a second of its clock."""

    ticker: Ticker
    now: Callable[[], datetime]
    pass_units: Callable[[float], Awaitable[None]]

    def after(self, units: float) -> datetime:
        return self.now() + timedelta(seconds=units * UNIT)


def _real() -> Bench:
    clock = SystemClock()

    async def pass_units(units: float) -> None:
        await clock.sleep(units * UNIT)

    return Bench(ApschedulerTicker(clock), clock.now, pass_units)


def _by_hand() -> Bench:
    clock = ManualClock()

    async def pass_units(units: float) -> None:
        await clock.advance(units * UNIT)

    return Bench(ClockTicker(clock), clock.now, pass_units)


@pytest.fixture(params=[_real, _by_hand], ids=["apscheduler", "by hand"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    made: Bench = request.param()
    yield made
    await made.ticker.stop()


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1


async def _reached(bench: Bench, counter: Counter, calls: int) -> None:
    for _ in range(200):
        if counter.calls >= calls:
            return
        await bench.pass_units(1)
    raise AssertionError(f"{counter.calls} calls, not {calls}")


async def test_a_job_is_called_again_and_again(bench: Bench) -> None:
    job = Counter()
    bench.ticker.every(2 * UNIT, "again", job)
    bench.ticker.start()
    await _reached(bench, job, 3)


async def test_nothing_is_called_before_the_start(bench: Bench) -> None:
    job = Counter()
    bench.ticker.every(UNIT, "again", job)
    bench.ticker.wake_at(bench.now(), "once", job)
    await bench.pass_units(3)
    assert job.calls == 0
    bench.ticker.start()
    await _reached(bench, job, 2)


async def test_a_wake_up_comes_once_and_not_before_its_time(bench: Bench) -> None:
    came: list[datetime] = []

    async def job() -> None:
        came.append(bench.now())

    bench.ticker.start()
    when = bench.after(3)
    bench.ticker.wake_at(when, "once", job)
    await bench.pass_units(10)
    assert len(came) == 1
    assert came[0] >= when


async def test_a_wake_up_in_the_past_comes_at_once(bench: Bench) -> None:
    job = Counter()
    bench.ticker.start()
    bench.ticker.wake_at(bench.after(-100), "late", job)
    await _reached(bench, job, 1)


async def test_a_wake_up_replaces_the_one_of_the_same_name(bench: Bench) -> None:
    first, second = Counter(), Counter()
    bench.ticker.start()
    bench.ticker.wake_at(bench.after(3), "next", first)
    bench.ticker.wake_at(bench.after(1), "next", second)
    await bench.pass_units(8)
    assert (first.calls, second.calls) == (0, 1)


async def test_wake_ups_of_different_names_do_not_touch_each_other(bench: Bench) -> None:
    first, second = Counter(), Counter()
    bench.ticker.start()
    bench.ticker.wake_at(bench.after(1), "one", first)
    bench.ticker.wake_at(bench.after(1), "two", second)
    await _reached(bench, first, 1)
    await _reached(bench, second, 1)


async def test_a_job_may_ask_to_be_woken_again_at_once(bench: Bench) -> None:
    # APScheduler drops a call whose id is still under way: such a wake-up would be lost.
    job = Counter()

    async def chain() -> None:
        await job()
        if job.calls < 5:
            bench.ticker.wake_at(bench.now(), "chain", chain)
            await bench.pass_units(0)

    bench.ticker.start()
    bench.ticker.wake_at(bench.now(), "chain", chain)
    await _reached(bench, job, 5)


async def test_a_call_that_is_still_running_is_not_doubled(bench: Bench) -> None:
    started, release = Counter(), asyncio.Event()

    async def slow() -> None:
        await started()
        await release.wait()

    bench.ticker.every(UNIT, "slow", slow)
    bench.ticker.start()
    await _reached(bench, started, 1)
    await bench.pass_units(5)
    assert started.calls == 1
    release.set()
    await _reached(bench, started, 2)


async def test_a_job_that_fails_is_logged_and_called_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    tried = Counter()

    async def failing() -> None:
        await tried()
        raise ValueError("broken")

    bench.ticker.every(UNIT, "failing", failing)
    bench.ticker.start()
    with caplog.at_level(logging.ERROR):
        await _reached(bench, tried, 2)
    errors = [record for record in caplog.records if record.getMessage() == "ticker.job_failed"]
    assert errors
    assert errors[0].exc_info is not None
    assert str(errors[0].exc_info[1]) == "broken"


async def test_of_what_passes_only_the_words_are_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    tried = Counter()

    async def failing() -> None:
        await tried()
        raise StorageUnavailable("Postgres is away")

    bench.ticker.every(UNIT, "failing", failing)
    bench.ticker.start()
    with caplog.at_level(logging.ERROR):
        await _reached(bench, tried, 2)
    errors = [record for record in caplog.records if record.getMessage() == "ticker.job_failed"]
    assert [(record.exc_info, vars(record)["error"]) for record in errors[:1]] == [
        (None, "Postgres is away")
    ]


async def test_stopping_waits_for_a_call_under_way_and_calls_no_more(bench: Bench) -> None:
    started, ended, release = Counter(), Counter(), asyncio.Event()

    async def slow() -> None:
        await started()
        await release.wait()
        await ended()

    idle = Counter()
    bench.ticker.every(UNIT, "slow", slow)
    bench.ticker.wake_at(bench.after(1_000), "later", idle)
    bench.ticker.start()
    await _reached(bench, started, 1)
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(bench.ticker.stop())
        await bench.pass_units(3)
        assert not stopping.done()
        release.set()
    assert ended.calls == 1
    await bench.pass_units(5)
    assert (started.calls, idle.calls) == (1, 0)


async def test_stopping_twice_or_before_the_start_is_harmless(bench: Bench) -> None:
    await bench.ticker.stop()
    await bench.ticker.stop()


async def test_a_job_is_called_on_where_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behind, as_it_is = timedelta(), SystemClock().now

    class SetBack(datetime):
        """What APScheduler reads."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return as_it_is().astimezone(tz) - behind

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", SetBack)
    monkeypatch.setattr(SystemClock, "now", lambda _: as_it_is() - behind)
    bench, job = _real(), Counter()
    bench.ticker.every(2 * UNIT, "again", job)
    bench.ticker.start()
    await _reached(bench, job, 2)
    behind = timedelta(hours=1)
    await _reached(bench, job, 4)
    await bench.ticker.stop()


async def test_where_the_clock_is_set_back_a_job_waits_for_no_longer_than_it_had_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, job = START, Counter()
    monkeypatch.setattr(SystemClock, "now", lambda _: now)
    scheduler = SteadyScheduler(timezone=UTC)
    scheduler.start(paused=True)
    due = now + timedelta(seconds=1)
    kept = scheduler.add_job(job, Every(timedelta(hours=1)), next_run_time=due)
    scheduler._process_jobs()
    now -= timedelta(days=1)
    scheduler._process_jobs()
    assert kept.next_run_time - now == timedelta(seconds=1)
    scheduler.shutdown()


async def test_a_wake_up_waits_on_when_the_clock_says_that_its_time_has_not_come() -> None:
    # The machine's clock was set back after the wait began: APScheduler wakes, the clock decides.
    clock, job = ManualClock(), Counter()
    ticker = ApschedulerTicker(clock)
    ticker.start()
    when = clock.now() + timedelta(milliseconds=5)
    ticker.wake_at(when, "next", job)
    await SystemClock().sleep(0.03)
    assert job.calls == 0
    await clock.advance_to(when)
    await eventually(lambda: job.calls == 1, "the wake-up")
    await ticker.stop()
