"""Replies under a message whose sending is not written down yet.

A briefing is on the platform a moment before the store knows which thread it began, and much
longer where the process died in between. Who replies in that moment means the briefing: such an
event is accepted, and waits until the thread is bound.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import takewhile

from gateway.inbound.bindings import Bindings
from runtime.clock import Clock
from runtime.model.address import ThreadRef
from runtime.model.events import Body, Message, Received
from runtime.ports import Outbox
from runtime.storing import until_stored

LOOK_EVERY = 0.2
"""Seconds between two looks whether the thread is bound."""
HELD_FOR = 30.0
"""Seconds that an event waits at the most: the message may never be found, and others write too."""
MOST_HELD = 500
"""Events of a backlog that are held at once; what comes in goes beyond."""

Release = Callable[[Sequence[Received]], Awaitable[None]]
"""Takes events over, those of a thread in their order; tries again by itself what fails."""


class EarlyReplies:
    """Holds events back whose thread may be about to be bound."""

    def __init__(self, bindings: Bindings, outbox: Outbox, *, clock: Clock) -> None:
        """Look into `bindings` and `outbox`."""
        self._bindings = bindings
        self._outbox = outbox
        self._clock = clock
        # By thread: the events and since when they are held, the oldest first. Never empty.
        self._held: dict[ThreadRef, deque[tuple[Received, float]]] = {}
        self._count = 0
        # Threads to look at now. What is held longer is looked at from time to time.
        self._due: dict[ThreadRef, None] = {}
        self._all_at = 0.0
        self._somebody = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether so much is held that more had better wait where it is."""
        return self._count >= MOST_HELD

    async def possible(self, thread: ThreadRef, body: Body) -> bool:
        """Whether an event of a thread without conversation may mean a message on its way.

        Asked after the thread was found unbound. What is on its way is marked so before the
        platform has it, and until the thread is bound: neither can be missed in this order.
        """
        if _begins(thread, body):
            return False
        soon = await self._outbox.binds_soon(thread.channel)
        return soon or await self._bindings.is_bound(thread)

    def hold(self, received: Received) -> bool:
        """Hold the event back, to look at it; False where its conversation is not in doubt."""
        thread = received.inbound.thread
        before = self._held.get(thread) if self._held else None
        if before is None and self._bindings.recalls(thread):
            return False
        if _begins(thread, received.inbound.body):
            return False
        now = self._clock.monotonic()
        if before is None:
            if not self._held:
                self._all_at = now + LOOK_EVERY
            before = self._held[thread] = deque()
            self._look_at((thread,))
        before.append((received, now))
        self._count += 1
        return True

    async def run(self, release: Release) -> None:
        """Release what was held, in order within a thread, until cancelled."""
        while True:
            await self._rest()
            self._somebody.clear()
            due, self._due = self._due, {}
            await self._look([thread for thread in due if thread in self._held], release)

    def look(self) -> None:
        """Say that a thread was bound just now."""
        self._look_at(self._held)

    def _look_at(self, threads: Collection[ThreadRef]) -> None:
        if threads:
            self._due.update(dict.fromkeys(threads))
            self._somebody.set()

    async def _rest(self) -> None:
        """Wait until there is something to look at, or, where something is held, a moment."""
        if not self._held:
            await self._somebody.wait()
            return
        async with asyncio.TaskGroup() as tasks:
            alarm = tasks.create_task(self._alarm())
            await self._somebody.wait()
            alarm.cancel()

    async def _alarm(self) -> None:
        await self._clock.sleep(self._all_at - self._clock.monotonic())
        self._all_at = self._clock.monotonic() + LOOK_EVERY
        self.look()

    async def _look(self, due: Sequence[ThreadRef], release: Release) -> None:
        """Look at those threads, at all of them in one go."""

        async def asked() -> set[ThreadRef]:
            return await self._in_doubt(due)

        doubtful = await until_stored(asked, clock=self._clock, what="early replies")
        oldest = self._clock.monotonic() - HELD_FOR
        ready: list[Received] = []
        for thread in due:
            held = self._held[thread]
            if thread in doubtful:
                ready += [row for row, _ in takewhile(lambda each: each[1] <= oldest, held)]
            else:
                ready += [row for row, _ in held]
        if ready:
            await release(ready)
            self._let_go(ready)

    def _let_go(self, released: Sequence[Received]) -> None:
        """Forget what was released; what came behind it meanwhile is looked at next."""
        threads = {received.inbound.thread: None for received in released}
        for received in released:
            self._held[received.inbound.thread].popleft()
        self._count -= len(released)
        for thread in threads:
            if not self._held[thread]:
                del self._held[thread]
        self._look_at([thread for thread in threads if thread in self._held])

    async def _in_doubt(self, threads: Collection[ThreadRef]) -> set[ThreadRef]:
        """Those of the threads whose conversation may change by itself."""
        unbound = set(threads) - await self._bindings.bound_among(threads)
        # In this order, as in `possible`; and of each channel once.
        channels = {thread.channel for thread in unbound}
        soon = {place for place in channels if await self._outbox.binds_soon(place)}
        return {thread for thread in unbound if thread.channel in soon}


def _begins(thread: ThreadRef, body: Body) -> bool:
    """Whether the event is in no thread, or began its thread: it replies to nothing."""
    return not thread.root or (isinstance(body, Message) and body.message_id == thread.root)
