"""What a place refuses for good is asked in the next one at once, not when half its time is over.

A channel may be gone, or the bot not in it. Whoever is asked then is told why it is them; so are
the people of the channel where the schedule's result goes, and the audit log. Everything here may
be done twice.
"""

import logging
from collections.abc import Sequence

from runtime.approvalbook import WAITS, ApprovalBook
from runtime.cards import short_id
from runtime.ids import ApprovalId
from runtime.model import recorded
from runtime.model.address import ThreadRef
from runtime.model.approval import Approval
from runtime.model.outbox import OutboxItem
from runtime.model.turn import run_of

log = logging.getLogger("nightdesk.approvals")


class Elsewhere:
    """Asks in the next place."""

    def __init__(self, book: ApprovalBook) -> None:
        """Ask through `book`."""
        self._book = book

    async def __call__(self, approval: ApprovalId, refused: ThreadRef, why: str) -> None:
        """A card of it cannot be shown in that place, for the reason; ask in the next one."""
        now = await self._book.approvals.get(approval)
        if now is None or now.state not in WAITS:
            return
        rows = await self._book.cards.elsewhere(now, refused, why)
        if not rows:
            log.error("approval.card_refused", extra={"approval": approval, "why": why})
            return
        log.error("approval.asked_elsewhere", extra={"approval": approval, "why": why})
        if await self._book.store.outbox.get(rows[0].id) is None:
            record = recorded.approval_moved(now, refused.channel)
            await self._book.store.audit.add([record])
        await self._book.say([*rows, *await self._to_target(now, refused)])

    async def _to_target(self, approval: Approval, refused: ThreadRef) -> Sequence[OutboxItem]:
        """A word where the result of the schedule goes that asks; none where that is the place."""
        store = self._book.store
        planned = await store.schedules.occurrence(run_of(approval.turn))
        schedule = await store.schedules.by_id(planned.schedule) if planned else None
        if schedule is None or schedule.target.channel == refused.channel:
            return ()
        this = short_id(approval)
        text = (
            f"Schedule {schedule.number} waits for a yes or a no: approval `{this}` of "
            f"`{approval.frozen.tool}`. The channel for such questions did not take it, so it is "
            f"asked in direct messages. `/approve show {this}` shows it."
        )
        known = await store.trust.of(schedule.target.channel)
        return self._book.cards.word(approval, schedule.target, text, known)
