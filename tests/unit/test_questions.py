"""What is asked of people, what is not, and how what they said is used: in memory, step by step."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.approvals.book import QuestionLimits
from runtime.approvals.questions import Questions
from runtime.errors import Conflict, Refused
from runtime.ids import (
    AgentName,
    ConversationId,
    MessageId,
    TimeOrderedIds,
    ToolCallId,
    TurnId,
)
from runtime.model.approval import Approval, ApprovalState, Card, Frozen, Vote
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.tools import Json, Risk, ToolCall, ToolResult, ToolSpec
from runtime.ports import Judged, ToolContext, Verdict
from runtime.signature import Arguments
from runtime.tools.registry import Toolbox
from tests.support.approving import BOB, CID, Noting, World
from tests.support.asking import QuestionBench, context, question
from tests.support.build import ANN, DM, T0

HOUR = timedelta(hours=1)
SPEC = ToolSpec(name="git.push", description="", risk=Risk.EXTERNAL)
CHAIN = (AgentName("night"),)
ASKS = Judged(verdict=Verdict.ASK, reason="team rule 3")


@pytest.fixture
def asked() -> QuestionBench:
    return QuestionBench()


def frozen_of(branch: str) -> Frozen:
    return Frozen(tool="git.push", schema="s1", arguments=f'{{"branch":"{branch}"}}')


async def ask(
    asked: QuestionBench,
    branch: str = "main",
    *,
    call: str = "c1",
    judged: Judged = ASKS,
    spec: ToolSpec = SPEC,
    turn: str = "turn",
    tool: str = "git.push",
    **where: Any,
) -> Approval:
    wanted = ToolCall(id=ToolCallId(call), name=tool, arguments="{}")
    place = replace(context(turn=turn), **where)
    frozen = replace(frozen_of(branch), tool=tool)
    return await asked.questions.ask(frozen, judged, spec, wanted, place)


async def approved(
    asked: QuestionBench, *, needed: int = 1, who: tuple[Any, ...] = (BOB,)
) -> Approval:
    """A push that people said yes to, not begun yet."""
    asked.rules.needed = needed
    one = await asked.ask()
    for person in who:
        one = await asked.service.approve(one, person, shown=one.digest)
    assert one.state is ApprovalState.APPROVED
    asked.resumed.clear()
    return one


# ---- asking


async def test_a_question_is_bound_to_the_call_and_to_who_asks(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nightdesk.approvals")
    wide = replace(SPEC, varies=frozenset({"force", "branch"}))
    often = replace(ASKS, needed=2, too_often=True, looked_at=frozenset({"branch"}))

    one = await ask(asked, judged=often, spec=wide, chain=CHAIN)

    assert one == replace(
        question(),
        id=one.id,
        frozen=frozen_of("main"),
        digest=frozen_of("main").digest(),
        call=ToolCallId("c1"),
        needed=2,
        varies=("force",),
        too_often=True,
        chain=CHAIN,
    )
    assert await asked.store.approvals.get(one.id) == one
    assert any(one.id in row.content.buttons[0].value for row in await asked.deliver())
    (line,) = [each for each in caplog.records if each.getMessage() == "approval.asked"]
    assert (vars(line)["approval"], vars(line)["tool"]) == (one.id, "git.push")


async def test_what_is_dangerous_is_open_for_a_shorter_time(asked: QuestionBench) -> None:
    one = await ask(asked, spec=replace(SPEC, risk=Risk.DANGEROUS))
    assert one.risk is Risk.DANGEROUS
    assert (
        one.expires_at - one.created_at == QuestionLimits().dangerous_for == timedelta(minutes=15)
    )


async def test_the_same_call_of_a_turn_is_one_question(asked: QuestionBench) -> None:
    first = await ask(asked)
    await ask(asked, "dev", call="c2")
    await ask(asked, "test", call="c3")
    again = await ask(asked)  # the most there may be are open, and it is one of them
    assert again == first
    assert len(await asked.service.waiting()) == 3


async def test_what_is_asked_in_the_conversation_already_is_not_asked_twice(
    asked: QuestionBench,
) -> None:
    one = await ask(asked)
    with pytest.raises(Refused) as refused:
        await ask(asked, call="c2", turn="another")
    assert refused.value.message == (f"The same call waits for approval {one.id[:8]} already.")
    assert refused.value.hint == "It is asked for, and run, once."
    elsewhere = await ask(asked, call="c2", turn="another", conversation=ConversationId("other"))
    assert elsewhere.id != one.id


async def test_it_is_known_and_shown_behind_any_number_of_others(asked: QuestionBench) -> None:
    elsewhere, other = ConversationId("elsewhere"), AgentName("other")
    for number in range(200):
        await asked.store.approvals.ask(
            question(f"{number:03}", at=T0 - HOUR / 2, conversation=elsewhere, agent=other)
        )
    one = await ask(asked)
    with pytest.raises(Refused, match=f"approval {one.id[:8]} already"):
        await ask(asked, call="c2", turn="another")
    assert (await asked.service.waiting())[-1] == one
    assert (await asked.service.in_thread(DM))[-1] == one


async def test_a_turn_has_no_more_than_three_questions_open(asked: QuestionBench) -> None:
    for number in range(3):
        await ask(asked, f"b{number}", call=f"c{number}")
    with pytest.raises(Refused) as refused:
        await ask(asked, "b3", call="c3")
    assert refused.value.message == "3 calls of this turn wait for approval already."
    assert refused.value.hint == "Go on with those first."
    await ask(asked, "b4", call="c3", turn="another")
    first = (await asked.store.approvals.of_turn(TurnId("turn")))[0]
    await asked.service.deny(first, BOB, "")
    await ask(asked, "b3", call="c3")
    assert len(await asked.service.waiting()) == 4


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (QuestionLimits(per_turn=1), "1 calls of this turn wait for approval already."),
        (
            QuestionLimits(per_hour=1),
            "desk has asked people 1 times within the hour, which is the most.",
        ),
    ],
)
async def test_at_a_checkpoint_no_limit_says_to_go_on(limits: QuestionLimits, says: str) -> None:
    asked = QuestionBench(limits=limits)
    await ask(asked)
    with pytest.raises(Refused) as refused:
        await ask(asked, "dev", call="c2", tool=CHECKPOINT)
    assert (refused.value.message, refused.value.hint) == (says, "")


async def test_an_agent_asks_no_more_than_ten_times_within_the_hour(asked: QuestionBench) -> None:
    for number in range(9):
        await ask(asked, f"b{number}", turn=f"t{number}")
    one = await ask(asked, "b9", turn="t9")
    with pytest.raises(Refused) as refused:
        await ask(asked, "b10", turn="t10")
    assert refused.value.message == (
        "desk has asked people 10 times within the hour, which is the most."
    )
    assert refused.value.hint == "Do without it, and say so."
    await ask(asked, "b10", turn="t10", agent=AgentName("night"))
    # What a person edits, no agent asks.
    await asked.service.edit(await declared(asked, one), BOB, "branch = dev")
    await asked.clock.advance(HOUR.total_seconds())
    with pytest.raises(Refused):  # those of an hour ago count still
        await ask(asked, "b11", turn="t11")
    await asked.clock.advance(1)
    assert (await ask(asked, "b11", turn="t11")).state is ApprovalState.PENDING


async def declared(asked: QuestionBench, one: Approval) -> Approval:
    """The question, of the tool as it is declared."""
    call = ToolCall(id=one.call, name="git.push", arguments=one.frozen.arguments)
    frozen = await asked.tools.frozen(call, context())
    return replace(one, frozen=frozen, digest=frozen.digest())


async def test_what_too_few_may_approve_is_not_asked(asked: QuestionBench) -> None:
    owner, *_, mel = asked.members.members
    asked.members = replace(asked.members, members=(owner, mel))
    with pytest.raises(Refused) as refused:
        await ask(asked, judged=replace(ASKS, needed=2))
    assert refused.value.message == (
        "The policy asks for 2 people who may approve it, and the team has 0."
    )
    assert (await ask(asked)).needed == 1


async def test_an_edit_is_refused_where_the_policy_blocks_it(asked: QuestionBench) -> None:
    one = await asked.ask()
    blocked = Judged(verdict=Verdict.DENY, reason="team rule 9")
    asked.rules.words['{"branch":"prod"}'] = blocked
    with pytest.raises(Refused) as refused:
        await asked.service.edit(one, BOB, "branch = prod")
    assert refused.value.message == ("The policy does not allow git.push with that: team rule 9.")
    asked.rules.words['{"branch":"dev"}'] = Judged(verdict=Verdict.ALLOW)
    assert (await asked.service.edit(one, BOB, "branch = dev")).needed == 1


async def test_an_edit_lifts_no_number_of_people(asked: QuestionBench) -> None:
    asked.rules.needed = 2
    one = await asked.ask()
    asked.rules.needed = 1
    assert (await asked.service.edit(one, BOB, "branch = dev")).needed == 2


async def test_an_edit_takes_the_place_of_its_question_among_the_three(
    asked: QuestionBench,
) -> None:
    one, *_ = [await asked.ask(f"b{number}", call=f"c{number}") for number in range(3)]
    other = await asked.service.edit(one, BOB, "branch = dev")
    assert other in await asked.service.waiting()


async def test_of_an_edit_the_policy_is_asked_as_the_question_says() -> None:
    noting = Noting()
    asked = QuestionBench(world=World(Path(), rules=noting))
    one = await asked.ask()
    other = replace(one, replaces=one.id, chain=CHAIN)
    noting.seen.clear()
    assert (await asked.questions.edited(other)).verdict is Verdict.ASK
    assert noting.seen == [(replace(context(), chain=CHAIN), False)]


async def test_an_edit_that_too_few_may_approve_is_not_asked(asked: QuestionBench) -> None:
    one = await asked.ask()
    owner, bob, *_ = asked.members.members
    asked.members = replace(asked.members, members=(owner, bob))
    asked.rules.needed = 2
    with pytest.raises(Refused) as refused:
        await asked.service.edit(one, BOB, "branch = dev")
    assert refused.value.message == (
        "The policy asks for 2 people who may approve it, and the team has 1."
    )
    assert await asked.service.waiting() == [one]


async def test_whether_it_runs_by_itself_is_asked_of_a_run_by_itself() -> None:
    noting = Noting()
    asked = QuestionBench(world=World(Path(), rules=noting))
    one = await asked.ask()
    assert not await asked.questions.runs_by_itself(one)
    asked.rules.verdict = Verdict.ALLOW
    assert await asked.questions.runs_by_itself(one)
    noting.seen.clear()
    assert await asked.questions.runs_by_itself(replace(one, chain=CHAIN))
    assert noting.seen == [(replace(context(), chain=CHAIN, attended=False), False)]


# ---- what the model is told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"state": ApprovalState.DENIED, "decided_by": BOB},
            "Bob said no to git.push. It was not run; do not ask for the same again.",
        ),
        (
            {"state": ApprovalState.DENIED, "decided_by": BOB, "note": "not today"},
            "Bob said no to git.push: not today. It was not run; do not ask for the same again.",
        ),
        (
            {"state": ApprovalState.EXPIRED},
            "nobody decided in time about git.push, so it was not run",
        ),
        (
            {"state": ApprovalState.EXPIRED, "needed": 2, "votes": (Vote(by=BOB, at=T0),)},
            "nobody decided in time about git.push, so it was not run",
        ),
        (
            {"state": ApprovalState.EXPIRED, "votes": (Vote(by=BOB, at=T0),)},
            "git.push was approved, but did not run in time, so it was not run",
        ),
        (
            {"state": ApprovalState.CANCELLED, "note": "What asked for it was stopped."},
            "git.push was not run. What asked for it was stopped.",
        ),
        ({"state": ApprovalState.CANCELLED}, "git.push was not run."),
    ],
)
def test_the_model_is_told_why_it_did_not_run(
    asked: QuestionBench, changes: dict[str, Any], told: str
) -> None:
    assert asked.questions.told(question(**changes)) == told


# ---- running


async def test_what_was_approved_begins_once(asked: QuestionBench) -> None:
    one = await approved(asked)
    begun = await asked.questions.begin(one, context())
    assert begun.state is ApprovalState.EXECUTING
    assert asked.resumed == []
    with pytest.raises(Conflict):
        await asked.questions.begin(one, context())


async def test_what_the_caller_objects_to_does_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    ended = await asked.questions.begin(one, context(), objection="You may not.")
    assert (ended.state, ended.note) == (ApprovalState.CANCELLED, "You may not.")
    assert asked.resumed == []


async def test_other_bytes_than_the_approved_ones_do_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    other = replace(one, frozen=replace(one.frozen, arguments='{"branch":"prod"}'))
    ended = await asked.questions.begin(other, context())
    assert ended.state is ApprovalState.CANCELLED
    assert ended.note == "What is stored is not what was approved."


async def test_a_tool_that_changed_does_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    frozen = replace(one.frozen, schema="another")
    other = replace(one, frozen=frozen, digest=frozen.digest())
    ended = await asked.questions.begin(other, context())
    assert ended.state is ApprovalState.CANCELLED
    assert ended.note == "The tool changed since it was asked for."


async def test_arguments_that_the_tool_takes_no_more_do_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    frozen = replace(one.frozen, arguments='{"brunch":"main"}')
    ended = await asked.questions.begin(
        replace(one, frozen=frozen, digest=frozen.digest()), context()
    )
    assert ended.note.startswith("The tool changed since it was asked for: ")
    assert "brunch" in ended.note


async def test_without_the_role_of_who_said_yes_it_does_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    rest = tuple(member for member in asked.members.members if member.name != "Bob")
    asked.members = replace(asked.members, members=rest)
    ended = await asked.questions.begin(one, context())
    assert ended.state is ApprovalState.CANCELLED
    assert ended.note == "Somebody who said yes may no longer say it."


async def test_what_the_policy_blocks_by_now_does_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    asked.rules.words[one.frozen.arguments] = Judged(verdict=Verdict.DENY, reason="rule 9")
    ended = await asked.questions.begin(one, context())
    assert ended.note == "The policy does not allow it any more: rule 9."


async def test_where_the_policy_asks_for_more_people_by_now_it_does_not_begin(
    asked: QuestionBench,
) -> None:
    one = await approved(asked)
    asked.rules.words[one.frozen.arguments] = Judged(verdict=Verdict.ASK, reason="rule 4", needed=2)
    ended = await asked.questions.begin(one, context())
    assert ended.note == "The policy asks for 2 people now: rule 4."


async def test_who_asked_is_none_of_the_people_the_policy_asks_for_by_now(
    asked: QuestionBench,
) -> None:
    one = await approved(asked)
    both = replace(one, votes=(*one.votes, Vote(by=ANN, at=T0)))
    asked.rules.needed = 2
    ended = await asked.questions.begin(both, context())
    assert ended.note == "The policy asks for 2 people now: team rule 3, line 12."


async def test_before_it_begins_the_policy_is_asked_as_the_caller_says() -> None:
    noting = Noting()
    asked = QuestionBench(world=World(Path(), rules=noting))
    one = await approved(asked)
    noting.seen.clear()
    begun = await asked.questions.begin(one, replace(context(), chain=CHAIN))
    assert begun.state is ApprovalState.EXECUTING
    assert noting.seen == [(replace(context(), chain=CHAIN), False)]


async def test_where_the_policy_lets_it_run_by_now_it_begins(asked: QuestionBench) -> None:
    one = await approved(asked, needed=2, who=(BOB, CID))
    asked.rules.verdict = Verdict.ALLOW
    assert (await asked.questions.begin(one, context())).state is ApprovalState.EXECUTING


async def test_a_yes_that_grew_too_old_does_not_begin(asked: QuestionBench) -> None:
    one = await approved(asked)
    await asked.clock.advance(HOUR.total_seconds())
    ended = await asked.questions.begin(one, context())
    assert (ended.state, ended.note) == (ApprovalState.EXPIRED, "the yes grew too old")
    assert asked.resumed == []
    # Somebody ended it meanwhile: what it is, is what comes back.
    assert await asked.questions.begin(one, context()) == ended


@pytest.mark.parametrize(
    ("failed", "state"), [(False, ApprovalState.DONE), (True, ApprovalState.FAILED)]
)
async def test_how_it_went_is_noted(
    asked: QuestionBench, failed: bool, state: ApprovalState
) -> None:
    begun = await asked.questions.begin(await approved(asked), context())
    result = ToolResult(call=begun.call, text="pushed main", failed=failed)
    ended = await asked.questions.ended(begun, result)
    assert (ended.state, ended.note) == (state, "pushed main")
    assert asked.resumed == []
    assert await asked.questions.ended(begun, replace(result, text="again")) == ended


async def test_what_had_begun_when_its_process_died_is_looked_at(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    begun = await asked.questions.begin(await approved(asked), context())
    await asked.deliver()
    lost = await asked.questions.lost(begun)
    assert (lost.state, lost.note) == (ApprovalState.UNKNOWN, "")
    assert asked.resumed == []
    (line,) = [each for each in caplog.records if each.getMessage() == "approval.unknown"]
    assert (line.levelname, vars(line)["approval"]) == ("WARNING", lost.id)
    faces = await asked.deliver()
    # The old card changes, and a new one is shown below what was said since.
    assert {face.draft is None for face in faces if face.thread == DM} == {True, False}
    caplog.clear()
    known = await asked.service.looked(lost, BOB, happened=True)
    await asked.deliver()
    assert (await asked.questions.lost(begun)).state is known.state
    assert await asked.deliver() == []
    assert not [each for each in caplog.records if each.getMessage() == "approval.unknown"]


async def test_a_call_nobody_was_asked_about_is_looked_at_too(asked: QuestionBench) -> None:
    call = ToolCall(id=ToolCallId("c9"), name="git.push", arguments='{"branch": "main"}')
    lost = await asked.questions.unsure(call, SPEC, context())
    assert lost == replace(
        question(),
        id=lost.id,
        frozen=await asked.tools.frozen(call, context()),
        digest=lost.frozen.digest(),
        reason="it was allowed, and had begun when Nightdesk ended",
        call=call.id,
        state=ApprovalState.UNKNOWN,
    )
    assert any("Mark done" in row.content.buttons[0].label for row in await asked.deliver())


async def test_a_call_nobody_was_asked_about_is_read_where_it_was_made(
    asked: QuestionBench,
) -> None:
    read: list[ToolContext] = []

    async def exact(_: Arguments, where: ToolContext) -> Mapping[str, Json]:
        read.append(where)
        return {"branch": "here"}

    tool = replace(asked.world.tool(), exact=exact)
    tools = Toolbox([tool], clock=asked.clock, ids=TimeOrderedIds(asked.clock))
    questions = Questions(asked.book, tools, asked.rules, asked.limits)
    call = ToolCall(id=ToolCallId("c9"), name="git.push", arguments='{"branch": "main"}')
    lost = await questions.unsure(call, SPEC, context())
    assert lost.frozen == await tools.frozen(call, context())
    assert '"branch":"here"' in lost.frozen.arguments
    assert read == [context(), context()]


async def test_a_call_of_a_tool_that_is_gone_is_shown_as_the_model_wrote_it(
    asked: QuestionBench,
) -> None:
    call = ToolCall(id=ToolCallId("c9"), name="x" * 61, arguments='{"a": "ä"}')
    lost = await asked.questions.unsure(call, None, context())
    assert lost.risk is Risk.DANGEROUS
    assert lost.frozen == Frozen(tool="x" * 60, schema="", arguments='"{\\"a\\": \\"\\u00e4\\"}"')
    assert lost.digest == lost.frozen.digest()


async def test_of_what_is_shown_already_no_second_card_is_sent(asked: QuestionBench) -> None:
    one = question()
    await asked.store.approvals.ask(one)
    await asked.questions.again(one)
    assert len([row for row in await asked.deliver() if row.thread == DM]) == 1
    card = Card(thread=DM, message=MessageId("m1"))
    two = replace(question("b"), cards=(card,))
    await asked.store.approvals.ask(two)
    await asked.questions.again(two)
    assert await asked.deliver() == []


async def test_a_turn_that_parked_after_somebody_decided_goes_on_once(asked: QuestionBench) -> None:
    gone, waits, done, more = (question(name) for name in "abcd")
    for one in (waits, done, more):
        await asked.store.approvals.ask(one)
    unknown = question("e", state=ApprovalState.UNKNOWN)
    await asked.store.approvals.ask(unknown)
    for one in (done, more):
        await asked.service.deny(one, BOB, "")
    asked.resumed.clear()
    await asked.questions.recheck([gone, waits, unknown])
    assert asked.resumed == []
    await asked.questions.recheck([gone, waits, unknown, done, more])
    assert asked.resumed == [(done.id, ApprovalState.DENIED)]


# ---- ending


@pytest.mark.parametrize("state", [ApprovalState.PENDING, ApprovalState.APPROVED])
async def test_what_a_stopped_turn_asked_is_taken_back(
    asked: QuestionBench, state: ApprovalState
) -> None:
    mine, others = question(state=state), question("b", turn=TurnId("another"))
    for one in (mine, others):
        await asked.store.approvals.ask(one)
    await asked.questions.turn_over(TurnId("turn"))
    ended = await asked.now(mine)
    assert (ended.state, ended.note) == (
        ApprovalState.CANCELLED,
        "What asked for it was stopped.",
    )
    assert asked.resumed == [(mine.id, ApprovalState.CANCELLED)]
    assert await asked.now(others) == others
    await asked.questions.turn_over(TurnId("another"), "It was handed on.")
    assert (await asked.now(others)).note == "It was handed on."


@pytest.mark.parametrize(
    ("state", "then", "resumed"),
    [
        (ApprovalState.EXECUTING, ApprovalState.UNKNOWN, []),
        (ApprovalState.UNKNOWN, ApprovalState.UNKNOWN, [ApprovalState.UNKNOWN]),
        (ApprovalState.DONE, ApprovalState.DONE, []),
        (ApprovalState.DENIED, ApprovalState.DENIED, []),
    ],
)
async def test_what_may_have_run_for_a_stopped_turn_is_not_taken_back(
    asked: QuestionBench, state: ApprovalState, then: ApprovalState, resumed: list[ApprovalState]
) -> None:
    one = question(state=state)
    await asked.store.approvals.ask(one)
    await asked.questions.turn_over(TurnId("turn"))
    assert (await asked.now(one)).state is then
    assert asked.resumed == [(one.id, each) for each in resumed]


async def test_the_questions_of_a_turn_are_listed(asked: QuestionBench) -> None:
    one = await ask(asked)
    await ask(asked, "dev", turn="another")
    assert await asked.questions.of_turn(TurnId("turn")) == [one]
