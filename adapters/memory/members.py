"""People who were made members in the chat, in memory: the twin of those in a database."""

from datetime import datetime

from adapters.memory.audit import MemoryAudit
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.member import Enrolled, Enrolment
from runtime.model.team import MemberRole


class MemoryMembers:
    """`runtime.ports.Members` in memory."""

    def __init__(self, audit: MemoryAudit) -> None:
        self._audit = audit
        self._list: dict[Principal, Enrolment] = {}
        self._codes: dict[str, tuple[str, datetime]] = {}

    async def all(self) -> list[Enrolment]:
        """Everybody who is a member by it: see the port."""
        found = [each for each in self._list.values() if each.role is not None]
        return sorted(found, key=lambda each: (each.name, each.who))

    async def get(self, who: Principal) -> Enrolment | None:
        """What was last said of the person: see the port."""
        return self._list.get(who)

    async def put(self, enrolment: Enrolment, *, owned: bool) -> Enrolled:
        """Write what is said of the person now: see the port."""
        known, was = self._list.get(enrolment.who), enrolment.was
        if (known.role if known else None) is not was:
            return Enrolled.CHANGED
        owner = MemberRole.OWNER
        if not owned and was is owner and enrolment.role is not owner:
            others = [each.role for each in self._list.values() if each.who != enrolment.who]
            if owner not in others:
                return Enrolled.LAST_OWNER
        self._list[enrolment.who] = enrolment
        self._audit.record(recorded.member_changed(enrolment))
        return Enrolled.DONE

    async def offer(self, code: str, slot: str, *, expires_at: datetime) -> None:
        """Remember a code that makes an owner: see the port."""
        self._codes = {c: (s, at) for c, (s, at) in self._codes.items() if s != slot}
        self._codes[code] = slot, expires_at

    async def withdraw(self) -> None:
        """Forget every such code: see the port."""
        self._codes.clear()

    async def claim(self, code: str, enrolment: Enrolment, *, now: datetime) -> bool:
        """Use a code that makes an owner: see the port."""
        _, expires_at = self._codes.get(code, ("", now))
        if expires_at <= now:
            return False
        self._codes.clear()
        self._list[enrolment.who] = enrolment
        self._audit.record(recorded.member_changed(enrolment))
        return True
