"""Only listed channels get what nobody asked for just now."""

from dataclasses import replace

import pytest

from runtime.egress import (
    Withheld,
    clear,
    clear_membership,
    clear_owner_notice,
    clear_personal,
    clear_question,
    objection_now,
)
from runtime.ids import OutboxId, Platform
from runtime.model.address import ThreadRef
from runtime.model.events import ChannelChange
from runtime.model.member import Enrolment
from runtime.model.messages import Cleared, Content, Proactive
from runtime.model.team import MemberRole, Team
from runtime.model.trust import ChannelState
from runtime.outbox import compose
from tests.support.build import ANN, DM, OPS, QUIET, STRANGER, T0, outbox_item, team


def proactive(thread: ThreadRef) -> Proactive:
    """A message that nobody asked for."""
    return Proactive(id=OutboxId("p"), thread=thread, content=Content("hi"))


def without_list() -> Team:
    """The same team with the default: nothing listed."""
    rules = tuple(replace(rule, proactive=False) for rule in team().channels)
    return replace(team(), channels=rules)


def test_a_listed_channel_is_cleared() -> None:
    assert clear(proactive(OPS), team(), None) == Cleared(proactive(OPS))


def test_a_channel_that_is_configured_but_not_listed_is_withheld_with_the_reason() -> None:
    withheld = clear(proactive(QUIET), team(), None)
    assert withheld == Withheld("channel quiet (quiet) does not have proactive = true")


def test_a_channel_that_is_not_configured_is_withheld() -> None:
    withheld = clear(proactive(DM), team(), None)
    assert withheld == Withheld("channel dm is not in the team's configuration")


def test_the_default_list_is_empty_and_silent() -> None:
    assert isinstance(clear(proactive(OPS), without_list(), None), Withheld)


def test_a_waiting_message_is_judged_by_the_list_of_the_moment() -> None:
    waiting = outbox_item(thread=OPS, proactive=True)
    assert objection_now(waiting, team(), None) == ""
    assert "ops" in objection_now(waiting, without_list(), None)


def test_a_distrusted_channel_is_withheld_with_the_reason() -> None:
    known = ChannelState(channel=OPS.channel, name="ops", change=ChannelChange.SHARED)
    withheld = clear(proactive(OPS), team(), known)
    assert withheld == Withheld(
        "#ops was shared with another organisation; an owner can say /channel trust #ops"
    )
    marked = replace(team(), channels=(replace(team().channels[0], name="#ops"),))
    assert clear(proactive(OPS), marked, known) == withheld, "its mark is there once"
    assert objection_now(outbox_item(thread=OPS, proactive=True), team(), known)
    assert objection_now(outbox_item(thread=OPS), team(), known) == "", (
        "an answer is always allowed"
    )
    trusted = ChannelState(channel=OPS.channel, name="operations")
    assert clear(proactive(OPS), team(), trusted) == Cleared(proactive(OPS))


def test_a_direct_reply_needs_no_list() -> None:
    assert objection_now(outbox_item(thread=DM), without_list(), None) == ""


def test_a_notice_goes_to_an_owner_and_to_nobody_else() -> None:
    notice = proactive(DM)
    cleared = clear_owner_notice(notice, team(), ANN)
    assert cleared == Cleared(notice, listed=False)
    assert clear_owner_notice(notice, team(), STRANGER) == Withheld(
        "notices about trouble go to owners only"
    )
    for role in MemberRole:
        isnt = role is not MemberRole.OWNER
        assert isinstance(clear_owner_notice(notice, team(role=role), ANN), Withheld) is isnt


@pytest.mark.parametrize("role", MemberRole)
def test_what_somebody_wants_to_be_told_goes_to_every_member(role: MemberRole) -> None:
    assert clear_personal(proactive(DM), team(role=role), ANN) == Cleared(
        proactive(DM), listed=False
    )


def test_what_somebody_wanted_to_be_told_is_withheld_once_they_left() -> None:
    assert clear_personal(proactive(DM), team(), STRANGER) == Withheld(
        "the person is no member of the team any more"
    )


@pytest.mark.parametrize("role", [MemberRole.OWNER, MemberRole.ADMIN, MemberRole.OPERATOR])
def test_a_question_goes_to_those_who_may_decide_it(role: MemberRole) -> None:
    assert clear_question(proactive(DM), team(role=role), ANN) == Cleared(
        proactive(DM), listed=False
    )


@pytest.mark.parametrize("role", [MemberRole.MEMBER, MemberRole.GUEST])
def test_a_question_goes_to_nobody_else(role: MemberRole) -> None:
    withheld = Withheld("questions go to those who may decide them only")
    assert clear_question(proactive(DM), team(role=role), ANN) == withheld
    assert clear_question(proactive(DM), team(), STRANGER) == withheld


@pytest.mark.parametrize("role", [MemberRole.MEMBER, None])
def test_a_word_about_a_membership_goes_where_the_person_is_and_no_further(
    role: MemberRole | None,
) -> None:
    said = Enrolment(who=STRANGER, name="Eve", role=role, was=None, by=ANN, at=T0, key="k")
    assert clear_membership(proactive(DM), said) == Cleared(proactive(DM), listed=False)
    elsewhere = replace(said, who=replace(STRANGER, platform=Platform("slack")))
    assert clear_membership(proactive(DM), elsewhere) == Withheld(
        "a word about a membership goes to the person it is about"
    )


def test_an_owner_s_notice_is_not_asked_for_a_list_when_it_is_sent() -> None:
    cleared = clear_owner_notice(proactive(DM), team(), ANN)
    assert isinstance(cleared, Cleared)
    [row] = compose(cleared, split=lambda _, content: (content,), now=T0)
    assert objection_now(row, team(), None) == ""
