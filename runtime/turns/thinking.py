"""The status line of turns that take a while, by one task for all of them: most turns are quick."""

import asyncio
from collections import deque

from runtime.clock import Clock
from runtime.model.address import ThreadRef
from runtime.ports import ChatPort

STATUS_AFTER = 0.4
"""Seconds before the status line: a quick answer needs none."""


class Thinking:
    """Shows a status line in each thread whose turn has taken a while."""

    def __init__(self, tasks: asyncio.TaskGroup, clock: Clock) -> None:
        """Show them from tasks of that group, which outlives the turns."""
        self._tasks = tasks
        self._clock = clock
        self._lines: deque[_Line] = deque()
        self._under_way = 0
        self._watch: asyncio.Task[None] | None = None
        self._looks_soon = False

    def during(self, chat: ChatPort, thread: ThreadRef) -> "_Line":
        """A block during which the thread's turn runs."""
        return _Line(self, chat, thread)

    def begin(self, line: "_Line") -> float:
        """Count a turn in; the monotonic time at which its line is due."""
        self._lines.append(line)
        self._under_way += 1
        if self._watch is None and not self._looks_soon:
            # Not at once: a turn that waits for nothing is over when the loop comes round again.
            self._looks_soon = True
            asyncio.get_running_loop().call_soon(self._look_on)
        return self._clock.monotonic() + STATUS_AFTER

    def end(self) -> None:
        """Count a turn out."""
        self._under_way -= 1
        if self._under_way:
            return
        self._lines.clear()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def show(self, chat: ChatPort, thread: ThreadRef) -> asyncio.Task[None]:
        """Show the line, however long the platform takes over it."""
        return self._tasks.create_task(chat.status(thread, "is thinking…"))

    def _look_on(self) -> None:
        self._looks_soon = False
        if not self._under_way:
            return
        watching = self._show_due()
        try:
            self._watch = self._tasks.create_task(watching)
        except RuntimeError:  # the group ends, and with it every turn
            watching.close()

    async def _show_due(self) -> None:
        while self._lines:
            line = self._lines.popleft()
            if not line.over:
                await self._clock.sleep(max(line.due - self._clock.monotonic(), 0))
                line.show()
        self._watch = None


class _Line:
    """One turn's line, shown and forgotten within a block."""

    __slots__ = ("_chat", "_shown", "_thinking", "_thread", "due", "over")

    def __init__(self, thinking: Thinking, chat: ChatPort, thread: ThreadRef) -> None:
        self._thinking = thinking
        self._chat = chat
        self._thread = thread
        self._shown: asyncio.Task[None] | None = None
        self.over = False
        self.due = 0.0

    def __enter__(self) -> None:
        self.due = self._thinking.begin(self)

    def __exit__(self, *_: object) -> None:
        self.over = True
        if self._shown is not None:
            self._shown.cancel()
        self._thinking.end()

    def show(self) -> None:
        """Show it, unless the turn is over."""
        if not self.over:
            self._shown = self._thinking.show(self._chat, self._thread)
