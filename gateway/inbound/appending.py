"""Events that wait to be stored, each in its turn, and a STOP that takes along those before it.

Those are what was said in its thread, and what the same person said anywhere.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from runtime.errors import NightdeskError
from runtime.ids import InboxId
from runtime.model.events import Received
from runtime.ports import Inbox


@dataclass(slots=True)
class _Waits:
    """An event that is being stored; `ahead` says whether a STOP stored it before its turn."""

    received: Received
    ahead: asyncio.Future[bool] | None = None

    async def went_ahead(self) -> bool:
        return self.ahead is not None and await self.ahead

    def belongs_to(self, stop: Received) -> bool:
        said, stops = self.received.inbound, stop.inbound
        return said.thread == stops.thread or said.sender == stops.sender


class Appending:
    """Stores events. A STOP finds stored what was said before it."""

    def __init__(self, inbox: Inbox) -> None:
        """Store in `inbox`."""
        self._inbox = inbox
        self._waiting: dict[InboxId, _Waits] = {}

    def waits(self, received: Received) -> bool:
        """Whether something is being stored that this would take along."""
        return any(waits.belongs_to(received) for waits in self._waiting.values())

    async def in_turn(self, received: Received) -> bool:
        """Store the event after whatever is to be written; whether it is new.

        Raises:
            StorageFull: it was not stored.
        """
        return await self._known(_Waits(received), self._inbox.append(received))

    async def first(self, received: Received) -> bool:
        """Store the event before whatever is to be written; whether it is new.

        Raises:
            StorageFull: it was not stored.
        """
        return await self._known(_Waits(received), self._ahead((), received))

    async def stop(self, received: Received) -> bool:
        """Store a STOP before whatever is to be written, behind what it takes along.

        Returns whether it is new.

        Raises:
            StorageFull: it was not stored.
        """
        before = [
            waits
            for waits in self._waiting.values()
            if waits.ahead is None and waits.belongs_to(received)
        ]
        return await self._known(_Waits(received), self._ahead(before, received))

    async def _known(self, waits: _Waits, storing: Awaitable[bool]) -> bool:
        """Let a STOP know of the event while it is being stored; whether it is new."""
        self._waiting[waits.received.id] = waits
        try:
            return await storing or await waits.went_ahead()
        except NightdeskError:
            if await waits.went_ahead():
                return True
            raise
        finally:
            del self._waiting[waits.received.id]

    async def _ahead(self, before: Sequence[_Waits], received: Received) -> bool:
        """Store the event behind those, and tell who waits for them; whether it is new."""
        loop = asyncio.get_running_loop()
        told: list[asyncio.Future[bool]] = []
        for waits in before:
            waits.ahead = loop.create_future()
            told.append(waits.ahead)
        rows = [*(waits.received for waits in before), received]
        news: Sequence[bool] = [False] * len(rows)
        try:
            news = await self._inbox.append_all(rows)
        finally:
            for ahead, new in zip(told, news, strict=False):
                if not ahead.done():  # who waited for it may be gone
                    ahead.set_result(new)
        return news[-1]
