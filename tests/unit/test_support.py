"""The tools of the tests, tested: a guard that never fires is worse than none."""

import asyncio
import os
import socket
import threading
from datetime import timedelta

import pytest

from runtime.clock import Clock
from tests.support import environment, leaks
from tests.support.clock import START, ManualClock, settle


async def test_sleepers_wake_in_the_order_of_their_moments(clock: ManualClock) -> None:
    woken: list[tuple[str, float]] = []

    async def nap(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic() - 1_000.0))

    async with asyncio.TaskGroup() as group:
        for name, seconds in [("late", 30), ("early", 10), ("middle", 20), ("never in time", 90)]:
            group.create_task(nap(name, seconds))
        await clock.advance(60)
        assert woken == [("early", 10), ("middle", 20), ("late", 30)]
        assert clock.sleeping == 1
        await clock.advance(timedelta(seconds=30))
    assert clock.now() == START + timedelta(seconds=90)


async def test_a_loop_that_sleeps_again_gets_every_turn_of_one_advance(clock: ManualClock) -> None:
    moments: list[float] = []

    async def tick() -> None:
        for _ in range(5):
            await clock.sleep(1)
            moments.append(clock.monotonic() - 1_000.0)

    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        await clock.advance(5)
    assert moments == [1, 2, 3, 4, 5]


async def test_a_wall_clock_that_is_set_wakes_those_who_wait_for_a_time_of_day(
    clock: ManualClock,
) -> None:
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(clock.sleep_until(START + timedelta(hours=1)))
        measure = group.create_task(clock.sleep(3600))
        await settle()
        await clock.jump(timedelta(hours=2))
        assert waiter.done()
        assert not measure.done()
        await clock.advance(3600)


async def test_a_cancelled_sleeper_is_forgotten(clock: ManualClock) -> None:
    async with asyncio.TaskGroup() as group:
        sleeper = group.create_task(clock.sleep(10))
        await settle()
        sleeper.cancel()
    assert clock.sleeping == 0


def test_the_manual_clock_is_a_clock() -> None:
    clock: Clock = ManualClock()
    assert clock.now() == START


async def test_a_task_left_behind_is_found() -> None:
    before = asyncio.all_tasks()
    forever = asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten")
    assert [line.split(":")[0] for line in await leaks.lingering_tasks(before)] == ["forgotten"]
    forever.cancel()


def test_a_thread_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_GRACE_SECONDS", 0.01)
    before = threading.enumerate()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    assert leaks.lingering_threads(before) == ["forgotten"]
    end.set()
    thread.join()


def test_the_environment_holds_nobodys_keys() -> None:
    mine = {"OPENAI_API_KEY": "x", "NIGHTDESK_DATA_DIR": "/home", "HTTPS_PROXY": "x", "HOME": "/h"}
    environment.close(mine)
    assert mine == {"HOME": "/h", **environment.CLOSED}


def test_an_address_off_this_machine_cannot_be_reached() -> None:
    with socket.socket() as probe, pytest.warns(), pytest.raises(RuntimeError, match=r"198\.51"):
        probe.connect(("198.51.100.1", 443))


@pytest.mark.parametrize("name", sorted(environment.CLOSED))
def test_the_fuse_is_in(name: str) -> None:
    assert os.environ[name] == environment.CLOSED[name]  # noqa: TID251 (the guard itself is tested)
