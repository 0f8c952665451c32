"""Approvals in memory: the twin of those in a database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.audit import MemoryAudit
from adapters.memory.outbox import MemoryOutbox
from runtime.errors import Conflict
from runtime.ids import AgentName, ApprovalId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.approval import (
    Approval,
    ApprovalEvent,
    ApprovalState,
    Card,
    Vote,
    after,
)
from runtime.model.outbox import OutboxItem

_TIMED = frozenset({ApprovalState.PENDING, ApprovalState.APPROVED})


class MemoryApprovals:
    """`runtime.ports.Approvals` in memory."""

    def __init__(self, outbox: MemoryOutbox, audit: MemoryAudit) -> None:
        self._outbox = outbox
        self._audit = audit
        self._rows: dict[ApprovalId, Approval] = {}

    async def ask(self, approval: Approval) -> Approval:
        """Store a question: see the port."""
        asked = next(
            (
                row
                for row in self._rows.values()
                if (row.turn, row.call) == (approval.turn, approval.call)
            ),
            None,
        )
        if asked is None and approval.id not in self._rows:
            self._audit.record(recorded.approval_asked(approval))
        return asked or self._rows.setdefault(approval.id, approval)

    async def get(self, approval: ApprovalId) -> Approval | None:
        """The approval: see the port."""
        return self._rows.get(approval)

    async def of_turn(self, turn: TurnId) -> list[Approval]:
        """The approvals of a turn: see the port."""
        return [row for row in self._by_age() if row.turn == turn]

    async def open(self) -> list[Approval]:
        """Questions that wait for people: see the port."""
        return [row for row in self._by_age() if row.state is ApprovalState.PENDING]

    async def unclear(self) -> list[Approval]:
        """Approvals that wait for a person to look: see the port."""
        return [row for row in self._by_age() if row.state is ApprovalState.UNKNOWN]

    async def beginning(self, written: str, *, limit: int = 2) -> list[Approval]:
        """Approvals whose id begins so: see the port."""
        return [row for row in self._by_age()[::-1] if row.id.startswith(written)][:limit]

    async def count(self, agent: AgentName, *, since: datetime) -> int:
        """How many questions the agent asked since then: see the port."""
        mine = (r for r in self._rows.values() if r.agent == agent and r.replaces is None)
        return sum(row.created_at >= since for row in mine)

    async def vote(
        self, approval: ApprovalId, vote: Vote, *, digest: str, rows: Sequence[OutboxItem] = ()
    ) -> Approval:
        """Note one person's yes: see the port."""
        row = self._open_to_vote(approval, vote, digest)
        new = all(known.by != vote.by for known in row.votes)
        if new:
            votes = (*row.votes, vote)
            enough = len(votes) >= row.needed
            state = after(row.state, ApprovalEvent.APPROVE) if enough else row.state
            by = vote.by if enough else None
            row = self._rows[approval] = replace(row, votes=votes, state=state, decided_by=by)
        await self._outbox.enqueue(rows)
        if new:
            self._audit.record(recorded.approval_voted(row, vote))
        return row

    async def change(
        self,
        approval: ApprovalId,
        event: ApprovalEvent,
        *,
        now: datetime,
        by: Principal | None = None,
        note: str = "",
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Let something happen to it: see the port."""
        row = self._found(approval)
        state = after(row.state, event)
        if event is ApprovalEvent.BEGIN and row.expires_at <= now:
            raise Conflict("the approval's time is over")
        row = self._rows[approval] = replace(
            row, state=state, decided_by=by or row.decided_by, note=note or row.note
        )
        await self._outbox.enqueue(rows)
        self._audit.record(recorded.approval_changed(row, by))
        return row

    async def exchange(
        self,
        old: ApprovalId,
        new: Approval,
        *,
        now: datetime,
        by: Principal,
        note: str,
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Cancel a question and ask another instead: see the port."""
        row = self._found(old)
        if row.state is not ApprovalState.PENDING:
            raise Conflict(f"the approval is {row.state}")
        if row.expires_at <= now:
            raise Conflict("the approval's time is over")
        row = replace(row, state=ApprovalState.CANCELLED, decided_by=by, note=note)
        self._rows |= {old: row, new.id: new}
        await self._outbox.enqueue(rows)
        self._audit.record(recorded.approval_changed(row, by))
        self._audit.record(recorded.approval_asked(new))
        return row

    async def overdue(self, *, now: datetime, limit: int = 100) -> list[Approval]:
        """Approvals whose time is over: see the port."""
        late = [row for row in self._rows.values() if row.state in _TIMED and row.expires_at <= now]
        return sorted(late, key=lambda row: row.expires_at)[:limit]

    async def executing(self) -> list[Approval]:
        """Approvals that are executing: see the port."""
        return [row for row in self._by_age() if row.state is ApprovalState.EXECUTING]

    async def approved(self) -> list[Approval]:
        """Approvals that may begin: see the port."""
        return [row for row in self._by_age() if row.state is ApprovalState.APPROVED]

    async def next_time(self) -> datetime | None:
        """When the next one's time is over: see the port."""
        times = (row.expires_at for row in self._rows.values() if row.state in _TIMED)
        return min(times, default=None)

    async def note_card(self, approval: ApprovalId, card: Card) -> None:
        """Remember a message that shows it: see the port."""
        row = self._found(approval)
        if card not in row.cards:
            self._rows[approval] = replace(row, cards=(*row.cards, card))

    def _open_to_vote(self, approval: ApprovalId, vote: Vote, digest: str) -> Approval:
        row = self._found(approval)
        if row.state is not ApprovalState.PENDING:
            raise Conflict(f"the approval is {row.state}")
        if row.digest != digest:
            raise Conflict("the approval is bound to something else")
        if row.expires_at <= vote.at:
            raise Conflict("the approval's time is over")
        return row

    def _found(self, approval: ApprovalId) -> Approval:
        if approval not in self._rows:
            raise Conflict("there is no such approval")
        return self._rows[approval]

    def _by_age(self) -> list[Approval]:
        return sorted(self._rows.values(), key=lambda row: (row.created_at, row.id))
