"""Who may do what: the only judge, for every kind of event and every tool."""

from runtime.errors import Refused
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.team import MemberRole, Team

__all__ = ["Action", "authorize", "may", "spelled"]

_RANK = {role: rank for rank, role in enumerate(MemberRole)}

_LEAST: dict[Action, MemberRole] = {
    Action.CONVERSE: MemberRole.GUEST,
    Action.SCHEDULE_READ: MemberRole.MEMBER,
    Action.SCHEDULE_WRITE: MemberRole.OPERATOR,
    # Stopping errs towards yes: whoever may start something may stop it.
    Action.STOP: MemberRole.GUEST,
    Action.APPROVAL_READ: MemberRole.MEMBER,
    Action.APPROVE: MemberRole.OPERATOR,
    Action.POLICY_READ: MemberRole.MEMBER,
    Action.REMIND: MemberRole.GUEST,
    Action.LINK: MemberRole.GUEST,
    Action.CHANNEL_READ: MemberRole.MEMBER,
    Action.CHANNEL_TEST: MemberRole.OPERATOR,
    Action.CHANNEL_TRUST: MemberRole.OWNER,
    Action.STATUS: MemberRole.MEMBER,
}


def authorize(team: Team, who: Principal, action: Action) -> None:
    """Return where the person may do it.

    Raises:
        Refused: the person is a stranger, or their role is too low; says who could.
    """
    role = team.role_of(who)
    if role is None:
        raise Refused(
            f"You are not a member of {team.name}, so I cannot do that for you.",
            hint=f"An owner can add you by your id, {who.platform}: {spelled(who)}.",
        )
    if not may(role, action):
        raise Refused(
            f"That needs the role {_LEAST[action]}; yours is {role}.",
            hint="An owner can change your role in nightdesk.toml.",
        )


def may(role: MemberRole, action: Action) -> bool:
    """Whether a person of that role may do it."""
    return _RANK[role] <= _RANK[_LEAST[action]]


def spelled(who: Principal) -> str:
    """The person as the configuration names them."""
    return f"{who.workspace}/{who.user}" if who.workspace else who.user
