"""What a person decided since they gave a command, found in the audit log."""

from dataclasses import replace
from datetime import datetime

import pytest

from runtime.approvals.decided import Decided
from runtime.ids import ToolCallId
from runtime.model.approval import Approval, ApprovalState
from runtime.model.audit import AuditEvent, AuditKind, AuditRecord, by_person
from tests.support.approving import BOB, CID
from tests.support.asking import QuestionBench, question
from tests.support.build import DM, OPS

BOBS_PHONE = replace(BOB, user="bob-phone")


@pytest.fixture
def asked() -> QuestionBench:
    asked = QuestionBench()
    members = [
        replace(m, principals=(BOB, BOBS_PHONE)) if m.name == "Bob" else m
        for m in asked.members.members
    ]
    asked.members = replace(asked.members, members=tuple(members))
    return asked


@pytest.fixture
def decided(asked: QuestionBench) -> Decided:
    return Decided(asked.store, team=asked.team)


async def waits(asked: QuestionBench, name: str) -> Approval:
    one = question(name, at=asked.clock.now(), call=ToolCallId(name))
    await asked.put(one)
    return await asked.now(one)


async def moment(asked: QuestionBench) -> datetime:
    """A command comes; what is done of it is done after that."""
    now = asked.clock.now()
    await asked.clock.advance(0.1)
    return now


async def test_a_yes_and_a_no_are_found_of_who_said_them_since(
    asked: QuestionBench, decided: Decided
) -> None:
    first, second, third, fourth = [await waits(asked, name) for name in "abcd"]
    await asked.service.approve(first, BOB, shown=first.digest)
    since = await moment(asked)
    await asked.service.approve(second, BOBS_PHONE, shown=second.digest)
    await asked.service.deny(third, BOB, "no")
    await asked.service.approve(fourth, CID, shown=fourth.digest)
    for who in (BOB, BOBS_PHONE):
        assert await decided.yes(who, since=since) == [await asked.now(second)]
        assert await decided.no(who, since=since) == [await asked.now(third)]
    assert await decided.yes(CID, since=since) == [await asked.now(fourth)]
    assert await decided.no(CID, since=since) == []
    # What happened at the very moment that the command came was no part of it.
    assert await decided.yes(BOB, since=asked.clock.now()) == []


async def test_the_first_of_several_is_the_first(asked: QuestionBench, decided: Decided) -> None:
    both = [await waits(asked, name) for name in "ba"]
    since = await moment(asked)
    for one in both:
        await asked.service.approve(one, BOB, shown=one.digest)
    assert [one.id for one in await decided.yes(BOB, since=since)] == [one.id for one in both]


async def test_what_was_edited_was_not_denied(asked: QuestionBench, decided: Decided) -> None:
    one = await asked.ask()
    since = await moment(asked)
    await asked.service.edit(one, BOB, "branch = dev")
    assert await decided.no(BOB, since=since) == []


async def test_a_grant_that_was_ended_is_found_by_its_number(
    asked: QuestionBench, decided: Decided
) -> None:
    one, two = await asked.ask(), await asked.ask("dev", call="c2")
    for each in (one, two):
        await asked.service.always(each, BOB, shown=each.digest)
    since = await moment(asked)
    await asked.service.revoke(2, BOB)
    assert await decided.revoked(2, BOB, since=since) == "git.push"
    assert await decided.revoked(1, BOB, since=since) == ""
    assert await decided.revoked(2, CID, since=since) == ""
    assert await decided.revoked(2, BOB, since=asked.clock.now()) == ""


@pytest.mark.parametrize("others", [999, 1_000, 2_500])
async def test_it_is_found_behind_whatever_was_done_since(
    asked: QuestionBench, decided: Decided, others: int
) -> None:
    first, second = await waits(asked, "a"), await waits(asked, "b")
    await asked.service.approve(first, BOB, shown=first.digest)
    since = await moment(asked)
    await asked.service.approve(second, BOB, shown=second.digest)
    other = AuditEvent(AuditKind.COMMAND_DONE, by_person(BOB))
    await asked.store.audit.add([other] * others)
    assert await decided.yes(BOB, since=since) == [await asked.now(second)]


async def test_no_more_of_the_log_is_read_than_is_later(
    asked: QuestionBench, decided: Decided, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = AuditEvent(AuditKind.COMMAND_DONE, by_person(BOB))
    await asked.store.audit.add([other] * 5_000)
    since = await moment(asked)
    await asked.store.audit.add([other])
    read, page = list[int](), asked.store.audit.page

    async def noting(*, after: int = 0, limit: int = 500) -> list[AuditRecord]:
        read.append(limit)
        return await page(after=after, limit=limit)

    monkeypatch.setattr(asked.store.audit, "page", noting)
    assert await decided.yes(BOB, since=since) == []
    assert sum(read) <= 2_000


async def test_a_bare_command_means_what_is_in_its_thread(asked: QuestionBench) -> None:
    one = await waits(asked, "a")
    since = await moment(asked)
    assert await asked.service.decided.accepted(DM, BOB, since=since) is None
    yes = await asked.service.approve(one, BOB, shown=one.digest)
    assert yes.state is ApprovalState.APPROVED
    assert await asked.service.decided.accepted(DM, BOB, since=since) == yes
    assert await asked.service.decided.denied(DM, BOB, "", since=since) is None
    assert await asked.service.decided.accepted(OPS, BOB, since=since) is None


async def test_a_bare_no_is_found_by_its_reason_where_nothing_else_waited(
    asked: QuestionBench,
) -> None:
    one = await waits(asked, "a")
    since = await moment(asked)
    decided = asked.service.decided
    no = await asked.service.deny(one, BOB, "not now")
    later = await waits(asked, "b")  # asked after the command
    assert await decided.denied(DM, BOB, " not now ", since=since) == no
    assert await decided.denied(DM, BOB, "", since=since) is None
    assert await decided.denied(OPS, BOB, "not now", since=since) is None
    assert await decided.denied(DM, CID, "not now", since=since) is None
    assert await decided.denied(DM, BOB, "not now", since=later.created_at) is None


async def test_a_bare_no_was_not_carried_out_where_two_waited(asked: QuestionBench) -> None:
    one, other = await waits(asked, "a"), await waits(asked, "b")
    elsewhere = question("c", at=asked.clock.now(), call=ToolCallId("c"), thread=OPS)
    await asked.put(elsewhere)
    since = asked.clock.now()
    await asked.clock.advance(0.1)
    pressed = await asked.service.deny(one, BOB, "")
    assert await asked.service.decided.denied(DM, BOB, "", since=since) is None
    await asked.service.deny(other, CID, "")
    assert await asked.service.decided.denied(DM, BOB, "", since=since) == pressed
