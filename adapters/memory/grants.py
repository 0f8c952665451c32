"""Grants in memory: the twin of those in a database."""

from dataclasses import replace
from datetime import datetime

from adapters.memory.audit import MemoryAudit
from runtime.ids import AgentName, ApprovalId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.approval import Grant


class MemoryGrants:
    """`runtime.ports.Grants` in memory."""

    def __init__(self, audit: MemoryAudit) -> None:
        self._audit = audit
        self._rows: dict[ApprovalId, Grant] = {}
        self._revoked: set[ApprovalId] = set()

    async def add(self, grant: Grant) -> Grant:
        """Store a grant: see the port."""
        if grant.id not in self._rows:
            self._rows[grant.id] = replace(grant, number=len(self._rows) + 1)
            self._audit.record(recorded.grant_given(self._rows[grant.id]))
        return self._rows[grant.id]

    async def find(self, agent: AgentName, digest: str, *, now: datetime) -> list[Grant]:
        """The grants that cover it: see the port."""
        return [g for g in self._in_force(now) if (g.agent, g.digest) == (agent, digest)]

    async def active(self, *, now: datetime, since: int = 0, limit: int = 100) -> list[Grant]:
        """Grants in force: see the port."""
        return [grant for grant in self._in_force(now) if grant.number >= since][:limit]

    async def count(self, *, now: datetime, since: int = 0) -> int:
        """How many are in force: see the port."""
        return sum(grant.number >= since for grant in self._in_force(now))

    async def revoke(
        self, number: int, *, now: datetime, by: Principal | None = None
    ) -> Grant | None:
        """End a grant: see the port."""
        found = next((g for g in self._in_force(now) if g.number == number), None)
        if found is not None:
            self._revoked.add(found.id)
            self._audit.record(recorded.grant_revoked(found, by))
        return found

    def _in_force(self, now: datetime) -> list[Grant]:
        rows = (g for g in self._rows.values() if g.id not in self._revoked and g.expires_at > now)
        return sorted(rows, key=lambda grant: grant.number)
