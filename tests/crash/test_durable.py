"""Durable runs when processes are killed: nothing completed is repeated, nothing is lost."""

import asyncio
import random
import time
from functools import partial

import pytest

from runtime.ids import RunId
from tests.support.crash_places import Places
from tests.support.durable_process import ChildRaised, Place
from tests.support.eventually import eventually
from tests.support.watching import watching

TAKEN_OVER_WITHIN_SECONDS = 60.0
"""It takes one or two, on a machine that has nothing else to do."""

WITHIN_SECONDS = 15.0
"""Within which a dead process's work goes on in another one, as that one's clock says."""


@pytest.fixture
def place(places: Places) -> Place:
    folder, url = places.new("here")
    return Place(url, folder)


@pytest.fixture
def shared(on_postgres: Places) -> Place:
    """A database that several processes share."""
    folder, url = on_postgres.new("shared")
    return Place(url, folder)


async def test_the_same_slot_goes_on_after_a_kill_and_repeats_no_completed_step(
    place: Place,
) -> None:
    async with place.child("one") as child:
        await child.call("start", "waits", "waiting", 1)
        await child.call("start", "parent", "parent", 2)
        await child.call("start", "waits", "first in line", 3, partition="p")
        await child.call("start", "steps", "second in line", 2, partition="p")
        await eventually(lambda: _waiting(place) == 3, "all that can be done")
        await child.kill()
    async with place.child("one") as child:
        for run in ("waiting", "parent-child", "first in line"):
            await child.call("signal", run, "answer", "yes", key="1")
        assert await child.call("result", "waiting") == [1, "yes"]
        assert await child.call("result", "parent") == [2, "yes"]
        assert await child.call("result", "first in line") == [3, "yes"]
        assert await child.call("result", "second in line") == 2
    for run in ("waiting", "parent-child", "first in line"):
        assert place.steps_of(run) == ["before", "after"]
    assert place.effects_of("parent") == ["parent"]
    assert place.effects_of("second in line") == ["step 0", "step 1"]


async def test_only_the_step_under_way_at_a_kill_is_done_again(place: Place) -> None:
    async with place.child("one") as child:
        await child.call("start", "steps", "whole", 3)
        await child.call("result", "whole")
        await child.call("start", "hangs", "run", "one")
        await eventually(lambda: "second begins" in place.effects_of("run"), "the second step")
        await child.kill()
    async with place.child("one") as child:
        await eventually(lambda: place.effects_of("run").count("second begins") == 2, "it again")
        assert await child.call("result", "whole") == 3
    assert place.effects_of("run") == ["first", "second begins", "second begins"]
    assert place.effects_of("whole") == ["step 0", "step 1", "step 2"]


@pytest.mark.parametrize("seed", range(2))
async def test_kills_at_random_lose_no_run_repeat_no_completed_step_and_keep_the_order(
    place: Place, seed: int
) -> None:
    chance = random.Random(seed)
    runs = [f"run-{99 - n}" for n in range(12)]
    steps = 6
    for life in range(5):
        enough = min(len(place.effects()) + chance.randrange(1, 12), len(runs) * steps)
        async with place.child("one") as child:
            for n, run in enumerate(runs):  # again in each life: it is idempotent
                await child.call("start", "steps", run, steps, partition=f"p{n % 2}")
            await eventually(partial(_has_effects, place, enough), f"life {life}")
            await child.kill()
    async with place.child("one") as child:
        for run in runs:
            assert await child.call("result", run) == steps
    _check_order(place, runs, steps)


async def test_a_live_process_goes_on_with_the_work_of_a_dead_one(shared: Place) -> None:
    async with shared.child("alive") as alive:
        async with shared.child("dead") as dead:
            await dead.call("start", "waits", "waiting", 1)
            await dead.call("start", "hangs", "hanging", "dead")
            await dead.call("start", "parent", "parent", 2)
            await eventually(
                lambda: _waiting(shared) == 2 and "second begins" in shared.effects_of("hanging"),
                "all that can be done",
            )
            await dead.kill()
        killed = time.monotonic()
        assert await alive.call("take_over", "dead") == 4
        assert await alive.call("take_over", "dead") == 0
        for run in ("waiting", "parent-child"):
            await alive.call("signal", run, "answer", "yes", key="1")
        assert await alive.call("result", "hanging") == "done"
        assert await alive.call("result", "waiting") == [1, "yes"]
        assert await alive.call("result", "parent") == [2, "yes"]
        assert time.monotonic() - killed < TAKEN_OVER_WITHIN_SECONDS
    first = {(slot, what) for slot, run, what in shared.effects() if run == "hanging"}
    assert first == {("dead", "first"), ("dead", "second begins"), ("alive", "second begins")}
    assert shared.steps_of("waiting") == ["before", "after"]


