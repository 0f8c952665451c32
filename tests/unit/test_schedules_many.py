"""However many planned times are under way, each is seen to."""

from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from adapters.timing.timetable import CronsimTimetable
from runtime.engine import planned
from runtime.ids import AgentName, ConversationId, RunId, ScheduleId, TimeOrderedIds
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule
from runtime.model.tools import Json
from runtime.model.turn import turn_of_run
from runtime.money.workflows import unfinished
from runtime.schedules.service import NewSchedule, ScheduleService
from tests.support.build import ANN, DM, OPS, T0
from tests.support.clock import ManualClock
from tests.support.runs import RecordingDurable

PAGE = 500
"""What `unfinished` of the port gives at once."""


class ToldDurable(RecordingDurable):
    """Remembers which runs were told to look again, too."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[RunId] = []

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        self.told.append(run)


class Desk:
    """A schedule service over a store with as many planned times as wanted."""

    def __init__(self) -> None:
        self.clock = ManualClock(T0)
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self.durable = ToldDurable()
        self.timetable = CronsimTimetable()
        self.service = ScheduleService(self.store, self.timetable, self.durable, clock=self.clock)

    async def schedule(self, key: str) -> Schedule:
        return await self.service.create(
            NewSchedule(
                key=key,
                when=self.timetable.read("every weekday at 8:30", now=T0, zone="Europe/Berlin"),
                instruction="write the briefing",
                agent=AgentName("desk"),
                target=OPS,
                made_by=ANN,
                made_in=DM,
            )
        )

    async def owe(self, schedule: ScheduleId, count: int, *, minutes_ago: int = 60) -> list[RunId]:
        """Write so many planned times whose runs have not ended, two for each moment."""
        runs = [RunId(f"{schedule}-{number:06}") for number in range(count)]
        for number, run in enumerate(runs):
            await self.store.schedules.add_occurrence(
                Occurrence(
                    schedule=schedule,
                    planned_at=T0 - timedelta(minutes=minutes_ago, seconds=-(number // 2)),
                    run=run,
                    state=OccurrenceState.DUE,
                    manual=True,
                )
            )
        return runs

    async def waits(self, run: RunId) -> None:
        """Let the run's turn wait for people."""
        conversation = ConversationId(f"of {run}")
        await self.store.conversations.create(conversation, AgentName("desk"))
        start = await self.store.turns.begin_run(
            turn_of_run(run, 0), conversation, requester=ANN, instruction="Say.", owner="here"
        )
        assert start is not None
        await self.store.turns.park(start.turn.id, start.turn.fence, tries=1)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_start_begins_every_run_that_is_owed(desk: Desk) -> None:
    runs = await desk.owe((await desk.schedule("one")).id, 10_001)

    assert await desk.service.recover() == len(runs)

    assert list(desk.durable.started) == runs


async def test_the_run_of_a_deleted_schedule_is_told_behind_any_number_of_others(
    desk: Desk,
) -> None:
    other, mine = await desk.schedule("one"), await desk.schedule("two")
    await desk.owe(other.id, PAGE)
    runs = await desk.owe(mine.id, PAGE + 1, minutes_ago=5)

    await desk.service.delete(mine.number)

    assert desk.durable.told == runs


async def test_a_planned_time_is_owed_behind_any_number_that_wait_for_people(desk: Desk) -> None:
    schedule = await desk.schedule("one")
    for run in await desk.owe(schedule.id, PAGE):
        await desk.waits(run)
    owed = planned(desk.store)
    assert not await owed()

    await desk.owe(schedule.id, PAGE + 1)

    assert await owed()


async def test_every_planned_time_that_has_not_ended_keeps_its_meters(desk: Desk) -> None:
    runs = await desk.owe((await desk.schedule("one")).id, 2 * PAGE + 1)

    known = await unfinished(desk.store)

    assert {turn_of_run(run, 0) for run in runs} <= known
