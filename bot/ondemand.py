"""A durable engine that is opened when it is first needed.

The engine costs half a second and 50 MB to load. A process that has the database to itself does
without it until it has a run to start, or to go on with.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.ports import Durable, Workflow


class Closed(Durable, Protocol):
    """A `runtime.ports.Durable` that says whether it is worth opening."""

    async def unfinished(self) -> bool:
        """Whether there may be runs to go on with."""
        ...


class OnDemandDurable:
    """A `runtime.ports.Durable` in front of another."""

    def __init__(self, inner: Closed, *, opened: Callable[[], None]) -> None:
        """Stand in front of `inner`; `opened` is called once it is open."""
        self._inner = inner
        self._was_opened = opened
        self._opening = asyncio.Lock()
        self._opened = False

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known."""
        self._inner.register(name, workflow)

    async def open(self) -> None:
        """Open the engine where an earlier life left runs; else it waits for the first one."""
        if await self._inner.unfinished():
            await self._ready()

    async def close(self) -> None:
        """Close the engine where it was opened."""
        if self._opened:
            await self._inner.close()

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        """Start a run."""
        await (await self._ready()).start(workflow, run, payload, partition=partition)

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        """Send a signal."""
        await (await self._ready()).signal(run, topic, value, key=key)

    async def cancel(self, run: RunId) -> None:
        """Cancel a run and its children."""
        await (await self._ready()).cancel(run)

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is."""
        return await (await self._ready()).state(run)

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end."""
        return await (await self._ready()).result(run)

    async def take_over(self, slot: str) -> int:
        """Go on here with the unfinished runs of a dead process."""
        return await (await self._ready()).take_over(slot)

    async def forget(self, *, before: datetime) -> int:
        """Delete runs that ended long ago, where the engine is open: for that alone it is not."""
        return await self._inner.forget(before=before) if self._opened else 0

    async def _ready(self) -> Durable:
        async with self._opening:
            if not self._opened:
                await self._inner.open()
                self._opened = True
                self._was_opened()
        return self._inner
