"""What follows from how a message ended: the schedule's record, and a word to the owners."""

from collections.abc import Awaitable, Callable

from gateway.notices import OwnerNotices
from runtime.approvals.cards import ACTIONS
from runtime.ids import ApprovalId, MessageId, TurnId
from runtime.model.address import ThreadRef
from runtime.model.approval import Card
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.team import Team
from runtime.model.turn import briefing_id_of, run_of
from runtime.outbox import is_row_of
from runtime.places import place_name
from runtime.ports import Store

Shown = Callable[[ApprovalId], Awaitable[None]]
"""Is told that an approval is shown by one more message."""

Refused = Callable[[ApprovalId, ThreadRef, str], Awaitable[None]]
"""Is told that a place does not take an approval's card, and why."""

SET_ASIDE_BEGINS = "A message to "
"""How the word to the owners begins."""
_QUOTE = 200


class Aftermath:
    """Is told how each message ended. Implements `gateway.outbound.ends.Settled`."""

    def __init__(self, store: Store, notices: OwnerNotices, *, team: Callable[[], Team]) -> None:
        """Write to `store`, and tell the owners of `team` through `notices`."""
        self._schedules = store.schedules
        self._approvals = store.approvals
        self._notices = notices
        self._team = team
        self._shown: Shown = _nobody
        self._refused: Refused = _asks_nobody

    def on_shown(self, call: Shown) -> None:
        """Call with each approval of which a card was sent just now."""
        self._shown = call

    def on_refused(self, call: Refused) -> None:
        """Call with each approval of which a first card cannot be sent, where, and why."""
        self._refused = call

    async def __call__(
        self, item: OutboxItem, state: OutboxState, why: str, message: MessageId | None
    ) -> None:
        """Note what became of a schedule's result; tell the owners of a message set aside."""
        if item.proactive and item.turn is not None and _is_briefing(item, item.turn):
            words = {OutboxState.SENT: "sent", OutboxState.WITHHELD: f"kept, not sent: {why}"}
            delivery = words.get(state, f"could not be sent: {why}")
            await self._schedules.note_delivery(run_of(item.turn), delivery)
        approval = _approval_of(item) if item.content.buttons else None  # most have none
        if approval is not None and message is not None:
            await self._note_card(approval, item, message)
        elif approval is not None and item.draft is None:
            await self._refused(approval, item.thread, why)
        # A notice that dies is only logged.
        if state is OutboxState.DEAD and item.id not in self._notices:
            await self._notices.tell(item.id, _words(item, why, self._team()))

    async def _note_card(self, approval: ApprovalId, item: OutboxItem, message: MessageId) -> None:
        """Remember which message shows it."""
        await self._approvals.note_card(approval, Card(thread=item.thread, message=message))
        await self._shown(approval)


def _approval_of(item: OutboxItem) -> ApprovalId | None:
    """The approval that it shows, by the buttons of that; None where it shows none."""
    pressed = next((b for b in item.content.buttons if b.action in ACTIONS), None)
    return None if pressed is None else ApprovalId(pressed.value.partition(":")[0])


def _is_briefing(item: OutboxItem, turn: TurnId) -> bool:
    """Whether it delivers the run's result; agents post other messages, too."""
    return is_row_of(item.id, briefing_id_of(run_of(turn)))


async def _nobody(_: ApprovalId) -> None:
    """Nobody wants to know."""


async def _asks_nobody(_: ApprovalId, _where: ThreadRef, _why: str) -> None:
    """Nobody asks elsewhere."""


def _words(item: OutboxItem, why: str, team: Team) -> str:
    quote = " ".join(item.content.text.split())[:_QUOTE]
    where = f"{place_name(team, item.thread)} ({item.thread.platform})"
    return (
        f"{SET_ASIDE_BEGINS}{where} could not be sent and was set aside.\n"
        f"Why: {why}\nIt began: “{quote}”\n"
        f"`nightdesk outbox retry {item.id}`, where Nightdesk runs, sends it again."
    )
