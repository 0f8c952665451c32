"""The promises of `runtime.ports.ChannelTrust`, on every implementation."""

from dataclasses import replace
from datetime import timedelta

from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import ChannelChange
from runtime.model.trust import ChannelState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener, Rows

OPS = ChannelRef(Platform("slack"), "T1", "C-ops")
OTHER = ChannelRef(Platform("slack"), "T1", "C-other")
TWIN = ChannelRef(Platform("discord"), "T1", "C-ops")


async def test_nothing_is_known_of_a_channel_at_first(store: Store) -> None:
    assert await store.trust.of(OPS) is None
    assert await store.trust.all() == []
    assert not await store.trust.trust(OPS)


async def test_a_channel_is_distrusted_until_it_is_trusted_again(
    open_again: Opener, clock: ManualClock
) -> None:
    async with open_again() as store:
        since = clock.now()
        held = await store.trust.distrust(OPS, ChannelChange.SHARED, detail="Acme", now=since)
        assert held == ChannelState(
            channel=OPS, change=ChannelChange.SHARED, detail="Acme", since=since
        )
    async with open_again() as store:
        assert await store.trust.of(OPS) == held
        assert await store.trust.of(OTHER) is None
        assert await store.trust.of(TWIN) is None
        assert await store.trust.trust(OPS)
        assert await store.trust.of(OPS) == ChannelState(channel=OPS)
        assert not await store.trust.trust(OPS)


async def test_the_first_reason_stays(store: Store, clock: ManualClock) -> None:
    since = clock.now()
    await store.trust.distrust(OPS, ChannelChange.SHARED, detail="Acme", now=since)
    later = since + timedelta(hours=1)
    for change in (ChannelChange.SHARED, ChannelChange.ARCHIVED, ChannelChange.BOT_REMOVED):
        held = await store.trust.distrust(OPS, change, detail="new", now=later)
        assert (held.change, held.detail, held.since) == (ChannelChange.SHARED, "Acme", since)


async def test_that_nothing_can_be_posted_gives_way_to_a_reason_that_stays(
    store: Store, clock: ManualClock
) -> None:
    await store.trust.distrust(OPS, ChannelChange.ARCHIVED, detail="", now=clock.now())
    later = clock.now() + timedelta(hours=1)
    held = await store.trust.distrust(OPS, ChannelChange.SHARED, detail="Acme", now=later)
    assert (held.change, held.since) == (ChannelChange.SHARED, later)
    assert not await store.trust.trust(OPS, only=ChannelChange.ARCHIVED)
    assert await store.trust.of(OPS) == held


async def test_a_reason_can_be_taken_back_alone(store: Store, clock: ManualClock) -> None:
    await store.trust.distrust(OPS, ChannelChange.ARCHIVED, detail="", now=clock.now())
    assert await store.trust.trust(OPS, only=ChannelChange.ARCHIVED)
    assert await store.trust.of(OPS) == ChannelState(channel=OPS)


async def test_a_name_is_only_a_name(store: Store, clock: ManualClock) -> None:
    await store.trust.rename(OPS, "operations")
    assert await store.trust.of(OPS) == ChannelState(channel=OPS, name="operations")
    held = await store.trust.distrust(OPS, ChannelChange.MOVED, detail="C9", now=clock.now())
    assert held.name == "operations"
    await store.trust.rename(OPS, "ops-two")
    state = await store.trust.of(OPS)
    assert state is not None
    assert (state.name, state.change) == ("ops-two", ChannelChange.MOVED)
    assert await store.trust.trust(OPS)
    assert await store.trust.of(OPS) == ChannelState(channel=OPS, name="ops-two")


async def test_all_are_listed(store: Store, clock: ManualClock) -> None:
    await store.trust.rename(OTHER, "other")
    await store.trust.distrust(OPS, ChannelChange.SHARED, detail="", now=clock.now())
    assert {state.channel for state in await store.trust.all()} == {OPS, OTHER}


async def test_each_channel_knows_when_something_was_sent_there_last(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    assert await store.outbox.last_sent() == {}
    first = clock.now()
    here = replace(rows.item("here"), thread=ThreadRef(OPS))
    there = replace(rows.item("there"), thread=ThreadRef(OTHER))
    await store.outbox.enqueue([here, there])
    await _send(store, clock)
    await clock.advance(60)
    second = clock.now()
    await store.outbox.enqueue([replace(rows.item("again"), thread=ThreadRef(OPS))])
    await _send(store, clock)
    await store.outbox.enqueue([replace(rows.item("waits"), thread=ThreadRef(OTHER))])
    assert await store.outbox.last_sent() == {OPS: second, OTHER: first}


async def _send(store: Store, clock: ManualClock) -> None:
    claimed = await store.outbox.claim(now=clock.now(), owner="me", platforms=[OPS.platform])
    for item in claimed:
        await store.outbox.sent(item.id, item.attempts, MessageId(f"m-{item.id}"))
