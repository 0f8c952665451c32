"""The promises of `runtime.ports.States`, on every implementation."""

import asyncio

import pytest

from runtime.ids import AgentName
from runtime.model.state import SHARED, Kept, Space, StateFull, VersionConflict
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import DESK, Opener

MINE = Space(agent=DESK)
OTHERS = Space(agent=AgentName("other"))
MOST = 3


def kept(clock: ManualClock, value: str = "on", *, key: str = "mode", call: str = "t1/c1") -> Kept:
    return Kept(key=key, value=value, version=0, agent=DESK, call=call, at=clock.now())


async def test_a_value_is_kept_over_a_restart(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        written = await store.states.put(MINE, kept(clock), read=None, most=MOST)
    async with open_again() as store:
        assert await store.states.get(MINE, "mode") == written
        assert (written.value, written.agent, written.at) == ("on", DESK, clock.now())


async def test_spaces_know_nothing_of_each_other(store: Store, clock: ManualClock) -> None:
    await store.states.put(MINE, kept(clock), read=None, most=MOST)
    for space in (SHARED, OTHERS):
        assert await store.states.get(space, "mode") is None
        assert await store.states.list(space) == []
        assert not await store.states.delete(space, "mode", read=None)
    assert [one.key for one in await store.states.list(MINE)] == ["mode"]


async def test_a_write_names_the_version_that_was_read(store: Store, clock: ManualClock) -> None:
    first = await store.states.put(SHARED, kept(clock), read=0, most=MOST)
    with pytest.raises(VersionConflict) as conflict:
        await store.states.put(SHARED, kept(clock, "off", call="t1/c2"), read=0, most=MOST)
    assert conflict.value.present == first.version
    second = await store.states.put(
        SHARED, kept(clock, "off", call="t1/c3"), read=first.version, most=MOST
    )
    assert second.version > first.version
    with pytest.raises(VersionConflict):
        await store.states.put(SHARED, kept(clock, "x", call="t2/c1"), read=first.version, most=9)
    assert await store.states.get(SHARED, "mode") == second


async def test_a_call_that_is_done_twice_writes_once(store: Store, clock: ManualClock) -> None:
    first = await store.states.put(SHARED, kept(clock), read=0, most=MOST)
    assert await store.states.put(SHARED, kept(clock), read=0, most=MOST) == first
    assert await store.states.get(SHARED, "mode") == first


async def test_no_version_comes_again_after_a_deletion(store: Store, clock: ManualClock) -> None:
    first = await store.states.put(SHARED, kept(clock), read=0, most=MOST)
    with pytest.raises(VersionConflict):
        await store.states.delete(SHARED, "mode", read=first.version + 1)
    assert await store.states.delete(SHARED, "mode", read=first.version)
    assert not await store.states.delete(SHARED, "mode", read=first.version)
    again = await store.states.put(SHARED, kept(clock, call="t2/c1"), read=0, most=MOST)
    assert again.version > first.version
    with pytest.raises(VersionConflict):
        await store.states.put(SHARED, kept(clock, call="t3/c1"), read=first.version, most=MOST)


async def test_of_two_that_read_the_same_one_writes(store: Store, clock: ManualClock) -> None:
    first = await store.states.put(SHARED, kept(clock), read=0, most=MOST)
    tries = [
        store.states.put(SHARED, kept(clock, str(n), call=f"t{n}/c"), read=first.version, most=MOST)
        for n in range(8)
    ]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Kept) for one in ended) == 1
    assert sum(isinstance(one, VersionConflict) for one in ended) == 7


async def test_there_are_never_more_than_may_be(store: Store, clock: ManualClock) -> None:
    for number in range(MOST):
        one = kept(clock, key=f"k{number}", call=f"t/{number}")
        await store.states.put(MINE, one, read=None, most=MOST)
    with pytest.raises(StateFull):
        await store.states.put(MINE, kept(clock, key="more", call="t/9"), read=None, most=MOST)
    await store.states.put(MINE, kept(clock, "new", key="k1", call="t/10"), read=None, most=MOST)
    assert await store.states.delete(MINE, "k0", read=None)
    await store.states.put(MINE, kept(clock, key="more", call="t/9"), read=None, most=MOST)


async def test_values_are_listed_by_key(store: Store, clock: ManualClock) -> None:
    for key in ("b/2", "a", "b/1", "B", "b-3"):
        await store.states.put(MINE, kept(clock, key=key, call=key), read=None, most=9)
    keys = [one.key for one in await store.states.list(MINE)]
    assert keys == ["B", "a", "b-3", "b/1", "b/2"]
    assert [one.key for one in await store.states.list(MINE, beginning="b/")] == ["b/1", "b/2"]
    assert [one.key for one in await store.states.list(MINE, limit=2)] == ["B", "a"]


async def test_a_value_may_say_anything(store: Store, clock: ManualClock) -> None:
    for place, value in enumerate(("", "ünï\U0001f600", "'; DROP TABLE agent_state; --", "a\nb")):
        one = kept(clock, value, call=f"t/{place}")
        assert (await store.states.put(MINE, one, read=None, most=MOST)).value == value
        found = await store.states.get(MINE, "mode")
        assert found is not None
        assert found.value == value
