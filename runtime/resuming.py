"""How a turn that people decided about is taken up again: here, from the queue, or by its run."""

import logging
from collections.abc import Callable

from runtime.errors import Permanent
from runtime.halt import Halt
from runtime.ids import ConversationId, TurnId
from runtime.mailboxes.queue import QueueDispatch
from runtime.model.approval import Approval
from runtime.model.turn import run_of
from runtime.ports import Durable, Store

log = logging.getLogger("nightdesk.approvals")

DECIDED = "decided"
"""The topic on which a run waits for people."""

Drain = Callable[[ConversationId], None]


class Resumption:
    """Takes turns up again. Implements `runtime.approvals.book.Resume`."""

    def __init__(
        self, store: Store, durable: Durable, *, halt: Halt, queue: QueueDispatch | None
    ) -> None:
        """Take up turns of `store`.

        Args:
            store: the database.
            halt: what is stopped: it stays parked until somebody resumes it.
            durable: runs, which take up their own turns.
            queue: hands out conversations among many processes; None where this one is alone.
        """
        self._turns = store.turns
        self._conversations = store.conversations
        self._halt = halt
        self._durable = durable
        self._queue = queue
        self._drain: Drain | None = None

    def on_drain(self, drain: Drain) -> None:
        """Have what waits in a conversation worked by this from now on, where we are alone."""
        self._drain = drain

    async def __call__(self, approval: Approval) -> None:
        """Take up the approval's turn, once it is parked; harmless where it is not."""
        key = f"{approval.id}/{approval.state}"
        is_run = approval.thread is None
        await self.turn(approval.turn, approval.conversation, is_run=is_run, key=key)

    async def turn(
        self, turn: TurnId, conversation: ConversationId, *, is_run: bool, key: str
    ) -> bool:
        """Take up a turn, once it is parked; once for each `key`, and harmless where it is not.

        Not while its agent is stopped: then whoever looks after parked turns says it again.

        Returns:
            Whether that was done; False where its agent is stopped, or it is not parked.
        """
        if self._halt.active:
            found = await self._conversations.get(conversation)
            if found is not None and self._halt.of(found.agent) is not None:
                return False
        key = f"{key}/{self._halt.epoch}"
        if is_run:
            try:
                await self._durable.signal(run_of(turn), DECIDED, None, key=key)
            except Permanent as error:
                log.warning("turn.run_gone", extra={"turn": turn, "why": str(error)})
        elif self._queue is not None:
            await self._queue.resume(conversation, turn, key=key)
        elif not await self._turns.unpark(turn):
            return False
        elif self._drain is not None:
            self._drain(conversation)
        return True
