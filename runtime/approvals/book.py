"""What every change of an approval comes with: its cards, its turn, and who must be woken."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from runtime.approvals.posting import Cards
from runtime.clock import Clock
from runtime.errors import Conflict
from runtime.ids import ApprovalId
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalEvent, ApprovalState, after
from runtime.model.audit import AuditEvent
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import Store

log = logging.getLogger("nightdesk.approvals")

Resume = Callable[[Approval], Awaitable[None]]
"""Has the turn of a decided approval taken up again; saying it twice is harmless."""

WAITS = frozenset({ApprovalState.PENDING, ApprovalState.UNKNOWN})
"""The states in which a person is waited for."""
_REMEMBERED = 500


@value(kw_only=True)
class QuestionLimits:
    """How long questions stay open, and how many there may be.

    Attributes:
        open_for: how long a question stays open; a yes is as good for that time, and no longer.
        dangerous_for: the same for dangerous tools.
        per_turn: questions that one turn may have open.
        per_hour: questions that one agent may ask within an hour.
    """

    open_for: timedelta = timedelta(hours=1)
    dangerous_for: timedelta = timedelta(minutes=15)
    per_turn: int = 3
    per_hour: int = 10


class ApprovalBook:
    """Changes approvals, one compare-and-set each, and lets everybody know."""

    def __init__(
        self,
        store: Store,
        cards: Cards,
        *,
        team: Callable[[], Team],
        clock: Clock,
        resume: Resume,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Keep approvals in `store`, show them by `cards`, and let turns go on by `resume`."""
        self.store = store
        self.approvals = store.approvals
        self.cards = cards
        self.team = team
        self.clock = clock
        self.resume = resume
        self._wake_outbox = wake_outbox
        self._listeners: list[Callable[[], None]] = []
        self._shown_at: dict[ApprovalId, datetime] = {}

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever an approval changed, to wake the ticker early."""
        self._listeners.append(listener)

    async def announce(self, approval: Approval, *, first: bool = False) -> None:
        """Show it to those whom it waits for; what is shown already stays as it is."""
        channel = self.team().approvals if approval.thread is None else None
        known = await self.store.trust.of(channel) if channel else None
        rows = await self.cards.first(approval, known)
        await self.say(rows, first=first)
        if not rows:
            log.error("approval.reaches_nobody", extra={"approval": approval.id})
        self._changed()

    async def shown(self, approval: ApprovalId) -> None:
        """One more message shows it: where it changed while that was under way, so must that."""
        self._shown_at.pop(approval, None)
        self._shown_at[approval] = self.clock.now()
        if len(self._shown_at) > _REMEMBERED:
            del self._shown_at[next(iter(self._shown_at))]
        now = await self.approvals.get(approval)
        if now is not None and (now.votes or now.state not in WAITS):
            await self.say(self.cards.again(now))

    def shown_at(self, approval: ApprovalId) -> datetime | None:
        """When this process last sent a card of it; None where another one did, or long ago."""
        return self._shown_at.get(approval)

    async def say(
        self,
        rows: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
        first: bool = False,
    ) -> None:
        """Send messages: see `runtime.ports.Outbox.enqueue`."""
        if rows:
            await self.store.outbox.enqueue(rows, audit=audit, first=first)
            self._wake_outbox()

    async def change(
        self,
        approval: Approval,
        event: ApprovalEvent,
        *,
        by: Principal | None = None,
        note: str = "",
        resumes: bool = True,
    ) -> Approval:
        """Let something happen to it, with the new faces of its cards in the same transaction.

        Raises:
            Conflict: somebody else was first.
        """
        foreseen = replace(
            approval,
            state=after(approval.state, event),
            decided_by=by or approval.decided_by,
            note=note or approval.note,
        )
        ended = await self.approvals.change(
            approval.id,
            event,
            now=self.clock.now(),
            by=by,
            note=note,
            rows=self.cards.again(foreseen),
        )
        log.info("approval.changed", extra={"approval": ended.id, "state": ended.state})
        await self.changed(ended, resumes=resumes)
        return ended

    async def exchange(
        self, approval: Approval, another: Approval, *, by: Principal, note: str
    ) -> None:
        """End a question and ask another instead of it; its turn waits for that one.

        Raises:
            Conflict: somebody else was first, or its time is over.
        """
        foreseen = replace(approval, state=ApprovalState.CANCELLED, decided_by=by, note=note)
        ended = await self.approvals.exchange(
            approval.id,
            another,
            now=self.clock.now(),
            by=by,
            note=note,
            rows=self.cards.again(foreseen),
        )
        log.info("approval.changed", extra={"approval": ended.id, "state": ended.state})
        await self.changed(ended, resumes=False)

    async def quietly(
        self, approval: Approval, event: ApprovalEvent, note: str = "", *, resumes: bool = False
    ) -> Approval:
        """The same where nobody pressed anything: whoever was first is right."""
        try:
            return await self.change(approval, event, note=note, resumes=resumes)
        except Conflict:
            return await self.approvals.get(approval.id) or approval

    async def expire(self, approval: Approval) -> Approval:
        """Its time is over, which is a no."""
        return await self.quietly(approval, ApprovalEvent.EXPIRE, resumes=True)

    async def changed(self, approval: Approval, *, resumes: bool) -> None:
        """Wake whoever waits for the change that was made."""
        self._wake_outbox()
        self._changed()
        if resumes and approval.state not in WAITS:
            await self.resume(approval)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
