"""The promises of `runtime.ports.Approvals`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Conflict
from runtime.ids import (
    AgentName,
    ApprovalId,
    MessageId,
    Platform,
    TurnId,
    unguessable,
)
from runtime.model.address import Principal
from runtime.model.approval import (
    Approval,
    ApprovalEvent,
    ApprovalState,
    Card,
    Frozen,
    Vote,
    may_follow,
)
from runtime.model.outbox import OutboxState
from runtime.ports import Store
from tests.support import questions
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, THREAD, Opener, Rows

HOUR = timedelta(hours=1)
BOB = Principal(Platform("slack"), "T1", "U2")
FROZEN = Frozen(tool="git.push", schema="s1", arguments='{"branch":"main"}', files=(("a", "f00"),))
EVENTS = [event for event in ApprovalEvent if event is not ApprovalEvent.APPROVE]


def question(clock: ManualClock, name: str = "a", *, needed: int = 1) -> Approval:
    asked = questions.question(
        name, frozen=FROZEN, at=clock.now(), requester=ADA, thread=THREAD, needed=needed
    )
    chain = (AgentName("first"), AgentName("second"))
    return replace(asked, varies=("depth", "force"), too_often=name == "b", chain=chain)


async def yes(
    store: Store, clock: ManualClock, who: Principal = ADA, *, digest: str = FROZEN.digest()
) -> Approval:
    vote = Vote(by=who, at=clock.now())
    return await store.approvals.vote(ApprovalId("approval-a"), vote, digest=digest)


async def brought_to(store: Store, clock: ManualClock, state: ApprovalState) -> Approval:
    """The approval in that state, by the shortest way."""
    approval = await store.approvals.ask(question(clock))
    ways: dict[ApprovalState, list[ApprovalEvent]] = {
        ApprovalState.PENDING: [],
        ApprovalState.DENIED: [ApprovalEvent.DENY],
        ApprovalState.EXPIRED: [ApprovalEvent.EXPIRE],
        ApprovalState.CANCELLED: [ApprovalEvent.CANCEL],
        ApprovalState.APPROVED: [ApprovalEvent.APPROVE],
        ApprovalState.EXECUTING: [ApprovalEvent.APPROVE, ApprovalEvent.BEGIN],
        ApprovalState.DONE: [ApprovalEvent.APPROVE, ApprovalEvent.BEGIN, ApprovalEvent.SUCCEED],
        ApprovalState.FAILED: [ApprovalEvent.APPROVE, ApprovalEvent.BEGIN, ApprovalEvent.FAIL],
        ApprovalState.UNKNOWN: [ApprovalEvent.APPROVE, ApprovalEvent.BEGIN, ApprovalEvent.LOSE],
    }
    for event in ways[state]:
        if event is ApprovalEvent.APPROVE:
            approval = await yes(store, clock)
        else:
            approval = await store.approvals.change(approval.id, event, now=clock.now())
    assert approval.state is state
    return approval


async def test_a_question_is_there_after_a_restart(open_again: Opener, clock: ManualClock) -> None:
    async with open_again() as store:
        asked = await store.approvals.ask(question(clock))
    assert asked == question(clock)
    async with open_again() as store:
        assert await store.approvals.get(asked.id) == asked
        assert await store.approvals.of_turn(TurnId("turn")) == [asked]
        assert await store.approvals.open() == [asked]
        assert await store.approvals.get(ApprovalId("none")) is None


async def test_the_questions_of_a_turn_come_oldest_first(store: Store, clock: ManualClock) -> None:
    for name in ("c", "a", "b"):
        await store.approvals.ask(question(clock, name))
        await clock.advance(1)
    found = await store.approvals.of_turn(TurnId("turn"))
    assert [one.id for one in found] == ["approval-c", "approval-a", "approval-b"]


async def test_a_call_asks_once(store: Store, clock: ManualClock) -> None:
    first = await store.approvals.ask(question(clock))
    again = replace(question(clock), id=ApprovalId("another"))

    assert await store.approvals.ask(again) == first
    assert await store.approvals.open() == [first]


async def test_a_yes_to_what_was_shown_is_granted_once(
    store: Store, clock: ManualClock, rows: Rows
) -> None:
    await store.approvals.ask(question(clock))
    votes = [Vote(by=who, at=clock.now()) for who in (ADA, BOB, ADA, BOB)]

    results = await asyncio.gather(
        *(
            store.approvals.vote(
                ApprovalId("approval-a"), vote, digest=FROZEN.digest(), rows=[rows.item()]
            )
            for vote in votes
        ),
        return_exceptions=True,
    )

    granted = [result for result in results if isinstance(result, Approval)]
    assert len(granted) == 1
    assert all(isinstance(r, Conflict) for r in results if not isinstance(r, Approval))
    assert granted[0].state is ApprovalState.APPROVED
    assert len(granted[0].votes) == 1
    assert granted[0].decided_by == granted[0].votes[0].by
    assert await store.outbox.count(OutboxState.PENDING) == 1


async def test_a_yes_to_something_else_is_refused(store: Store, clock: ManualClock) -> None:
    await store.approvals.ask(question(clock))
    other = replace(FROZEN, arguments='{"branch": "main"}').digest()
    with pytest.raises(Conflict, match="something else"):
        await yes(store, clock, digest=other)
    found = await store.approvals.get(ApprovalId("approval-a"))
    assert found == question(clock)


async def test_a_yes_that_comes_too_late_is_refused(store: Store, clock: ManualClock) -> None:
    await store.approvals.ask(question(clock))
    await clock.advance(HOUR)
    with pytest.raises(Conflict, match="time is over"):
        await yes(store, clock)


async def test_two_people_are_two_people(store: Store, clock: ManualClock) -> None:
    await store.approvals.ask(question(clock, needed=2))

    for _ in range(2):
        assert (await yes(store, clock)).state is ApprovalState.PENDING
    granted = await yes(store, clock, BOB)

    assert granted.state is ApprovalState.APPROVED
    assert {vote.by for vote in granted.votes} == {ADA, BOB}


@pytest.mark.parametrize("state", list(ApprovalState))
async def test_only_what_the_model_allows_happens(
    store: Store, clock: ManualClock, rows: Rows, state: ApprovalState
) -> None:
    approval = await brought_to(store, clock, state)
    before = await store.outbox.count(OutboxState.PENDING)

    refused = [event for event in EVENTS if state not in may_follow(event)]
    for event in refused:
        with pytest.raises(Conflict):
            await store.approvals.change(approval.id, event, now=clock.now(), rows=[rows.item()])
    if state is not ApprovalState.PENDING:
        with pytest.raises(Conflict):
            await yes(store, clock, BOB)

    assert await store.approvals.get(approval.id) == approval
    assert await store.outbox.count(OutboxState.PENDING) == before


async def test_it_runs_once(store: Store, clock: ManualClock) -> None:
    approval = await brought_to(store, clock, ApprovalState.APPROVED)
    await store.approvals.ask(question(clock, "b"))
    assert await store.approvals.approved() == [approval]

    begun = await asyncio.gather(
        *(
            store.approvals.change(approval.id, ApprovalEvent.BEGIN, now=clock.now())
            for _ in range(5)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(one, Approval) for one in begun) == 1
    (executing,) = await store.approvals.executing()
    assert executing.id == approval.id
    assert await store.approvals.approved() == []


async def test_a_yes_grows_old(store: Store, clock: ManualClock) -> None:
    approval = await brought_to(store, clock, ApprovalState.APPROVED)
    assert await store.approvals.next_time() == approval.expires_at
    await clock.advance(HOUR)

    with pytest.raises(Conflict, match="time is over"):
        await store.approvals.change(approval.id, ApprovalEvent.BEGIN, now=clock.now())
    assert [late.id for late in await store.approvals.overdue(now=clock.now())] == [approval.id]
    await store.approvals.change(approval.id, ApprovalEvent.EXPIRE, now=clock.now())
    assert await store.approvals.overdue(now=clock.now()) == []
    assert await store.approvals.next_time() is None


async def test_a_no_says_who_and_why(store: Store, clock: ManualClock) -> None:
    await store.approvals.ask(question(clock))
    denied = await store.approvals.change(
        ApprovalId("approval-a"), ApprovalEvent.DENY, now=clock.now(), by=BOB, note="not on Friday"
    )

    assert (denied.state, denied.decided_by, denied.note) == (
        ApprovalState.DENIED,
        BOB,
        "not on Friday",
    )
    assert await store.approvals.open() == []


async def test_what_nobody_knows_the_end_of_waits_for_a_look(
    store: Store, clock: ManualClock
) -> None:
    lost = await brought_to(store, clock, ApprovalState.UNKNOWN)

    assert await store.approvals.unclear() == [lost]
    assert await store.approvals.open() == []
    await store.approvals.change(lost.id, ApprovalEvent.SUCCEED, now=clock.now(), by=BOB)
    assert await store.approvals.unclear() == []


async def test_an_agents_questions_are_counted_and_not_what_people_edit(
    store: Store, clock: ManualClock
) -> None:
    await store.approvals.ask(question(clock))
    await clock.advance(HOUR)
    await store.approvals.ask(replace(question(clock, "b"), replaces=ApprovalId("approval-a")))

    found = await store.approvals.get(ApprovalId("approval-b"))
    assert found is not None
    assert found.replaces == "approval-a"
    assert await store.approvals.count(DESK, since=clock.now() - HOUR) == 1
    await store.approvals.ask(question(clock, "c"))
    assert await store.approvals.count(DESK, since=clock.now() - HOUR) == 2
    assert await store.approvals.count(DESK, since=clock.now()) == 1
    assert await store.approvals.count(AgentName("other"), since=clock.now() - HOUR) == 0


async def test_cards_of_two_chats_may_have_the_same_number(
    store: Store, clock: ManualClock
) -> None:
    await store.approvals.ask(question(clock))
    chats = [replace(THREAD, root="r1"), replace(THREAD, root="r2")]
    for thread in chats:
        card = Card(thread=thread, message=MessageId("5"))
        await store.approvals.note_card(ApprovalId("approval-a"), card)

    found = await store.approvals.get(ApprovalId("approval-a"))
    assert found is not None
    assert [card.thread for card in found.cards] == chats


async def test_cards_are_remembered_once(store: Store, clock: ManualClock) -> None:
    await store.approvals.ask(question(clock))
    card = Card(thread=THREAD, message=MessageId("17.1"))
    for _ in range(2):
        await store.approvals.note_card(ApprovalId("approval-a"), card)

    found = await store.approvals.get(ApprovalId("approval-a"))
    assert found is not None
    assert found.cards == (card,)


def test_digests_tell_everything_apart() -> None:
    variants = [
        FROZEN,
        replace(FROZEN, tool="git.pus", schema="hs1"),
        replace(FROZEN, arguments='{"branch":"main" }'),
        replace(FROZEN, folder="/w"),
        replace(FROZEN, variables=("PATH",)),
        replace(FROZEN, variables=("PA", "TH")),
        replace(FROZEN, sandbox="none"),
        replace(FROZEN, files=(("a", "f01"),)),
        replace(FROZEN, files=()),
    ]
    assert len({variant.digest() for variant in variants}) == len(variants)


def test_ids_cannot_be_guessed() -> None:
    ids = {unguessable() for _ in range(1_000)}
    assert len(ids) == 1_000
    assert {len(one) for one in ids} == {26}


async def test_what_is_over_is_found_by_the_beginning_of_its_id(
    store: Store, clock: ManualClock
) -> None:
    for name in ("aa", "ab", "b"):
        await store.approvals.ask(question(clock, name))
        await clock.advance(1)
    this = ApprovalId("approval-ab")
    await store.approvals.change(this, ApprovalEvent.DENY, now=clock.now())
    for written, found in {
        "approval-a": ["approval-ab", "approval-aa"],
        "approval-ab": ["approval-ab"],
        "approval-%": [],
        "pproval-b": [],
        "APPROVAL-B": [],
        "approval-bb": [],
    }.items():
        assert [one.id for one in await store.approvals.beginning(written)] == found
    assert len(await store.approvals.beginning("approval-", limit=1)) == 1


def instead(clock: ManualClock, old: Approval) -> Approval:
    return replace(question(clock, "new"), replaces=old.id, created_at=old.created_at)


async def test_a_question_is_exchanged_for_another_in_one_step(
    store: Store, clock: ManualClock, rows: Rows
) -> None:
    old = await store.approvals.ask(question(clock))
    new = instead(clock, old)
    ended = await store.approvals.exchange(
        old.id, new, now=clock.now(), by=BOB, note="edited", rows=[rows.item()]
    )
    assert ended == replace(old, state=ApprovalState.CANCELLED, decided_by=BOB, note="edited")
    assert await store.approvals.get(old.id) == ended
    assert await store.approvals.open() == [new]
    assert await store.outbox.count(OutboxState.PENDING) == 1
    kinds = [(one.kind, one.facts()["approval"]) for one in await store.audit.page()]
    assert kinds == [
        ("approval.asked", old.id),
        ("approval.changed", old.id),
        ("approval.asked", new.id),
    ]


@pytest.mark.parametrize("state", list(ApprovalState))
async def test_only_an_open_question_is_exchanged(
    store: Store, clock: ManualClock, rows: Rows, state: ApprovalState
) -> None:
    old = await brought_to(store, clock, state)
    late = clock.now() + (HOUR if state is ApprovalState.PENDING else timedelta(0))
    new = instead(clock, old)
    with pytest.raises(Conflict):
        await store.approvals.exchange(
            old.id, new, now=late, by=BOB, note="edited", rows=[rows.item()]
        )
    assert await store.approvals.get(old.id) == old
    assert await store.approvals.get(new.id) is None
    assert await store.outbox.count(OutboxState.PENDING) == 0


async def test_of_a_yes_and_an_exchange_at_the_same_moment_one_wins(
    store: Store, clock: ManualClock
) -> None:
    old = await store.approvals.ask(question(clock))
    new = instead(clock, old)
    results = await asyncio.gather(
        yes(store, clock),
        store.approvals.exchange(old.id, new, now=clock.now(), by=BOB, note="edited"),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Conflict) for result in results) == 1
    approved = (await store.approvals.get(old.id) or old).state is ApprovalState.APPROVED
    assert (await store.approvals.get(new.id) is None) is approved
