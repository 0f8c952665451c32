"""Who may do what: the only judge, for every kind of event, every command, schedule and tool.

Everything here is pure, and asked with the team as it is at that moment. Nobody else compares
roles; a test of the architecture looks for it.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from runtime.errors import Refused
from runtime.model.access import Action, Resource
from runtime.model.address import Principal
from runtime.model.events import (
    Body,
    ButtonPress,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Message,
    Unknown,
)
from runtime.model.team import Member, MemberRole, Team
from runtime.model.value import value

_RANK = {role: rank for rank, role in enumerate(MemberRole)}


@value()
class _Right:
    """Who has a right.

    Attributes:
        least: the least role that has it.
        others: the least role that has it over what is another person's; None where nobody has.
    """

    least: MemberRole
    others: MemberRole | None


def _of(least: MemberRole) -> _Right:
    """A right that does not depend on whose a thing is."""
    return _Right(least, least)


_RIGHTS: dict[Action, _Right] = {
    Action.CONVERSE: _of(MemberRole.GUEST),
    Action.SCHEDULE_READ: _of(MemberRole.MEMBER),
    Action.SCHEDULE_WRITE: _of(MemberRole.OPERATOR),
    # Stopping errs towards yes: whoever may start something may stop it, and whoever once did.
    Action.SCHEDULE_STOP: _Right(MemberRole.GUEST, MemberRole.OPERATOR),
    Action.STOP: _Right(MemberRole.GUEST, MemberRole.OPERATOR),
    Action.STOP_ALL: _of(MemberRole.OPERATOR),
    Action.APPROVAL_READ: _of(MemberRole.MEMBER),
    Action.APPROVE: _of(MemberRole.OPERATOR),
    Action.POLICY_READ: _of(MemberRole.MEMBER),
    # What somebody wants to be reminded of is nobody else's, the owners included.
    Action.REMIND: _Right(MemberRole.GUEST, None),
    Action.LINK: _of(MemberRole.GUEST),
    Action.MEMBER_READ: _of(MemberRole.MEMBER),
    Action.MEMBER_WRITE: _of(MemberRole.ADMIN),
    Action.CHANNEL_READ: _of(MemberRole.MEMBER),
    Action.CHANNEL_TEST: _of(MemberRole.OPERATOR),
    Action.CHANNEL_TRUST: _of(MemberRole.OWNER),
    Action.NOTES: _of(MemberRole.MEMBER),
    Action.SHARED_READ: _of(MemberRole.MEMBER),
    Action.SHARED_WRITE: _of(MemberRole.OPERATOR),
    Action.POST: _of(MemberRole.OPERATOR),
    Action.HAND_OFF: _of(MemberRole.MEMBER),
    # Who may be asked for is who may see what waits.
    Action.CHECKPOINT: _of(MemberRole.MEMBER),
    Action.ASSIGN: _of(MemberRole.OPERATOR),
    Action.BUDGET_READ: _of(MemberRole.MEMBER),
    Action.BUDGET_LOWER: _of(MemberRole.OPERATOR),
    Action.BUDGET_RAISE: _of(MemberRole.ADMIN),
    Action.MODEL_OWN: _of(MemberRole.MEMBER),
    Action.MODEL_THREAD: _of(MemberRole.OPERATOR),
    Action.MODEL_AGENT: _of(MemberRole.ADMIN),
    Action.STATUS: _of(MemberRole.MEMBER),
    Action.TOLD: _of(MemberRole.OWNER),
    Action.ANY_TOOL: _of(MemberRole.OWNER),
}

_NOTHING = Resource()
_CONVERSE = Action.CONVERSE
"""Kept by name: an enumeration's members are looked up slowly, and this is asked all the time."""


def authorize(team: Team, who: Principal, action: Action, resource: Resource = _NOTHING) -> None:
    """Return where the person may do it to that.

    Raises:
        Refused: the person is a stranger, or their role is too low; says who could.
    """
    member = team.member_of(who)
    if member is None:
        raise Refused(
            f"You are not a member of {team.name}, so I cannot do that for you.",
            hint=f"An owner can add you by your id, {who.platform}: {account_id(who)}.",
        )
    role = member.role
    if member.bot and action is not Action.CONVERSE:
        raise Refused("A program may talk here, and do nothing else.")
    least = _least(team, who, action, resource)
    if least is None:
        raise Refused("That is somebody else's, and nobody but they may do that.")
    hint = "An owner can change your role: /member role, or nightdesk.toml."
    if _RANK[role] > _RANK[least]:
        whose = "it is somebody else's, and " if may(role, action) else ""
        raise Refused(f"That needs the role {least}; {whose}yours is {role}.", hint=hint)
    if resource.role is not None and _RANK[role] > _RANK[resource.role]:
        raise Refused(
            f"You are {role}, so you can neither give the role {resource.role} nor take it.",
            hint=f"Whoever is {resource.role} can.",
        )


def permits(team: Team, who: Principal, action: Action, resource: Resource = _NOTHING) -> bool:
    """Whether the person may do it to that."""
    try:
        authorize(team, who, action, resource)
    except Refused:
        return False
    return True


def may(role: MemberRole, action: Action) -> bool:
    """Whether a person of that role may do it to what is theirs, or nobody's."""
    return _RANK[role] <= _RANK[_RIGHTS[action].least]


def permitted(role: MemberRole) -> list[Action]:
    """Everything that a person of that role may do."""
    return [action for action in Action if may(role, action)]


def wanted_by(body: Body) -> Action | None:
    """The least that somebody must be allowed for their event to be heard at all.

    None for what the platform itself tells: nobody said it, and nobody is answered. What an event
    then does is judged again where it is done.
    """
    match body:
        case Message() | Command() | ButtonPress() | FormSubmit() | HomeOpened():
            return _CONVERSE
        case ChannelChanged() | Unknown():
            return None
        case _ as never:
            assert_never(never)


def same_person(team: Team, one: Principal, other: Principal) -> bool:
    """Whether both accounts are the same person's."""
    member = team.member_of(one)
    return one == other or (member is not None and other in member.principals)


def by_role(members: Iterable[Member]) -> Sequence[Sequence[Member]]:
    """The members in groups of one role each, the lowest first; no group is empty."""
    found: dict[MemberRole, list[Member]] = {}
    for member in members:
        found.setdefault(member.role, []).append(member)
    return [found[role] for role in reversed(MemberRole) if role in found]


def higher(one: MemberRole, other: MemberRole) -> MemberRole:
    """The higher one of two roles."""
    return min(one, other, key=_RANK.__getitem__)


def account_id(who: Principal) -> str:
    """The person as the configuration names them; the one workspace of this machine goes unsaid."""
    return who.user if who.workspace in ("", "local") else f"{who.workspace}/{who.user}"


def _least(team: Team, who: Principal, action: Action, resource: Resource) -> MemberRole | None:
    right, owner = _RIGHTS[action], resource.belongs_to
    mine = owner is None or same_person(team, who, owner)
    return right.least if mine else right.others
