"""Nightdesk's schedules: the real store, ticker, duties and service. Runs are only noted.

A planned time counts as fired when its run is about to be started, which is after its row and the
schedule's next time are on disk. What the run itself takes is no matter of the schedule.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from adapters.memory.durable import MemoryDurable
from bench.burst import DUE, LEAD, Burst, burst
from bench.child import live, obey, say
from bench.desk import ANN, OPS, opened
from bench.machine import SERVER_CORE, own_usage
from bench.rows import fill_schedules
from bench.stall import StallProbe
from bot.running.lifecycle import working
from bot.wiring.desk import Desk, wire
from runtime.clock import Clock, SystemClock
from runtime.ids import AgentName, RunId, ScheduleId
from runtime.model.address import ThreadRef
from runtime.model.schedule import ScheduleState, When, WhenKind
from runtime.model.tools import Json
from runtime.schedules.service import NewSchedule

_IDLE_TICKS = 2_000


class NotingDurable(MemoryDurable):
    """Notes when each run was started, and runs none."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.started: list[float] = []
        self.all_of: asyncio.Event = asyncio.Event()

    async def start(
        self,
        workflow: str,  # noqa: ARG002 - the port's signature
        run: RunId,  # noqa: ARG002
        payload: Json,  # noqa: ARG002
        *,
        partition: str | None = None,  # noqa: ARG002
    ) -> None:
        """Note it."""
        self.started.append(time.time())
        if len(self.started) == DUE:
            self.all_of.set()


class Scheduler:
    """The orders."""

    def __init__(self, desk: Desk, durable: NotingDurable, ids: Sequence[ScheduleId]) -> None:
        self._desk = desk
        self._durable = durable
        self._ids = iter(ids)
        self._asked = 0

    async def idle(self, _: msgspec.Raw) -> float:
        """Microseconds of CPU of a tick that finds nothing due."""
        await self._desk.schedules.tick()
        before = time.process_time()
        for _tick in range(_IDLE_TICKS):
            await self._desk.schedules.tick()
        return (time.process_time() - before) / _IDLE_TICKS * 1e6

    async def burst(self, _: msgspec.Raw) -> Burst:
        """Let a thousand of the schedules fall due at the same moment."""
        self._durable.started.clear()
        self._durable.all_of.clear()
        due = datetime.now(UTC) + timedelta(seconds=LEAD)
        await make_due(self._desk, [next(self._ids) for _ in range(DUE)], due)
        self._asked += 1
        # From here on: what is read and planned ahead of the time counts as well.
        probe, cpu = StallProbe(), time.process_time()
        probe.start()
        await wake(self._desk, self._asked)
        await self._durable.all_of.wait()
        await self._desk.schedules.tick()  # which ends once the next times are written
        return burst(self._durable.started, due, stall=probe.stop(), cpu=cpu)

    async def unforeseen(self, _: msgspec.Raw) -> Burst:
        """The same where nothing could be read ahead, as after a standstill."""
        self._durable.started.clear()
        self._durable.all_of.clear()
        due = datetime.now(UTC) + timedelta(seconds=LEAD)
        await make_due(self._desk, [next(self._ids) for _ in range(DUE)], due)
        # Not a moment too early, for then nothing would be due.
        await asyncio.sleep(due.timestamp() - time.time() + 0.001)
        probe, cpu = StallProbe(), time.process_time()
        probe.start()
        await self._desk.schedules.tick()
        assert self._durable.all_of.is_set()
        return burst(self._durable.started, due, stall=probe.stop(), cpu=cpu)


async def make_due(desk: Desk, ids: Sequence[ScheduleId], due: datetime) -> None:
    """Give these schedules that next time."""
    schedules = desk.parts.store.schedules
    active = ScheduleState.ACTIVE
    async with asyncio.TaskGroup() as tasks:
        for schedule in ids:
            change = schedules.change(schedule, was=active, becomes=active, next_at=due)
            tasks.create_task(change)


async def wake(desk: Desk, number: int) -> None:
    """Make another schedule, as a person does, so that the ticker looks at the table again."""
    yearly = When(kind=WhenKind.CRON, cron="0 0 1 1 *", zone="UTC", said="every new year")
    await desk.schedules.create(
        NewSchedule(
            key=f"bench-wake-{number}",
            when=yearly,
            instruction="Wish us a happy new year.",
            agent=AgentName("desk"),
            target=ThreadRef(OPS),
            made_by=ANN,
            made_in=ThreadRef(OPS),
        )
    )


async def usage(_: msgspec.Raw) -> object:
    """What the process has used so far."""
    return own_usage()


def _spread(ids: Sequence[ScheduleId]) -> Sequence[ScheduleId]:
    """The ids in an order in which neighbours were not made together."""
    return [schedule for start in range(89) for schedule in ids[start::89]]


async def _live(arguments: Sequence[str]) -> None:
    folder, count = Path(arguments[0]), int(arguments[1])
    durable = NotingDurable(SystemClock())
    async with opened(folder, durable=durable) as own:
        desk = wire(own.parts)
        ids = await fill_schedules(own.parts.store.schedules, folder, count=count)
        async with working(desk, own):
            scheduler = Scheduler(desk, durable, _spread(ids))
            say(len(ids))
            await obey(
                {
                    "idle": scheduler.idle,
                    "burst": scheduler.burst,
                    "unforeseen": scheduler.unforeseen,
                    "usage": usage,
                }
            )


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
