"""Who is who over the platforms: the configuration, who was added in the chat, and links.

What the configuration says of an account goes before the list of the chat, and that before a link.
A member asks for a code where they are known, and says it to the bot in a direct message on the
other platform. The code is the only proof, so it is long, lives shortly and works once; the
database holds its hash. The first owner's code (`runtime.people.firstowner`) is of the same kind.
"""

import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.address import Principal
from runtime.model.member import Enrolment
from runtime.model.team import Added, Member, Team
from runtime.model.value import value
from runtime.ports import Link, Members, People

log = logging.getLogger("nightdesk.people")

CODE_AGE = timedelta(minutes=10)
"""How long a code can be used."""
CODE_LENGTH = 12
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Characters of a code, none of which looks like another: nearly 59 bits in twelve of them."""
TRIES = 5
TRIES_WITHIN = 3600.0
"""Wrong codes that one person may try within so many seconds."""
_TRIERS = 10_000


@value(kw_only=True)
class Membership:
    """Where somebody's membership comes from.

    Attributes:
        member: who they are.
        anchor: the account that the configuration or the list of the chat names.
        enrolment: what the chat says of the anchor; None where the configuration names it.
    """

    member: Member
    anchor: Principal
    enrolment: Enrolment | None


class Roster:
    """The team as it is configured, with who was added in the chat, and further accounts."""

    def __init__(
        self,
        configured: Callable[[], Team],
        people: People,
        members: Members,
        *,
        clock: Clock,
        new_code: Callable[[], str] | None = None,
    ) -> None:
        """Add `members` and the links of `people` to the configuration.

        Args:
            configured: the configuration as it is now.
            people: the links.
            members: who was added in the chat.
            clock: the clock.
            new_code: makes a code of `CODE_LENGTH` characters that nobody can guess.
        """
        self._configured = configured
        self._people = people
        self._members = members
        self._clock = clock
        self._new_code = new_code or random_code
        self._links: tuple[Link, ...] = ()
        self._enrolled: dict[Principal, Enrolment] = {}
        self._merged: tuple[Team, Team, Team] | None = None
        self._tries: OrderedDict[Principal, tuple[float, int]] = OrderedDict()

    def team(self) -> Team:
        """The team as it is now. Asked many times in each turn."""
        merged = self._merged
        if merged is not None and merged[0] is self._configured():
            return merged[2]
        return self._teams()[2]

    def configured(self) -> Team:
        """The team as the configuration alone has it."""
        return self._configured()

    def membership(self, who: Principal) -> Membership | None:
        """Where the person's membership comes from; None for a stranger."""
        member = self.team().member_of(who)
        anchor = self._anchor(who)
        if member is None or anchor is None:
            return None
        named = self._configured().member_of(anchor) is not None
        enrolment = None if named else self._enrolled.get(anchor)
        return Membership(member=member, anchor=anchor, enrolment=enrolment)

    async def refresh(self) -> None:
        """Read everything anew: another process may have changed some of it."""
        links = tuple(await self._people.links())
        enrolled = {each.who: each for each in await self._members.all()}
        if links != self._links or enrolled != self._enrolled:
            self._links, self._enrolled, self._merged = links, enrolled, None

    def _teams(self) -> tuple[Team, Team, Team]:
        """The team as configured, with whom the chat added, and with further accounts as well."""
        configured = self._configured()
        if self._merged is None or self._merged[0] is not configured:
            added = _with_added(configured, self._enrolled.values())
            self._merged = configured, added, _merge(added, self._links)
        return self._merged

    async def offer(self, who: Principal) -> str:
        """A new code for the person, which ends their earlier one.

        Raises:
            Refused: they are a stranger themselves.
        """
        anchor = self._anchor(who)
        if anchor is None:
            raise Refused("Only members of the team can link another account to theirs.")
        code = self._new_code()
        now = self._clock.now()
        await self._people.offer(hashed("link", code), anchor, now=now, expires_at=now + CODE_AGE)
        log.info("people.code_offered", extra={"platform": who.platform, "user": who.user})
        return grouped(code)

    async def redeem(self, code: str, who: Principal) -> Member:
        """Link the person to the member who has the code; returns that member.

        The caller counts the try.

        Raises:
            Refused: the code is not good, or they are a member already.
        """
        if self._teams()[1].member_of(who) is not None:
            raise Refused(
                "This account is in the team already, by itself.",
                hint="Ask for a code here with /link, and say it on the other platform.",
            )
        anchor = await self._people.redeem(hashed("link", code), who, now=self._clock.now())
        await self.refresh()
        member = self.team().member_of(who)
        if anchor is None or member is None:
            log.warning("people.code_refused", extra={"platform": who.platform, "user": who.user})
            raise Refused(
                "That code is not good: it works once, for ten minutes.",
                hint="Ask for a new one with /link where you are known.",
            )
        self.forget_tries(who)
        log.info("people.linked", extra={"platform": who.platform, "user": who.user})
        return member

    def may_try(self, who: Principal) -> bool:
        """Whether the person has tries of a code left, so that it is worth hearing them."""
        began, count = self._tries.get(who, (0.0, 0))
        return count < TRIES or self._clock.monotonic() - began >= TRIES_WITHIN

    async def unlink(self, who: Principal) -> None:
        """Forget the link of this account.

        Raises:
            Refused: it is not linked by a code.
        """
        if not await self._people.unlink(who):
            raise Refused("This account is not linked by a code, so there is nothing to undo.")
        await self.refresh()
        log.info("people.unlinked", extra={"platform": who.platform, "user": who.user})

    def _anchor(self, who: Principal) -> Principal | None:
        """The person as the configuration or the list of the chat names them."""
        if self._teams()[1].member_of(who) is not None:
            return who
        return next((link.anchor for link in self._links if link.who == who), None)

    def forget_tries(self, who: Principal) -> None:
        """The person had a good code."""
        self._tries.pop(who, None)

    def count_try(self, who: Principal) -> None:
        """The person tries a code.

        Raises:
            Refused: they tried too often.
        """
        now = self._clock.monotonic()
        began, count = self._tries.pop(who, (now, 0))
        if now - began >= TRIES_WITHIN:
            began, count = now, 0
        self._tries[who] = began, count + 1
        if len(self._tries) > _TRIERS:
            self._tries.popitem(last=False)
        if count >= TRIES:
            raise Refused("Those were too many wrong codes.", hint="Try again in an hour.")


