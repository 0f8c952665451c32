"""What people say to approvals, and what becomes of each word: in memory, one thing at a time."""

import inspect
import itertools
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.approvals.service import GRANTS_SHOWN
from runtime.errors import Refused
from runtime.ids import AgentName, ApprovalId, MessageId, ToolCallId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalEvent, ApprovalState, Card, Vote, pattern_of
from runtime.model.audit import by_person
from runtime.model.events import ChannelChange
from runtime.model.team import Member, MemberRole
from runtime.model.tools import Risk, ToolCall
from runtime.ports import Judged, Store, Verdict
from tests.support.approving import BOB, CID, MEL, World, people
from tests.support.asking import QuestionBench, question
from tests.support.build import ANN, DM, OPS, STRANGER, T0
from tests.support.build import QUIET as ELSEWHERE
from tests.support.questions import PUSHED

HASH = PUSHED.digest()[:8]
HOUR = timedelta(hours=1)
BOBS_PHONE = replace(BOB, user="bob-phone")


@pytest.fixture
def asked() -> QuestionBench:
    return QuestionBench()


async def put(asked: QuestionBench, name: str = "a", **changes: Any) -> Approval:
    one = question(name, at=asked.clock.now(), **changes)
    await asked.put(one)
    return await asked.now(one)


async def lost(asked: QuestionBench, name: str = "a") -> Approval:
    """One that may have run."""
    return await put(asked, name, state=ApprovalState.UNKNOWN)


# ---- finding


async def test_an_approval_is_found_by_its_whole_id_whatever_became_of_it(
    asked: QuestionBench,
) -> None:
    one = await put(asked, state=ApprovalState.DONE)
    assert await asked.service.find("approval-a") == one
    await put(asked, "a2", state=ApprovalState.DONE)
    assert await asked.service.find("approval-a") == one, "and another's id may begin with it"


async def test_what_waits_is_found_by_the_beginning_of_its_id(asked: QuestionBench) -> None:
    one = await put(asked, id=ApprovalId("abcdef-1"), call=ToolCallId("1"))
    two = await put(asked, id=ApprovalId("abcdeg-1"), call=ToolCallId("2"))
    assert await asked.service.find("abcdef") == one
    assert await asked.service.find("abcdeg-") == two


@pytest.mark.parametrize("written", ["", "abcdex", "bcdef-", "abcdef", "Abcdef-1"])
async def test_what_could_be_none_or_several_is_not_found(
    asked: QuestionBench, written: str
) -> None:
    for place, name in enumerate(("abcdef-1", "abcdef-2")):
        await put(asked, id=ApprovalId(name), call=ToolCallId(str(place)))
    with pytest.raises(Refused) as refused:
        await asked.service.find(written)
    assert refused.value.message == f"There is no open approval “{written}”."
    assert refused.value.hint == "/approve list shows those."


@pytest.mark.parametrize("written", ["a", "abcde"])
async def test_what_is_too_short_for_an_id_is_said_to_be(
    asked: QuestionBench, written: str
) -> None:
    await put(asked, id=ApprovalId("abcdef-1"))
    with pytest.raises(Refused) as refused:
        await asked.service.find(written)
    assert refused.value.message == (
        f"“{written}” is too short for an id: write its first 6 characters."
    )
    assert refused.value.hint == "/approve list shows those that are open."


async def test_what_is_over_is_found_by_the_beginning_of_its_id(asked: QuestionBench) -> None:
    over = await put(asked, id=ApprovalId("abcdef-1"), state=ApprovalState.DENIED)
    assert await asked.service.find("abcdef") == over
    waits = await put(asked, id=ApprovalId("abcdef-2"), call=ToolCallId("2"))
    assert await asked.service.find("abcdef") == waits
    await put(asked, id=ApprovalId("abcdef-3"), call=ToolCallId("3"))
    with pytest.raises(Refused):
        await asked.service.find("abcdef")


async def test_a_short_id_must_be_long_enough_even_where_there_is_one(asked: QuestionBench) -> None:
    one = await put(asked)
    with pytest.raises(Refused):
        await asked.service.find("appro")
    assert await asked.service.find("approv") == one


async def test_a_long_text_is_not_said_again_whole(asked: QuestionBench) -> None:
    with pytest.raises(Refused, match=f"“{'x' * 30}”"):
        await asked.service.find("x" * 31)


async def test_what_nobody_knows_waits_before_what_is_asked(asked: QuestionBench) -> None:
    one = await put(asked)
    unclear = await lost(asked, "b")
    assert await asked.service.waiting() == [unclear, one]


async def test_all_that_waits_is_looked_at(asked: QuestionBench) -> None:
    for state in (ApprovalState.PENDING, ApprovalState.UNKNOWN):
        for number in range(201):
            name = f"{state}-{number:03}"
            await asked.store.approvals.ask(question(name, state=state))
    assert len(await asked.service.waiting()) == 402
    assert len(await asked.service.in_thread(DM)) == 201


