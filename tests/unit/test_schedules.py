"""The schedule service: one schedule for each asking, one firing for each planned time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from adapters.memory.store import MemoryStore
from adapters.timing.timetable import CronsimTimetable
from runtime.errors import Conflict, Refused, Retryable
from runtime.ids import AgentName, InboxId, RunId, ScheduleId, TimeOrderedIds
from runtime.model.address import Principal
from runtime.model.schedule import OccurrenceState, Schedule, ScheduleState, When, run_id_of
from runtime.schedules.planner import MISSED_KEPT, Planner
from runtime.schedules.service import START_PAUSE, STARTED_AT_ONCE, NewSchedule, ScheduleService
from tests.support.build import ANN, DM, OPS, T0
from tests.support.clock import ManualClock, settle
from tests.support.runs import RecordingDurable

BERLIN = "Europe/Berlin"
DUE, MISSED = OccurrenceState.DUE, OccurrenceState.MISSED


class CountingTimetable(CronsimTimetable):
    """Counts how often a next time is computed."""

    def __init__(self) -> None:
        self.computed = 0

    def next_after(self, when: When, after: datetime) -> datetime | None:
        self.computed += 1
        return super().next_after(when, after)


@dataclass
class Bench:
    clock: ManualClock
    store: MemoryStore
    durable: RecordingDurable = field(default_factory=RecordingDurable)
    timetable: CountingTimetable = field(default_factory=CountingTimetable)
    announced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = self.another()

    def another(self) -> ScheduleService:
        """Another process over the same database."""
        return ScheduleService(
            self.store,
            self.timetable,
            self.durable,
            clock=self.clock,
            changed=lambda: self.announced.append("changed"),
        )

    def wish(self, when: str, key: str = "row", zone: str = BERLIN) -> NewSchedule:
        return NewSchedule(
            key=key,
            when=self.timetable.read(when, now=self.clock.now(), zone=zone),
            instruction="write the briefing",
            agent=AgentName("desk"),
            target=OPS,
            made_by=ANN,
            made_in=DM,
        )

    async def make(self, when: str, key: str = "row") -> Schedule:
        return await self.service.create(self.wish(when, key))

    async def states(self, schedule: Schedule) -> list[tuple[datetime, OccurrenceState]]:
        history = await self.store.schedules.history(schedule=schedule.id, limit=1_000)
        return [(one.planned_at, one.state) for one in reversed(history)]


@pytest.fixture
def bench() -> Bench:
    clock = ManualClock(T0)
    return Bench(clock=clock, store=MemoryStore(clock=clock, ids=TimeOrderedIds(clock)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ---- making


async def test_a_schedule_gets_its_first_time_in_its_zone(bench: Bench) -> None:
    made = await bench.make("every weekday at 8:30")
    assert made.next_at == at("2026-11-23 07:30")
    assert made.number == 1


async def test_asking_again_with_the_same_key_makes_no_second_schedule(bench: Bench) -> None:
    wish = bench.wish("in 2 hours")
    first = await bench.service.create(wish)
    await bench.clock.advance(timedelta(hours=3))
    assert await bench.service.create(wish) == first
    assert len(await bench.store.schedules.all()) == 1


async def test_a_single_time_that_passed_since_it_was_asked_for_is_done_late(bench: Bench) -> None:
    wish = bench.wish("in 5 minutes")
    await bench.clock.advance(timedelta(minutes=20))
    made = await bench.service.create(wish)
    await bench.service.tick()
    assert await bench.states(made) == [(at("2026-11-20 12:05"), DUE)]
    assert len(bench.durable.started) == 1


async def test_whoever_listens_hears_of_a_new_time(bench: Bench) -> None:
    heard: list[str] = []
    bench.service.on_change(lambda: heard.append("also"))
    made = await bench.make("every hour")
    await bench.service.pause(made.number)
    assert bench.announced == ["changed"]
    await bench.service.resume(made.number)
    assert bench.announced == ["changed", "changed"]
    assert heard == ["also", "also"]


async def test_the_next_three_times_are_told(bench: Bench) -> None:
    made = await bench.make("every day at 9")
    assert bench.service.upcoming(made.when) == (
        at("2026-11-21 08:00"),
        at("2026-11-22 08:00"),
        at("2026-11-23 08:00"),
    )
    once = await bench.make("in 2 hours", key="other")
    assert bench.service.upcoming(once.when) == (at("2026-11-20 14:00"),)


# ---- changing


async def test_a_paused_schedule_does_not_fire_and_a_resumed_one_makes_up_for_nothing(
    bench: Bench,
) -> None:
    made = await bench.make("every hour")
    paused = await bench.service.pause(made.number)
    assert (paused.state, paused.next_at) == (ScheduleState.PAUSED, None)
    await bench.clock.advance(timedelta(hours=5, minutes=30))
    await bench.service.tick()
    resumed = await bench.service.resume(made.number)
    assert resumed.next_at == at("2026-11-20 18:00")
    assert await bench.states(made) == []


async def test_saying_it_twice_changes_nothing(bench: Bench) -> None:
    made = await bench.make("every hour")
    service, number = bench.service, made.number
    assert await service.pause(number) == await service.pause(number)
    assert await service.resume(number) == await service.resume(number)
    assert await service.delete(number) == await service.delete(number)


async def test_a_single_time_that_passed_while_paused_cannot_be_resumed(bench: Bench) -> None:
    made = await bench.make("in 2 hours")
    await bench.service.pause(made.number)
    await bench.clock.advance(timedelta(hours=3))
    with pytest.raises(Refused, match="has passed"):
        await bench.service.resume(made.number)


async def test_a_finished_schedule_is_not_paused(bench: Bench) -> None:
    made = await bench.make("in 2 hours")
    await bench.clock.advance(timedelta(hours=2))
    await bench.service.tick()
    with pytest.raises(Refused, match="Schedule 1 is finished, so I cannot pause it"):
        await bench.service.pause(made.number)


async def test_a_number_that_was_never_given_or_was_deleted_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="There is no schedule 7"):
        await bench.service.pause(7)
    made = await bench.make("every hour")
    await bench.service.delete(made.number)
    with pytest.raises(Refused, match="was deleted"):
        await bench.service.find(made.number)
    with pytest.raises(Refused, match="deleted, so I cannot resume"):
        await bench.service.resume(made.number)


class Raced(MemoryStore):
    """A store where somebody else changes a schedule right before the next change of it."""

    def race(self, *others: tuple[ScheduleState, ScheduleState]) -> None:
        real, left = self.schedules.change, list(others)

        async def change(
            schedule: ScheduleId,
            *,
            was: ScheduleState,
            becomes: ScheduleState,
            next_at: datetime | None,
            held: RunId | None = None,
            by: Principal | None = None,
        ) -> None:
            if left:
                seen, done = left.pop(0)
                await real(schedule, was=seen, becomes=done, next_at=None)
            await real(schedule, was=was, becomes=becomes, next_at=next_at, held=held, by=by)

        self.schedules.change = change  # type: ignore[method-assign]


async def test_whoever_is_second_decides_again_from_what_the_first_left() -> None:
    clock = ManualClock(T0)
    store = Raced(clock=clock, ids=TimeOrderedIds(clock))
    bench = Bench(clock=clock, store=store)
    made = await bench.make("every hour")
    store.race((ScheduleState.ACTIVE, ScheduleState.PAUSED))
    assert (await bench.service.delete(made.number)).state is ScheduleState.DELETED


async def test_a_schedule_that_never_holds_still_is_given_up() -> None:
    clock = ManualClock(T0)
    store = Raced(clock=clock, ids=TimeOrderedIds(clock))
    bench = Bench(clock=clock, store=store)
    made = await bench.make("every hour")
    there_and_back = [
        (ScheduleState.ACTIVE, ScheduleState.PAUSED),
        (ScheduleState.PAUSED, ScheduleState.ACTIVE),
    ]
    store.race(*there_and_back * 5)
    with pytest.raises(Conflict, match="keeps changing"):
        await bench.service.delete(made.number)


# ---- firing


async def test_each_planned_time_starts_one_run_that_names_it(bench: Bench) -> None:
    made = await bench.make("every hour")
    for _ in range(3):
        await bench.clock.advance(timedelta(hours=1))
        await bench.service.tick()
        await bench.service.tick()
    planned = [at("2026-11-20 13:00"), at("2026-11-20 14:00"), at("2026-11-20 15:00")]
    assert await bench.states(made) == [(time, DUE) for time in planned]
    assert bench.durable.started == {
        run_id_of(made.id, time): {"schedule": made.id, "planned_at": time.isoformat()}
        for time in planned
    }


async def test_a_tick_tells_when_to_look_again(bench: Bench) -> None:
    assert await bench.service.tick() is None
    await bench.make("every hour")
    assert await bench.service.tick() == at("2026-11-20 13:00")
    await bench.clock.advance(timedelta(hours=1))
    assert await bench.service.tick() == at("2026-11-20 14:00")


async def test_a_single_time_fires_once_and_is_finished(bench: Bench) -> None:
    made = await bench.make("in 2 hours")
    await bench.clock.advance(timedelta(hours=2))
    assert await bench.service.tick() is None
    assert await bench.states(made) == [(at("2026-11-20 14:00"), DUE)]
    assert (await bench.service.find(made.number)).state is ScheduleState.FINISHED


async def test_of_the_times_that_passed_unattended_only_the_latest_runs(bench: Bench) -> None:
    made = await bench.make("every hour")
    await bench.clock.advance(timedelta(hours=3, minutes=10))
    await bench.service.tick()
    assert await bench.states(made) == [
        (at("2026-11-20 13:00"), MISSED),
        (at("2026-11-20 14:00"), MISSED),
        (at("2026-11-20 15:00"), DUE),
    ]
    assert len(bench.durable.started) == 1
    missed = (await bench.store.schedules.history(schedule=made.id))[-1]
    assert missed.error == "Nightdesk was not running at that time"
    assert missed.finished_at == bench.clock.now()


@pytest.mark.parametrize(
    ("when", "away", "first_kept"),
    [
        ("every minute", timedelta(days=30), None),
        ("* 9 * * *", timedelta(days=30), None),
        ("*/7 0,23 1 * *", timedelta(days=400), None),
        ("0 9 * * *", timedelta(days=700), None),
        ("every minute", timedelta(minutes=51, seconds=30), at("2026-11-20 12:01")),
    ],
)
async def test_after_a_long_absence_the_history_stays_bounded_and_says_so(
    bench: Bench, when: str, away: timedelta, first_kept: datetime | None
) -> None:
    made = await bench.make(when)
    await bench.clock.advance(away)
    now, first = bench.clock.now(), made.next_at
    assert first is not None
    await bench.service.tick()
    history = await bench.store.schedules.history(schedule=made.id, limit=1_000)
    planned = [one.planned_at for one in reversed(history)]
    every = [first]
    while (following := bench.timetable.next_after(made.when, every[-1])) and following <= now:
        every.append(following)
    assert planned == every[-MISSED_KEPT - 1 :]
    assert [one.state for one in history] == [DUE] + [MISSED] * MISSED_KEPT
    oldest = history[-1]
    if first_kept:
        assert oldest.planned_at == first_kept
        assert "since" not in oldest.error
    else:
        assert f"nor at any since {first:%Y-%m-%d %H:%M} UTC" in oldest.error
    assert not any("since" in one.error for one in history[:-1])
    assert bench.timetable.computed < 5_000 + len(every)


async def test_a_time_that_was_written_before_a_kill_is_not_said_to_be_missed(bench: Bench) -> None:
    made = await bench.make("every 5 minutes")
    await bench.clock.advance(timedelta(minutes=5))
    now = bench.clock.now()
    due = await bench.store.schedules.due(now=now)
    # The kill comes before its next time is written.
    await bench.store.schedules.claim([Planner(bench.timetable).claim(one, now) for one in due])
    await bench.clock.advance(timedelta(days=1))
    await bench.another().tick()
    [written, oldest, *rest] = reversed(
        await bench.store.schedules.history(schedule=made.id, limit=1_000)
    )
    assert (written.planned_at, written.state) == (now, DUE)
    assert f"nor at any since {now + timedelta(minutes=5):%Y-%m-%d %H:%M} UTC" in oldest.error
    assert [one.state for one in rest] == [MISSED] * (MISSED_KEPT - 1) + [DUE]
    assert len(bench.durable.started) == 2


async def test_schedules_with_the_same_times_share_the_computation(bench: Bench) -> None:
    for number in range(1_000):
        await bench.make("0 9 * * *", key=f"row {number}")
    await bench.clock.advance(timedelta(days=1))
    bench.timetable.computed = 0
    await bench.service.tick()
    assert len(bench.durable.started) == 1_000
    assert bench.timetable.computed <= 3


async def test_a_clock_that_is_set_back_fires_nothing_twice(bench: Bench) -> None:
    made = await bench.make("every hour")
    await bench.clock.advance(timedelta(hours=1))
    await bench.service.tick()
    for jump in (timedelta(hours=-1), timedelta(minutes=-5), timedelta(hours=1, minutes=5)):
        await bench.clock.jump(jump)
        await bench.service.tick()
    assert await bench.states(made) == [(at("2026-11-20 13:00"), DUE)]
    await bench.clock.advance(timedelta(hours=1))
    await bench.service.tick()
    assert len(await bench.states(made)) == 2


async def test_two_processes_fire_a_planned_time_once(bench: Bench) -> None:
    made = await bench.make("every hour")
    other = bench.another()
    await bench.clock.advance(timedelta(hours=1))
    await asyncio.gather(bench.service.tick(), other.tick(), bench.service.tick())
    assert await bench.states(made) == [(at("2026-11-20 13:00"), DUE)]
    assert len(bench.durable.started) == 1


async def test_many_due_at_once_all_fire_and_others_get_the_loop(bench: Bench) -> None:
    for number in range(900):
        await bench.make(f"{number % 60} {number // 60} * * *", key=f"row {number}")
    await bench.clock.advance(timedelta(days=1))
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while len(bench.durable.started) < 900:
            turns += 1
            await bench.clock.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(neighbour())
        tasks.create_task(bench.service.tick())
    assert turns >= 900 // 50


async def test_many_runs_are_started_slowly_while_people_wait_for_answers(bench: Bench) -> None:
    waiting = True
    bench.service.give_way(lambda: waiting)
    for number in range(STARTED_AT_ONCE + 5):
        await bench.make("every day at 9", key=f"row{number}")
    await bench.clock.advance(timedelta(days=1))
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(bench.service.tick())
        await settle()
        assert len(bench.durable.started) == STARTED_AT_ONCE
        await bench.clock.advance(timedelta(seconds=START_PAUSE))
        assert len(bench.durable.started) == STARTED_AT_ONCE + 1
        waiting = False
        await bench.clock.advance(timedelta(seconds=START_PAUSE))
        assert len(bench.durable.started) == STARTED_AT_ONCE + 5
        await ticking


async def test_a_run_that_could_not_be_started_is_started_by_the_next_tick(bench: Bench) -> None:
    made = await bench.make("every hour")
    await bench.clock.advance(timedelta(hours=1))
    bench.durable.failures = 1
    with pytest.raises(Retryable):
        await bench.service.tick()
    assert bench.durable.started == {}
    await bench.service.tick()
    assert len(bench.durable.started) == 1
    assert len(await bench.states(made)) == 1


async def test_a_new_process_starts_the_runs_that_the_last_one_owes(bench: Bench) -> None:
    await bench.make("every hour")
    await bench.clock.advance(timedelta(hours=1))
    bench.durable.failures = 1
    with pytest.raises(Retryable):
        await bench.service.tick()
    assert await bench.another().recover() == 1
    assert len(bench.durable.started) == 1


async def test_planned_times_do_not_wait_for_the_start_of_what_is_owed(bench: Bench) -> None:
    hourly, soon = await bench.make("every hour"), await bench.make("in 65 minutes", key="soon")
    await bench.clock.advance(timedelta(hours=1))
    bench.durable.failures = 1
    with pytest.raises(Retryable):
        await bench.service.tick()
    bench.durable.slow = {run_id_of(hourly.id, bench.clock.now())}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.service.tick())
        await bench.clock.advance(timedelta(minutes=5))
        tasks.create_task(bench.service.tick())
        await settle()
        at_once = list(bench.durable.started)
        bench.durable.quickly.set()
    assert at_once == [run_id_of(soon.id, bench.clock.now())]
    assert len(bench.durable.started) == 2


async def test_an_idle_tick_asks_one_question(bench: Bench) -> None:
    await bench.make("every hour")
    await bench.service.tick()
    asked = bench.durable.asked
    bench.timetable.computed = 0
    await bench.service.tick()
    assert (bench.durable.asked, bench.timetable.computed) == (asked, 0)


# ---- by hand


async def test_a_run_by_hand_happens_once_for_each_time_somebody_asks(bench: Bench) -> None:
    made = await bench.make("every hour")
    for row in ("a", "a", "b"):
        await bench.service.run(made.number, asked_by=InboxId(row), asked_at=bench.clock.now())
    history = await bench.store.schedules.history(schedule=made.id)
    assert [one.manual for one in history] == [True, True]
    assert len(bench.durable.started) == 2
    assert (await bench.service.find(made.number)).next_at == made.next_at


async def test_a_run_by_hand_that_could_not_be_started_is_started_by_the_next_tick(
    bench: Bench,
) -> None:
    made = await bench.make("every hour")
    await bench.service.tick()
    bench.durable.failures = 1
    with pytest.raises(Retryable):
        await bench.service.run(made.number, asked_by=InboxId("a"), asked_at=bench.clock.now())
    await bench.service.tick()
    assert len(bench.durable.started) == 1


async def test_a_paused_schedule_can_be_run_by_hand(bench: Bench) -> None:
    made = await bench.make("every hour")
    await bench.service.pause(made.number)
    await bench.service.run(made.number, asked_by=InboxId("a"), asked_at=bench.clock.now())
    assert len(bench.durable.started) == 1


async def test_a_run_by_hand_at_a_planned_instant_takes_nothing_from_it(bench: Bench) -> None:
    made = await bench.make("every hour")
    await bench.clock.advance(timedelta(hours=1))
    await bench.service.run(made.number, asked_by=InboxId("a"), asked_at=bench.clock.now())
    await bench.service.tick()
    assert len(await bench.states(made)) == 2
    assert len(bench.durable.started) == 2
