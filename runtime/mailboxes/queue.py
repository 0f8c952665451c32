"""Mailboxes over many processes: the durable engine's partitioned queue hands them out.

One partition for each lane of each conversation: its rows are worked one at a time, in order, by
whichever worker is free, and a dead worker's row is worked again by a live one.
"""

from collections.abc import Awaitable

from runtime.clock import Clock
from runtime.errors import NightdeskError
from runtime.ids import ConversationId, InboxId, RunId, TurnId, derived
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.model.events import Lane, Received
from runtime.model.tools import Json
from runtime.ports import Durable, RunContext, Store
from runtime.storing import until_stored

WORKFLOW = "mailbox"
"""The name under which the workflow is registered."""


class QueueDispatch:
    """Puts rows on the queue. Implements `runtime.ports.Dispatch`."""

    def __init__(self, durable: Durable) -> None:
        """Put rows on the queue of `durable`."""
        self._durable = durable

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Put the row on the queue; once for a conversation, however often it is posted."""
        await self._durable.start(
            WORKFLOW,
            RunId(derived("mailbox", received.id, conversation)),
            {"conversation": conversation, "row": received.id, "lane": received.lane.value},
            partition=f"{received.lane.value}:{conversation}",
        )

    async def resume(self, conversation: ConversationId, turn: TurnId, *, key: str) -> None:
        """Let a parked turn run again, and work its conversation; once for each `key`."""
        await self._durable.start(
            WORKFLOW,
            RunId(derived("mailbox", "resume", turn, key)),
            {"conversation": conversation, "row": "", "lane": Lane.TURN.value, "unpark": turn},
            partition=f"{Lane.TURN.value}:{conversation}",
        )


class QueueWorker:
    """Works rows from the queue."""

    def __init__(
        self, store: Store, mailboxes: Mailboxes, queue: QueueDispatch, *, clock: Clock
    ) -> None:
        """Work rows of `store` with `mailboxes`; hand on to `queue` what has moved."""
        self._store = store
        self._mailboxes = mailboxes
        self._queue = queue
        self._clock = clock

    async def workflow(self, context: RunContext, payload: Json) -> Json:
        """The workflow; its payload names the conversation, the row and the lane."""
        if not isinstance(payload, dict):
            raise TypeError("a mailbox row's payload is not an object")
        conversation = ConversationId(str(payload["conversation"]))
        row = InboxId(str(payload["row"]))
        lane = Lane(str(payload["lane"]))
        parked = TurnId(str(payload.get("unpark", "")))

        def work() -> Awaitable[Json]:
            return self._work(conversation, row, lane, parked)

        # A run that failed is never started again, and its row would wait for ever.
        return await context.step(
            "work",
            lambda: until_stored(
                work, clock=self._clock, what=f"row {row}", trouble=NightdeskError
            ),
        )

    async def _work(
        self, conversation: ConversationId, row: InboxId, lane: Lane, parked: TurnId
    ) -> Json:
        if parked:
            await self._store.turns.unpark(parked)
        if lane is Lane.TURN:
            await self._mailboxes.work(conversation)
        received = await self._store.inbox.get(row)
        if received is None:
            return None
        if lane is Lane.COMMAND:
            await self._mailboxes.command(received)
            return None
        # The thread was bound to another conversation since: the row waits in that one's line now.
        now_in = await self._store.conversations.bound(received.inbound.thread)
        if now_in is not None and now_in != conversation:
            await self._queue.post(now_in, received)
        return None
