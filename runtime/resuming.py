"""How a turn that people decided about is taken up again: here, from the queue, or by its run."""

import logging
from collections.abc import Callable

from runtime.errors import Permanent
from runtime.ids import ConversationId, RunId
from runtime.model.approval import Approval
from runtime.ports import Durable, Turns
from runtime.queue import QueueDispatch

log = logging.getLogger("nightdesk.approvals")

DECIDED = "decided"
"""The topic on which a run waits for people."""

Drain = Callable[[ConversationId], None]


class Resumption:
    """Takes turns up again. Implements `runtime.approvalbook.Resume`."""

    def __init__(self, turns: Turns, durable: Durable, *, queue: QueueDispatch | None) -> None:
        """Take up turns of `turns`.

        Args:
            turns: the turns.
            durable: runs, which take up their own turns.
            queue: hands out conversations among many processes; None where this one is alone.
        """
        self._turns = turns
        self._durable = durable
        self._queue = queue
        self._drain: Drain | None = None

    def on_drain(self, drain: Drain) -> None:
        """Have what waits in a conversation worked by this from now on, where we are alone."""
        self._drain = drain

    async def __call__(self, approval: Approval) -> None:
        """Take up the approval's turn, once it is parked; harmless where it is not."""
        key = f"{approval.id}/{approval.state}"
        if approval.thread is None:
            try:
                await self._durable.signal(RunId(approval.turn), DECIDED, None, key=key)
            except Permanent as error:
                log.warning("approval.run_gone", extra={"turn": approval.turn, "why": str(error)})
        elif self._queue is not None:
            await self._queue.resume(approval.conversation, approval.turn, key=key)
        elif await self._turns.unpark(approval.turn) and self._drain is not None:
            self._drain(approval.conversation)
