"""Who may say yes to an approval, as the team is now. Pure; asked at the press and when it runs.

Which role that takes, the one judge says, and how many people, the policy. What is added here: for
what takes two people, whoever asked is none of them.
"""

from collections.abc import Sequence

from runtime.access import authorize, by_role, permits, same_person
from runtime.errors import Refused
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.approval import Approval
from runtime.model.team import Member, Team


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
    if _may(team, who, approval):
        return ""
    others = ", ".join(one.name for one in deciders(team, approval)) or "nobody at present"
    why = "You asked for this yourself, and it takes two other people."
    try:
        authorize(team, who, Action.APPROVE)
    except Refused as refused:
        why = refused.message
    return f"{why} Who may: {others}."


def deciders(team: Team, approval: Approval) -> list[Member]:
    """Everybody who may say yes to it."""
    return [m for m in team.members if m.principals and _may(team, m.principals[0], approval)]


def voices(team: Team, approval: Approval) -> int:
    """How many of those who said yes may still say it."""
    return len({person(team, v.by) for v in approval.votes if not objection(team, v.by, approval)})


def groups(team: Team, approval: Approval) -> Sequence[Sequence[Member]]:
    """Who is asked, group by group; for what nobody waits for, the owners first. None is empty."""
    found = by_role(deciders(team, approval))
    return found if approval.thread is not None else tuple(reversed(found))


def _may(team: Team, who: Principal, approval: Approval) -> bool:
    if not permits(team, who, Action.APPROVE):
        return False
    return approval.needed < 2 or not same_person(team, who, approval.requester)  # noqa: PLR2004 - two people
