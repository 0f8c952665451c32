"""What follows from how a message ended: the schedule's record, and a word to the owners."""

from gateway.notices import OwnerNotices
from runtime.ids import RunId
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import Schedules

SET_ASIDE_BEGINS = "A message to "
"""How the word to the owners begins."""
_QUOTE = 200


class Aftermath:
    """Is told how each message ended. Implements `gateway.dispatcher.Settled`."""

    def __init__(self, schedules: Schedules, notices: OwnerNotices) -> None:
        """Write to `schedules`, and tell the owners through `notices`."""
        self._schedules = schedules
        self._notices = notices

    async def __call__(self, item: OutboxItem, state: OutboxState, why: str) -> None:
        """Note what became of a schedule's result; tell the owners of a message set aside."""
        if item.proactive and item.turn is not None:
            words = {OutboxState.SENT: "sent", OutboxState.WITHHELD: f"kept, not sent: {why}"}
            delivery = words.get(state, f"could not be sent: {why}")
            await self._schedules.note_delivery(RunId(item.turn), delivery)
        # A notice that dies is only logged.
        if state is OutboxState.DEAD and item.id not in self._notices:
            await self._notices.tell(item.id, _words(item, why))


def _words(item: OutboxItem, why: str) -> str:
    quote = " ".join(item.content.text.split())[:_QUOTE]
    where = f"{item.thread.platform} {item.thread.channel.channel}"
    return (
        f"{SET_ASIDE_BEGINS}{where} could not be sent and was set aside.\n"
        f"Why: {why}\nIt began: “{quote}”"
    )
