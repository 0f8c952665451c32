"""A live worker among many, over a real database, whose time a test moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.durable.dbos import DbosDurable
from adapters.sql.store import open_store
from adapters.timing.timetable import CronsimTimetable
from bot.parts import Opened
from bot.role import Role
from bot.running.lifecycle import working
from bot.wiring.desk import wire
from bot.wiring.process import Parts
from runtime.ids import TimeOrderedIds
from runtime.ports import Store, Worker
from tests.support.build import team
from tests.support.clock import ManualClock
from tests.support.durable import QUICK
from tests.support.durable_child import Workflows
from tests.support.durable_process import Place
from tests.support.eventually import eventually
from tests.support.ticker import ClockTicker

SLOT = "worker-0"
_STEPS = 5
"""Of a quarter of a minute at most: a sign of life is due each three seconds."""


@dataclass
class Watching:
    """The worker, and what it sees of others.

    Attributes:
        store: the database that it shares.
        durable: its engine.
        clock: its time, from which it judges who is dead.
        ticker: calls its duties.
    """

    store: Store
    durable: DbosDurable
    clock: ManualClock
    ticker: ClockTicker

    async def sign(self, slot: str) -> None:
        """Let another worker give a sign of life now."""
        seen = Worker(slot=slot, role=Role.WORKER, seen_at=self.clock.now())
        await self.store.workers.beat(seen)

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass, in steps: at the end of each the database has answered."""
        for _ in range(_STEPS):
            await self.clock.advance(seconds / _STEPS)
            await eventually(lambda: self.ticker.idle, "the duties to be done")


@asynccontextmanager
async def watching(place: Place) -> AsyncIterator[Watching]:
    """Let it live, with the workflows of `tests.support.durable_child` beside its own."""
    clock = ManualClock()
    ids = TimeOrderedIds(clock)
    async with open_store(place.url, data_dir=place.data_dir, clock=clock, ids=ids) as store:
        durable = DbosDurable(
            place.url, data_dir=place.data_dir, slot=SLOT, clock=clock, takes_work=True, pace=QUICK
        )
        parts = Parts(
            role=Role.WORKER,
            slot=SLOT,
            team=team,
            alone=False,
            clock=clock,
            ids=ids,
            store=store,
            durable=durable,
            models={},
            chats={},
            timetable=CronsimTimetable(),
        )
        desk = wire(parts)
        workflows = Workflows(SLOT, place.journal)
        for workflow in (workflows.steps, workflows.hangs, workflows.waits, workflows.parent):
            durable.register(workflow.__name__, workflow)
        ticker = ClockTicker(clock)
        opened = Opened(
            parts=desk.parts, ticker=ticker, serves_http=False, routes=(), listener=None
        )
        async with working(desk, opened):
            yield Watching(store, durable, clock, ticker)
