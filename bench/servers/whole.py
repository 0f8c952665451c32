"""The whole of Nightdesk: HTTP, turns, schedules, durable runs, in one process on one core."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from bench.burst import DUE
from bench.child import live
from bench.desk import SLOWLY, InstantChat, opened
from bench.machine import SERVER_CORE
from bench.rows import fill_schedules
from bench.servers.common import take_orders
from bench.servers.scheduler import make_due, wake
from bench.slack import HOST
from bench.spoken import SENTENCE
from bench.talk import People, store_conversations, thread_of
from bot.running.lifecycle import working
from bot.wiring.desk import Desk, wire
from gateway.http.server import build_app, serve
from runtime.ids import ScheduleId

TALKING = 50
"""People who always wait for an answer while there is load."""
_SCHEDULES = 1_100
_LEAD = 0.5
_WARM_UP = 20


class Done(msgspec.Struct, kw_only=True):
    """What the load came to.

    Attributes:
        fired: planned times whose results were sent.
        turns: answers that the people got.
        seconds: from the planned time until the last result was sent.
    """

    fired: int
    turns: int
    seconds: float


class Load:
    """A thousand schedules that fall due, and fifty people who talk."""

    def __init__(
        self, desk: Desk, people: People, ids: Sequence[ScheduleId], tasks: asyncio.TaskGroup
    ) -> None:
        self._desk = desk
        self._people = people
        self._ids = ids
        self._tasks = tasks
        self._talking: list[asyncio.Task[None]] = []
        self._turns = 0
        self._due = datetime.now(UTC)
        self._asked = 0

    async def begin(self, count: int) -> None:
        """Let so many fall due in a moment, and the people talk from now on."""
        self._turns = 0
        self._due = datetime.now(UTC) + timedelta(seconds=_LEAD)
        await make_due(self._desk, self._ids[:count], self._due)
        self._asked += 1
        await wake(self._desk, self._asked)
        self._talking = [self._tasks.create_task(self._talk(n)) for n in range(TALKING)]

    async def end(self) -> Done:
        """Let the people go, and everything under way come to its end."""
        for task in self._talking:
            task.cancel()
        schedules, now = self._desk.parts.store.schedules, time.time()
        while await schedules.unfinished(limit=1):
            await asyncio.sleep(0.02)
            now = time.time()
        ran = await schedules.history(since=self._due - timedelta(seconds=0.001), limit=2 * DUE)
        return Done(fired=len(ran), turns=self._turns, seconds=now - self._due.timestamp())

    async def _talk(self, number: int) -> None:
        while True:
            await self._people.say(thread_of(number), f"{SLOWLY} {SENTENCE}")
            self._turns += 1


@asynccontextmanager
async def _serving(folder: Path) -> AsyncIterator[tuple[int, Load]]:
    chat = InstantChat()
    async with opened(folder, chat=chat) as own:
        desk = wire(own.parts)
        await store_conversations(desk, TALKING)
        ids = await fill_schedules(own.parts.store.schedules, folder, count=_SCHEDULES)
        async with working(desk, own), asyncio.TaskGroup() as tasks:
            load = Load(desk, People(desk, chat), ids, tasks)
            await load.begin(_WARM_UP)  # the durable engine is loaded when it is first needed
            await asyncio.sleep(_LEAD)
            await load.end()
            routes = [make(desk.ingress) for make in own.routes]
            app = build_app(routes, desk.health, clock=own.parts.clock)
            async with serve(app, HOST, 0) as port:
                yield port, load


async def _live(arguments: Sequence[str]) -> None:
    async with _serving(Path(arguments[0])) as (port, load):

        async def begin(_: msgspec.Raw) -> object:
            await load.begin(DUE)
            return None

        async def end(_: msgspec.Raw) -> object:
            return await load.end()

        await take_orders(port, {"begin": begin, "end": end})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
