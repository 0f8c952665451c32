"""What people see of a turn while it runs: that it is at work, and its answer as it grows."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from runtime.clock import Clock
from runtime.ids import MessageId, Platform
from runtime.model.turn import Turn
from runtime.ports import ChatPort, Store
from runtime.storing import until_stored
from runtime.turns.live import LiveAnswer, Troubles, closing_word
from runtime.turns.thinking import Thinking


class Onlookers:
    """Shows turns to those who wait for them, from tasks that outlive the turns."""

    def __init__(
        self,
        store: Store,
        chats: Mapping[Platform, ChatPort],
        *,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Show turns.

        Args:
            store: remembers what was begun, so that a crash goes on with it.
            chats: where they are shown.
            clock: the clock.
            wake_outbox: says that there is something to send.
        """
        self._store = store
        self._chats = chats
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._tasks: asyncio.TaskGroup | None = None
        self._thinking: Thinking | None = None
        self._asides: set[asyncio.Task[Troubles]] = set()

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Show them from tasks of that group from now on; nothing is shown before."""
        self._tasks = tasks
        self._thinking = Thinking(tasks, self._clock)

    def close(self) -> None:
        """Cancel what turns left to be done beside them."""
        for task in self._asides:
            task.cancel()

    def during(self, turn: Turn) -> AbstractContextManager[None]:
        """A block during which the turn is at work, which is said where it takes a while."""
        thread = turn.thread
        chat = self._chats.get(thread.platform) if thread else None
        if chat is None or thread is None or self._thinking is None:
            return nullcontext()
        return self._thinking.during(chat, thread)

    async def live(self, turn: Turn) -> LiveAnswer | None:
        """Shows the turn's answer while it grows; None where nobody looks on."""
        thread, tasks = turn.thread, self._tasks
        chat = self._chats.get(thread.platform) if thread else None
        if chat is None or thread is None or tasks is None:
            return None
        draft = turn.draft
        if draft is None and turn.fence > 1:
            # The earlier owner may have died between beginning one and writing that down.
            draft = await chat.find_draft(thread, since=turn.started_at)
        return LiveAnswer(
            chat,
            thread,
            turn.requester,
            aside=lambda work: self._aside(tasks, work),
            clock=self._clock,
            keep=lambda draft: self._store.turns.set_draft(turn.id, turn.fence, draft),
            abandon=lambda draft: self._abandon(turn, draft),
            draft=draft,
        )

    def _aside(
        self, tasks: asyncio.TaskGroup, work: Coroutine[None, None, Troubles]
    ) -> asyncio.Task[Troubles]:
        task = tasks.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)
        return task

    async def _abandon(self, turn: Turn, draft: MessageId) -> None:
        """Close a draft of which whoever stopped the turn did not know."""
        rows = closing_word(replace(turn, draft=draft), now=self._clock.now())
        await until_stored(
            lambda: self._store.outbox.enqueue(rows),
            clock=self._clock,
            what=f"closing word of {turn.id}",
        )
        self._wake_outbox()