async def test_what_waits_in_a_thread_was_asked_or_is_shown_there(asked: QuestionBench) -> None:
    here = await put(asked)
    shown = await put(asked, "b", thread=None)
    await put(asked, "c", thread=OPS)
    there = Card(thread=ELSEWHERE, message=MessageId("x"))
    await asked.store.approvals.note_card(shown.id, there)

    async def waiting(place: object) -> list[str]:
        return [one.id for one in await asked.service.in_thread(place)]  # type: ignore[arg-type]

    assert await waiting(DM) == [here.id]
    assert await waiting(ELSEWHERE) == [shown.id]
    await asked.clock.advance(HOUR.total_seconds() - 1)
    assert await waiting(DM) == [here.id]
    await asked.clock.advance(1)
    assert await waiting(DM) == []


async def test_since_when_a_card_is_seen_is_since_it_arrived(asked: QuestionBench) -> None:
    one = question()
    await asked.store.approvals.ask(one)
    assert asked.service.seen_since(one, DM) is None
    await asked.clock.advance(30)
    await asked.put(one)
    one = await asked.now(one)
    assert asked.service.seen_since(one, DM) == T0 + timedelta(seconds=30)
    assert asked.service.seen_since(one, OPS) is None
    elsewhere = replace(one, id=ApprovalId("of another process"))
    assert asked.service.seen_since(elsewhere, DM) == T0


# ---- yes


