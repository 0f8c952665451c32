"""Replies under a message whose sending is not written down yet.

A briefing is on the platform a moment before the store knows which thread it began, and much
longer where the process died in between. Who replies in that moment means the briefing: such an
event is accepted, and waits until the thread is bound.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.bindings import Bindings
from runtime.clock import Clock
from runtime.ids import InboxId
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

Release = Callable[[Received], Awaitable[None]]


class EarlyReplies:
    """Holds events back whose thread may be about to be bound."""

    def __init__(self, bindings: Bindings, outbox: Outbox, *, clock: Clock) -> None:
        """Look into `bindings` and `outbox`."""
        self._bindings = bindings
        self._outbox = outbox
        self._clock = clock
        self._held: OrderedDict[InboxId, tuple[Received, float]] = OrderedDict()
        self._somebody = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether so much is held that more had better wait where it is."""
        return len(self._held) >= MOST_HELD

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
        if self._bindings.recalls(thread) and not self._holds(thread):
            return False
        if _begins(thread, received.inbound.body):
            return False
        self._held[received.id] = received, self._clock.monotonic()
        self._somebody.set()
        return True

    async def run(self, release: Release) -> None:
        """Release what was held, in order within a thread, until cancelled."""
        while True:
            await self._rest()
            self._somebody.clear()
            await self._look(release)

    def look(self) -> None:
        """Say that a thread was bound just now."""
        if self._held:
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
        await self._clock.sleep(LOOK_EVERY)
        self._somebody.set()

    async def _look(self, release: Release) -> None:
        behind: set[ThreadRef] = set()
        for received, since in list(self._held.values()):
            thread = received.inbound.thread
            decided = partial(self._decided, thread, since)
            if thread in behind or not await until_stored(
                decided, clock=self._clock, what=received.id
            ):
                behind.add(thread)
                continue
            await until_stored(partial(release, received), clock=self._clock, what=received.id)
            del self._held[received.id]

    async def _decided(self, thread: ThreadRef, since: float) -> bool:
        """Whether the thread's conversation will not change by itself."""
        if await self._bindings.is_bound(thread):
            return True
        waited = self._clock.monotonic() - since
        return waited >= HELD_FOR or not await self._outbox.binds_soon(thread.channel)

    def _holds(self, thread: ThreadRef) -> bool:
        return any(held.inbound.thread == thread for held, _ in self._held.values())


def _begins(thread: ThreadRef, body: Body) -> bool:
    """Whether the event is in no thread, or began its thread: it replies to nothing."""
    return not thread.root or (isinstance(body, Message) and body.message_id == thread.root)
