"""What a place refuses for good is asked in the next one at once, not when half its time is over.

A channel may be gone, or the bot not in it; all of a group may have blocked it. Whoever is asked
then is told why it is them; so are the people of the channel where the schedule's result goes, and
the audit log. Everything here may be done twice.
"""

import logging
from collections.abc import Sequence

from runtime.approvals.book import WAITS, ApprovalBook
from runtime.approvals.cards import short_id
from runtime.approvers import groups
from runtime.ids import ApprovalId
from runtime.model import recorded
from runtime.model.address import ThreadRef
from runtime.model.approval import Approval
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.turn import run_of

_REMEMBERED = 500

log = logging.getLogger("nightdesk.approvals")


class Elsewhere:
    """Asks in the next place."""

    def __init__(self, book: ApprovalBook) -> None:
        """Ask through `book`."""
        self._book = book
        self._refused: dict[tuple[ApprovalId, ThreadRef], None] = {}

    async def __call__(self, approval: ApprovalId, refused: ThreadRef, why: str) -> None:
        """A card of it cannot be shown in that place, for the reason; ask in the next one."""
        self._refused[approval, refused] = None
        if len(self._refused) > _REMEMBERED:
            del self._refused[next(iter(self._refused))]
        now = await self._book.approvals.get(approval)
        if now is None or now.state not in WAITS:
            return
        direct = refused in await self._book.cards.directs(now)
        rows = await self._next(now, refused, self._words(now, refused, why, direct=direct))
        if not rows:
            log.error("approval.card_refused", extra={"approval": approval, "why": why})
            return
        log.error("approval.asked_elsewhere", extra={"approval": approval, "why": why})
        told = () if direct else await self._to_target(now, refused)
        await self._book.say([*rows, *told], audit=[recorded.approval_moved(now, refused.channel)])

    async def _next(
        self, approval: Approval, refused: ThreadRef, words: str
    ) -> Sequence[OutboxItem]:
        """Cards for the next group that can be asked; none where somebody sees one, or will."""
        cards, outbox = self._book.cards, self._book.store.outbox
        place = cards.seen_in(approval)
        if place and self._stands(approval, await outbox.get(cards.id_of(approval, place))):
            return ()
        found: Sequence[OutboxItem] = ()
        for group in groups(self._book.team(), approval):
            rows = await cards.to_group(approval, group, words)
            shown = {
                thread: await outbox.get(cards.id_of(approval, thread))
                for thread in dict.fromkeys(row.thread for row in rows)
            }
            if any(self._stands(approval, card) for card in shown.values()):
                return ()
            new = [row for row in rows if row.thread != refused and shown[row.thread] is None]
            found = found or new
        return found

    def _stands(self, approval: Approval, card: OutboxItem | None) -> bool:
        """Whether people see the card, or will; what was refused just now is still `SENDING`."""
        if card is None or card.state in (OutboxState.DEAD, OutboxState.WITHHELD):
            return False
        refused = (approval.id, card.thread) in self._refused
        return card.state is not OutboxState.SENDING or not refused

    def _words(self, approval: Approval, refused: ThreadRef, why: str, *, direct: bool) -> str:
        """Why it is asked here."""
        rule = self._book.team().rule_of(refused.channel)
        if rule is not None:
            place = f"#{rule.name}"
        elif direct and refused != approval.thread:
            place = "the direct messages of those before you"
        else:
            place = "its channel" if approval.thread is None else "its thread"
        return f"This could not be asked in {place}, so it is asked here. Why: {why}"

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
