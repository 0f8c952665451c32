"""What follows from how a message ended: the schedule's record, and a word to the owners."""

import logging
from collections.abc import Callable, Mapping

from runtime.clock import Clock
from runtime.egress import Withheld, clear_owner_notice
from runtime.errors import Permanent, Retryable
from runtime.ids import OutboxId, Platform, RunId, derived
from runtime.model.address import Principal
from runtime.model.messages import Content, Proactive
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.team import Team
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store

log = logging.getLogger("nightdesk.aftermath")

_QUOTE = 200


class Aftermath:
    """Is told how each message ended. Implements `gateway.dispatcher.Settled`."""

    def __init__(
        self,
        store: Store,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
    ) -> None:
        """Write to `store`, and reach the owners of `team` over `chats`."""
        self._store = store
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock
        self._notices: set[OutboxId] = set()

    async def __call__(self, item: OutboxItem, state: OutboxState, why: str) -> None:
        """Note what became of a schedule's result; tell the owners of a message set aside."""
        if item.proactive and item.turn is not None:
            words = {OutboxState.SENT: "sent", OutboxState.WITHHELD: f"kept, not sent: {why}"}
            delivery = words.get(state, f"could not be sent: {why}")
            await self._store.schedules.note_delivery(RunId(item.turn), delivery)
        if state is OutboxState.DEAD and item.id not in self._notices:
            for owner in self._team().owners():
                await self._tell(owner, item, why)

    async def _tell(self, owner: Principal, item: OutboxItem, why: str) -> None:
        """Send a notice to an owner's direct conversation; a notice that dies is only logged."""
        chat = self._chats.get(owner.platform)
        if chat is None:
            return
        try:
            thread = await chat.direct(owner)
        except (Retryable, Permanent) as error:
            log.warning("notice.unreachable", extra={"item": item.id, "why": str(error)})
            return
        quote = " ".join(item.content.text.split())[:_QUOTE]
        where = f"{item.thread.platform} {item.thread.channel.channel}"
        notice = Proactive(
            id=OutboxId(derived("notice", item.id, owner.platform, owner.workspace, owner.user)),
            thread=thread,
            content=Content(
                f"A message to {where} could not be sent and was set aside.\n"
                f"Why: {why}\nIt began: “{quote}”"
            ),
        )
        cleared = clear_owner_notice(notice, self._team(), owner)
        if isinstance(cleared, Withheld):
            return
        self._notices.add(notice.id)
        rows = compose(cleared, split=self._split, now=self._clock.now())
        await self._store.outbox.enqueue(rows)
