"""Who may say yes to an approval, as the team is now. Pure; asked at the press and when it runs.

Which role that takes, the one judge says, and how many people, the policy. What is added here: for
what takes two people, whoever asked is none of them, and whom somebody let in (or gave another
role) after it was asked counts as one person with them: nobody makes their own second voice.
"""

from collections.abc import Sequence
from dataclasses import replace

from runtime.access import authorize, by_role, same_person
from runtime.errors import Refused
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.approval import Approval
from runtime.model.team import Member, Team

_TWO = 2
"""From so many people on, each must be another's equal, and none of them who asked."""


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
    why = _objection(team, who, approval)
    if not why:
        return ""
    others = ", ".join(one.name for one in deciders(team, approval)) or "nobody at present"
    return f"{why} Who may: {others}."


def deciders(team: Team, approval: Approval) -> list[Member]:
    """Everybody who may say yes to it."""
    return [
        m for m in team.members if m.principals and not _objection(team, m.principals[0], approval)
    ]


def voices(team: Team, approval: Approval) -> int:
    """How many of those who said yes may still say it; who let another in for it is one with them.

    See `_hand`.
    """
    alone = [replace(approval, votes=(vote,)) for vote in approval.votes]
    may = [one.votes[0].by for one in alone if not _objection(team, one.votes[0].by, one)]
    if approval.needed < _TWO:
        return len({person(team, who) for who in may})
    return len({_hand(team, who, approval) for who in may})


def groups(team: Team, approval: Approval) -> Sequence[Sequence[Member]]:
    """Who is asked, group by group; for what nobody waits for, the owners first. None is empty."""
    found = by_role(deciders(team, approval))
    return found if approval.thread is not None else tuple(reversed(found))


def _objection(team: Team, who: Principal, approval: Approval) -> str:
    """Why the person may not say yes to it; empty where they may."""
    try:
        authorize(team, who, Action.APPROVE)
    except Refused as refused:
        return refused.message
    if approval.needed < _TWO:
        return ""
    if same_person(team, who, approval.requester):
        return "You asked for this yourself, and it takes two other people."
    hand = _hand(team, who, approval)
    if hand is None or hand == _hand(team, approval.requester, approval):
        return (
            "You were let in, or got your role, after this was asked, by who asked for it or by "
            "somebody who has left. It takes two people who did not make each other."
        )
    for vote in approval.votes:
        if vote.by != person(team, who) and _hand(team, vote.by, approval) == hand:
            return (
                f"{name_of(team, vote.by)} said yes already, and one of you let the other in, or "
                "gave them their role, after this was asked. It takes two people who did not "
                "make each other."
            )
    return ""


def _hand(team: Team, who: Principal, approval: Approval) -> Principal | None:
    """The person by whose word this one may decide it: their own, if they could when it was asked.

    Whom somebody let in, or gave another role, since then is that one's hand. None where that one
    has left.
    """
    hand = person(team, who)
    passed: list[Principal] = []
    while hand not in passed:
        passed.append(hand)
        member = team.member_of(hand)
        if member is None:
            return None
        if member.added is not None and member.added.at >= approval.created_at:
            hand = person(team, member.added.by)
    # Where they made each other, or one themselves by a code, any of them stands for all.
    return min(passed[passed.index(hand) :])
