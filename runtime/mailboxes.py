"""Mailboxes: each conversation's messages one at a time, in order; conversations side by side.

There is no queue in memory that could be lost: the inbox table is the queue, and a mailbox is a
loop that runs while its conversation has something to do.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import StorageFull
from runtime.ids import ConversationId
from runtime.model.events import Lane, Received
from runtime.turns import TurnRunner

log = logging.getLogger("nightdesk.mailboxes")

TURNS_AT_ONCE = 64
"""Turns that run side by side in one process; more wait for a place."""
FULL_DISK_PAUSE = 5.0
"""Seconds between tries while nothing can be stored."""


class Mailboxes:
    """Works conversations' mailboxes in this process. Implements `runtime.ports.Dispatch`."""

    def __init__(
        self,
        turns: TurnRunner,
        command: Callable[[Received], Awaitable[None]],
        *,
        clock: Clock,
        activity: Activity,
    ) -> None:
        """Work mailboxes.

        Args:
            turns: runs one turn of a conversation.
            command: carries out one row of the command lane; does not raise.
            clock: the clock.
            activity: is told what is under way.
        """
        self._turns = turns
        self._command = command
        self._clock = clock
        self._activity = activity
        self._places = asyncio.Semaphore(TURNS_AT_ONCE)
        self._turning: dict[ConversationId, asyncio.Task[None]] = {}
        self._again: set[ConversationId] = set()
        self._commands: dict[ConversationId, deque[Received]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Work in this task group from now on."""
        self._tasks = tasks

    @property
    def turning(self) -> int:
        """How many conversations have a turn under way."""
        return len(self._turning)

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Say that the row waits in its lane of the conversation."""
        match received.lane:
            case Lane.TURN:
                self.wake(conversation)
            case Lane.COMMAND:
                self._line_up(conversation, received)

    def wake(self, conversation: ConversationId) -> None:
        """Work the conversation's turns until there are none."""
        if conversation in self._turning:
            self._again.add(conversation)
            return
        self._turning[conversation] = self._spawn(self._take_turns(conversation))

    async def work(self, conversation: ConversationId) -> None:
        """Work the conversation's turns here and now, for a queue that keeps the order itself."""
        with self._activity.busy():
            while await self._turn(conversation):
                pass

    async def command(self, received: Received) -> None:
        """Carry out one row of the command lane here and now, for such a queue."""
        with self._activity.busy():
            await self._command(received)

    def interrupt(self, conversation: ConversationId) -> bool:
        """Cancel the turn under way, which was marked as stopped before; True where one was."""
        task = self._turning.pop(conversation, None)
        if task is None:
            return False
        task.cancel()
        return True

    def _spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        if self._tasks is None:
            raise RuntimeError("Mailboxes.open was not called")
        self._activity.begin()

        async def run() -> None:
            try:
                await work
            finally:
                self._activity.end()

        return self._tasks.create_task(run())

    async def _take_turns(self, conversation: ConversationId) -> None:
        task = asyncio.current_task()
        try:
            while True:
                self._again.discard(conversation)
                if not await self._turn(conversation) and conversation not in self._again:
                    return
        finally:
            # After an interruption the conversation may belong to a later task already.
            if self._turning.get(conversation) is task:
                del self._turning[conversation]

    async def _turn(self, conversation: ConversationId) -> bool:
        async with self._places:
            while True:
                try:
                    return await self._turns.work(conversation)
                except StorageFull:
                    log.exception("turn.storage_full", extra={"conversation": conversation})
                    await self._clock.sleep(FULL_DISK_PAUSE)

    def _line_up(self, conversation: ConversationId, received: Received) -> None:
        line = self._commands.get(conversation)
        if line is not None:
            line.append(received)
            return
        self._commands[conversation] = deque([received])
        self._spawn(self._take_commands(conversation))

    async def _take_commands(self, conversation: ConversationId) -> None:
        line = self._commands[conversation]
        try:
            while line:
                await self._command(line.popleft())
        finally:
            del self._commands[conversation]
