"""Members by the chat: let people in, change what they may do, let them go.

What the configuration says of a person stays as it is. Nobody gives or takes a role above their
own, and the last owner stays. Who is concerned is told by direct message.
"""

import logging
from collections.abc import Callable, Collection, Mapping

from runtime.access import account_id, authorize, higher
from runtime.clock import Clock
from runtime.egress import Withheld, clear_membership
from runtime.errors import Permanent, Refused, Retryable
from runtime.ids import OutboxId, Platform, derived
from runtime.model.access import Action, Resource
from runtime.model.address import Principal
from runtime.model.member import Enrolled, Enrolment
from runtime.model.messages import Content, Proactive
from runtime.model.team import MemberRole
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.people.firstowner import owned
from runtime.people.roster import Membership, Roster
from runtime.ports import ChatPort, Members, Outbox

log = logging.getLogger("nightdesk.people")

LONGEST_NAME = 60
_IN_THE_FILE = "Change it under [[members]] in nightdesk.toml, and start Nightdesk again."


@value(kw_only=True)
class ChangeRequest:
    """Who asks for a change.

    Attributes:
        by: who.
        key: names the asking: carried out again with the same key, it has the effect of once.
    """

    by: Principal
    key: str


class MemberService:
    """Changes the list of the chat."""

    def __init__(
        self,
        members: Members,
        outbox: Outbox,
        roster: Roster,
        chats: Mapping[Platform, ChatPort],
        *,
        live: Collection[Platform],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Change `members`, of whom `roster` makes the team, and tell people over `chats`.

        Args:
            members: the list.
            outbox: takes what people are told.
            roster: who is who.
            chats: the platforms by name.
            live: those on which an owner counts as one.
            split: cuts a text into messages.
            clock: the clock.
            wake_outbox: says that there is something to send.
        """
        self._members = members
        self._outbox = outbox
        self._roster = roster
        self._chats = chats
        self._live = live
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox

    async def add(
        self, who: Principal, role: MemberRole, name: str, asking: ChangeRequest
    ) -> Enrolment:
        """Let somebody in.

        Raises:
            Refused: they are in, or the person who asks may not.
        """
        known = await self._members.get(who)
        if known is not None and known.key == asking.key:
            return await self._told(known)
        await self._roster.refresh()
        self._may(asking, role)
        there = self._roster.membership(who)
        if there is not None:
            raise Refused(
                f"{there.member.name} is in the team already, as {there.member.role}.",
                hint=_how_to_change(there, role),
            )
        name = " ".join(name.split())
        if len(name) > LONGEST_NAME:
            raise Refused(f"That name is too long: it has at most {LONGEST_NAME} characters.")
        name = name or (known.name if known else account_id(who))
        return await self._put(who, name, role, None, asking)

    async def change(self, who: Principal, role: MemberRole, asking: ChangeRequest) -> Enrolment:
        """Give somebody another role.

        Raises:
            Refused: they are not of the list, are the last owner, or who asks may not.
        """
        known = await self._of_the_list(who, asking, role)
        if known.key == asking.key:
            return await self._told(known)
        if known.role is None:
            raise _nobody(known.who, role)
        self._may(asking, higher(known.role, role))
        if known.role is role:
            raise Refused(f"{known.name} is {role} already.")
        return await self._put(known.who, known.name, role, known.role, asking)

    async def remove(self, who: Principal, asking: ChangeRequest) -> Enrolment:
        """Let somebody go: from now on they are a stranger.

        Raises:
            Refused: they are not of the list, are the last owner, or who asks may not.
        """
        known = await self._of_the_list(who, asking)
        if known.key == asking.key:
            return await self._told(known)
        if known.role is None:
            raise _nobody(known.who)
        self._may(asking, known.role)
        return await self._put(known.who, known.name, None, known.role, asking)

    def _may(self, asking: ChangeRequest, role: MemberRole) -> None:
        resource = Resource(role=role)
        authorize(self._roster.team(), asking.by, Action.MEMBER_WRITE, resource)

    async def _of_the_list(
        self, who: Principal, asking: ChangeRequest, role: MemberRole | None = None
    ) -> Enrolment:
        """What the list says of the person, whichever of their accounts is named.

        Raises:
            Refused: the configuration names them, or nobody does: they may be added in the role.
        """
        await self._roster.refresh()
        there = self._roster.membership(who)
        anchor = there.anchor if there else who
        known = await self._members.get(anchor)
        if known is not None and known.key == asking.key:
            return known
        authorize(self._roster.team(), asking.by, Action.MEMBER_WRITE)
        if there is not None and there.enrolment is None:
            raise Refused(
                f"nightdesk.toml names {there.member.name} as {there.member.role}, and the chat "
                "cannot change what it says.",
                hint=_IN_THE_FILE,
            )
        if known is None:
            raise _nobody(who, role)
        return known

    async def _put(
        self,
        who: Principal,
        name: str,
        role: MemberRole | None,
        was: MemberRole | None,
        asking: ChangeRequest,
    ) -> Enrolment:
        said = Enrolment(
            who=who,
            name=name,
            role=role,
            was=was,
            by=asking.by,
            at=self._clock.now(),
            key=asking.key,
        )
        beside = owned(self._roster.configured(), self._live)
        match await self._members.put(said, owned=beside):
            case Enrolled.CHANGED:
                raise Refused("Somebody else changed that just now.", hint="See /member list.")
            case Enrolled.LAST_OWNER:
                raise Refused(
                    f"{name} is the last owner, and somebody has to be.",
                    hint="Make somebody else owner first: /member role <person> owner.",
                )
            case Enrolled.DONE:
                pass
        await self._roster.refresh()
        log.info(
            "people.changed",
            extra={"who": str(who), "role": role, "was": was, "by": str(asking.by)},
        )
        return await self._told(said)

    async def _told(self, said: Enrolment) -> Enrolment:
        """Tell the person, where they can be written to; once, however often it is said."""
        chat = self._chats.get(said.who.platform)
        if chat is None or said.who == said.by:
            return said
        try:
            thread = await chat.direct(said.who)
        except (Retryable, Permanent) as error:
            log.info("people.not_told", extra={"who": str(said.who), "why": str(error)})
            return said
        message = Proactive(
            id=OutboxId(derived("membership", said.key, said.who.user)),
            thread=thread,
            content=Content(self._words(said), ours=True),
        )
        cleared = clear_membership(message, said)
        if not isinstance(cleared, Withheld):
            now = self._clock.now()
            await self._outbox.enqueue(compose(cleared, split=self._split, now=now))
            self._wake_outbox()
        return said

    def _words(self, said: Enrolment) -> str:
        team = self._roster.team()
        member = team.member_of(said.by)
        by = member.name if member else account_id(said.by)
        if said.role is None:
            return f"{by} let you go from {team.name}: I do not answer you any more."
        if said.was is None:
            return (
                f"{by} let you into {team.name} as {said.role}. Write to me here; /help shows what "
                "I know, and /whoami what you may do."
            )
        return f"You are {said.role} of {team.name} now, {by} says; before, you were {said.was}."


def named(who: Principal) -> str:
    """The person as a command names them: `slack:T0123ABCD/U0123ABCD`."""
    return f"{who.platform}:{account_id(who)}"


def _how_to_change(there: Membership, role: MemberRole) -> str:
    """How somebody who is in gets that role; empty where the list says they have it."""
    said = there.enrolment
    if said is None:
        return _IN_THE_FILE
    return "" if said.role is role else f"/member role {named(there.anchor)} {role}"


def _nobody(who: Principal, role: MemberRole | None = None) -> Refused:
    adds = f"; /member add {named(who)} {role} adds them" if role else ""
    return Refused(
        f"Nobody with the id {named(who)} was added in the chat.",
        hint=f"/member list shows who was{adds}.",
    )
