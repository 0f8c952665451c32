"""Ten ways to break approvals, each of which a test must notice.

Each mutant is a small change of the code that takes one guard away, and each proof is a scenario
that holds with the guard. A proof that still holds without it proves nothing, and fails here.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.sql.approvals import SqlApprovals
from runtime.approvals import cards, granting
from runtime.approvals import questions as asking
from runtime.approvals import service as deciding
from runtime.approvals.judging import Judging, context_of
from runtime.approvals.questions import Questions
from runtime.approvals.service import ApprovalService
from runtime.errors import Conflict
from runtime.forms import CHANGES
from runtime.model.approval import (
    Approval,
    ApprovalEvent,
    ApprovalState,
    Frozen,
    Pattern,
    Vote,
)
from runtime.model.events import ButtonPress
from runtime.model.team import MemberRole
from runtime.model.tools import ToolCall, ToolSpec
from runtime.ports import Judged, ToolContext, Verdict
from runtime.turns.executor import Executor
from tests.support.approving import BOB, CID, MEL, World

Patch = pytest.MonkeyPatch
Proof = Callable[[World, Patch], Awaitable[None]]


# ---- the proofs


async def a_member_decides_nothing(world: World, _: Patch) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, who=MEL)
        assert await life.state(approval) is ApprovalState.PENDING


async def another_hash_decides_nothing(world: World, _: Patch) -> None:
    async with world.life() as life:
        approval = await life.asked()
        press = ButtonPress(
            action=cards.APPROVE,
            value=f"{approval.id}:ffffffff",
            message_id=life.card(approval).message,
        )
        await life.desk.say(body=press, sender=BOB)
        await life.desk.quiet()
        assert world.ran == []


async def too_late_is_a_no(world: World, _: Patch) -> None:
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.clock.advance(3601)
        await life.press(approval)
        assert world.ran == []


async def it_begins_once(world: World, _: Patch) -> None:
    async with world.life() as life:
        approval = await life.asked()
        store = life.desk.desk.parts.store.approvals
        vote = Vote(by=BOB, at=life.desk.clock.now())
        approved = await store.vote(approval.id, vote, digest=approval.digest)
        questions = life.desk.desk.asks.questions
        context = context_of(approved)
        begun = 0
        for _again in range(3):
            with suppress(Conflict):
                began = await questions.begin(approved, context)
                begun += began.state is ApprovalState.EXECUTING
        assert begun == 1


async def what_was_shown_is_what_runs(world: World, _: Patch) -> None:
    async with world.life() as life:
        old = await life.asked()
        await life.submit(old, cards.EDIT, BOB, **{CHANGES: "branch = release/2"})
        (new,) = await life.waiting()
        await life.press(new, who=CID)
        assert world.ran == ["release/2"]


class PowerCut(BaseException):
    """The process dies."""


async def what_may_have_run_is_not_run_again(world: World, _: Patch) -> None:
    def die() -> None:
        raise PowerCut

    async with world.life() as life:
        approval = await life.asked()
    try:
        async with world.life() as life:
            world.after = die
            await life.press(approval)
    except* PowerCut:
        pass
    world.after = lambda: None
    async with world.life() as life:
        await life.desk.quiet()
        assert world.ran == ["main"]


async def a_role_lost_before_it_runs_counts(world: World, _: Patch) -> None:
    world.rules.needed = 2
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval, who=BOB)
        demoted = [
            replace(m, role=MemberRole.MEMBER) if m.name == "Bob" else m
            for m in life.desk.team.members
        ]
        life.desk.team = replace(life.desk.team, members=tuple(demoted))
        await life.press(approval, who=CID)
        assert world.ran == []


async def a_yes_for_a_time_covers_what_the_card_said(world: World, _: Patch) -> None:
    world.varies = frozenset({"force"})
    async with world.life() as life:
        approval = await life.asked()
        assert '`branch` = `"main"`, whatever the `force`' in life.card(approval).text
        await life.press(approval, cards.ALWAYS)
        world.calls = ({"branch": "release/2"},)
        await life.desk.say("push that")
        await life.desk.quiet()
        assert world.ran == ["main"]


async def what_the_policy_forbids_by_now_does_not_run(world: World, _: Patch) -> None:
    async with world.life() as life:
        approval = await life.asked()
        world.rules.verdict = Verdict.DENY
        await life.press(approval)
        assert world.ran == []


class TooOften:
    """A policy that asks because it happened too often by itself."""

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        del call, spec, context, counted
        return Judged(verdict=Verdict.ASK, reason="team rule 1", too_often=True)


async def a_yes_for_a_time_answers_no_rate(world: World, _: Patch) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
    world.policy = TooOften()
    async with world.life() as life:
        await life.desk.say("again")
        await life.desk.quiet()
        assert world.ran == ["main"]
        assert len(await life.waiting()) == 1


# ---- the mutants


def no_role_check(patch: Patch) -> None:
    patch.setattr(deciding, "objection", lambda *_: "")


def no_digest(patch: Patch) -> None:
    approve = ApprovalService.approve

    async def trusting(
        self: ApprovalService, approval: Approval, who: Any, *, shown: str
    ) -> Approval:
        del shown
        return await approve(self, approval, who, shown=approval.digest)

    patch.setattr(ApprovalService, "approve", trusting)


def no_expiry(patch: Patch) -> None:
    vote, change = SqlApprovals.vote, SqlApprovals.change

    async def timeless(_: ApprovalService, approval: Approval) -> None:
        assert approval.state is ApprovalState.PENDING

    async def early(
        self: SqlApprovals, this: Any, cast: Vote, *, digest: str, rows: Any = ()
    ) -> Approval:
        found = await self.get(this)
        assert found is not None
        return await vote(self, this, replace(cast, at=found.created_at), digest=digest, rows=rows)

    async def at_once(
        self: SqlApprovals, this: Any, event: ApprovalEvent, *, now: datetime, **more: Any
    ) -> Approval:
        found = await self.get(this)
        assert found is not None
        return await change(self, this, event, now=min(now, found.created_at), **more)

    patch.setattr(ApprovalService, "_require_open", timeless)
    patch.setattr(SqlApprovals, "vote", early)
    patch.setattr(SqlApprovals, "change", at_once)


def no_compare_and_set(patch: Patch) -> None:
    change = SqlApprovals.change

    async def blind(
        self: SqlApprovals, this: Any, event: ApprovalEvent, *, now: datetime, **more: Any
    ) -> Approval:
        if event is not ApprovalEvent.BEGIN:
            return await change(self, this, event, now=now, **more)
        found = await self.get(this)
        assert found is not None
        return replace(found, state=ApprovalState.EXECUTING)

    patch.setattr(SqlApprovals, "change", blind)


def mutable_arguments(patch: Patch) -> None:
    begin = Questions.begin
    run = Executor._run_approved

    async def with_the_models_words(
        self: Executor, call: ToolCall, approval: Approval, job: Any
    ) -> Approval | None:
        async def swapped(
            questions: Questions, one: Approval, context: ToolContext, **more: Any
        ) -> Approval:
            begun = await begin(questions, one, context, **more)
            return replace(begun, frozen=replace(begun.frozen, arguments=call.arguments))

        patch.setattr(Questions, "begin", swapped)
        return await run(self, call, approval, job)

    patch.setattr(Executor, "_run_approved", with_the_models_words)


def automatic_retry(patch: Patch) -> None:
    async def again(self: Executor, call: ToolCall, approval: Approval, job: Any) -> None:
        result = await self._tools.run(
            replace(call, arguments=approval.frozen.arguments), job.context()
        )
        await self._answer(call, result, job)

    patch.setattr(Executor, "_go_on", again)


def no_recheck(patch: Patch) -> None:
    patch.setattr(asking, "voices", lambda _team, approval: approval.needed)


def nothing_is_fixed(patch: Patch) -> None:
    def anything(frozen: Frozen, varies: Iterable[str]) -> Pattern:
        return Pattern(frozen=replace(frozen, arguments="{}"), varies=tuple(varies))

    patch.setattr(deciding, "pattern_of", anything)
    patch.setattr(granting, "pattern_of", anything)


def policy_asked_once(patch: Patch) -> None:
    async def as_it_was(_: Judging, approval: Approval, _context: ToolContext) -> Judged:
        return Judged(verdict=Verdict.ASK, reason=approval.reason, needed=approval.needed)

    patch.setattr(Judging, "judged", as_it_was)


def a_grant_lifts_a_rate(patch: Patch) -> None:
    patch.setattr(granting, "_may_stand", lambda *_: True)


@dataclass(frozen=True)
class Pair:
    proof: Proof
    mutant: Callable[[Patch], None]


PAIRS = {
    "no role check": Pair(a_member_decides_nothing, no_role_check),
    "no digest": Pair(another_hash_decides_nothing, no_digest),
    "no expiry": Pair(too_late_is_a_no, no_expiry),
    "no compare-and-set": Pair(it_begins_once, no_compare_and_set),
    "mutable arguments": Pair(what_was_shown_is_what_runs, mutable_arguments),
    "automatic retry": Pair(what_may_have_run_is_not_run_again, automatic_retry),
    "no re-check": Pair(a_role_lost_before_it_runs_counts, no_recheck),
    "policy asked once": Pair(what_the_policy_forbids_by_now_does_not_run, policy_asked_once),
    "a grant lifts a rate": Pair(a_yes_for_a_time_answers_no_rate, a_grant_lifts_a_rate),
    "nothing is fixed": Pair(a_yes_for_a_time_covers_what_the_card_said, nothing_is_fixed),
}


async def notices(name: str, folder: Path, patch: Patch) -> bool:
    """Take that guard away; whether its proof fails then."""
    PAIRS[name].mutant(patch)
    noticed = False
    try:
        await PAIRS[name].proof(World(folder), patch)
    except* AssertionError:
        noticed = True
    return noticed


@pytest.mark.parametrize("name", PAIRS)
async def test_the_guard_holds(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    await PAIRS[name].proof(World(tmp_path), monkeypatch)


@pytest.mark.parametrize("name", PAIRS)
async def test_without_the_guard_the_proof_fails(
    name: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    assert await notices(name, tmp_path, monkeypatch)
