"""Which call a yes for a time covers, and why it covers none any more: in memory."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.approvals.judging import call_of
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.approval import Grant, pattern_of
from runtime.model.team import Member, MemberRole
from runtime.model.tools import Risk, ToolCall, ToolSpec
from runtime.ports import Judged, ToolContext, Verdict
from tests.support.approving import BOB, Noting, World
from tests.support.asking import DESK, QuestionBench, context
from tests.support.build import ANN

ASKS = Judged(verdict=Verdict.ASK, reason="team rule 3")
WEEK = timedelta(days=7).total_seconds()


@pytest.fixture
def asked() -> QuestionBench:
    """Whether a push is forced may vary."""
    return QuestionBench(world=World(Path(), varies=frozenset({"force"})))


def push(arguments: str = '{"branch":"main"}') -> ToolCall:
    return ToolCall(id=ToolCallId("c2"), name="git.push", arguments=arguments)


def spec_of(asked: QuestionBench) -> ToolSpec:
    (spec,) = asked.tools.specs(DESK)
    return spec


async def allowed(asked: QuestionBench) -> Grant:
    """Bob lets main be pushed for a week."""
    one = await asked.ask()
    _, grant = await asked.service.always(one, BOB, shown=one.digest)
    return grant


async def find(
    asked: QuestionBench,
    arguments: str = '{"branch":"main"}',
    *,
    judged: Judged = ASKS,
    spec: ToolSpec | None = None,
    **where: Any,
) -> Grant | None:
    frozen = await asked.tools.frozen(push(arguments), context())
    place = replace(context(), **where)
    return await asked.questions.granting.find(frozen, judged, spec or spec_of(asked), place)


async def test_it_covers_calls_that_differ_only_in_what_varies(asked: QuestionBench) -> None:
    grant = await allowed(asked)
    assert await find(asked) == grant
    assert await find(asked, '{"branch":"main","force":true}') == grant
    assert await find(asked, '{"branch":"dev"}') is None
    assert await find(asked, agent=AgentName("night")) is None


async def test_it_ends_after_a_week_and_when_it_is_revoked(asked: QuestionBench) -> None:
    grant = await allowed(asked)
    await asked.clock.advance(WEEK - 1)
    assert await find(asked) == grant
    await asked.clock.advance(1)
    assert await find(asked) is None
    again = await asked.store.grants.add(
        replace(
            grant,
            id=(await asked.ask("dev", call="c9")).id,
            expires_at=grant.expires_at + timedelta(days=7),
        )
    )
    assert await find(asked) == again
    await asked.service.revoke(again.number, BOB)
    assert await find(asked) is None


async def test_one_that_left_nothing_open_covers_exactly_its_call(asked: QuestionBench) -> None:
    grant = await allowed(asked)
    exact = pattern_of(await asked.tools.frozen(push(), context()), [])
    await asked.service.revoke(grant.number, BOB)
    kept = await asked.store.grants.add(
        replace(
            grant,
            id=(await asked.ask("dev", call="c9")).id,
            frozen=exact.frozen,
            varies=(),
            digest=exact.digest(),
        )
    )
    assert await find(asked) == kept
    assert await find(asked, '{"branch":"main","force":true}') is None


async def test_what_a_rule_looks_at_is_not_open_any_more(asked: QuestionBench) -> None:
    await allowed(asked)
    strict = replace(ASKS, looked_at=frozenset({"force"}))
    assert await find(asked, judged=strict) is None


@pytest.mark.parametrize("judged", [replace(ASKS, needed=2), replace(ASKS, too_often=True)])
async def test_nothing_lifts_a_rate_or_a_second_person(
    asked: QuestionBench, judged: Judged
) -> None:
    await allowed(asked)
    assert await find(asked, judged=judged) is None


async def test_nothing_lifts_a_danger(asked: QuestionBench) -> None:
    await allowed(asked)
    assert await find(asked, spec=replace(spec_of(asked), risk=Risk.DANGEROUS)) is None


async def test_a_stored_grant_that_is_not_what_its_hash_says_covers_nothing(
    asked: QuestionBench,
) -> None:
    grant = await allowed(asked)
    await asked.service.revoke(grant.number, BOB)
    other = pattern_of(await asked.tools.frozen(push('{"branch":"dev"}'), context()), ["force"])
    forged = replace(grant, id=(await asked.ask("dev", call="c9")).id, frozen=other.frozen)
    await asked.store.grants.add(forged)
    assert await find(asked) is None


async def test_it_covers_nothing_where_who_gave_it_may_not_any_more(asked: QuestionBench) -> None:
    grant = await allowed(asked)
    await demote(asked)
    assert await find(asked) is None
    assert await asked.questions.granting.ended_by(grant) == (
        "the tool, the policy, or the role of who gave it has changed"
    )


async def demote(asked: QuestionBench) -> None:
    bob = Member(name="Bob", role=MemberRole.MEMBER, principals=(BOB,))
    rest = tuple(one for one in asked.members.members if one.name != "Bob")
    asked.members = replace(asked.members, members=(*rest, bob))


# ---- before a call is made


async def test_what_it_would_cover_is_known_without_one(asked: QuestionBench) -> None:
    found = await asked.service.coverage(push(), DESK, ANN)
    assert found is not None
    assert found.grant is None
    assert found.pattern == pattern_of(await asked.tools.frozen(push(), context()), ["force"])
    grant = await allowed(asked)
    found = await asked.service.coverage(push(), DESK, ANN)
    assert found is not None
    assert (found.grant, found.pattern) == (grant, grant.pattern)


async def test_what_it_would_cover_is_asked_of_a_run_by_itself_and_counts_nothing() -> None:
    rules = Noting()
    asked = QuestionBench(world=World(Path(), rules=rules))
    assert await asked.service.coverage(push(), DESK, BOB) is not None
    ((where, counted),) = rules.seen
    assert where == ToolContext(
        turn=TurnId(""),
        conversation=ConversationId(""),
        agent=DESK,
        requester=BOB,
        thread=None,
        attended=False,
    )
    assert not counted


@pytest.mark.parametrize(
    "judged",
    [
        Judged(verdict=Verdict.ALLOW),
        Judged(verdict=Verdict.DENY),
        replace(ASKS, needed=2),
        replace(ASKS, too_often=True),
    ],
)
async def test_what_is_not_asked_for_or_not_lifted_has_none(
    asked: QuestionBench, judged: Judged
) -> None:
    asked.rules.words[push().arguments] = judged
    assert await asked.service.coverage(push(), DESK, ANN) is None


async def test_a_call_that_does_not_fit_is_refused(asked: QuestionBench) -> None:
    with pytest.raises(Refused, match="branch is missing"):
        await asked.service.coverage(push("{}"), DESK, ANN)
    with pytest.raises(Refused, match="There is no tool"):
        await asked.service.coverage(push(), AgentName("night"), ANN)


# ---- why it covers nothing


async def test_a_grant_in_force_says_why_it_covers_nothing(asked: QuestionBench) -> None:
    ended_by = asked.questions.granting.ended_by
    grant = await allowed(asked)
    assert await ended_by(grant) == ""
    words = asked.rules.words
    words[push().arguments] = Judged(verdict=Verdict.DENY, reason="rule 9")
    assert await ended_by(grant) == "the policy does not allow it: rule 9"
    words[push().arguments] = Judged(verdict=Verdict.ALLOW)
    assert await ended_by(grant) == ""
    words[push().arguments] = replace(ASKS, needed=2)
    assert await ended_by(grant) == "the tool, the policy, or the role of who gave it has changed"
    words.clear()
    schema = replace(grant.frozen, schema="before")
    assert await ended_by(replace(grant, frozen=schema)) == "the tool is another one by now"


async def test_why_it_covers_nothing_is_asked_of_the_call_it_was_given_for() -> None:
    rules = Noting()
    asked = QuestionBench(world=World(Path(), rules=rules))
    grant = await allowed(asked)
    rules.seen.clear()
    assert await asked.questions.granting.ended_by(grant) == ""
    assert rules.seen == [(context(), False)]


async def test_a_grant_of_a_tool_that_is_gone_says_so() -> None:
    asked = QuestionBench()
    grant = await allowed(asked)
    other = QuestionBench(world=World(Path(), about="Pull a branch."))
    approval = await asked.store.approvals.get(grant.id)
    assert approval is not None
    forced = replace(approval.frozen, arguments='{"branch":"main","force":true}')
    await other.store.approvals.ask(replace(approval, frozen=forced))
    # The tool takes no `force` by now.
    assert await other.questions.granting.ended_by(grant) == "the tool is another one by now"


async def test_of_a_grant_whose_question_is_gone_nothing_is_said(asked: QuestionBench) -> None:
    grant = await allowed(asked)
    assert await QuestionBench().questions.granting.ended_by(grant) == ""


# ---- what the policy is asked again


async def test_the_policy_is_asked_again_as_the_question_says() -> None:
    rules = Noting()
    asked = QuestionBench(world=World(Path(), rules=rules, varies=frozenset({"force"})))
    one = replace(await asked.ask(), chain=(AgentName("night"),), requester=BOB)
    judging = asked.questions.judging
    rules.seen.clear()
    assert await judging.varies(one) == ("force",)
    assert await judging.varies(replace(one, thread=None)) == ("force",)
    (talking, counted), (alone, _) = rules.seen
    assert talking == replace(context(who=BOB), chain=one.chain)
    assert alone == replace(talking, thread=None, attended=False)
    assert not counted
    assert all(spec == spec_of(asked) for spec in rules.specs)


async def test_a_tool_that_is_gone_is_blocked_and_leaves_nothing_open(asked: QuestionBench) -> None:
    one = await asked.ask()
    gone = replace(one, frozen=replace(one.frozen, tool="git.pull"))
    judging = asked.questions.judging
    judged = await judging.judged(gone, context())
    assert (judged.verdict, judged.reason) == (Verdict.DENY, "there is no such tool")
    assert await judging.varies(gone) == ()
    assert judging.spec(one) == spec_of(asked)
    call = call_of(one)
    assert (call.id, call.name, call.arguments) == (one.call, "git.push", one.frozen.arguments)
