"""Who is who over the platforms: the configuration, and links that one-time codes made.

A member asks for a code where they are known, and says it to the bot in a direct message on the
other platform. The code is the only proof, so it is long, lives shortly and works once; the
database holds its hash.
"""

import hashlib
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.address import Principal
from runtime.model.team import Member, Team
from runtime.ports import Link, People

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


class Roster:
    """The team as it is configured, with its members' further accounts."""

    def __init__(
        self,
        configured: Callable[[], Team],
        people: People,
        *,
        clock: Clock,
        new_code: Callable[[], str] | None = None,
    ) -> None:
        """Add the links of `people` to the configuration.

        Args:
            configured: the configuration as it is now.
            people: the links.
            clock: the clock.
            new_code: makes a code of `CODE_LENGTH` characters that nobody can guess.
        """
        self._configured = configured
        self._people = people
        self._clock = clock
        self._new_code = new_code or _random_code
        self._links: tuple[Link, ...] = ()
        self._merged: tuple[Team, Team] | None = None
        self._tries: OrderedDict[Principal, tuple[float, int]] = OrderedDict()

    def team(self) -> Team:
        """The team as it is now."""
        configured = self._configured()
        if self._merged is None or self._merged[0] is not configured:
            self._merged = configured, _merge(configured, self._links)
        return self._merged[1]

    async def refresh(self) -> None:
        """Read the links anew: another process may have made or ended some."""
        links = tuple(await self._people.links())
        if links != self._links:
            self._links, self._merged = links, None

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
        await self._people.offer(_hash(code), anchor, now=now, expires_at=now + CODE_AGE)
        log.info("people.code_offered", extra={"platform": who.platform, "user": who.user})
        return f"{code[:4]}-{code[4:8]}-{code[8:]}"

    async def redeem(self, code: str, who: Principal) -> Member:
        """Link the person to the member who has the code; returns that member.

        Raises:
            Refused: the code is not good, they tried too often, or they are a member already.
        """
        if self._configured().role_of(who) is not None:
            raise Refused(
                "This account is in the team's configuration already.",
                hint="Ask for a code here with /link, and say it on the other platform.",
            )
        self._count_try(who)
        anchor = await self._people.redeem(_hash(_plain(code)), who, now=self._clock.now())
        await self.refresh()
        member = self.team().member_of(who)
        if anchor is None or member is None:
            log.warning("people.code_refused", extra={"platform": who.platform, "user": who.user})
            raise Refused(
                "That code is not good: it works once, for ten minutes.",
                hint="Ask for a new one with /link where you are known.",
            )
        self._tries.pop(who, None)
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
        """The person as the configuration names them."""
        if self._configured().role_of(who) is not None:
            return who
        return next((link.anchor for link in self._links if link.who == who), None)

    def _count_try(self, who: Principal) -> None:
        now = self._clock.monotonic()
        began, count = self._tries.pop(who, (now, 0))
        if now - began >= TRIES_WITHIN:
            began, count = now, 0
        self._tries[who] = began, count + 1
        if len(self._tries) > _TRIERS:
            self._tries.popitem(last=False)
        if count >= TRIES:
            raise Refused("Those were too many wrong codes.", hint="Try again in an hour.")


def _merge(team: Team, links: tuple[Link, ...]) -> Team:
    """The team with the linked accounts; what the configuration says of an account goes first."""
    further: dict[Principal, list[Principal]] = {}
    for link in links:
        if team.role_of(link.who) is None:
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


def _random_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def _plain(code: str) -> str:
    return code.strip().replace("-", "").replace(" ", "").upper()


def _hash(code: str) -> str:
    return hashlib.sha256(f"nightdesk link {code}".encode()).hexdigest()
