"""The promises of `runtime.ports.Audit`, on every implementation."""

import asyncio
from datetime import timedelta

import pytest

from runtime.ids import TurnId
from runtime.model.audit import (
    SYSTEM,
    Actor,
    AuditEvent,
    AuditKind,
    AuditRecord,
    Head,
    by_agent,
    by_person,
    digest_of,
)
from runtime.ports import AuditQuery, Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, Opener


def event(
    kind: AuditKind = AuditKind.CONFIGURATION_LOADED, actor: Actor = SYSTEM, turn: str = ""
) -> AuditEvent:
    return AuditEvent(kind, actor, TurnId(turn) if turn else None, {"file": "nightdesk.toml"})


def chained(records: list[AuditRecord]) -> bool:
    """Whether each record has the hash of the one before it, and its own is right."""
    befores = [Head().hash, *(record.hash for record in records[:-1])]
    return all(
        (record.seq, record.before, record.hash) == (place, before, digest_of(record))
        for place, (record, before) in enumerate(zip(records, befores, strict=True), start=1)
    )


async def test_records_are_chained_over_restarts(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        assert await store.audit.head() == Head()
        await store.audit.add([event(), event(AuditKind.POLICY_LOADED, by_person(ADA), "t1")])
    await clock.advance(timedelta(hours=1))
    async with open_again() as store:
        await store.audit.add([event()])
        records = await store.audit.page()
        assert await store.audit.head() == Head(3, records[-1].hash)
    assert chained(records)
    assert [record.kind for record in records] == [
        "configuration.loaded",
        "policy.loaded",
        "configuration.loaded",
    ]
    assert (records[1].actor, records[1].turn) == ("person:slack/T1/U1", "t1")
    assert records[2].moment == clock.now()
    assert records[0].facts() == {"file": "nightdesk.toml"}


async def test_one_chain_however_many_write_at_once(open_again: Opener) -> None:
    async with open_again() as store:
        await asyncio.gather(*(store.audit.add([event(), event()]) for _ in range(40)))
        records = await store.audit.page()
    assert len(records) == 80
    assert chained(records)


async def test_the_chain_is_read_in_pages(store: Store) -> None:
    await store.audit.add([event() for _ in range(7)])
    first = await store.audit.page(limit=4)
    rest = await store.audit.page(after=first[-1].seq, limit=4)
    assert [record.seq for record in (*first, *rest)] == [1, 2, 3, 4, 5, 6, 7]
    assert await store.audit.page(after=7) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditQuery(), [5, 4, 3, 2, 1]),
        (AuditQuery(limit=2), [5, 4]),
        (AuditQuery(kind="tool"), [3, 2]),
        (AuditQuery(kind="tool.ended"), [3]),
        (AuditQuery(kind="too"), []),
        (AuditQuery(actors=(by_person(ADA), SYSTEM)), [4, 1]),
        (AuditQuery(actors=(Actor("nobody"),)), []),
    ],
)
async def test_records_are_found_the_latest_first(
    store: Store, wanted: AuditQuery, found: list[int]
) -> None:
    await store.audit.add(
        [
            event(),
            event(AuditKind.TOOL_BEGUN, by_agent(DESK)),
            event(AuditKind.TOOL_ENDED, by_agent(DESK)),
            event(AuditKind.GRANT_GIVEN, by_person(ADA)),
            event(AuditKind.TURN_ENDED, by_agent(DESK)),
        ]
    )
    assert [record.seq for record in await store.audit.find(wanted)] == found


async def test_records_are_found_by_time_and_by_turn(store: Store, clock: ManualClock) -> None:
    await store.audit.add([event(turn="t1"), event(turn="t2")])
    await clock.advance(timedelta(minutes=5))
    await store.audit.add([event(turn="t1"), event()])
    late = await store.audit.find(AuditQuery(since=clock.now()))
    assert [record.seq for record in late] == [4, 3]
    assert [record.seq for record in await store.audit.of_turn(TurnId("t1"))] == [1, 3]
    assert await store.audit.of_turn(TurnId("")) == []


async def test_whatever_is_recorded_is_kept_as_it_was(store: Store) -> None:
    odd = 'a "quoted" \\ line\nanother \0 \ud800 ünïcode 🙂'
    await store.audit.add([AuditEvent(AuditKind.TOOL_ENDED, SYSTEM, None, {"tool": odd * 100})])
    [record] = await store.audit.page()
    assert chained([record])
    assert len(str(record.facts()["tool"])) <= 300
