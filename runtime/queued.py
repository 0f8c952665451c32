"""A word to somebody whose message waits behind a running turn."""

from collections.abc import Callable

from runtime.clock import Clock
from runtime.ids import OutboxId, derived
from runtime.model.events import Received
from runtime.model.messages import Content, Reply
from runtime.outbox import Splitter, compose
from runtime.ports import Outbox

WORDS = "Queued: I answer this after the message before it. `/stop` ends that one."


class QueuedNotice:
    """Tells the sender, and only the sender. Implements `runtime.mailboxes.RowTask`."""

    def __init__(
        self, outbox: Outbox, *, split: Splitter, clock: Clock, wake_outbox: Callable[[], None]
    ) -> None:
        """Write to `outbox`, and say so to whoever sends from it."""
        self._outbox = outbox
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox

    async def __call__(self, received: Received) -> None:
        """Tell the sender of that message; once, however often it is asked to."""
        notice = Reply(
            id=OutboxId(derived("queued", received.id)),
            thread=received.inbound.thread,
            content=Content(WORDS),
            only_for=received.inbound.sender,
        )
        rows = compose(notice, split=self._split, now=self._clock.now())
        await self._outbox.enqueue(rows)
        self._wake_outbox()
