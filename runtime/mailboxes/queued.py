"""A word to somebody whose message waits behind a running turn, or behind one that waits."""

from collections.abc import Callable

from runtime.clock import Clock
from runtime.ids import OutboxId, derived
from runtime.mailboxes.waiting import waits
from runtime.model.events import Received
from runtime.model.messages import Content, Reply
from runtime.outbox import Splitter, compose
from runtime.ports import Store

WORDS = "Queued: I answer this after the message before it. `/stop` ends that one."


class QueuedNotice:
    """Tells the sender, and only the sender. Implements `runtime.mailboxes.mailboxes.RowTask`."""

    def __init__(
        self, store: Store, *, split: Splitter, clock: Clock, wake_outbox: Callable[[], None]
    ) -> None:
        """Write to the outbox of `store`, and say so to whoever sends from it."""
        self._store = store
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox

    async def __call__(self, received: Received) -> None:
        """Tell the sender of that message; once, however often it is asked to."""
        notice = Reply(
            id=OutboxId(derived("queued", received.id)),
            thread=received.inbound.thread,
            content=Content(await self._words(received), ours=True),
            only_for=received.inbound.sender,
        )
        rows = compose(notice, split=self._split, now=self._clock.now())
        await self._store.outbox.enqueue(rows)
        self._wake_outbox()

    async def _words(self, received: Received) -> str:
        """Why it waits: for what the turn before it waits, where that one does."""
        here = await self._store.conversations.bound(received.inbound.thread)
        first = next((one for one in await waits(self._store) if one.conversation == here), None)
        if first is None:
            return WORDS
        ended_by = f": {first.ended_by}" if first.ended_by else ""
        return (
            "Queued: I answer this after the message before it, which waits for "
            f"{first.what}{ended_by}. `/stop` ends that one."
        )
