"""The one judge: each right by hand, whose a thing is, which role it touches, and what is said."""

from dataclasses import replace

import pytest

from runtime.access import (
    account_id,
    authorize,
    by_role,
    higher,
    may,
    permits,
    permitted,
    same_person,
    wanted_by,
)
from runtime.errors import Refused
from runtime.ids import MessageId, Platform
from runtime.model.access import Action, Resource
from runtime.model.address import Principal
from runtime.model.events import (
    ButtonPress,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Message,
    Unknown,
)
from runtime.model.team import Member, MemberRole, Team
from tests.support.build import STRANGER, TERMINAL, team

ELSEWHERE = Principal(Platform("telegram"), "", "42")
ROLES = list(MemberRole)

LEAST = {
    "owner": {Action.CHANNEL_TRUST, Action.TOLD},
    "admin": {Action.MEMBER_WRITE},
    "operator": {Action.SCHEDULE_WRITE, Action.APPROVE, Action.CHANNEL_TEST, Action.STOP_ALL},
    "member": {
        Action.SCHEDULE_READ,
        Action.APPROVAL_READ,
        Action.POLICY_READ,
        Action.MEMBER_READ,
        Action.CHANNEL_READ,
        Action.STATUS,
    },
    "guest": {Action.CONVERSE, Action.REMIND, Action.LINK, Action.STOP, Action.SCHEDULE_STOP},
}
"""The least role for each right over what is one's own, or nobody's."""


def person(role: str) -> Principal:
    return Principal(TERMINAL, "local", role)


def everybody() -> Team:
    """Somebody of each role, named by it; the operator has another account."""
    members = [
        Member(name=role.title(), role=role, principals=(person(role),)) for role in MemberRole
    ]
    operator = ROLES.index(MemberRole.OPERATOR)
    members[operator] = replace(members[operator], principals=(person("operator"), ELSEWHERE))
    return replace(team(), members=tuple(members))


@pytest.mark.parametrize("least", LEAST)
def test_each_right_begins_at_its_role(least: str) -> None:
    enough = ROLES[: ROLES.index(MemberRole(least)) + 1]
    for action in LEAST[least]:
        assert [role for role in ROLES if may(role, action)] == enough, action
        able = [role for role in ROLES if permits(everybody(), person(role), action)]
        assert able == enough, action


def test_every_action_is_somebodys_right_and_the_owners() -> None:
    assert permitted(MemberRole.OWNER) == list(Action)
    assert Action.CONVERSE in permitted(MemberRole.GUEST)
    assert Action.APPROVE not in permitted(MemberRole.MEMBER)


@pytest.mark.parametrize("action", list(Action))
def test_a_stranger_has_no_right_and_is_told_their_id(action: Action) -> None:
    with pytest.raises(Refused, match="You are not a member of Night shift") as refused:
        authorize(everybody(), STRANGER, action)
    assert refused.value.hint == "An owner can add you by your id, terminal: eve."
    assert not permits(everybody(), STRANGER, action, Resource(belongs_to=STRANGER))


def test_too_low_a_role_is_told_which_it_takes() -> None:
    with pytest.raises(Refused) as refused:
        authorize(everybody(), person("member"), Action.APPROVE)
    assert refused.value.message == "That needs the role operator; yours is member."
    assert refused.value.hint == "An owner can change your role: /member role, or nightdesk.toml."


@pytest.mark.parametrize("action", [Action.STOP, Action.SCHEDULE_STOP])
def test_what_is_ones_own_takes_less_than_what_is_anothers(action: Action) -> None:
    desk = everybody()
    for role in MemberRole:
        others = Resource(belongs_to=person("owner" if role != "owner" else "guest"))
        assert permits(desk, person(role), action, Resource(belongs_to=person(role)))
        strong = role in (MemberRole.OWNER, MemberRole.ADMIN, MemberRole.OPERATOR)
        assert permits(desk, person(role), action, others) is strong
    with pytest.raises(Refused) as refused:
        authorize(desk, person("guest"), action, Resource(belongs_to=person("owner")))
    assert refused.value.message == (
        "That needs the role operator; it is somebody else's, and yours is guest."
    )


