"""`/why`: how an answer came about, told to those who can read it and to nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from gateway.commands.grammar import looks_like_command
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    InboxId,
    MessageId,
    RunId,
    ScheduleId,
    StopId,
    ToolCallId,
    TurnId,
)
from runtime.model import recorded
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalEvent, Frozen, Grant, Vote
from runtime.model.audit import AuditEvent, AuditKind
from runtime.model.conversation import Entry, Role
from runtime.model.events import Lane, Received
from runtime.model.schedule import (
    Due,
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleState,
    When,
    WhenKind,
    run_id_of,
)
from runtime.model.stop import Stop, StopKind
from runtime.model.team import Member, MemberRole
from runtime.model.tools import Json, ToolCall
from runtime.model.turn import TurnStart, TurnState
from runtime.ports import Claim
from runtime.schedules.abandoned import end_run
from tests.support.build import ANN, DM, OPS, STRANGER, T0, TERMINAL, inbound, outbox_item, team
from tests.support.commands import CommandBench, command_bench
from tests.support.questions import question

DESK = AgentName("desk")
BOB = replace(ANN, user="bob")
THREAD = replace(OPS, root="m1")
NONE = "- Cost: no call of a model that is paid for is on record"


@dataclass(frozen=True)
class Call:
    """What happened to a tool call."""

    kind: AuditKind
    tool: str
    how: dict[str, Json]

    def of(self, turn: TurnId) -> AuditEvent:
        wish = ToolCall(id=ToolCallId(f"call-{self.tool}"), name=self.tool, arguments='"a secret"')
        return recorded.tool(self.kind, wish, turn=turn, agent=DESK, **self.how)


@pytest.fixture
def give() -> CommandBench:
    return command_bench()


async def begun(give: CommandBench, thread: ThreadRef = THREAD, key: str = "e1") -> TurnStart:
    row = Received(
        id=InboxId(key),
        lane=Lane.TURN,
        inbound=inbound("a secret question", key=key, thread=thread),
        received_at=T0,
    )
    await give.store.inbox.append(row)
    conversation = await give.store.conversations.bind(thread, DESK)
    start = await give.store.turns.begin(conversation, owner="here")
    assert start is not None
    return start


async def said(
    give: CommandBench,
    turn: TurnId | None,
    thread: ThreadRef = THREAD,
    message: str = "m2",
    only_for: Principal | None = None,
) -> None:
    """Send a message of that turn."""
    item = outbox_item("a secret answer", key=f"{message}-{thread.root}", thread=thread)
    await give.store.outbox.enqueue([replace(item, turn=turn, only_for=only_for)])
    now = give.clock.now()
    claimed = await give.store.outbox.claim(now=now, owner="here", platforms=[TERMINAL])
    assert [one.id for one in claimed] == [item.id]
    await give.store.outbox.sent(item.id, 1, MessageId(message))


async def answered(
    give: CommandBench,
    thread: ThreadRef = THREAD,
    *,
    key: str = "e1",
    message: str = "m2",
    calls: Sequence[Call] = (),
) -> TurnId:
    """A whole turn with an answer."""
    start = await begun(give, thread, key)
    turn = start.turn.id
    await give.store.turns.append(turn, 1, [], audit=[call.of(turn) for call in calls])
    answer = Entry(role=Role.ASSISTANT, text="a secret answer", at=T0, turn=turn, model="small-1")
    await give.store.turns.finish(turn, 1, state=TurnState.DONE, entries=[answer])
    await said(give, turn, thread, message)
    return turn


async def test_the_last_answer_of_a_thread_is_explained(give: CommandBench) -> None:
    turn = await answered(give)
    told = await give("/why", thread=THREAD)
    assert told == (
        "(- Trigger: a message of Ann, Fri 20 Nov 13:00 CET\n"
        "- Agent: desk; model: small-1\n"
        "- Tools: none\n"
        f"{NONE}\n"
        "- Ended: answered, Fri 20 Nov 13:00 CET\n"
        f"Audit log: 1 to 2, turn `{turn}`)"
    )


@pytest.mark.parametrize(
    "written",
    [
        "m2",
        "`m2`",
        "https://chat.example/archives/ops/m2",
        "<https://chat.example/archives/ops/m2?thread=m1|message>",
        "https://chat.example/channels/guild/m1/m2",
    ],
)
async def test_a_message_is_named_by_its_id_or_a_link(give: CommandBench, written: str) -> None:
    await answered(give, message="m2")
    await answered(give, key="e2", message="m3")
    assert "- Agent: desk" in await give(f"/why {written}", thread=THREAD)


@pytest.mark.parametrize(
    ("channel", "message", "link"),
    [
        ("C0OPS", "1700000000.000100", "https://acme.slack.com/archives/C0OPS/p1700000000000100"),
        ("-1001234567890", "55", "https://t.me/c/1234567890/55"),
        ("-1001234567890", "55", "https://t.me/c/1234567890/7/55"),
    ],
)
async def test_links_of_platforms_that_spell_ids_their_own_way(
    give: CommandBench, channel: str, message: str, link: str
) -> None:
    place = ThreadRef(replace(OPS.channel, channel=channel), "7")
    await answered(give, place, message=message)
    assert "- Agent: desk" in await give(f"/why {link}", thread=place)


async def test_each_tool_is_told_with_its_rule_and_what_came_of_it(give: CommandBench) -> None:
    grant = Grant(
        id=ApprovalId("g"),
        agent=DESK,
        frozen=Frozen(tool="git.push", schema="", arguments="{}"),
        digest="d",
        given_by=ANN,
        given_at=T0,
        expires_at=T0 + timedelta(days=1),
    )
    await give.store.grants.add(grant)
    rule: dict[str, Json] = {"rule": "team, rule 2"}
    await answered(
        give,
        calls=[
            Call(AuditKind.TOOL_ENDED, "time.now", {**rule, "failed": False}),
            Call(AuditKind.TOOL_REFUSED, "shell.run", {"rule": "team, preset read_only"}),
            Call(AuditKind.TOOL_BEGUN, "git.push", {**rule, "grant": 1}),
            Call(AuditKind.TOOL_ENDED, "git.push", {**rule, "grant": 1, "failed": True}),
            Call(AuditKind.TOOL_BEGUN, "web.post", rule),
        ],
    )
    at = "Fri 20 Nov 13:00 CET"
    told = await give("/why", thread=THREAD)
    assert [line for line in told.splitlines() if "Tool" in line] == [
        f"- Tool `time.now`: allowed: team, rule 2; done, {at}",
        "- Tool `shell.run`: not run, because team, preset read_only",
        f"- Tool `git.push`: allowed: team, rule 2, by grant 1 (Ann, {at}); failed, {at}",
        "- Tool `web.post`: allowed: team, rule 2; no end is on record",
    ]
    assert "secret" not in told


def asked_for(give: CommandBench, turn: TurnId, name: str) -> Approval:
    frozen = Frozen(tool=name, schema="", arguments='"a secret"')
    reason = "team, rule 4\na secret difference"
    return question(
        name, frozen=frozen, at=give.clock.now(), thread=THREAD, turn=turn, reason=reason
    )


async def test_who_approved_and_who_said_no_is_told(give: CommandBench) -> None:
    start = await begun(give)
    turn, approvals = start.turn.id, give.store.approvals
    yes, no = asked_for(give, turn, "git.push"), asked_for(give, turn, "web.post")
    for one in (yes, no):
        await approvals.ask(one)
    await give.clock.advance(60)
    vote = Vote(by=ANN, at=give.clock.now())
    await approvals.vote(yes.id, vote, digest=yes.digest)
    for event in (ApprovalEvent.BEGIN, ApprovalEvent.SUCCEED):
        await approvals.change(yes.id, event, now=give.clock.now())
    ended = Call(AuditKind.TOOL_ENDED, "git.push", {"failed": False}).of(turn)
    await approvals.change(no.id, ApprovalEvent.DENY, now=give.clock.now(), by=ANN, note="a secret")
    await give.store.turns.append(turn, 1, [], audit=[ended])
    await said(give, turn)
    told = await give("/why", thread=THREAD)
    at = "Fri 20 Nov 13:01 CET"
    assert told.splitlines()[2:] == [
        f"- Tool `git.push`: asked for, because team, rule 4; approved by Ann, {at}; done, {at}",
        f"- Tool `web.post`: asked for, because team, rule 4; denied by Ann, {at}",
        NONE,
        "- Ended: not yet",
        f"Audit log: 1 to 8, turn `{turn}`)",
    ]
    assert "secret" not in told


async def test_the_schedule_that_began_a_run_is_told(give: CommandBench) -> None:
    schedule = await give.store.schedules.add(a_daily("s"))
    run = RunId("run-1")
    await give.store.schedules.add_occurrence(
        Occurrence(
            schedule=schedule.id,
            planned_at=T0,
            run=run,
            state=OccurrenceState.DUE,
            manual=True,
        )
    )
    await give.store.conversations.create(ConversationId("c"), DESK)
    await give.store.turns.begin_run(
        TurnId(run), ConversationId("c"), requester=ANN, instruction="a secret", owner="here"
    )
    await said(give, TurnId(run), OPS)
    told = await give("/why", thread=OPS)
    assert told.splitlines()[0] == (
        "(- Trigger: schedule 1 (every day at 8:30), made by Ann, which somebody had run; "
        "begun Fri 20 Nov 13:00 CET"
    )
    assert "secret" not in told


async def test_a_run_whose_time_came_with_others_knows_its_schedule_too(give: CommandBench) -> None:
    schedules = [await give.store.schedules.add(a_daily(key)) for key in ("one", "two")]
    claims = [
        Claim(
            due=Due(each.id, each.when, T0),
            occurrences=(an_occurrence(each.id),),
            next_at=T0 + timedelta(days=1),
        )
        for each in schedules
    ]
    runs = [one.run for one in await give.store.schedules.claim(claims)]
    assert len(runs) == 2
    assert await give.store.audit.of_turn(TurnId(runs[1])) == []
    await give.store.conversations.create(ConversationId("c"), DESK)
    await give.store.turns.begin_run(
        TurnId(runs[1]), ConversationId("c"), requester=ANN, instruction="a secret", owner="here"
    )
    await said(give, TurnId(runs[1]), OPS)
    told = await give("/why", thread=OPS)
    assert told.splitlines()[0] == (
        "(- Trigger: schedule 2 (every day at 8:30), made by Ann; begun Fri 20 Nov 13:00 CET"
    )


def a_daily(key: str) -> Schedule:
    """A schedule whose time has come."""
    return Schedule(
        id=ScheduleId(key),
        when=When(kind=WhenKind.CRON, cron="30 8 * * *", zone="UTC", said="every day at 8:30"),
        instruction="a secret",
        agent=DESK,
        target=OPS,
        made_by=ANN,
        made_in=DM,
        next_at=T0,
        created_at=T0,
    )


def an_occurrence(schedule: ScheduleId) -> Occurrence:
    """Its planned time."""
    run = run_id_of(schedule, T0)
    return Occurrence(schedule=schedule, planned_at=T0, run=run, state=OccurrenceState.DUE)


async def test_an_answer_to_what_was_handed_over_says_by_whom(give: CommandBench) -> None:
    start = await begun(give)
    handed = replace(start.turn, id=TurnId("handed"), chain=(AgentName("writer"), DESK))
    await give.store.audit.add([recorded.turn_started(handed, "editor")])
    await said(give, TurnId("handed"))
    told = (await give("/why", thread=THREAD)).splitlines()
    assert told[0] == "(- Trigger: handed over by desk, for Ann, Fri 20 Nov 13:00 CET"
    assert told[1] == "- Agent: editor; model: not on record"


async def test_who_stopped_it_is_told(give: CommandBench) -> None:
    start = await begun(give)
    stop = Stop(id=StopId("s"), kind=StopKind.TURNS, by=ANN, at=T0)
    await give.store.stops.order(stop, closing=lambda _: (), turns=[start.turn.id])
    await said(give, start.turn.id)
    told = await give("/why", thread=THREAD)
    assert "- Ended: stopped by Ann, Fri 20 Nov 13:00 CET" in told


async def test_a_run_whose_schedule_was_deleted_did_not_answer(give: CommandBench) -> None:
    await give.store.schedules.add(a_daily("s"))
    run = RunId("run-1")
    await give.store.schedules.add_occurrence(
        replace(an_occurrence(ScheduleId("s")), run=run, manual=True)
    )
    await give.store.conversations.create(ConversationId("c"), DESK)
    await give.store.turns.begin_run(
        TurnId(run), ConversationId("c"), requester=ANN, instruction="a secret", owner="here"
    )
    await said(give, TurnId(run), OPS)  # what its agent posted before
    await give.store.turns.park(TurnId(run), 1, tries=0)
    was, gone = ScheduleState.ACTIVE, ScheduleState.DELETED
    await give.store.schedules.change(ScheduleId("s"), was=was, becomes=gone, next_at=None)
    ended = await end_run(
        give.store, run, ConversationId("c"), requester=ANN, owner="here", withdraw=_nothing
    )
    assert ended
    told = (await give("/why", thread=OPS)).splitlines()
    end = "- Ended: broken off, because its schedule was deleted, Fri 20 Nov 13:00 CET"
    assert told[-2] == end


async def _nothing(_turn: TurnId, _note: str) -> None:
    """It asked nothing."""


async def test_a_message_to_a_stopped_agent_was_not_answered(give: CommandBench) -> None:
    start = await begun(give)
    await give.store.turns.finish(start.turn.id, 1, state=TurnState.STOPPED)
    await said(give, start.turn.id)
    told = await give("/why", thread=THREAD)
    assert "- Ended: not answered, because its agent was stopped, Fri 20 Nov 13:00 CET" in told


# ---- who may read it


async def test_nothing_of_another_channel_comes_out(give: CommandBench) -> None:
    await answered(give, DM, message="private")
    for written in ("", "private", "https://chat.example/archives/dm/private"):
        told = await give(f"/why {written}", thread=OPS)
        assert "Trigger" not in told
    assert "is no link to a message here" in await give(
        "/why https://chat.example/archives/dm/private", thread=OPS
    )
    assert "Trigger" in await give("/why private", thread=DM)


async def test_what_only_one_person_saw_is_explained_to_them_only(give: CommandBench) -> None:
    give.teams[0] = replace(
        team(),
        members=(*team().members, Member(name="Bob", role=MemberRole.OWNER, principals=(BOB,))),
    )
    turn = await answered(give, message="open")
    await said(give, turn, message="hers", only_for=ANN)
    assert "Trigger" in await give("/why hers", thread=THREAD, sender=ANN)
    assert "no such message" in await give("/why hers", thread=THREAD, sender=BOB)
    assert "Trigger" in await give("/why open", thread=THREAD, sender=BOB)


async def test_strangers_are_told_nothing(give: CommandBench) -> None:
    await answered(give)
    assert "not a member" in await give("/why", thread=THREAD, sender=STRANGER)


async def test_a_thread_alone_means_its_own_last_answer(give: CommandBench) -> None:
    mine = await answered(give, THREAD, message="m2")
    other = await answered(give, replace(OPS, root="m9"), key="e2", message="m10")
    assert f"turn `{mine}`" in await give("/why", thread=THREAD)
    assert f"turn `{other}`" in await give("/why", thread=OPS)


# ---- bad input


@pytest.mark.parametrize(
    ("written", "said_of_it"),
    [
        ("m77", "no such message of mine in this channel"),
        ("https://chat.example", "is no link to a message here"),
        ("http://[", "is no link to a message"),
        ("x" * 301, "is no link to a message"),
        ("\x1b[31m", "is no link to a message"),
        ("one two", "“two” is too much"),
    ],
)
async def test_what_names_no_message_is_said(
    give: CommandBench, written: str, said_of_it: str
) -> None:
    await answered(give)
    assert said_of_it in await give(f"/why {written}", thread=THREAD)


async def test_a_message_that_no_turn_wrote_is_no_answer(give: CommandBench) -> None:
    await said(give, None, message="notice")
    assert "No agent's turn wrote that" in await give("/why notice", thread=THREAD)
    assert "no answer of an agent here" in await give("/why", thread=THREAD)


def test_the_word_alone_is_a_question_to_the_agent() -> None:
    assert looks_like_command("/why")
    assert looks_like_command("!why m2")
    assert not looks_like_command("why")
    assert not looks_like_command("why did you do that?")


async def test_what_was_not_recorded_is_said(give: CommandBench) -> None:
    await said(give, TurnId("before the log"))
    assert "before there was an audit log" in await give("/why", thread=THREAD)
