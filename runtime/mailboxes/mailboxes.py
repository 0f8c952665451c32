"""Mailboxes: each conversation's messages one at a time, in order; conversations side by side.

There is no queue in memory that could be lost: the inbox table is the queue, and a mailbox is a
loop that runs while its conversation has something to do.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from runtime.activity import Activity
from runtime.clock import Clock
from runtime.ids import ConversationId
from runtime.model.events import Lane, Received
from runtime.model.value import value
from runtime.parked import Parked
from runtime.storing import until_stored
from runtime.turns.runner import TurnRunner

TURNS_AT_ONCE = 64
"""Turns that run side by side in one process; more wait for a place."""
_ALL = 1 << 40
"""More turns than any conversation has waiting."""
SAY_QUEUED_AFTER = 2.0
"""Seconds that a turn has run before a message behind it is told that it waits."""

RowTask = Callable[[Received], Awaitable[None]]
"""Does something about one row of the inbox."""


async def _not_open(_: Received) -> None:
    raise RuntimeError("Mailboxes.open was not called")


@value()
class _Turning:
    """A conversation whose turns are being run: by which task, and since when."""

    task: asyncio.Task[None]
    since: float


class Mailboxes:
    """Works conversations' mailboxes in this process. Implements `runtime.ports.Dispatch`."""

    def __init__(
        self,
        turns: TurnRunner,
        *,
        queued: RowTask,
        clock: Clock,
        activity: Activity,
        parked: Parked,
    ) -> None:
        """Work mailboxes.

        Args:
            turns: runs one turn of a conversation.
            queued: tells the sender of a message that it waits behind a running turn.
            clock: the clock.
            activity: is told what is under way.
            parked: the conversations of which a turn waits for people.
        """
        self._parked = parked
        self._turns = turns
        self._queued = queued
        self._clock = clock
        self._activity = activity
        # For a queue's workers; here a conversation has a place while it is in `_turning`.
        self._places = asyncio.Semaphore(TURNS_AT_ONCE)
        self._placed = 0
        self._turning: dict[ConversationId, _Turning] = {}
        # In the order of their waking. Only ids: there may be very many after a long outage.
        self._waiting: dict[ConversationId, None] = {}
        self._closed = False
        # How often each conversation was woken and not worked since: once for each row, so that
        # a conversation whose rows are worked need not ask the database whether there are more.
        self._due: dict[ConversationId, int] = {}
        self._commands: dict[ConversationId, deque[Received]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._command: RowTask = _not_open

    def open(self, tasks: asyncio.TaskGroup, command: RowTask) -> None:
        """Work in this task group from now on; `command` carries out rows of the command lane."""
        self._tasks = tasks
        self._command = command
        self._turns.open(tasks)

    def close(self) -> None:
        """Cancel what is under way; it is taken up again from the log at the next start."""
        self._closed = True
        self._waiting.clear()
        for task in self._running:
            task.cancel()
        self._turns.close()

    @property
    def turning(self) -> int:
        """How many conversations have a turn under way in this process."""
        return len(self._turning) + self._placed

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Say that the row waits in its lane of the conversation."""
        match received.lane:
            case Lane.TURN:
                turning = self._turning.get(conversation)
                self.wake(conversation)
                slow = turning and self._clock.monotonic() - turning.since > SAY_QUEUED_AFTER
                if slow or conversation in self._parked:
                    await self._queued(received)
            case Lane.COMMAND:
                self._line_up(conversation, received)

    def wake(self, conversation: ConversationId) -> None:
        """Work one more turn of the conversation, after those it was woken for before."""
        self._wake(conversation, 1)

    def drain(self, conversation: ConversationId) -> None:
        """Work the conversation's turns until there are none."""
        self._wake(conversation, _ALL)

    def _wake(self, conversation: ConversationId, turns: int) -> None:
        self._due[conversation] = self._due.get(conversation, 0) + turns
        if conversation not in self._turning and not self._closed:
            self._waiting[conversation] = None
            self._fill()

    def _fill(self) -> None:
        """Give free places to the conversations that wait for one, the longest waiting first."""
        while self._waiting and len(self._turning) < TURNS_AT_ONCE:
            conversation = next(iter(self._waiting))
            del self._waiting[conversation]
            self._seat(conversation)

    def _seat(self, conversation: ConversationId) -> None:
        # A task that is cancelled before its first step does not run its own clean-up.
        task = self._spawn(
            self._take_turns(conversation), lambda ended: self._left(conversation, ended)
        )
        self._turning[conversation] = _Turning(task, self._clock.monotonic())

    async def work(self, conversation: ConversationId) -> None:
        """Work the conversation's turns here and now, for a queue that keeps the order itself."""
        with self._activity.busy():
            worked = True
            while worked:
                async with self._places:
                    self._placed += 1
                    try:
                        worked = await self._turn(conversation)
                    finally:
                        self._placed -= 1

    async def command(self, received: Received) -> None:
        """Carry out one row of the command lane here and now, for such a queue."""
        with self._activity.busy():
            await self._command(received)

    def interrupt(self, conversation: ConversationId) -> bool:
        """Cancel the turn under way, which was marked as stopped before; True where one was.

        One that waited for people waits no more: what comes next is answered at once.
        """
        self._parked.discard(conversation)
        turning = self._turning.pop(conversation, None)
        if turning is None:
            return False
        turning.task.cancel()
        return True

    def _spawn(
        self, work: Coroutine[None, None, None], then: Callable[[asyncio.Task[None]], None]
    ) -> asyncio.Task[None]:
        """Do the work in a task, and call `then` with it when it is over."""

        def ended(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            self._activity.end()
            then(task)

        if self._tasks is None:
            raise RuntimeError("Mailboxes.open was not called")
        task = self._tasks.create_task(work)
        self._activity.begin()
        self._running.add(task)
        task.add_done_callback(ended)
        return task

    def _left(self, conversation: ConversationId, task: asyncio.Task[None]) -> None:
        # After an interruption the conversation may belong to a later task already.
        turning = self._turning.get(conversation)
        if turning is not None and turning.task is task:
            del self._turning[conversation]

    async def _take_turns(self, conversation: ConversationId) -> None:
        task = self._turning[conversation].task
        try:
            while due := self._due.get(conversation, 0):
                worked = await self._turn(conversation)
                # Rows that were due before the look were on disk before it: none is none of them.
                left = self._due.get(conversation, 0)
                self._due[conversation] = left - (1 if worked else due)
                if self._waiting:
                    break  # others wait for a place: on with this one when its turn comes again
        finally:
            self._left(conversation, task)
        # Not where the task was cancelled: who did that says what comes next.
        if self._due.get(conversation):
            self._wake(conversation, 0)
        else:
            self._due.pop(conversation, None)
            self._fill()

    def _turn(self, conversation: ConversationId) -> Awaitable[bool]:
        return until_stored(
            lambda: self._turns.work(conversation),
            clock=self._clock,
            what=f"turn in {conversation}",
        )

    def _line_up(self, conversation: ConversationId, received: Received) -> None:
        line = self._commands.get(conversation)
        if line is not None:
            line.append(received)
            return
        self._commands[conversation] = deque([received])
        self._spawn(self._take_commands(conversation), lambda _: None)

    async def _take_commands(self, conversation: ConversationId) -> None:
        line = self._commands[conversation]
        try:
            while line:
                await self._command(line.popleft())
        finally:
            del self._commands[conversation]
