"""What follows from how a message ended: the schedule's record, and a word to the owners."""

from collections.abc import Awaitable, Callable

from gateway.notices import OwnerNotices
from runtime.cards import ACTIONS
from runtime.ids import ApprovalId, MessageId, TurnId
from runtime.model.approval import Card
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.turn import briefing_id_of, run_of
from runtime.outbox import is_row_of
from runtime.ports import Store

Shown = Callable[[ApprovalId], Awaitable[None]]
"""Is told that an approval is shown by one more message."""

SET_ASIDE_BEGINS = "A message to "
"""How the word to the owners begins."""
_QUOTE = 200


class Aftermath:
    """Is told how each message ended. Implements `gateway.dispatcher.Settled`."""

    def __init__(self, store: Store, notices: OwnerNotices) -> None:
        """Write to `store`, and tell the owners through `notices`."""
        self._schedules = store.schedules
        self._approvals = store.approvals
        self._notices = notices
        self._shown: Shown = _nobody

    def on_shown(self, call: Shown) -> None:
        """Call with each approval of which a card was sent just now."""
        self._shown = call

    async def __call__(
        self, item: OutboxItem, state: OutboxState, why: str, message: MessageId | None
    ) -> None:
        """Note what became of a schedule's result; tell the owners of a message set aside."""
        if item.proactive and item.turn is not None and _is_briefing(item, item.turn):
            words = {OutboxState.SENT: "sent", OutboxState.WITHHELD: f"kept, not sent: {why}"}
            delivery = words.get(state, f"could not be sent: {why}")
            await self._schedules.note_delivery(run_of(item.turn), delivery)
        if message is not None and item.content.buttons:
            await self._note_card(item, message)
        # A notice that dies is only logged.
        if state is OutboxState.DEAD and item.id not in self._notices:
            await self._notices.tell(item.id, _words(item, why))

    async def _note_card(self, item: OutboxItem, message: MessageId) -> None:
        """Remember which message shows an approval: one with its buttons."""
        pressed = next((b for b in item.content.buttons if b.action in ACTIONS), None)
        if pressed is None:
            return
        approval = ApprovalId(pressed.value.partition(":")[0])
        await self._approvals.note_card(approval, Card(thread=item.thread, message=message))
        await self._shown(approval)


def _is_briefing(item: OutboxItem, turn: TurnId) -> bool:
    """Whether it delivers the run's result; agents post other messages, too."""
    return is_row_of(item.id, briefing_id_of(run_of(turn)))


async def _nobody(_: ApprovalId) -> None:
    """Nobody wants to know."""


def _words(item: OutboxItem, why: str) -> str:
    quote = " ".join(item.content.text.split())[:_QUOTE]
    where = f"{item.thread.platform} {item.thread.channel.channel}"
    return (
        f"{SET_ASIDE_BEGINS}{where} could not be sent and was set aside.\n"
        f"Why: {why}\nIt began: “{quote}”"
    )
