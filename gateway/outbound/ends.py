"""What becomes of a message that this process has claimed: written down, with what follows."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from gateway.outbound.indoubt import FIRST_PAUSE, GIVE_UP_AFTER, LONGEST_PAUSE, SENT_AGAIN
from gateway.outbound.pace import Pace
from runtime.clock import Clock
from runtime.errors import Conflict, Retryable
from runtime.ids import ConversationId, MessageId
from runtime.model import recorded
from runtime.model.address import ThreadRef
from runtime.model.outbox import OutboxItem, OutboxState, thread_under
from runtime.ports import Outbox
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.dispatcher")

_SENT = OutboxState.SENT
FOR_EVER = datetime.max.replace(tzinfo=UTC)

Settled = Callable[[OutboxItem, OutboxState, str, MessageId | None], Awaitable[None]]
"""Is told how a message ended: the message, its state, why, and its id on the platform if sent."""

Bound = Callable[[ThreadRef, ConversationId], None]


class Ends:
    """Writes down what became of claimed messages.

    Each of its words raises `Conflict` where another process took the message on, and may be said
    again where the database did not take it.
    """

    def __init__(
        self,
        outbox: Outbox,
        pace: Pace,
        *,
        clock: Clock,
        alone: bool,
        settled: Settled,
        wake: Callable[[], None],
    ) -> None:
        """Write down.

        Args:
            outbox: the rows.
            pace: is told how long a platform wants to be left alone.
            clock: the clock.
            alone: no other process sends what this outbox holds.
            settled: is told how each message ended, before that is written down.
            wake: says that there may be something to send.
        """
        self._outbox = outbox
        self._pace = pace
        self._clock = clock
        self._alone = alone
        self._settled = settled
        self._wake = wake
        self._put_off_until: list[datetime] = []
        self.bound: Bound | None = None

    def noted(self, item: OutboxItem, note: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        """Write down what is known of a message, once the database takes it.

        The platform is not asked again for it meanwhile: some can never say whether they have it.
        """
        return until_stored(note, clock=self._clock, what=f"message {item.id}")

    async def require_claim(self, item: OutboxItem) -> None:
        """Look whether the message is still this process's.

        Raises:
            Conflict: another process took it on.
        """
        if not (self._alone or await self._outbox.holds(item.id, item.attempts)):
            raise Conflict("another process took the message on")

    async def arrived(self, item: OutboxItem, message: MessageId) -> None:
        """The platform has it.

        What follows from the end comes before the end itself: it is not lost in between.
        """
        await self._settled(item, _SENT, "", message)
        unasked = [recorded.message_unasked(item)] if item.proactive else []
        await self._outbox.sent(item.id, item.attempts, message, audit=unasked)
        if item.binds is not None and self.bound is not None:
            self.bound(thread_under(item.thread, message), item.binds)
        log.info("outbox.sent", extra={"item": item.id, "attempt": item.attempts})

    async def postpone(self, item: OutboxItem, error: Retryable) -> None:
        """The platform has it not, and may take it later; after a day it is given up."""
        now = self._clock.now()
        if now - item.created_at > GIVE_UP_AFTER:
            await self.end(item, OutboxState.DEAD, f"tried for a day: {error}")
            return
        pause = min(FIRST_PAUSE * 2 ** max(0, min(item.attempts - 1, 16)), LONGEST_PAUSE)
        wait = pause if error.after is None else error.after
        if error.after:
            self._pace.hold(item, error.after)
        log.warning("outbox.postponed", extra={"item": item.id, "wait": wait, "why": str(error)})
        # The mark of a second sending outlives the reasons for which that waits.
        why = SENT_AGAIN if item.error == SENT_AGAIN else str(error)
        await self.put_off(item, now + timedelta(seconds=wait), why)

    async def put_off(self, item: OutboxItem, until: datetime, error: str) -> None:
        """It waits until then, unless it was taken back."""
        await self._outbox.postpone(item.id, item.attempts, until=until, error=error)
        heappush(self._put_off_until, until)
        self._wake()

    async def hold(self, item: OutboxItem) -> None:
        """A stop holds it back: it waits until that is lifted."""
        await self._outbox.hold(item.id, item.attempts)
        self._wake()

    async def end(self, item: OutboxItem, state: OutboxState, error: str) -> None:
        """It is dead or withheld, for that reason."""
        await self.require_claim(item)
        await self._settled(item, state, error, None)
        await self._outbox.settle(item.id, item.attempts, state, error=error)
        self._wake()
        log.error("outbox.ended", extra={"item": item.id, "state": state, "why": error})

    def next(self, after: datetime) -> datetime:
        """When a message that was put off comes due: its place in the line is lost with time."""
        while self._put_off_until and self._put_off_until[0] <= after:
            heappop(self._put_off_until)
        return self._put_off_until[0] if self._put_off_until else FOR_EVER
