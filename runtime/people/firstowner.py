"""The first owner: a one-time code that is shown where only who runs the program can see it.

Where no owner can be reached on a chat platform, nobody could let anybody in. So a start shows a
code; whoever says it to the bot in a direct message is owner from then on. Only its hash is stored.
"""

import logging
from collections.abc import Callable, Collection
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.member import Enrolment
from runtime.model.team import Member, MemberRole, Team
from runtime.people.roster import Roster, grouped, hashed, random_code
from runtime.ports import Members

log = logging.getLogger("nightdesk.people")

CODE_AGE = timedelta(hours=1)
"""How long the code can be used; each start makes a new one."""
NAME = "Owner"
"""What the first owner is called until somebody gives them a name."""


class FirstOwner:
    """Offers the code, and takes it."""

    def __init__(
        self,
        members: Members,
        roster: Roster,
        *,
        live: Collection[Platform],
        clock: Clock,
        new_code: Callable[[], str] = random_code,
    ) -> None:
        """Write owners to `members`.

        Args:
            members: the list of the chat.
            roster: who is who; its limit of tries holds for this code too.
            live: the platforms that are connected and that an owner can be reached on.
            clock: the clock.
            new_code: makes a code that nobody can guess.
        """
        self._members = members
        self._roster = roster
        self._live = live
        self._clock = clock
        self._new_code = new_code

    def wanted(self) -> bool:
        """Whether a platform is connected, and no owner is known on any."""
        return bool(self._live) and not owned(self._roster.team(), self._live)

    async def offer(self, slot: str) -> str:
        """A new code where one is wanted, else an empty text; ends what this slot showed before."""
        await self._roster.refresh()
        if not self.wanted():
            await self._members.withdraw()
            return ""
        code = self._new_code()
        await self._members.offer(
            hashed("owner", code), slot, expires_at=self._clock.now() + CODE_AGE
        )
        log.info("people.owner_code_offered", extra={"slot": slot})
        return grouped(code)

    async def claim(self, code: str, who: Principal, *, key: str) -> Member | None:
        """Make the person owner by the code; None where it is not such a code.

        Carried out again with the same `key`, it answers the same. The caller counts the try.

        Raises:
            Refused: the configuration names the person already, so that only it can raise them.
        """
        known = await self._members.get(who)
        if known is not None and known.key == key and known.role is MemberRole.OWNER:
            return self._roster.team().member_of(who)
        await self._roster.refresh()
        if not self.wanted():
            return None
        configured = self._roster.configured().member_of(who)
        if configured is not None:
            raise Refused(
                f"nightdesk.toml names you as {configured.role}, and the chat cannot change that.",
                hint='Write role = "owner" there, and start Nightdesk again.',
            )
        linked = self._roster.membership(who)
        if linked is not None and linked.anchor != who:
            return None
        enrolment = Enrolment(
            who=who,
            name=known.name if known else NAME,
            role=MemberRole.OWNER,
            was=known.role if known else None,
            by=who,
            at=self._clock.now(),
            key=key,
        )
        now = self._clock.now()
        if not await self._members.claim(hashed("owner", code), enrolment, now=now):
            return None
        self._roster.forget_tries(who)
        await self._roster.refresh()
        log.warning("people.first_owner", extra={"platform": who.platform, "user": who.user})
        return self._roster.team().member_of(who)


def owned(team: Team, live: Collection[Platform]) -> bool:
    """Whether the team has an owner on one of the platforms."""
    return any(who.platform in live for who in team.owners())