def test_reminders_are_nobody_elses_the_owners_included() -> None:
    theirs = Resource(belongs_to=person("guest"))
    assert permits(everybody(), person("guest"), Action.REMIND, theirs)
    with pytest.raises(
        Refused, match=r"^That is somebody else's, and nobody but they may do that\.$"
    ):
        authorize(everybody(), person("owner"), Action.REMIND, theirs)


def test_an_account_is_its_persons_on_every_platform() -> None:
    desk = everybody()
    mine = Resource(belongs_to=person("operator"))
    assert permits(desk, ELSEWHERE, Action.REMIND, mine)
    assert permits(desk, person("operator"), Action.REMIND, Resource(belongs_to=ELSEWHERE))
    assert same_person(desk, ELSEWHERE, person("operator"))
    assert same_person(desk, STRANGER, STRANGER)
    assert not same_person(desk, ELSEWHERE, person("owner"))
    assert not same_person(desk, STRANGER, person("owner"))


@pytest.mark.parametrize("asks", [MemberRole.OWNER, MemberRole.ADMIN])
def test_a_role_above_ones_own_is_neither_given_nor_taken(asks: MemberRole) -> None:
    desk = everybody()
    for role in MemberRole:
        able = permits(desk, person(asks), Action.MEMBER_WRITE, Resource(role=role))
        assert able is (ROLES.index(role) >= ROLES.index(asks))
    if asks is MemberRole.ADMIN:
        with pytest.raises(Refused) as refused:
            authorize(desk, person("admin"), Action.MEMBER_WRITE, Resource(role=MemberRole.OWNER))
        assert refused.value.message.startswith("You are admin, so you can neither give")
        assert refused.value.hint == "Whoever is owner can."


def test_roles_are_ordered() -> None:
    assert higher(MemberRole.GUEST, MemberRole.ADMIN) is MemberRole.ADMIN
    assert higher(MemberRole.OWNER, MemberRole.MEMBER) is MemberRole.OWNER
    groups = by_role(everybody().members[:3])
    assert [[member.role for member in group] for group in groups] == [
        [MemberRole.OPERATOR],
        [MemberRole.ADMIN],
        [MemberRole.OWNER],
    ]
    two = Member(name="Two", role=MemberRole.ADMIN, principals=(ELSEWHERE,))
    assert [len(group) for group in by_role([*everybody().members, two])] == [1, 1, 1, 2, 1]


def test_what_somebody_does_takes_a_right_and_what_a_platform_tells_takes_none() -> None:
    said = MessageId("1")
    done = (
        Message(text="hello", message_id=said),
        Command(text="help"),
        ButtonPress(action="a", value="v", message_id=said),
        FormSubmit(action="a", value="v", answers=()),
        HomeOpened(),
    )
    assert {wanted_by(body) for body in done} == {Action.CONVERSE}
    told = (ChannelChanged(change=ChannelChange.SHARED), Unknown(kind="poll"))
    assert {wanted_by(body) for body in told} == {None}


def test_people_are_spelled_as_the_configuration_names_them() -> None:
    assert account_id(ELSEWHERE) == "42"
    assert account_id(STRANGER) == "eve"


def test_a_program_may_talk_and_do_nothing_else() -> None:
    program = Principal(TERMINAL, "local", "ci")
    member = Member(name="CI", role=MemberRole.OWNER, principals=(program,), bot=True)
    desk = replace(everybody(), members=(*everybody().members, member))
    able = [action for action in Action if permits(desk, program, action)]
    assert able == [Action.CONVERSE]
    with pytest.raises(Refused, match=r"^A program may talk here, and do nothing else\.$"):
        authorize(desk, program, Action.STATUS)