def _with_added(team: Team, enrolled: Iterable[Enrolment]) -> Team:
    """The team with whom the chat added; what the configuration says of an account goes first."""
    added = tuple(
        Member(
            name=each.name,
            role=each.role,
            principals=(each.who,),
            added=Added(by=each.by, at=each.at),
        )
        for each in enrolled
        if each.role is not None and team.member_of(each.who) is None
    )
    return replace(team, members=team.members + added) if added else team


def _merge(team: Team, links: tuple[Link, ...]) -> Team:
    """The team with the linked accounts; what the team says of an account goes first."""
    further: dict[Principal, list[Principal]] = {}
    for link in links:
        if team.member_of(link.who) is None:
            further.setdefault(link.anchor, []).append(link.who)
    if not further:
        return team
    members = (
        replace(
            member,
            principals=member.principals
            + tuple(who for p in member.principals for who in further.get(p, ())),
        )
        for member in team.members
    )
    return replace(team, members=tuple(members))


def random_code() -> str:
    """A code that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def grouped(code: str) -> str:
    """The code as people read it: `ABCD-2345-WXYZ`."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def hashed(purpose: str, code: str) -> str:
    """What is stored of a code, however it was typed."""
    plain = code.strip().replace("-", "").replace(" ", "").upper()
    return hashlib.sha256(f"nightdesk {purpose} {plain}".encode()).hexdigest()