async def test_a_live_process_sees_by_itself_that_one_died_and_goes_on_with_its_work_in_time(
    shared: Place,
) -> None:
    async with watching(shared) as alive:
        async with shared.child("worker-1") as dead:
            await dead.call("start", "hangs", "hanging", "worker-1")
            await dead.call("start", "waits", "waiting", 1)
            await eventually(
                lambda: _waiting(shared) == 1 and "second begins" in shared.effects_of("hanging"),
                "all that can be done",
            )
            await alive.pass_time(WITHIN_SECONDS)  # it knows that it does not stand still itself
            await alive.sign("worker-1")  # the last one
            await dead.kill()
        assert _slots(shared) == {"worker-1"}
        await alive.pass_time(WITHIN_SECONDS)
        async with asyncio.timeout(60):  # of real time, in which none of its own passes
            assert await alive.durable.result(RunId("hanging")) == "done"
            await alive.durable.signal(RunId("waiting"), "answer", "yes", key="1")
            assert await alive.durable.result(RunId("waiting")) == [1, "yes"]
    assert shared.effects_of("hanging") == ["first", "second begins", "second begins"]
    assert shared.steps_of("waiting") == ["before", "after"]
    assert _slots(shared) == {"worker-1", "worker-0"}


async def test_a_partition_that_a_dead_process_held_goes_on_in_order(shared: Place) -> None:
    async with shared.child("web", work=False) as web:
        async with shared.child("dead") as dead:
            runs = [f"run-{9 - n}" for n in range(4)]
            for run in runs:
                await web.call("start", "hangs", run, "dead", partition="p")
            await eventually(lambda: len(shared.effects()) == 2, "the first to hang")
            await dead.kill()
        async with shared.child("alive") as alive:
            assert await alive.call("take_over", "dead") == 1
            for run in runs:
                assert await web.call("result", run) == "done"
    begun = [run for _, run, what in shared.effects() if what == "second begins"]
    assert begun == ["run-9", *runs]


async def test_two_processes_share_partitions_one_run_of_each_at_a_time(shared: Place) -> None:
    steps, lines = 3, 8
    async with shared.child("a") as a, shared.child("b") as b:
        runs: list[str] = []
        for wave in range(50):  # until both have taken some: which looks first is chance
            more = [f"run-{wave}-{99 - n}" for n in range(lines * 5)]
            for n, run in enumerate(more):
                await (a, b)[n // lines % 2].call(
                    "start", "steps", run, steps, partition=f"p{n % lines}"
                )
            for run in more:
                assert await b.call("result", run) == steps
            runs += more
            if {slot for slot, _, _ in shared.effects()} == {"a", "b"}:
                break
    assert {slot for slot, _, _ in shared.effects()} == {"a", "b"}
    for line in range(lines):
        _check_order(shared, runs[line::lines], steps, strict=True)


async def test_a_run_that_waits_is_let_go_when_another_process_cancels_it(shared: Place) -> None:
    async with shared.child("a") as a, shared.child("b") as b:
        await a.call("start", "waits", "run", 1, partition="p")
        await eventually(lambda: _waiting(shared) == 1, "the wait")
        await b.call("cancel", "run")
        await eventually(lambda: "left the wait" in shared.effects_of("run"), "the run to end")
        with pytest.raises(ChildRaised, match="RunCancelled"):
            await a.call("result", "run")
        await b.call("start", "steps", "behind", 1, partition="p")
        assert await b.call("result", "behind") == 1


async def test_a_process_that_takes_no_work_leaves_it_to_one_that_does(shared: Place) -> None:
    async with shared.child("web", work=False) as web:
        await web.call("start", "steps", "alone", 1)
        await web.call("start", "steps", "in line", 1, partition="p")
        await asyncio.sleep(0.3)
        assert await web.call("state", "alone") == "queued"
        assert await web.call("state", "in line") == "queued"
        async with shared.child("worker"):
            assert await web.call("result", "alone") == 1
            assert await web.call("result", "in line") == 1
    assert {slot for slot, _, _ in shared.effects()} == {"worker"}


def _slots(place: Place) -> set[str]:
    return {slot for slot, _, _ in place.effects()}


def _waiting(place: Place) -> int:
    """How many runs got as far as their wait: what they did before is stored."""
    return sum(what == "at the wait" for _, _, what in place.effects())


def _has_effects(place: Place, least: int) -> bool:
    return len(place.effects()) >= least


def _check_order(place: Place, runs: list[str], steps: int, *, strict: bool = False) -> None:
    """No step again once the next one began; in a line, no run before the last one was through.

    With `strict`, no step at all came twice.
    """
    wanted = [f"step {n}" for n in range(steps)]
    for run in runs:
        seen = place.effects_of(run)
        assert list(dict.fromkeys(seen)) == wanted, run
        assert seen == sorted(seen), run
        assert not strict or seen == wanted, run
    if strict:
        begun = [run for _, run, _ in place.effects() if run in runs]
        assert list(dict.fromkeys(begun)) == runs
        assert begun == [run for run in runs for _ in wanted]