async def test_a_yes_is_noted_shown_and_lets_the_turn_go_on(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nightdesk.approvals")
    one = await put(asked)
    woken, heard = asked.woken, asked.heard

    voted = await asked.service.approve(one, BOB, shown=HASH)

    assert (voted.state, voted.decided_by) == (ApprovalState.APPROVED, BOB)
    assert voted.votes == (Vote(by=BOB, at=asked.clock.now()),)
    assert asked.resumed == [(one.id, ApprovalState.APPROVED)]
    assert (asked.woken, asked.heard) == (woken + 1, heard + 1)
    (face,) = await asked.deliver()
    assert face.draft == one.cards[0].message
    assert "Approved by Bob." in face.content.text
    assert face.content.buttons == ()
    said = next(line for line in caplog.records if line.getMessage() == "approval.voted")
    assert vars(said)["approval"] == one.id
    assert vars(said)["state"] == ApprovalState.APPROVED


async def test_of_two_the_first_yes_waits_for_another(asked: QuestionBench) -> None:
    one = await put(asked, needed=2)

    voted = await asked.service.approve(one, BOB, shown=HASH)

    assert voted.state is ApprovalState.PENDING
    assert asked.resumed == []
    faces = await asked.deliver()
    assert {face.content.text.count("Yes from Bob; it needs one yes more") for face in faces} == {1}
    again = await asked.service.approve(voted, BOB, shown=HASH)
    assert len(again.votes) == 1
    woken = asked.woken
    ended = await asked.service.approve(again, CID, shown=HASH)
    assert (ended.state, ended.decided_by) == (ApprovalState.APPROVED, CID)
    assert asked.woken == woken + 1  # the vote came with the faces: nothing was said after it
    assert [vote.by for vote in ended.votes] == [BOB, CID]


async def test_the_cards_show_both_who_said_yes_at_the_same_moment(asked: QuestionBench) -> None:
    one = await put(asked, needed=2)
    await asked.service.approve(one, BOB, shown=HASH)
    await asked.deliver()
    voted = await asked.service.approve(one, CID, shown=HASH)
    assert voted.state is ApprovalState.APPROVED
    last = (await asked.deliver())[-1]
    assert "Approved by Bob, Cid." in last.content.text


async def test_one_person_has_one_voice_on_every_account(asked: QuestionBench) -> None:
    bob = next(one for one in asked.members.members if one.name == "Bob")
    others = tuple(one for one in asked.members.members if one.name != "Bob")
    linked = replace(bob, principals=(BOB, BOBS_PHONE))
    asked.members = replace(asked.members, members=(*others, linked))
    one = await put(asked, needed=2)
    await asked.service.approve(one, BOB, shown=HASH)
    voted = await asked.service.approve(await asked.now(one), BOBS_PHONE, shown=HASH)
    assert [vote.by for vote in voted.votes] == [BOB]
    denied = await asked.service.deny(voted, BOBS_PHONE, "")
    assert denied.decided_by == BOB


async def test_who_may_not_is_told_who_may(asked: QuestionBench) -> None:
    one = await put(asked)
    for who in (MEL, STRANGER):
        with pytest.raises(Refused, match=r"Who may: Ann, Bob, Cid\.$"):
            await asked.service.approve(one, who, shown=HASH)
    assert (await asked.now(one)).votes == ()


@pytest.mark.parametrize("shown", ["", "ffffffff", f"{HASH}x", HASH[1:]])
async def test_a_yes_to_something_else_is_none(asked: QuestionBench, shown: str) -> None:
    one = await put(asked)
    with pytest.raises(Refused) as refused:
        await asked.service.approve(one, BOB, shown=shown)
    assert refused.value.message == "This is not what the approval is bound to."
    assert refused.value.hint == "/approve show approval shows it, with its hash."
    assert (await asked.now(one)).state is ApprovalState.PENDING


async def test_a_yes_to_changed_bytes_is_none(asked: QuestionBench) -> None:
    one = await put(asked)
    other = replace(one, frozen=replace(PUSHED, arguments='{"branch":"prod"}'))
    with pytest.raises(Refused, match="not what the approval is bound to"):
        await asked.service.approve(other, BOB, shown=HASH)


async def test_at_its_end_a_yes_is_too_late_and_it_is_a_no(asked: QuestionBench) -> None:
    one = await put(asked)
    await asked.clock.advance(HOUR.total_seconds())
    with pytest.raises(Refused) as refused:
        await asked.service.approve(one, BOB, shown=HASH)
    assert refused.value.message == "Its time is over, which is a no."
    assert refused.value.hint == "The agent can ask again."
    assert asked.resumed == [(one.id, ApprovalState.EXPIRED)]
    (face,) = await asked.deliver()
    assert "Nobody decided in time" in face.content.text


async def test_a_moment_before_its_end_it_is_in_time(asked: QuestionBench) -> None:
    one = await put(asked)
    await asked.clock.advance(HOUR.total_seconds() - 1)
    assert (await asked.service.approve(one, BOB, shown=HASH)).state is ApprovalState.APPROVED


async def test_who_comes_after_somebody_else_is_told_who_decided(asked: QuestionBench) -> None:
    one = await put(asked)
    denied = await asked.service.deny(one, CID, "not now")
    for seen in (one, denied):  # what was shown when the other one pressed, and what is there now
        with pytest.raises(Refused, match=r"^It is already denied: decided by Cid\.$"):
            await asked.service.approve(seen, BOB, shown=HASH)
        with pytest.raises(Refused, match="already denied"):
            await asked.service.deny(seen, BOB, "")
    await put(asked, "b", state=ApprovalState.EXPIRED)
    with pytest.raises(Refused, match=r"^It is already expired\.$"):
        await asked.service.deny(await asked.service.find("approval-b"), BOB, "")


async def test_a_yes_that_was_said_before_stands_and_its_turn_is_woken_again(
    asked: QuestionBench,
) -> None:
    yes = await asked.service.approve(await put(asked), BOB, shown=HASH)
    asked.resumed.clear()
    assert await asked.service.approve(yes, BOB, shown=HASH) == yes
    assert asked.resumed == [(yes.id, ApprovalState.APPROVED)]
    with pytest.raises(Refused, match="not what the approval is bound to"):
        await asked.service.approve(yes, BOB, shown="0000")
    with pytest.raises(Refused, match="already approved: decided by Bob"):
        await asked.service.approve(yes, CID, shown=HASH)


async def test_a_yes_to_what_was_taken_back_since_is_no_grant(asked: QuestionBench) -> None:
    one = await asked.ask()
    await asked.service.approve(one, BOB, shown=one.digest)
    gone = await asked.store.approvals.change(one.id, ApprovalEvent.CANCEL, now=asked.clock.now())
    with pytest.raises(Refused, match="already cancelled"):
        await asked.service.always(gone, BOB, shown=one.digest)
    assert await asked.store.grants.active(now=asked.clock.now()) == []


async def test_another_reason_of_a_no_is_not_taken_for_the_same(asked: QuestionBench) -> None:
    no = await asked.service.deny(await put(asked), BOB, "not now")
    assert await asked.service.deny(no, BOB, "not now ") == no
    with pytest.raises(Refused, match="already denied: decided by Bob"):
        await asked.service.deny(no, BOB, "never")


async def test_what_may_have_run_is_to_be_looked_at(asked: QuestionBench) -> None:
    one = await lost(asked)
    with pytest.raises(Refused) as refused:
        await asked.service.approve(one, BOB, shown=HASH)
    assert refused.value.message == (
        "It may have run already: please look, and say what became of it."
    )
    assert refused.value.hint == "/approve mark approval done, or failed"


async def test_what_is_no_longer_stored_is_told_as_it_was_seen(asked: QuestionBench) -> None:
    with pytest.raises(Refused, match=r"^It is already cancelled\.$"):
        await asked.service.deny(question(state=ApprovalState.CANCELLED), BOB, "")


# ---- for a time


async def test_for_a_time_exactly_that_is_allowed(asked: QuestionBench) -> None:
    one = await asked.ask()
    await asked.clock.advance(60)

    approved, grant = await asked.service.always(one, BOB, shown=one.digest)

    assert approved.state is ApprovalState.APPROVED
    assert (grant.id, grant.agent, grant.number) == (one.id, one.agent, 1)
    assert (grant.frozen, grant.digest) == (one.frozen, one.digest)
    assert grant.given_by == BOB
    assert grant.given_at == asked.clock.now()
    assert grant.expires_at == asked.clock.now() + timedelta(days=7)
    found = await asked.store.grants.active(now=asked.clock.now())
    assert found == [grant]


@pytest.mark.parametrize("changes", [{"risk": Risk.DANGEROUS}, {"needed": 2}])
async def test_some_things_are_asked_for_each_time(
    asked: QuestionBench, changes: dict[str, Any]
) -> None:
    one = await put(asked, **changes)
    with pytest.raises(Refused) as refused:
        await asked.service.always(one, BOB, shown=HASH)
    assert refused.value.message == "This must be asked for each time."
    assert refused.value.hint == "Approve it this once."
    assert await asked.store.grants.active(now=asked.clock.now()) == []
    assert (await asked.now(one)).state is ApprovalState.PENDING


async def test_what_is_asked_because_of_a_rate_is_allowed_for_no_time(asked: QuestionBench) -> None:
    one = replace(await asked.ask(), too_often=True)
    with pytest.raises(Refused) as refused:
        await asked.service.always(one, BOB, shown=one.digest)
    assert refused.value.message == (
        "This is asked for because it happens too often, which nothing lifts for a time."
    )
    assert refused.value.hint == "Approve it this once."
    assert (await asked.now(one)).state is ApprovalState.PENDING


async def test_what_runs_by_itself_now_is_allowed_for_no_time(asked: QuestionBench) -> None:
    one = await asked.ask()
    asked.rules.verdict = Verdict.ALLOW
    with pytest.raises(Refused) as refused:
        await asked.service.always(one, BOB, shown=one.digest)
    assert refused.value.message == (
        "The policy lets this run by itself now, so nothing is to be allowed for a time."
    )
    assert refused.value.hint == "Approve it this once."
    assert (await asked.now(one)).state is ApprovalState.PENDING


async def test_what_varies_is_left_open_as_the_card_says_it() -> None:
    asked = QuestionBench(world=World(Path(), varies=frozenset({"force"})))
    one = await asked.ask()
    assert one.varies == ("force",)
    for other in ((), ("branch", "force")):
        with pytest.raises(Refused) as refused:
            await asked.service.always(replace(one, varies=other), BOB, shown=one.digest)
        assert refused.value.message == (
            "What may vary is not what its card says any more: the tool or the policy changed."
        )
        assert refused.value.hint == "Approve it this once."
    _, grant = await asked.service.always(one, BOB, shown=one.digest)
    assert grant.pattern == pattern_of(one.frozen, ["force"])
    assert grant.digest == grant.pattern.digest()


async def test_an_edit_says_anew_what_varies() -> None:
    asked = QuestionBench(world=World(Path(), varies=frozenset({"force"})))
    one = replace(await asked.ask(), varies=())
    assert (await asked.service.edit(one, BOB, "branch = dev")).varies == ("force",)


async def test_what_is_allowed_for_a_time_is_listed_with_why_it_covers_nothing(
    asked: QuestionBench,
) -> None:
    one = await asked.ask()
    _, grant = await asked.service.always(one, BOB, shown=one.digest)
    assert await asked.service.grants() == ([(grant, "")], 0)
    assert await asked.service.grants(grant.number + 1) == ([], 0)
    denied = Judged(verdict=Verdict.DENY, reason="team rule 9")
    asked.rules.words[one.frozen.arguments] = denied
    why = "the policy does not allow it: team rule 9"
    assert await asked.service.grants() == ([(grant, why)], 0)
    await asked.clock.advance(timedelta(days=7).total_seconds())
    assert await asked.service.grants() == ([], 0)


async def test_what_is_allowed_for_a_time_is_listed_a_page_at_a_time_with_how_much_is_left(
    asked: QuestionBench,
) -> None:
    one = await asked.ask()
    _, first = await asked.service.always(one, BOB, shown=one.digest)
    for number in range(GRANTS_SHOWN + 1):
        await asked.store.grants.add(replace(first, id=ApprovalId(f"more-{number}")))
    page, more = await asked.service.grants()
    assert [grant.number for grant, _ in page] == list(range(1, GRANTS_SHOWN + 1))
    assert more == 2
    page, more = await asked.service.grants(GRANTS_SHOWN + 1)
    assert [grant.number for grant, _ in page] == [GRANTS_SHOWN + 1, GRANTS_SHOWN + 2]
    assert more == 0


async def test_what_a_yes_for_a_time_is_to_a_call_is_known_before_it_is_made(
    asked: QuestionBench,
) -> None:
    one = await asked.ask()
    _, grant = await asked.service.always(one, BOB, shown=one.digest)
    call = ToolCall(id=ToolCallId("x"), name="git.push", arguments=one.frozen.arguments)
    found = await asked.service.coverage(call, one.agent, ANN)
    assert found is not None
    assert (found.grant, found.pattern) == (grant, grant.pattern)
    other = replace(call, arguments='{"branch":"dev"}')
    found = await asked.service.coverage(other, one.agent, ANN)
    assert found is not None
    assert found.grant is None


async def test_who_may_not_allow_it_allows_it_for_no_time(asked: QuestionBench) -> None:
    one = await asked.ask()
    with pytest.raises(Refused):
        await asked.service.always(one, MEL, shown=one.digest)
    with pytest.raises(Refused):
        await asked.service.always(one, BOB, shown="")
    assert await asked.store.grants.active(now=asked.clock.now()) == []


async def test_what_was_allowed_for_a_time_is_ended_by_its_number(asked: QuestionBench) -> None:
    one = await asked.ask()
    _, grant = await asked.service.always(one, BOB, shown=one.digest)
    assert await asked.service.revoke(1, CID) == grant
    audit = [each for each in await asked.store.audit.page() if each.kind == "grant.revoked"]
    assert [each.actor for each in audit] == [str(by_person(CID))]
    assert await asked.store.grants.active(now=asked.clock.now()) == []
    with pytest.raises(Refused) as refused:
        await asked.service.revoke(1, CID)
    assert refused.value.message == "There is no grant 1."
    assert refused.value.hint == "/approve grants shows those."


# ---- no


async def test_a_no_with_its_reason_ends_it(asked: QuestionBench) -> None:
    one = await put(asked)
    denied = await asked.service.deny(one, BOB, "  not on a Friday ")
    assert (denied.state, denied.decided_by) == (ApprovalState.DENIED, BOB)
    assert denied.note == "not on a Friday"
    assert asked.resumed == [(one.id, ApprovalState.DENIED)]
    (face,) = await asked.deliver()
    assert "Denied by Bob: not on a Friday" in face.content.text


async def test_who_asked_may_take_it_back_and_nobody_else_without_the_role(
    asked: QuestionBench,
) -> None:
    one = await put(asked, requester=MEL)
    dan = replace(MEL, user="dan")
    more = Member(name="Dan", role=MemberRole.MEMBER, principals=(dan,))
    asked.members = replace(asked.members, members=(*asked.members.members, more))
    with pytest.raises(Refused, match="needs the role operator"):
        await asked.service.deny(one, dan, "")
    assert (await asked.service.deny(one, MEL, "")).state is ApprovalState.DENIED


async def test_at_its_end_a_no_is_what_it_is_already(asked: QuestionBench) -> None:
    one = await put(asked)
    await asked.clock.advance(HOUR.total_seconds())
    with pytest.raises(Refused, match="Its time is over"):
        await asked.service.deny(one, BOB, "late")
    assert (await asked.now(one)).note == ""


# ---- something else


async def test_an_edit_asks_anew_in_the_place_of_what_was_asked(asked: QuestionBench) -> None:
    one = await asked.ask()

    other = await asked.service.edit(one, BOB, "branch = dev")

    assert other.id != one.id
    assert other.replaces == one.id
    assert other.frozen == replace(one.frozen, arguments='{"branch":"dev"}')
    assert other.digest == other.frozen.digest()
    assert other.call != one.call
    assert (other.turn, other.expires_at) == (one.turn, one.expires_at)
    assert (other.votes, other.cards) == ((), ())
    assert other.reason == (
        'team rule 3, line 12; edited by Bob\n- branch: "main"\n+ branch: "dev"'
    )
    before = await asked.now(one)
    assert (before.state, before.decided_by) == (ApprovalState.CANCELLED, BOB)
    assert before.note == f"Edited by Bob: approval {other.id[:8]} is asked instead."
    assert asked.resumed == []
    assert any(
        other.id in button.value for row in await asked.deliver() for button in row.content.buttons
    )
    assert (await asked.now(other)).cards != ()
    ended = await asked.service.approve(await asked.now(other), BOB, shown=other.digest)
    assert ended.state is ApprovalState.APPROVED


def in_the_middle(store: Store, at: int, act: Callable[[], Awaitable[object]]) -> None:
    """Let something happen right before the n-th call of what the approvals are kept in."""
    calls = itertools.count(1)

    def watched(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **named: object) -> object:
            if next(calls) == at:
                await act()
            return await method(*args, **named)

        return call

    for part in (store.approvals, store.outbox):
        for name, method in inspect.getmembers(part, inspect.iscoroutinefunction):
            setattr(part, name, watched(method))


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("decision", ["yes", "no", "another edit"])
async def test_of_an_edit_and_what_somebody_else_decides_meanwhile_one_wins(
    asked: QuestionBench, at: int, decision: str
) -> None:
    one = await asked.ask()
    refused: list[Principal] = []

    async def decide() -> None:
        now = await asked.now(one)
        try:
            if decision == "yes":
                await asked.service.approve(now, CID, shown=one.digest)
            elif decision == "no":
                await asked.service.deny(now, CID, "no")
            else:
                await asked.service.edit(now, CID, "branch = release")
        except Refused:
            refused.append(CID)

    in_the_middle(asked.store, at, decide)
    try:
        await asked.service.edit(one, BOB, "branch = dev")
    except Refused:
        refused.append(BOB)
    assert len(refused) == 1
    ends = {"yes": "approved", "no": "denied", "another edit": "cancelled"}
    old = await asked.now(one)
    assert old.state == (ends[decision] if refused == [BOB] else "cancelled")
    assert old.decided_by == (CID if refused == [BOB] else BOB)
    branches = [json.loads(it.frozen.arguments)["branch"] for it in await asked.service.waiting()]
    other = ["release"] if decision == "another edit" else []
    assert branches == (other if refused == [BOB] else ["dev"])
    sent = [row.content.text for row in await asked.deliver() if row.draft is not None]
    says = {"approved": "Approved", "denied": "Denied", "cancelled": "is asked instead"}
    assert any(says[old.state] in text for text in sent)


async def test_an_edit_is_shown_on_the_old_card_and_everybody_hears_of_it(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nightdesk.approvals")
    one = await asked.ask()
    heard = asked.heard
    await asked.service.edit(one, BOB, "branch = dev")
    before = await asked.now(one)
    old = [row for row in await asked.deliver() if row.draft is not None]
    assert [(row.thread, row.draft) for row in old] == [
        (card.thread, card.message) for card in one.cards
    ]
    assert {row.content.text for row in old} == {asked.service.face(before).text}
    assert asked.heard > heard
    said = next(line for line in caplog.records if line.getMessage() == "approval.changed")
    assert (vars(said)["approval"], vars(said)["state"]) == (one.id, ApprovalState.CANCELLED)


async def test_the_same_edit_at_the_same_moment_is_one_question(asked: QuestionBench) -> None:
    one = await asked.ask()
    exchange, first = asked.store.approvals.exchange, list[Approval]()

    async def late(*args: Any, **named: Any) -> object:
        asked.store.approvals.exchange = exchange  # type: ignore[method-assign]
        first.append(await asked.service.edit(one, BOB, "branch = dev"))
        return await exchange(*args, **named)

    asked.store.approvals.exchange = late  # type: ignore[assignment, method-assign]
    second = await asked.service.edit(one, BOB, "branch = dev")
    assert [second.id] == [each.id for each in first]
    assert [each.id for each in await asked.service.waiting()] == [second.id]


async def test_an_edit_of_less_is_not_the_one_that_changed_more(asked: QuestionBench) -> None:
    one = await asked.ask()
    await asked.service.edit(one, BOB, "branch = dev\nforce = true")
    with pytest.raises(Refused, match="already cancelled"):
        await asked.service.edit(await asked.now(one), BOB, "force = true")


async def test_no_voice_goes_over_to_what_was_edited(asked: QuestionBench) -> None:
    asked.rules.needed = 2
    one = await asked.ask()
    one = await asked.service.approve(one, BOB, shown=one.digest)
    other = await asked.service.edit(one, CID, "branch = dev")
    assert (other.votes, other.needed) == ((), 2)


async def test_an_edit_needs_as_many_people_as_the_policy_says_of_it(asked: QuestionBench) -> None:
    one = await asked.ask()
    asked.rules.needed = 2
    assert (await asked.service.edit(one, BOB, "branch = dev")).needed == 2


async def test_an_edit_that_changes_nothing_is_refused(asked: QuestionBench) -> None:
    one = await asked.ask()
    with pytest.raises(Refused, match=r"^That changes nothing\.$"):
        # Left out, it is what it was: the declaration says so.
        await asked.service.edit(one, BOB, "force = null")
    assert await asked.service.waiting() == [one]


async def test_what_the_agent_has_no_more_is_not_asked_by_an_edit(asked: QuestionBench) -> None:
    one = await put(asked, agent=AgentName("night"))
    with pytest.raises(Refused, match=r"^There is no tool git\.push\.$"):
        await asked.service.edit(one, BOB, "branch = dev")
    assert await asked.service.waiting() == [one]


async def test_who_may_not_decide_may_not_edit(asked: QuestionBench) -> None:
    one = await asked.ask()
    with pytest.raises(Refused, match="Who may"):
        await asked.service.edit(one, MEL, "branch = dev")
    await asked.service.deny(one, BOB, "")
    with pytest.raises(Refused, match="already denied"):
        await asked.service.edit(await asked.now(one), BOB, "branch = dev")
    assert await asked.service.waiting() == []


async def test_whether_somebody_may_edit_is_known_before_they_write_anything(
    asked: QuestionBench,
) -> None:
    one, late = await asked.ask(), await asked.ask("test", call="c2")
    await asked.service.require_editable(one, BOB)
    with pytest.raises(Refused, match="Who may"):
        await asked.service.require_editable(one, MEL)
    await asked.service.deny(one, BOB, "")
    with pytest.raises(Refused, match="already denied: decided by Bob"):
        await asked.service.require_editable(await asked.now(one), BOB)
    await asked.clock.advance(HOUR)
    with pytest.raises(Refused, match=r"^Its time is over"):
        await asked.service.require_editable(late, BOB)


async def test_two_questions_of_a_turn_are_edited_each_by_itself(asked: QuestionBench) -> None:
    one, two = await asked.ask(), await asked.ask("test", call="c2")
    first = await asked.service.edit(one, BOB, "branch = dev")
    second = await asked.service.edit(two, BOB, "branch = prod")
    assert first.call != second.call
    waiting = {each.id: each.replaces for each in await asked.service.waiting()}
    assert waiting == {first.id: one.id, second.id: two.id}


async def test_of_two_edits_the_first_is_asked(asked: QuestionBench) -> None:
    one = await asked.ask()
    first = await asked.service.edit(one, BOB, "branch = dev")
    with pytest.raises(Refused) as refused:
        await asked.service.edit(one, CID, "branch = test")
    assert refused.value.message == "It is already cancelled: decided by Bob."
    assert [each.id for each in await asked.service.waiting()] == [first.id]


async def test_the_same_edit_again_is_one_question(asked: QuestionBench) -> None:
    one = await asked.ask()
    first = await asked.service.edit(one, BOB, "branch = dev")
    for seen in (one, await asked.now(one)):  # at the same moment, and later
        assert (await asked.service.edit(seen, BOB, "branch = dev")).id == first.id
    for who, changes in ((CID, "branch = dev"), (BOB, "branch = test")):
        with pytest.raises(Refused, match="already cancelled: decided by Bob"):
            await asked.service.edit(await asked.now(one), who, changes)
    assert [each.id for each in await asked.service.waiting()] == [first.id]


async def test_what_was_decided_while_it_was_edited_stays_so(asked: QuestionBench) -> None:
    one = await asked.ask()
    await asked.service.deny(one, CID, "no")
    asked.resumed.clear()
    with pytest.raises(Refused, match="already denied: decided by Cid"):
        await asked.service.edit(one, BOB, "branch = dev")
    assert [each.id for each in await asked.store.approvals.of_turn(one.turn)] == [one.id]
    assert (await asked.now(one)).note == "no"
    assert asked.resumed == []


# ---- after a crash


@pytest.mark.parametrize(
    ("happened", "state", "found"),
    [
        (True, ApprovalState.DONE, "it did take effect"),
        (False, ApprovalState.FAILED, "it did not take effect, or not rightly"),
    ],
)
async def test_a_person_looks_and_says_what_became_of_it(
    asked: QuestionBench, happened: bool, state: ApprovalState, found: str
) -> None:
    one = await lost(asked)
    known = await asked.service.looked(one, BOB, happened=happened)
    assert (known.state, known.decided_by) == (state, BOB)
    assert known.note == f"Bob looked after a crash: {found}. Its own answer is lost."
    assert asked.resumed == [(one.id, state)]
    assert await asked.service.looked(known, BOB, happened=happened) == known
    for who, says in ((BOB, not happened), (CID, happened)):
        with pytest.raises(Refused, match=f"already {state}: decided by Bob"):
            await asked.service.looked(known, who, happened=says)


async def test_one_person_is_enough_to_look_and_it_may_be_who_asked(asked: QuestionBench) -> None:
    one = await put(asked, state=ApprovalState.UNKNOWN, needed=2, requester=BOB)
    with pytest.raises(Refused):
        await asked.service.looked(one, MEL, happened=True)
    assert (await asked.service.looked(one, BOB, happened=True)).state is ApprovalState.DONE


async def test_what_still_waits_is_not_looked_at(asked: QuestionBench) -> None:
    one = await put(asked)
    approved = await put(asked, "b", call=ToolCallId("2"), state=ApprovalState.APPROVED)
    for each in (one, approved):
        with pytest.raises(Refused) as refused:
            await asked.service.looked(each, BOB, happened=True)
        assert refused.value.message == "It has not run yet, so there is nothing to look at."
        assert refused.value.hint == "Only what may have run before a crash is marked."


# ---- the book


async def test_a_question_is_shown_and_everybody_hears_of_it(asked: QuestionBench) -> None:
    one = question()
    await asked.store.approvals.ask(one)
    await asked.book.announce(one)
    assert asked.heard == 1
    assert asked.woken == 1
    (card,) = [row for row in await asked.deliver() if row.thread == DM]
    assert card.content.text == asked.service.face(one).text
    await asked.book.announce(one)
    assert await asked.deliver() == []


async def test_a_question_that_reaches_nobody_is_in_the_log(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    one = question(thread=None)
    asked.members = replace(asked.members, members=())
    await asked.book.announce(one)
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("ERROR", "approval.reaches_nobody")
    assert vars(line)["approval"] == one.id
    assert asked.woken == 0
    assert asked.heard == 1


async def test_what_a_run_asks_is_shown_in_the_teams_channel_while_it_is_trusted() -> None:
    asked = QuestionBench(members=replace(people(), approvals=OPS.channel))
    await put(asked, thread=None)
    assert {row.thread for row in asked.sent} == {OPS}
    asked.sent.clear()
    await put(asked, "b")  # what somebody asks is shown where they wrote
    assert {row.thread for row in asked.sent} == {DM}
    asked.sent.clear()
    await asked.store.trust.distrust(OPS.channel, ChannelChange.SHARED, detail="", now=T0)
    await put(asked, "c", thread=None)
    assert asked.sent != []
    assert OPS not in {row.thread for row in asked.sent}


async def test_a_card_that_arrives_late_shows_what_was_decided_meanwhile(
    asked: QuestionBench,
) -> None:
    one = question()
    await asked.store.approvals.ask(one)
    await asked.book.announce(one)
    await asked.service.deny(one, BOB, "no")
    card, face = [row for row in await asked.deliver() if row.thread == DM]
    assert card.content.buttons != ()
    assert "Denied by Bob" in face.content.text


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, 0),
        ({"state": ApprovalState.UNKNOWN}, 0),
        ({"state": ApprovalState.DENIED}, 1),
        ({"votes": (Vote(by=BOB, at=T0),), "needed": 2}, 1),
    ],
)
async def test_a_card_is_shown_again_only_where_it_changed(
    asked: QuestionBench, changes: dict[str, Any], again: int
) -> None:
    card = Card(thread=DM, message=MessageId("m"))
    one = question(cards=(card,), **changes)
    await asked.store.approvals.ask(one)
    await asked.book.shown(one.id)
    assert len(await asked.deliver()) == again
    await asked.book.shown(ApprovalId("nobody knows it"))


