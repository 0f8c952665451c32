"""What the cards about money become once they were sent: each change once, late where they are."""

from collections.abc import Callable
from datetime import datetime, timedelta

from runtime.clock import Clock
from runtime.ids import OutboxId, derived
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxState
from runtime.outbox import Splitter, compose
from runtime.ports import Store

LATE_FOR = timedelta(hours=1)
"""How long a card that is to change may take to be sent, before it is left as it is."""


class Faces:
    """Lets cards that were sent show something else."""

    def __init__(
        self, store: Store, *, split: Splitter, clock: Clock, wake_outbox: Callable[[], None]
    ) -> None:
        """Change the cards of `store`.

        Args:
            store: the database.
            split: cuts a card into messages.
            clock: the clock.
            wake_outbox: says that there is something to send.
        """
        self._outbox = store.outbox
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._late: dict[OutboxId, tuple[Content, str, datetime]] = {}

    async def become(self, card: OutboxId, face: Content, key: str) -> None:
        """Let a card that was sent show something else, once for each `key`; later if it was not.

        One that will never be sent shows nothing to anybody.
        """
        await self._become(card, face, key, since=self._clock.now())

    async def look(self) -> None:
        """Change those that were not there yet when they were to."""
        for card, (face, key, since) in list(self._late.items()):
            if self._clock.now() - since > LATE_FOR:
                self._late.pop(card, None)
            else:
                await self._become(card, face, key, since=since)

    async def _become(self, card: OutboxId, face: Content, key: str, *, since: datetime) -> None:
        self._late.pop(card, None)
        row = await self._outbox.get(card)
        if row is None or row.state in (OutboxState.PENDING, OutboxState.SENDING):
            self._late[card] = face, key, since
            return
        if row.state is not OutboxState.SENT or row.message_id is None:
            return
        this = OutboxId(derived("budget.face", card, key))
        reply = Reply(id=this, thread=row.thread, content=face, draft=row.message_id)
        await self._outbox.enqueue(compose(reply, split=self._split, now=self._clock.now()))
        self._wake_outbox()
