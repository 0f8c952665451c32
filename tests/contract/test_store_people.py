"""The promises of `runtime.ports.People`, on every implementation."""

import asyncio
from datetime import timedelta

from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.ports import Link, Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, Opener

MINUTE = timedelta(minutes=1)
THERE = Principal(Platform("telegram"), "", "42")
ELSEWHERE = Principal(Platform("discord"), "", "7")
BOB = Principal(Platform("slack"), "T1", "U2")


async def offer(store: Store, clock: ManualClock, code: str, who: Principal = ADA) -> None:
    now = clock.now()
    await store.people.offer(code, who, now=now, expires_at=now + 10 * MINUTE)


async def test_a_code_links_once(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        await offer(store, clock, "hash")
        won = await asyncio.gather(
            *(store.people.redeem("hash", THERE, now=clock.now()) for _ in range(4))
        )
    assert sorted(won, key=str) == [None, None, None, ADA]
    async with open_again() as store:
        assert await store.people.links() == [Link(who=THERE, anchor=ADA, linked_at=clock.now())]
        assert await store.people.redeem("hash", ELSEWHERE, now=clock.now()) is None


async def test_a_code_ends_after_its_time(store: Store, clock: ManualClock) -> None:
    await offer(store, clock, "hash")
    await clock.advance(10 * MINUTE)

    assert await store.people.redeem("hash", THERE, now=clock.now()) is None
    assert await store.people.links() == []


async def test_a_new_code_ends_the_persons_earlier_one_and_nobody_elses(
    store: Store, clock: ManualClock
) -> None:
    await offer(store, clock, "first")
    await offer(store, clock, "bobs", BOB)
    await offer(store, clock, "second")

    assert await store.people.redeem("first", THERE, now=clock.now()) is None
    assert await store.people.redeem("second", THERE, now=clock.now()) == ADA
    assert await store.people.redeem("bobs", ELSEWHERE, now=clock.now()) == BOB


async def test_a_person_is_linked_to_one_member_the_latest(
    store: Store, clock: ManualClock
) -> None:
    await offer(store, clock, "adas")
    await offer(store, clock, "bobs", BOB)
    await store.people.redeem("adas", THERE, now=clock.now())
    await store.people.redeem("bobs", THERE, now=clock.now())

    assert [link.anchor for link in await store.people.links()] == [BOB]


async def test_a_link_can_be_forgotten(store: Store, clock: ManualClock) -> None:
    await offer(store, clock, "hash")
    await store.people.redeem("hash", THERE, now=clock.now())

    assert await store.people.unlink(THERE)
    assert not await store.people.unlink(THERE)
    assert await store.people.links() == []
