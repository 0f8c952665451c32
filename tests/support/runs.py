"""A `Durable` that starts nothing and remembers what it was asked to start."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from runtime.errors import NightdeskError, Retryable
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.ports import Workflow


class RecordingDurable:
    """Remembers each start, once for each run, and fails the next `failures` of them.

    A start of a run in `slow` takes until `quickly` is set.
    """

    def __init__(self) -> None:
        self.started: dict[RunId, Json] = {}
        self.asked = 0
        self.failures = 0
        self.slow: Collection[RunId] = ()
        self.quickly = asyncio.Event()

    def register(self, name: str, workflow: Workflow) -> None:
        return None

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise Retryable("the engine does not answer")
        if run in self.slow:
            await self.quickly.wait()
        self.started.setdefault(run, payload)

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        return None

    async def cancel(self, run: RunId) -> None:
        return None

    async def state(self, run: RunId) -> RunState | None:
        return RunState.QUEUED if run in self.started else None

    async def result(self, run: RunId) -> Json:
        raise NightdeskError("nothing runs here")

    async def take_over(self, slot: str) -> int:
        return 0

    async def forget(self, *, before: datetime) -> int:
        return 0
