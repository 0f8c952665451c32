"""The promises of `runtime.ports.Workers` and of `Store.check`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from runtime.ports import Store, Worker
from tests.support.clock import ManualClock
from tests.support.stores import Opener

MINUTE = timedelta(minutes=1)


async def beat(store: Store, clock: ManualClock, slot: str = "a", role: str = "worker") -> Worker:
    worker = Worker(slot=slot, role=role, seen_at=clock.now())
    await store.workers.beat(worker)
    return worker


async def test_a_store_that_answers_passes_the_check(store: Store) -> None:
    await store.check()


async def test_a_worker_is_known_whatever_its_clock_says(store: Store, clock: ManualClock) -> None:
    behind = await beat(store, clock, "behind")
    await clock.jump(MINUTE)
    ahead = await beat(store, clock, "ahead")
    await clock.jump(-MINUTE / 2)

    assert await store.workers.known() == [behind, ahead]


async def test_a_new_sign_of_life_replaces_the_old(store: Store, clock: ManualClock) -> None:
    await beat(store, clock)
    await clock.advance(MINUTE)
    worker = await beat(store, clock, role="clock")

    assert await store.workers.known() == [worker]


async def test_the_workers_with_the_oldest_signs_of_life_come_first(
    store: Store, clock: ManualClock
) -> None:
    first = await beat(store, clock, "b")
    await clock.advance(MINUTE)
    second = await beat(store, clock, "a")

    assert await store.workers.known() == [first, second]


async def test_exactly_one_takes_a_silent_workers_work_over(
    store: Store, clock: ManualClock
) -> None:
    worker = await beat(store, clock)

    won = await asyncio.gather(
        *(store.workers.take_over("a", seen_at=worker.seen_at, by="b") for _ in range(8))
    )

    assert sum(won) == 1
    assert await store.workers.known() == []


async def test_a_worker_that_came_back_is_not_taken_over(store: Store, clock: ManualClock) -> None:
    silent = await beat(store, clock)
    await clock.advance(MINUTE)
    await beat(store, clock)

    assert not await store.workers.take_over("a", seen_at=silent.seen_at, by="b")
    assert not await store.workers.take_over("none", seen_at=silent.seen_at, by="b")


async def test_a_worker_that_falls_silent_again_can_be_taken_over_again(
    store: Store, clock: ManualClock
) -> None:
    first = await beat(store, clock)
    assert await store.workers.take_over("a", seen_at=first.seen_at, by="b")
    await clock.advance(MINUTE)
    second = await beat(store, clock)

    assert await store.workers.known() == [second]
    assert await store.workers.take_over("a", seen_at=second.seen_at, by="b")


async def test_a_take_over_whose_taker_is_gone_is_inherited(
    store: Store, clock: ManualClock
) -> None:
    for slot in ("a", "b", "c"):
        silent = await beat(store, clock, slot)
        assert await store.workers.take_over(slot, seen_at=silent.seen_at, by="taker")
    await store.workers.taken_up("b", by="taker")

    assert await store.workers.inherit("taker", by="third") == ["a", "c"]
    assert await store.workers.inherit("taker", by="fourth") == []
    await store.workers.taken_up("a", by="taker")
    await store.workers.taken_up("c", by="third")
    assert await store.workers.inherit("third", by="third") == ["a"]


async def test_a_worker_that_came_back_takes_its_own_work_up(
    store: Store, clock: ManualClock
) -> None:
    silent = await beat(store, clock)
    await store.workers.take_over("a", seen_at=silent.seen_at, by="taker")
    await clock.advance(MINUTE)
    await beat(store, clock)

    assert await store.workers.inherit("taker", by="third") == []


async def test_signs_of_life_are_there_after_a_restart(
    open_again: Opener, clock: ManualClock
) -> None:
    async with open_again() as store:
        worker = await beat(store, clock)

    async with open_again() as store:
        assert await store.workers.known() == [worker]


async def test_a_slot_that_a_life_holds_is_no_others(store: Store, clock: ManualClock) -> None:
    first = Worker(slot="a", role="worker", seen_at=clock.now(), life="one")
    assert await store.workers.beat(first)
    await clock.advance(MINUTE)

    second = replace(first, seen_at=clock.now(), life="two")
    assert not await store.workers.beat(second)
    assert await store.workers.get("a") == first
    assert await store.workers.beat(replace(first, seen_at=clock.now()))
    assert await store.workers.get("none") is None


async def test_a_slot_that_was_let_go_is_free(store: Store, clock: ManualClock) -> None:
    first = Worker(slot="a", role="worker", seen_at=clock.now(), life="one")
    await store.workers.beat(first)
    second = replace(first, seen_at=clock.now() + MINUTE, life="two")

    assert await store.workers.let_go(first)
    assert await store.workers.get("a") == replace(first, life="")
    assert not await store.workers.let_go(first)
    assert await store.workers.beat(second)
    assert not await store.workers.beat(first)
    assert await store.workers.get("a") == second


async def test_a_life_that_gave_a_sign_since_keeps_its_slot(
    store: Store, clock: ManualClock
) -> None:
    seen = Worker(slot="a", role="worker", seen_at=clock.now(), life="one")
    await store.workers.beat(seen)
    alive = replace(seen, seen_at=clock.now() + MINUTE)
    await store.workers.beat(alive)

    assert not await store.workers.let_go(seen)
    assert not await store.workers.let_go(replace(alive, life="two"))
    assert not await store.workers.let_go(replace(alive, slot="none"))
    assert await store.workers.get("a") == alive


async def test_of_many_lives_at_once_one_gets_the_slot(store: Store, clock: ManualClock) -> None:
    lives = [Worker(slot="a", role="worker", seen_at=clock.now(), life=str(n)) for n in range(8)]

    got = await asyncio.gather(*(store.workers.beat(life) for life in lives))

    assert sum(got) == 1
    assert await store.workers.get("a") == lives[got.index(True)]
