"""People over several platforms, in memory: the twin of those in a database."""

from datetime import datetime

from adapters.memory.audit import MemoryAudit
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.ports import Link


class MemoryPeople:
    """`runtime.ports.People` in memory."""

    def __init__(self, audit: MemoryAudit) -> None:
        self._audit = audit
        self._links: dict[Principal, Link] = {}
        self._codes: dict[str, tuple[Principal, datetime]] = {}

    async def links(self) -> list[Link]:
        """Who is who on further platforms: see the port."""
        return sorted(self._links.values(), key=lambda link: link.linked_at)

    async def offer(
        self, code: str, anchor: Principal, *, now: datetime, expires_at: datetime
    ) -> None:
        """Remember a one-time code: see the port."""
        kept = self._codes.items()
        self._codes = {c: (a, at) for c, (a, at) in kept if a != anchor and at > now}
        self._codes[code] = anchor, expires_at

    async def redeem(self, code: str, who: Principal, *, now: datetime) -> Principal | None:
        """Use a one-time code: see the port."""
        anchor, expires_at = self._codes.pop(code, (None, now))
        if anchor is None or expires_at <= now:
            return None
        self._links[who] = Link(who=who, anchor=anchor, linked_at=now)
        self._audit.record(recorded.account_linked(who, anchor))
        return anchor

    async def unlink(self, who: Principal) -> bool:
        """Forget a link: see the port."""
        found = self._links.pop(who, None) is not None
        if found:
            self._audit.record(recorded.account_unlinked(who))
        return found
