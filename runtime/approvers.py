"""Who may say yes to an approval, as the team is now. Pure; asked at the press and when it runs."""

from collections.abc import Sequence

from runtime.model.address import Principal
from runtime.model.approval import Approval
from runtime.model.team import Member, MemberRole, Team
from runtime.model.tools import Risk

_RANK = {role: rank for rank, role in enumerate(MemberRole)}
_LEAST = dict.fromkeys(Risk, MemberRole.OPERATOR)
"""The least role that decides about a tool of that risk. How many people it takes is policy's."""
_GROUPS = (MemberRole.OPERATOR, MemberRole.ADMIN, MemberRole.OWNER)
"""Who is asked, in the order in which a question goes up."""


def person(team: Team, who: Principal) -> Principal:
    """The person behind an account: one person is one vote, whatever the account."""
    member = team.member_of(who)
    return member.principals[0] if member else who


def name_of(team: Team, who: Principal | None) -> str:
    """What people call them; the bare id of somebody who has left."""
    if who is None:
        return "nobody"
    member = team.member_of(who)
    return member.name if member else who.user


def objection(team: Team, who: Principal, approval: Approval) -> str:
    """Why the person may not say yes to it, and who may; empty where they may."""
    member = team.member_of(who)
    if member is not None and _may(team, member, approval):
        return ""
    others = ", ".join(one.name for one in deciders(team, approval)) or "nobody at present"
    if member is None:
        why = f"You are not a member of {team.name}"
    elif _RANK[member.role] > _RANK[_LEAST[approval.risk]]:
        least = _LEAST[approval.risk]
        why = f"A yes to this needs the role {least} or higher; yours is {member.role}"
    else:
        why = "You asked for this yourself, and it takes two other people"
    return f"{why}. Who may: {others}."


def deciders(team: Team, approval: Approval) -> list[Member]:
    """Everybody who may say yes to it."""
    return [member for member in team.members if _may(team, member, approval)]


def voices(team: Team, approval: Approval) -> int:
    """How many of those who said yes may still say it."""
    return len({person(team, v.by) for v in approval.votes if not objection(team, v.by, approval)})


def groups(team: Team, approval: Approval) -> Sequence[Sequence[Member]]:
    """Who is asked, group by group; for what nobody waits for, the owners first. None is empty."""
    order = _GROUPS if approval.thread is not None else tuple(reversed(_GROUPS))
    able = deciders(team, approval)
    found = [[member for member in able if member.role is role] for role in order]
    return [group for group in found if group]


def _may(team: Team, member: Member, approval: Approval) -> bool:
    if _RANK[member.role] > _RANK[_LEAST[approval.risk]]:
        return False
    mine = team.member_of(approval.requester)
    return approval.needed < 2 or mine is None or mine.principals[0] != member.principals[0]  # noqa: PLR2004 - two people
