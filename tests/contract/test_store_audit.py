"""The promises of `runtime.ports.Audit`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from runtime.errors import Conflict
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    MessageId,
    Platform,
    RunId,
    StopId,
    ToolCallId,
    TurnId,
)
from runtime.model import recorded
from runtime.model.address import ThreadRef
from runtime.model.approval import Approval, ApprovalEvent, Frozen, Grant, Vote
from runtime.model.audit import (
    SHELL,
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
from runtime.model.budget import Alert, AlertId, AlertState, LimitChange
from runtime.model.conversation import Role
from runtime.model.events import ChannelChange
from runtime.model.handoff import Handoff, HandOver
from runtime.model.member import Enrolled, Enrolment
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.recorded import MOST_TOGETHER
from runtime.model.schedule import OccurrenceState, ScheduleState
from runtime.model.stop import Stop, StopKind
from runtime.model.team import MemberRole
from runtime.model.tools import Risk
from runtime.model.turn import TurnState
from runtime.ports import AuditQuery, Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, CHANNEL, DESK, THREAD, Opener, Rows, begun


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


def what(records: list[AuditRecord]) -> list[tuple[str, str]]:
    return [(record.kind, record.actor) for record in records]


async def test_a_turn_is_recorded_from_its_beginning_to_its_end(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received())
    again = await store.turns.begin(start.turn.conversation, owner="there")
    assert again is not None
    ran = [AuditEvent(AuditKind.TOOL_ENDED, by_agent(DESK), start.turn.id, {"tool": "time.now"})]
    await store.turns.append(start.turn.id, 2, [rows.entry("12:00", role=Role.TOOL)], audit=ran)
    with pytest.raises(Conflict):
        await store.turns.append(start.turn.id, 1, [rows.entry("late")], audit=ran)
    answer = rows.entry("noon")._replace(model="offline")
    await store.turns.finish(start.turn.id, 2, state=TurnState.DONE, entries=[answer])
    with pytest.raises(Conflict):
        await store.turns.finish(start.turn.id, 2, state=TurnState.DONE)

    records = await store.audit.of_turn(start.turn.id)
    assert what(records) == [
        ("turn.started", "person:slack/T1/U1"),
        ("tool.ended", "agent:desk"),
        ("turn.ended", "system"),
    ]
    assert records[0].facts()["trigger"] == "message"
    assert records[0].facts()["channel"] == "slack/T1/C1"
    assert records[2].facts() == {
        "conversation": start.turn.conversation,
        "state": "done",
        "model": "offline",
    }
    assert chained(await store.audit.page())
    assert "noon" not in str(await store.audit.page())


async def test_who_stopped_a_turn_is_recorded(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received())
    stop = Stop(id=StopId("s"), kind=StopKind.TURNS, by=ADA, at=start.turn.started_at)
    for _ in range(2):
        await store.stops.order(stop, turns=[start.turn.id], closing=lambda _: ())
    assert what(await store.audit.of_turn(start.turn.id)) == [
        ("turn.started", "person:slack/T1/U1"),
        ("turn.stopped", "person:slack/T1/U1"),
    ]


async def test_who_stopped_and_resumed_an_agent_is_recorded(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received())
    at = start.turn.started_at
    stop = Stop(id=StopId("s"), kind=StopKind.AGENT, agent=DESK, by=ADA, at=at)
    for _ in range(2):
        await store.stops.order(stop, closing=lambda _: ())
    for _ in range(2):
        await store.stops.lift(DESK, by=ADA, at=at, key=StopId("r"))
    assert what(await store.audit.page()) == [
        ("turn.started", "person:slack/T1/U1"),
        ("stop.ordered", "person:slack/T1/U1"),
        ("turn.stopped", "person:slack/T1/U1"),
        ("stop.lifted", "person:slack/T1/U1"),
    ]


async def test_a_command_is_recorded_once_when_its_row_is_finished(
    store: Store, rows: Rows
) -> None:
    received = rows.received()
    await store.inbox.append(received)
    done = [AuditEvent(AuditKind.COMMAND_DONE, by_person(ADA), None, {"command": "stop"})]
    await store.inbox.finish(received.id, (), audit=done)
    await store.inbox.finish(received.id, (), audit=done)
    assert what(await store.audit.page()) == [("command.done", "person:slack/T1/U1")]


async def test_schedules_are_recorded(store: Store, rows: Rows, clock: ManualClock) -> None:
    schedule = await store.schedules.add(rows.schedule())
    await store.schedules.add(schedule)
    claim = rows.claim(schedule)
    missed = replace(
        claim.occurrences[0],
        planned_at=clock.now(),
        run=RunId("earlier"),
        state=OccurrenceState.MISSED,
    )
    claim = replace(claim, occurrences=(missed, *claim.occurrences))
    await store.schedules.claim([claim])
    await store.schedules.claim([claim])  # another process was first
    manual = rows.occurrence(schedule, manual=True)
    await store.schedules.add_occurrence(manual)
    await store.schedules.add_occurrence(manual)
    for _ in range(2):
        await store.schedules.end_occurrence(
            manual.run, state=OccurrenceState.DONE, now=clock.now(), result="a secret"
        )
    await store.schedules.change(
        schedule.id,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.PAUSED,
        next_at=None,
        by=ADA,
    )
    records = await store.audit.page()
    assert what(records) == [
        ("schedule.made", "person:slack/T1/U1"),
        ("schedule.missed", "system"),
        ("schedule.fired", "system"),
        ("schedule.fired", "system"),
        ("schedule.ended", "system"),
        ("schedule.changed", "person:slack/T1/U1"),
    ]
    assert [record.facts().get("schedule") for record in records] == [
        *[schedule.id] * 4,
        None,
        schedule.id,
    ]
    assert records[3].turn == records[4].turn == manual.run
    assert schedule.instruction not in str(records)
    assert "a secret" not in str(records)


async def test_schedules_that_come_at_the_same_moment_are_one_record_that_names_each(
    store: Store, rows: Rows
) -> None:
    made = [await store.schedules.add(rows.schedule()) for _ in range(4)]
    later = await store.schedules.add(rows.schedule(due_in=timedelta(hours=1, seconds=1)))
    first, *others = [rows.claim(each) for each in made]
    await store.schedules.claim([first])
    beginning = len(await store.audit.page())
    # Somebody else was quicker with the first: what they wrote is not said again.
    fired = await store.schedules.claim([first, *others, rows.claim(later)])
    assert len(fired) == 4
    together, alone = await store.audit.page(after=beginning)
    assert (together.kind, together.turn) == ("schedule.fired", "")
    assert together.facts() == {
        "planned": fired[0].planned_at.isoformat(),
        "runs": {one.run: one.schedule for one in fired[:3]},
    }
    assert (alone.kind, alone.turn) == ("schedule.fired", fired[3].run)
    assert alone.facts() == {
        "schedule": later.id,
        "planned": fired[3].planned_at.isoformat(),
    }


async def test_a_record_names_no_more_schedules_than_somebody_reads(
    store: Store, rows: Rows
) -> None:
    made = [await store.schedules.add(rows.schedule()) for _ in range(2 * MOST_TOGETHER + 1)]
    beginning = len(await store.audit.page(limit=1_000))
    fired = await store.schedules.claim([rows.claim(each) for each in made])
    records = await store.audit.page(after=beginning, limit=1_000)
    runs = [record.facts().get("runs", {record.turn: ""}) for record in records]
    assert [len(each) for each in runs if isinstance(each, dict)] == [
        MOST_TOGETHER,
        MOST_TOGETHER,
        1,
    ]
    named = [run for each in runs if isinstance(each, dict) for run in each]
    assert sorted(named) == sorted(one.run for one in fired)


async def test_grants_links_and_trust_are_recorded_once_each(
    store: Store, clock: ManualClock
) -> None:
    frozen = Frozen(tool="git.push", schema="s1", arguments='{"secret":"x"}')
    grant = Grant(
        id=ApprovalId("a"),
        agent=DESK,
        frozen=frozen,
        digest=frozen.digest(),
        given_by=ADA,
        given_at=clock.now(),
        expires_at=clock.now() + timedelta(days=1),
    )
    for _ in range(2):
        await store.grants.add(grant)
    for _ in range(2):
        await store.grants.revoke(1, now=clock.now(), by=ADA)
    soon = clock.now() + timedelta(minutes=1)
    await store.people.offer("code", ADA, now=clock.now(), expires_at=soon)
    for _ in range(2):
        await store.people.redeem("code", replace(ADA, user="U2"), now=clock.now())
    for _ in range(2):
        await store.people.unlink(replace(ADA, user="U2"))
    for _ in range(2):
        await store.trust.distrust(CHANNEL, ChannelChange.SHARED, detail="", now=clock.now())
    for _ in range(2):
        await store.trust.trust(CHANNEL, by=ADA)
    records = await store.audit.page()
    assert what(records) == [
        ("grant.given", "person:slack/T1/U1"),
        ("grant.revoked", "person:slack/T1/U1"),
        ("account.linked", "person:slack/T1/U2"),
        ("account.unlinked", "person:slack/T1/U2"),
        ("channel.distrusted", "system"),
        ("channel.trusted", "person:slack/T1/U1"),
    ]
    assert records[0].facts()["digest"] == frozen.digest()
    assert "secret" not in str(records)


async def sending(store: Store, rows: Rows, clock: ManualClock) -> OutboxItem:
    await store.outbox.enqueue([rows.item()])
    [item] = await store.outbox.claim(now=clock.now(), owner="here", platforms=[Platform("slack")])
    return item


@pytest.mark.parametrize(
    ("state", "kind"),
    [(OutboxState.DEAD, "message.dead"), (OutboxState.WITHHELD, "message.withheld")],
)
async def test_a_message_that_ends_badly_is_recorded_once(
    store: Store, rows: Rows, clock: ManualClock, state: OutboxState, kind: str
) -> None:
    item = await sending(store, rows, clock)
    for _ in range(2):
        await store.outbox.settle(item.id, 1, state, error="a secret")
    records = await store.audit.page()
    assert what(records) == [(kind, "system")]
    assert records[0].facts() == {"message": item.id}


async def test_a_message_that_went_out_unasked_is_recorded_once(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = await sending(store, rows, clock)
    for _ in range(2):
        await store.outbox.sent(
            item.id, 1, MessageId("17.1"), audit=[recorded.message_unasked(item)]
        )
    records = await store.audit.page()
    assert what(records) == [("message.unasked", "system")]
    assert records[0].facts() == {"message": item.id, "channel": "slack/T1/C1"}


async def test_who_retried_and_dropped_a_message_is_recorded(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = await sending(store, rows, clock)
    await store.outbox.settle(item.id, 1, OutboxState.DEAD, error="")
    await store.dead_letters.retry(item.id, now=clock.now())
    with pytest.raises(Conflict):
        await store.dead_letters.retry(item.id, now=clock.now())
    await store.outbox.claim(now=clock.now(), owner="here", platforms=[Platform("slack")])
    await store.outbox.settle(item.id, 2, OutboxState.DEAD, error="")
    await store.dead_letters.drop(item.id)
    assert [kind for kind, actor in what(await store.audit.page()) if actor == SHELL] == [
        "message.retried",
        "message.dropped",
    ]


def approval(clock: ManualClock) -> Approval:
    frozen = Frozen(tool="git.push", schema="s1", arguments='{"branch":"secret"}')
    return Approval(
        id=ApprovalId("a"),
        frozen=frozen,
        digest=frozen.digest(),
        risk=Risk.EXTERNAL,
        reason="team, rule 1\nbranch: was main, is secret",
        turn=TurnId("t1"),
        call=ToolCallId("c1"),
        conversation=ConversationId("conv"),
        agent=DESK,
        requester=ADA,
        thread=THREAD,
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(hours=1),
    )


async def test_an_approval_is_recorded_from_question_to_end(
    store: Store, clock: ManualClock
) -> None:
    asked = approval(clock)
    for _ in range(2):
        await store.approvals.ask(asked)
    vote = Vote(by=replace(ADA, user="U2"), at=clock.now())
    await store.approvals.vote(asked.id, vote, digest=asked.digest)
    with pytest.raises(Conflict):
        await store.approvals.vote(asked.id, vote, digest=asked.digest)
    for event_ in (ApprovalEvent.BEGIN, ApprovalEvent.SUCCEED):
        await store.approvals.change(asked.id, event_, now=clock.now(), note="a secret answer")
    with pytest.raises(Conflict):
        await store.approvals.change(asked.id, ApprovalEvent.DENY, now=clock.now(), by=ADA)

    records = await store.audit.of_turn(asked.turn)
    assert what(records) == [
        ("approval.asked", "agent:desk"),
        ("approval.voted", "person:slack/T1/U2"),
        ("approval.changed", "system"),
        ("approval.changed", "system"),
    ]
    assert [record.facts()["state"] for record in records] == [
        "pending",
        "approved",
        "executing",
        "done",
    ]
    assert {record.facts()["digest"] for record in records} == {asked.digest}
    assert records[0].facts()["rule"] == "team, rule 1"
    assert "secret" not in str(records)


async def test_sent_messages_are_found_by_channel_thread_and_platform_id(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    other = ThreadRef(replace(CHANNEL, channel="C2"), THREAD.root)
    for number, thread in enumerate((THREAD, ThreadRef(CHANNEL), other), start=1):
        await store.outbox.enqueue([rows.item(str(number), thread=thread)])
    await store.outbox.enqueue([rows.item("not yet", not_before=clock.now() + timedelta(1))])
    for item in await store.outbox.claim(
        now=clock.now(), owner="here", platforms=[Platform("slack")]
    ):
        await store.outbox.sent(item.id, 1, MessageId(f"17.{item.content.text}"))

    async def found(**wanted: Any) -> list[str]:
        return [item.content.text for item in await store.outbox.sent_to(CHANNEL, **wanted)]

    assert await found() == ["2", "1"]
    assert await found(limit=1) == ["2"]
    assert await found(root=THREAD.root) == ["1"]
    assert await found(messages=[MessageId("17.1"), MessageId("17.3")]) == ["1"]


async def test_who_was_let_in_and_by_whom_is_recorded(store: Store, clock: ManualClock) -> None:
    bob = replace(ADA, user="U2")
    let_in = Enrolment(
        who=bob, name="Bob", role=MemberRole.GUEST, was=None, by=ADA, at=clock.now(), key="k1"
    )
    assert await store.members.put(let_in, owned=True) is Enrolled.DONE
    assert await store.members.put(let_in, owned=True) is Enrolled.CHANGED
    first = replace(let_in, role=MemberRole.OWNER, by=bob, key="k2")
    await store.members.offer("code", "slot", expires_at=clock.now() + timedelta(minutes=1))
    for _ in range(2):
        await store.members.claim("code", first, now=clock.now())
    records = await store.audit.page()
    assert what(records) == [
        ("member.changed", "person:slack/T1/U1"),
        ("member.changed", "person:slack/T1/U2"),
    ]
    assert [record.facts()["role"] for record in records] == ["guest", "owner"]
    assert records[0].facts()["member"] == "person:slack/T1/U2"


async def test_a_hand_over_is_recorded_once(store: Store, rows: Rows, clock: ManualClock) -> None:
    start = await begun(store, rows.received())
    handoff = Handoff(
        conversation=ConversationId("new"),
        before=start.turn.conversation,
        thread=THREAD,
        giver=DESK,
        taker=AgentName("other"),
        task="a secret task",
        requester=ADA,
        at=clock.now(),
    )
    for _ in range(2):
        await store.handoffs.record(HandOver(handoff=handoff, opening=()))
    by_ada = replace(handoff, conversation=ConversationId("third"), before=handoff.conversation)
    await store.handoffs.record(HandOver(handoff=replace(by_ada, by=ADA), opening=()))
    records = await store.audit.find(AuditQuery(kind="turn.handed_over"))
    assert what(records) == [
        ("turn.handed_over", "person:slack/T1/U1"),
        ("turn.handed_over", "agent:desk"),
    ]
    assert records[1].facts() == {
        "from": "desk",
        "to": "other",
        "conversation": "new",
        "before": start.turn.conversation,
        "channel": "slack/T1/C1",
    }
    assert "secret" not in str(records)


async def test_what_people_decided_about_money_is_recorded_once(
    store: Store, clock: ManualClock
) -> None:
    change = LimitChange(
        scope=Scope.ORGANISATION,
        subject="",
        period=Period.DAY,
        micros=5_000_000,
        before=1_000_000,
        base=1_000_000,
        by=ADA,
        at=clock.now(),
        key="k1",
    )
    for _ in range(2):
        await store.budgets.set_limit(change)
    meter = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp="2026-11-21")
    alert = Alert(id=AlertId("a1"), bound=Bound(meter, 1), share=80, at=clock.now())
    await store.budgets.raise_alert(alert)
    answer = partial(
        store.budgets.answer_alert, alert.id, state=AlertState.KEPT, by=ADA, note="a secret"
    )
    await answer()
    with pytest.raises(Conflict):
        await answer()
    records = await store.audit.page()
    assert what(records) == [
        ("budget.changed", "person:slack/T1/U1"),
        ("budget.answered", "person:slack/T1/U1"),
    ]
    assert (records[0].facts()["limit"], records[0].facts()["before"]) == (5_000_000, 1_000_000)
    assert records[1].facts() == {"alert": "a1", "state": "kept"}