async def test_of_old_cards_nobody_knows_when_they_were_shown(asked: QuestionBench) -> None:
    for number in range(501):
        if number == 1:
            await asked.clock.advance(10)
        await asked.book.shown(ApprovalId(f"{number}"))
    assert asked.book.shown_at(ApprovalId("0")) is None
    assert asked.book.shown_at(ApprovalId("1")) == asked.clock.now()
    await asked.clock.advance(5)
    # What is shown again is not the oldest any more.
    await asked.book.shown(ApprovalId("1"))
    await asked.book.shown(ApprovalId("501"))
    assert asked.book.shown_at(ApprovalId("1")) == asked.clock.now()
    assert asked.book.shown_at(ApprovalId("2")) is None
    assert asked.book.shown_at(ApprovalId("3")) is not None


async def test_a_change_is_stored_with_the_faces_of_the_cards(
    asked: QuestionBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nightdesk.approvals")
    one = await put(asked)
    woken, heard = asked.woken, asked.heard

    ended = await asked.book.change(one, ApprovalEvent.DENY, by=CID, note="why not")

    assert (ended.state, ended.decided_by, ended.note) == (ApprovalState.DENIED, CID, "why not")
    assert (asked.woken, asked.heard) == (woken + 1, heard + 1)
    assert asked.resumed == [(one.id, ApprovalState.DENIED)]
    (face,) = await asked.deliver()
    assert "Denied by Cid: why not" in face.content.text
    said = next(line for line in caplog.records if line.getMessage() == "approval.changed")
    assert (vars(said)["approval"], vars(said)["state"]) == (one.id, ApprovalState.DENIED)


async def test_the_faces_keep_what_was_said_before(asked: QuestionBench) -> None:
    one = await put(asked, state=ApprovalState.UNKNOWN, decided_by=BOB, note="broke off")
    await asked.book.change(one, ApprovalEvent.FAIL)
    (face,) = await asked.deliver()
    assert "It failed: broke off" in face.content.text
    two = await put(asked, "b", state=ApprovalState.UNKNOWN, decided_by=BOB)
    await asked.book.change(two, ApprovalEvent.SUCCEED)
    (face,) = await asked.deliver()
    assert "Bob looked: it was done." in face.content.text


async def test_what_is_said_comes_with_what_is_recorded_of_it(asked: QuestionBench) -> None:
    one = await put(asked)
    moved = recorded.approval_moved(one, DM.channel)
    known = len(await asked.store.audit.page())
    await asked.book.say(asked.book.cards.again(one), audit=[moved])
    [record] = (await asked.store.audit.page())[known:]
    assert (record.kind, record.actor) == (moved.kind, str(moved.actor))


async def test_a_card_goes_before_what_else_is_to_be_written_only_where_that_is_said(
    asked: QuestionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue, firsts = asked.store.outbox.enqueue, list[object]()

    async def noting(*args: Any, **named: Any) -> None:
        firsts.append(named.get("first", False))
        await enqueue(*args, **named)

    monkeypatch.setattr(asked.store.outbox, "enqueue", noting)
    one = await put(asked)
    await asked.book.say(asked.book.cards.again(one))
    assert firsts == [False, False]
    begun = await put(asked, "b", state=ApprovalState.EXECUTING)
    firsts.clear()
    await asked.questions.lost(begun)
    assert firsts[-1] is True, "the answer to a STOP waits for it"


async def test_a_change_need_not_let_the_turn_go_on(asked: QuestionBench) -> None:
    one = await put(asked)
    await asked.book.change(one, ApprovalEvent.CANCEL, resumes=False)
    two = await put(asked, "b", state=ApprovalState.EXECUTING)
    await asked.book.change(two, ApprovalEvent.LOSE)  # a person is waited for
    assert asked.resumed == []


async def test_where_nobody_pressed_whoever_was_first_is_right(asked: QuestionBench) -> None:
    one = await put(asked)
    await asked.book.quietly(one, ApprovalEvent.CANCEL, "stopped")
    assert (await asked.now(one)).note == "stopped"
    assert asked.resumed == []
    late = await asked.book.expire(one)
    assert (late.state, late.note) == (ApprovalState.CANCELLED, "stopped")
    gone = question("gone")
    assert await asked.book.quietly(gone, ApprovalEvent.EXPIRE) == gone


async def test_the_end_of_its_time_is_a_no_that_lets_the_turn_go_on(asked: QuestionBench) -> None:
    one = await put(asked)
    assert (await asked.book.expire(one)).state is ApprovalState.EXPIRED
    assert asked.resumed == [(one.id, ApprovalState.EXPIRED)]
