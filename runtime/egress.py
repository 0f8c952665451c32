"""The allow-list: the only way for a message that nobody asked for just now.

`Cleared` is built here and nowhere else, and the outbox takes `Reply | Cleared`, so a proactive
message to a channel off the list cannot be expressed. The list is asked again when the message
is sent, because it can shrink while a message waits.
"""

from runtime.access import permits
from runtime.model.access import Action
from runtime.model.address import ChannelRef, Principal
from runtime.model.member import Enrolment
from runtime.model.messages import Cleared, Proactive
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.trust import ChannelState
from runtime.model.value import value
from runtime.trust import happened


@value()
class Withheld:
    """A proactive message that is not sent.

    Attributes:
        reason: why, in words for a person.
    """

    reason: str


def clear(message: Proactive, team: Team, known: ChannelState | None) -> Cleared | Withheld:
    """Let the message through if the team lists its channel as proactive, by channel id.

    Not where the channel is distrusted: `known` is what `runtime.ports.ChannelTrust` has of it.
    """
    reason = _objection(message.thread.channel, team, known)
    return Withheld(reason) if reason else Cleared(message)


def clear_owner_notice(message: Proactive, team: Team, owner: Principal) -> Cleared | Withheld:
    """Let a notice about the desk's own trouble through to an owner's direct conversation.

    The caller has taken `message.thread` from `ChatPort.direct(owner)`.
    """
    if not permits(team, owner, Action.TOLD):
        return Withheld("notices about trouble go to owners only")
    return Cleared(message, listed=False)


def clear_personal(message: Proactive, team: Team, person: Principal) -> Cleared | Withheld:
    """Let through what a person asked to be told, to that person's own direct conversation.

    The caller has taken `message.thread` from `ChatPort.direct(person)`.
    """
    if not permits(team, person, Action.CONVERSE):
        return Withheld("the person is no member of the team any more")
    return Cleared(message, listed=False)


def clear_question(message: Proactive, team: Team, person: Principal) -> Cleared | Withheld:
    """Let a question through to the direct conversation of a person who is to decide it.

    The caller has taken `message.thread` from `ChatPort.direct(person)`.
    """
    if not permits(team, person, Action.APPROVE):
        return Withheld("questions go to those who may decide them only")
    return Cleared(message, listed=False)


def clear_membership(message: Proactive, said: Enrolment) -> Cleared | Withheld:
    """Let through what became of a person's own membership, also to who is let go by it.

    The caller has taken `message.thread` from `ChatPort.direct(said.who)`.
    """
    if message.thread.platform != said.who.platform:
        return Withheld("a word about a membership goes to the person it is about")
    return Cleared(message, listed=False)


def objection_now(item: OutboxItem, team: Team, known: ChannelState | None) -> str:
    """Why a waiting message may not be sent now; empty where it may. `known` as for `clear`."""
    return _objection(item.thread.channel, team, known) if item.proactive else ""


def _objection(channel: ChannelRef, team: Team, known: ChannelState | None) -> str:
    rule = team.rule_of(channel)
    if rule is None:
        return f"channel {channel.channel} is not in the team's configuration"
    if not rule.proactive:
        return f"channel {rule.name} ({channel.channel}) does not have proactive = true"
    if known is not None and known.change is not None:
        name = f"#{rule.name.removeprefix('#')}"
        return f"{name} {happened(known)}; an owner can say /channel trust {name}"
    return ""
