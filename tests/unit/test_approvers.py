"""Whose yes counts, where it takes two people."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.approvers import deciders, groups, name_of, objection, person, voices
from runtime.model.address import Principal
from runtime.model.approval import Approval, Vote
from runtime.model.team import Added, Member, MemberRole, Team
from runtime.model.tools import Risk
from tests.support.build import DM, T0, TERMINAL
from tests.support.build import team as one_team
from tests.support.questions import question

BEFORE, AFTER = T0 - timedelta(minutes=1), T0 + timedelta(minutes=1)


def who(user: str) -> Principal:
    return Principal(TERMINAL, "local", user)


def member(user: str, role: MemberRole, added: Added | None = None) -> Member:
    return Member(name=user.title(), role=role, principals=(who(user),), added=added)


def with_members(*more: Member) -> Team:
    known = (
        member("ada", MemberRole.ADMIN),
        member("oli", MemberRole.OPERATOR),
        member("req", MemberRole.ADMIN),
    )
    return replace(one_team(), members=(*known, *more))


def sock(by: str, at: object = AFTER, user: str = "sock") -> Member:
    return member(user, MemberRole.OPERATOR, Added(by=who(by), at=at))  # type: ignore[arg-type]


def asked(*voters: str, needed: int = 2) -> Approval:
    made = question(requester=who("req"), needed=needed, risk=Risk.DANGEROUS)
    return replace(made, votes=tuple(Vote(by=who(user), at=AFTER) for user in voters))


def test_two_people_of_the_team_are_two() -> None:
    assert voices(with_members(), asked("ada", "oli")) == 2


@pytest.mark.parametrize("voters", [("ada", "sock"), ("sock", "ada")])
def test_who_was_let_in_for_it_and_who_did_that_are_one(voters: tuple[str, str]) -> None:
    team, (first, second) = with_members(sock("ada")), voters
    why = objection(team, who(second), asked(first))
    assert "after this was asked" in why
    assert "Oli" in why
    assert voices(team, asked(*voters)) == 1


def test_the_requesters_own_counts_for_nothing() -> None:
    team = with_members(sock("req"))
    assert "after this was asked" in objection(team, who("sock"), asked())
    assert voices(team, asked("sock", "oli")) == 1
    assert "Sock" not in [one.name for one in deciders(team, asked())]


def test_a_chain_of_them_is_one() -> None:
    first = member("first", MemberRole.ADMIN, Added(by=who("ada"), at=AFTER))
    team = with_members(first, sock("first"), sock("first", user="other"))
    assert voices(team, asked("sock", "other")) == 1
    assert voices(team, asked("ada", "sock")) == 1
    gone = with_members(sock("first"))
    assert voices(gone, asked("ada", "sock")) == 1
    assert "after this was asked" in objection(gone, who("sock"), asked())


def test_who_made_each_other_are_one() -> None:
    one = member("one", MemberRole.ADMIN, Added(by=who("sock"), at=AFTER))
    team = with_members(one, sock("one"))
    assert voices(team, asked("one", "sock")) == 1
    assert objection(team, who("one"), asked("sock"))


def test_whom_somebody_else_let_in_may_say_it() -> None:
    team = with_members(sock("ada"))
    assert objection(team, who("sock"), asked("oli")) == ""
    assert voices(team, asked("oli", "sock")) == 2


def test_who_was_let_in_before_may_say_it() -> None:
    assert voices(with_members(sock("ada", BEFORE)), asked("ada", "sock")) == 2


def test_who_let_themselves_in_by_a_code_is_a_person() -> None:
    owner = member("own", MemberRole.OWNER, Added(by=who("own"), at=AFTER))
    assert voices(with_members(owner), asked("ada", "own")) == 2


def test_whoever_was_let_in_as_it_was_asked_was_let_in_for_it() -> None:
    assert voices(with_members(sock("ada", T0)), asked("ada", "sock")) == 1


def test_a_person_is_their_first_account_and_a_stranger_their_own() -> None:
    two = replace(member("two", MemberRole.OPERATOR), principals=(who("two"), who("phone")))
    team = with_members(two)
    assert person(team, who("phone")) == person(team, who("two")) == who("two")
    assert person(team, who("eve")) == who("eve")
    assert voices(team, asked("two", "phone", needed=1)) == 1
    assert voices(team, asked("two", "phone")) == 1


def test_people_are_named_and_those_who_left_by_their_id() -> None:
    team = with_members()
    assert name_of(team, who("ada")) == "Ada"
    assert name_of(team, who("eve")) == "eve"
    assert name_of(team, None) == "nobody"


def test_who_is_one_with_another_is_told_why() -> None:
    assert objection(with_members(sock("req")), who("sock"), asked()) == (
        "You were let in, or got your role, after this was asked, by who asked for it or by "
        "somebody who has left. It takes two people who did not make each other. "
        "Who may: Ada, Oli."
    )
    assert objection(with_members(sock("ada")), who("sock"), asked("ada")) == (
        "Ada said yes already, and one of you let the other in, or gave them their role, after "
        "this was asked. It takes two people who did not make each other. Who may: Ada, Oli."
    )


def test_where_who_asked_was_let_in_before_whom_they_let_in_then_is_one_with_them() -> None:
    ada, oli, req = with_members().members
    before = replace(req, added=Added(by=who("ada"), at=BEFORE))
    team = replace(one_team(), members=(ada, oli, before, sock("req")))
    assert "by who asked for it" in objection(team, who("sock"), asked())
    assert objection(team, who("ada"), asked()) == ""


def test_where_nobody_may_that_is_said() -> None:
    team = replace(one_team(), members=(member("gus", MemberRole.GUEST),))
    assert objection(team, who("gus"), asked()) == (
        "That needs the role operator; yours is guest. Who may: nobody at present."
    )


def test_who_asked_is_none_of_two() -> None:
    assert objection(with_members(), who("req"), asked()) == (
        "You asked for this yourself, and it takes two other people. Who may: Ada, Oli."
    )


def test_the_lowest_role_is_asked_first_and_the_owners_for_a_run() -> None:
    team = with_members(member("own", MemberRole.OWNER), member("gus", MemberRole.GUEST))
    names = [[one.name for one in group] for group in groups(team, asked())]
    assert names == [["Own"], ["Ada"], ["Oli"]]
    spoken = replace(asked(needed=1), thread=DM)
    names = [[one.name for one in group] for group in groups(team, spoken)]
    assert names == [["Oli"], ["Ada", "Req"], ["Own"]]


def test_who_has_no_account_decides_nothing() -> None:
    nobody = replace(member("non", MemberRole.OWNER), principals=())
    assert deciders(with_members(nobody), asked()) == deciders(with_members(), asked())


def test_what_takes_one_person_takes_any() -> None:
    assert voices(with_members(sock("req")), asked("sock", needed=1)) == 1
    assert objection(with_members(sock("req")), who("sock"), asked(needed=1)) == ""
