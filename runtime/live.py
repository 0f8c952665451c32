"""What a person sees while a turn runs: a status line, then the answer as it grows."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from runtime.clock import Clock
from runtime.ids import MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.ports import ChatPort

STATUS_AFTER = 0.4
"""Seconds before the status line: a quick answer needs none."""
STREAM_AFTER = 1.0
"""Seconds before the growing answer: each costs calls against the platform's rate limit."""
GROW_EVERY = 1.0
"""Seconds between two updates of the growing answer."""


class LiveAnswer:
    """Shows one turn's answer while it grows. Nothing it does can fail the turn."""

    def __init__(
        self,
        chat: ChatPort,
        thread: ThreadRef,
        requester: Principal,
        *,
        clock: Clock,
        keep: Callable[[MessageId], Awaitable[None]],
        draft: MessageId | None,
    ) -> None:
        """Show the answer in `thread`.

        Args:
            chat: where.
            thread: the thread.
            requester: who asked; platforms stream to that person.
            clock: for the pace.
            keep: stores a new draft's id, so that a crash reuses it.
            draft: the draft of an earlier try, or None.
        """
        self._chat = chat
        self._thread = thread
        self._requester = requester
        self._clock = clock
        self._keep = keep
        self.draft = draft
        self._text = ""
        self._due = clock.monotonic() + STREAM_AFTER
        self._refused = False

    async def add(self, text: str) -> None:
        """Take the next piece of the answer, and show it when it is time."""
        self._text += text
        if self._refused or self._clock.monotonic() < self._due or not self._text.strip():
            return
        self._due = self._clock.monotonic() + GROW_EVERY
        if self.draft is not None:
            await self._chat.grow_draft(self._thread, self.draft, self._text)
            return
        draft = await self._chat.begin_draft(
            self._thread, requester=self._requester, text=self._text
        )
        if draft is None:
            self._refused = True
            return
        self.draft = draft
        await self._keep(draft)

    def restart(self) -> None:
        """Forget the text so far: the model is asked anew."""
        self._text = ""


@contextmanager
def thinking(
    tasks: asyncio.TaskGroup, chat: ChatPort, thread: ThreadRef, clock: Clock
) -> Iterator[None]:
    """Show a status line in the thread while the block runs, unless it is quick.

    The task belongs to `tasks`, a group that outlives the block, so that what the block raises is
    not wrapped into a group of errors.
    """

    async def show() -> None:
        await clock.sleep(STATUS_AFTER)
        await chat.status(thread, "is thinking…")

    task = tasks.create_task(show())
    try:
        yield
    finally:
        task.cancel()
