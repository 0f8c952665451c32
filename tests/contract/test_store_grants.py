"""The promises of `runtime.ports.Grants`, on every implementation."""

from dataclasses import replace
from datetime import timedelta

from adapters.memory.store import MemoryStore
from runtime.ids import AgentName, ApprovalId, TimeOrderedIds
from runtime.model.approval import Frozen, Grant, pattern_of
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, Opener

FROZEN = Frozen(tool="git.push", schema="s1", arguments='{"branch":"main"}')
DAY = timedelta(days=1)


def grant(clock: ManualClock, name: str = "a", *, frozen: Frozen = FROZEN) -> Grant:
    return Grant(
        id=ApprovalId(name),
        agent=DESK,
        frozen=frozen,
        digest=frozen.digest(),
        given_by=ADA,
        given_at=clock.now(),
        expires_at=clock.now() + DAY,
    )


async def test_a_grant_is_numbered_once_and_kept(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        first = await store.grants.add(grant(clock))
        second = await store.grants.add(grant(clock, "b"))
        assert await store.grants.add(grant(clock)) == first
    assert (first.number, second.number) == (1, 2)
    assert replace(first, number=0) == grant(clock)
    async with open_again() as store:
        assert await store.grants.active(now=clock.now()) == [first, second]


async def test_a_grant_covers_those_bytes_for_that_agent_only(
    store: Store, clock: ManualClock
) -> None:
    given = await store.grants.add(grant(clock))
    other = replace(FROZEN, arguments='{"branch":"main "}').digest()

    assert await store.grants.find(DESK, FROZEN.digest(), now=clock.now()) == [given]
    assert await store.grants.find(DESK, other, now=clock.now()) == []
    assert await store.grants.find(AgentName("other"), FROZEN.digest(), now=clock.now()) == []


async def test_a_grant_ends(store: Store, clock: ManualClock) -> None:
    given = await store.grants.add(grant(clock))
    await clock.advance(DAY)

    assert await store.grants.find(DESK, given.digest, now=clock.now()) == []
    assert await store.grants.active(now=clock.now()) == []
    assert await store.grants.revoke(given.number, now=clock.now()) is None


async def test_those_in_force_are_read_a_page_at_a_time_and_counted(
    store: Store, clock: ManualClock
) -> None:
    given = [await store.grants.add(grant(clock, f"g{number}")) for number in range(5)]
    now = clock.now()
    assert await store.grants.revoke(2, now=now) is not None
    assert await store.grants.active(now=now, limit=2) == [given[0], given[2]]
    assert await store.grants.active(now=now, since=4, limit=2) == given[3:]
    assert await store.grants.active(now=now, since=6) == []
    assert [await store.grants.count(now=now, since=n) for n in (0, 2, 4, 6)] == [4, 3, 2, 0]
    await clock.advance(DAY)
    assert await store.grants.count(now=clock.now()) == 0


async def test_none_is_overlooked_among_more_than_a_page_in_memory(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    given = [await store.grants.add(grant(clock, f"g{number}")) for number in range(101)]
    now = clock.now()
    assert await store.grants.find(DESK, FROZEN.digest(), now=now) == given
    assert await store.grants.revoke(given[-1].number, now=now) == given[-1]


async def test_a_revoked_grant_covers_nothing(store: Store, clock: ManualClock) -> None:
    given = await store.grants.add(grant(clock))

    assert await store.grants.revoke(given.number, now=clock.now()) == given
    assert await store.grants.revoke(given.number, now=clock.now()) is None
    assert await store.grants.revoke(99, now=clock.now()) is None
    assert await store.grants.find(DESK, given.digest, now=clock.now()) == []


async def test_what_varies_is_kept_and_the_pattern_is_found_by_its_own_digest(
    open_again: Opener, clock: ManualClock
) -> None:
    pattern = pattern_of(
        replace(FROZEN, arguments='{"branch":"main","force":true}'), {"force", "depth"}
    )
    left_open = replace(
        grant(clock, frozen=pattern.frozen), varies=pattern.varies, digest=pattern.digest()
    )
    async with open_again() as store:
        await store.grants.add(left_open)
    async with open_again() as store:
        [found] = await store.grants.find(DESK, pattern.digest(), now=clock.now())
        assert found == replace(left_open, number=1)
        assert found.pattern == pattern
        assert found.varies == ("depth", "force")
        # A call in which those arguments are left out is not the pattern that leaves them open.
        assert await store.grants.find(DESK, FROZEN.digest(), now=clock.now()) == []
