"""The promises of `runtime.ports.Schedules`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from runtime.errors import Conflict, NightdeskError
from runtime.ids import RunId, ScheduleId
from runtime.model.schedule import (
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleState,
    When,
    WhenKind,
    run_id_of,
)
from runtime.ports import Claim, Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener, Rows, due_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def due_schedule(store: Store, rows: Rows, clock: ManualClock) -> Schedule:
    schedule = await store.schedules.add(rows.schedule(due_in=HOUR))
    await clock.advance(HOUR)
    return schedule


def runs(occurrences: list[Occurrence]) -> list[RunId]:
    return [occurrence.run for occurrence in occurrences]


async def test_a_schedule_comes_back_as_it_was_stored_with_a_number(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    when = When(
        kind=WhenKind.ONCE, at=clock.now() + HOUR, zone="Asia/Kolkata", said="in an \N{HOURGLASS}"
    )
    schedule = replace(rows.schedule(), when=when, instruction="Look at \0 the build.")

    stored = await store.schedules.add(schedule)

    assert stored == replace(schedule, number=1)
    assert await store.schedules.get(1) == stored
    assert await store.schedules.by_id(schedule.id) == stored


async def test_a_schedule_that_is_there_is_returned(store: Store, rows: Rows) -> None:
    schedule = rows.schedule()
    first = await store.schedules.add(schedule)

    assert await store.schedules.add(replace(schedule, instruction="Other.")) == first
    assert (await store.schedules.add(rows.schedule())).number == 2


async def test_schedules_added_at_once_get_numbers_of_their_own(store: Store, rows: Rows) -> None:
    added = await asyncio.gather(*(store.schedules.add(rows.schedule()) for _ in range(12)))

    assert sorted(schedule.number for schedule in added) == list(range(1, 13))


async def test_a_schedule_added_at_once_with_itself_is_stored_once(
    store: Store, rows: Rows
) -> None:
    schedule = rows.schedule()

    added = await asyncio.gather(*(store.schedules.add(schedule) for _ in range(5)))

    assert {stored.number for stored in added} == {added[0].number}
    assert await store.schedules.all() == [added[0]]


async def test_numbers_go_on_after_a_restart(open_again: Opener, rows: Rows) -> None:
    async with open_again() as store:
        await store.schedules.add(rows.schedule())

    async with open_again() as store:
        assert (await store.schedules.add(rows.schedule())).number == 2


async def test_an_unknown_schedule_is_not_there(store: Store) -> None:
    assert await store.schedules.get(7) is None
    assert await store.schedules.by_id(ScheduleId("none")) is None


async def test_all_schedules_come_by_next_time_and_those_without_last(
    store: Store, rows: Rows
) -> None:
    without = await store.schedules.add(rows.schedule(due_in=None))
    later = await store.schedules.add(rows.schedule(due_in=2 * HOUR))
    sooner = await store.schedules.add(rows.schedule(due_in=HOUR))
    also = await store.schedules.add(rows.schedule(due_in=HOUR))

    assert await store.schedules.all() == [sooner, also, later, without]


async def test_a_deleted_schedule_is_listed_no_more_but_kept(store: Store, rows: Rows) -> None:
    schedule = await store.schedules.add(rows.schedule())

    await store.schedules.change(
        schedule.id, was=ScheduleState.ACTIVE, becomes=ScheduleState.DELETED, next_at=None
    )

    assert await store.schedules.all() == []
    deleted = replace(schedule, state=ScheduleState.DELETED, next_at=None)
    assert await store.schedules.get(schedule.number) == deleted
    assert await store.schedules.by_id(schedule.id) == deleted
    assert (await store.schedules.add(rows.schedule())).number == 2


async def test_a_state_changes_only_from_what_it_was(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await store.schedules.add(rows.schedule())
    await store.schedules.change(
        schedule.id, was=ScheduleState.ACTIVE, becomes=ScheduleState.PAUSED, next_at=None
    )

    with pytest.raises(Conflict):
        await store.schedules.change(
            schedule.id, was=ScheduleState.ACTIVE, becomes=ScheduleState.DELETED, next_at=None
        )
    with pytest.raises(Conflict):
        await store.schedules.change(
            ScheduleId("none"),
            was=ScheduleState.ACTIVE,
            becomes=ScheduleState.PAUSED,
            next_at=None,
        )

    paused = replace(schedule, state=ScheduleState.PAUSED, next_at=None)
    assert await store.schedules.by_id(schedule.id) == paused
    next_at = clock.now() + DAY
    await store.schedules.change(
        schedule.id, was=ScheduleState.PAUSED, becomes=ScheduleState.ACTIVE, next_at=next_at
    )
    resumed = replace(schedule, next_at=next_at)
    assert await store.schedules.by_id(schedule.id) == resumed


async def test_schedules_whose_time_has_come_are_due_earliest_first(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    later = await store.schedules.add(rows.schedule(due_in=2 * HOUR))
    sooner = await store.schedules.add(rows.schedule(due_in=HOUR))
    await store.schedules.add(rows.schedule(due_in=3 * HOUR))
    paused = await store.schedules.add(rows.schedule(due_in=HOUR))
    await store.schedules.change(
        paused.id,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.PAUSED,
        next_at=paused.next_at,
    )

    assert await store.schedules.due(now=clock.now()) == []
    await clock.advance(2 * HOUR)
    both = [due_of(sooner), due_of(later)]
    assert await store.schedules.due(now=clock.now()) == both
    assert await store.schedules.due(now=clock.now(), limit=1) == both[:1]
    assert await store.schedules.due(now=clock.now(), skip=1) == both[1:]
    assert await store.schedules.due(now=clock.now(), limit=1, skip=2) == []


async def test_the_next_time_is_that_of_an_active_schedule(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    assert await store.schedules.next_time() is None
    schedule = await store.schedules.add(rows.schedule(due_in=HOUR))
    await store.schedules.add(rows.schedule(due_in=2 * HOUR))
    assert await store.schedules.next_time() == clock.now() + HOUR

    await store.schedules.change(
        schedule.id,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.PAUSED,
        next_at=schedule.next_at,
    )

    assert await store.schedules.next_time() == clock.now() + 2 * HOUR


async def test_a_claim_writes_the_planned_time_and_then_the_next_one(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    claim = rows.claim(schedule)

    assert await store.schedules.claim([claim]) == list(claim.occurrences)

    assert await store.schedules.occurrence(claim.occurrences[0].run) == claim.occurrences[0]
    assert await store.schedules.due(now=clock.now()) == [claim.due]
    for _ in range(2):  # the second time it is as it should be already
        await store.schedules.move_on([claim])
        moved = replace(schedule, next_at=claim.next_at)
        assert await store.schedules.by_id(schedule.id) == moved
        assert await store.schedules.due(now=clock.now()) == []


async def test_no_schedule_is_moved_on_whose_planned_time_is_not_written(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    claimed = await due_schedule(store, rows, clock)
    asked = await store.schedules.add(replace(rows.schedule(), next_at=clock.now()))
    passed = await store.schedules.add(replace(rows.schedule(), next_at=clock.now()))
    await store.schedules.claim([rows.claim(claimed)])
    # A person asked for this one at the planned time, which is besides.
    await store.schedules.add_occurrence(rows.occurrence(asked, manual=True))

    await store.schedules.move_on([rows.claim(each) for each in (claimed, asked, passed)])

    due = await store.schedules.due(now=clock.now())
    assert sorted(one.schedule for one in due) == sorted((asked.id, passed.id))


async def test_what_a_crash_left_between_the_two_is_claimed_by_none_and_moved_on_by_all(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    made = [await store.schedules.add(rows.schedule(due_in=HOUR)) for _ in range(3)]
    await clock.advance(HOUR)
    claims = [rows.claim(schedule) for schedule in made]
    claims[2] = rows.claim(made[2], next_in=None)
    await store.schedules.claim(claims[:2])

    assert await store.schedules.claim(claims) == list(claims[2].occurrences)
    ended = await store.schedules.by_id(made[2].id)
    assert ended is not None
    assert ended.state is ScheduleState.FINISHED
    await store.schedules.move_on(claims)

    assert await store.schedules.due(now=clock.now()) == []
    assert sorted(runs(await store.schedules.unfinished())) == sorted(
        claim.occurrences[0].run for claim in claims
    )


async def test_one_that_was_paused_after_it_was_claimed_stays_paused(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    claim = rows.claim(schedule)
    await store.schedules.claim([claim])
    await store.schedules.change(
        schedule.id, was=ScheduleState.ACTIVE, becomes=ScheduleState.PAUSED, next_at=None
    )

    await store.schedules.move_on([claim])

    kept = await store.schedules.by_id(schedule.id)
    assert kept is not None
    assert kept.state is ScheduleState.PAUSED


async def test_what_was_missed_is_written_and_not_returned(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    due = rows.occurrence(schedule)
    earlier = due.planned_at - HOUR
    missed = replace(
        due,
        planned_at=earlier,
        run=run_id_of(schedule.id, earlier),
        state=OccurrenceState.MISSED,
    )
    claim = replace(rows.claim(schedule), occurrences=(missed, due))

    assert await store.schedules.claim([claim]) == [due]

    assert await store.schedules.occurrence(missed.run) == missed
    assert await store.schedules.unfinished() == [due]


async def test_a_claim_without_a_next_time_finishes_the_schedule(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)

    await store.schedules.claim([rows.claim(schedule, next_in=None)])

    finished = replace(schedule, state=ScheduleState.FINISHED, next_at=None)
    assert await store.schedules.by_id(schedule.id) == finished


async def test_a_schedule_that_changed_meanwhile_is_passed_over(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    moved = await store.schedules.add(rows.schedule(due_in=HOUR))
    paused = await store.schedules.add(rows.schedule(due_in=HOUR))
    same = await store.schedules.add(rows.schedule(due_in=HOUR))
    await clock.advance(HOUR)
    claims = [rows.claim(schedule) for schedule in (moved, paused, same)]
    ahead = rows.claim(moved, next_in=2 * DAY)
    await store.schedules.claim([ahead])
    await store.schedules.move_on([ahead])
    await store.schedules.change(
        paused.id,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.PAUSED,
        next_at=paused.next_at,
    )

    assert await store.schedules.claim(claims) == list(claims[2].occurrences)
    await store.schedules.move_on(claims)

    kept = await store.schedules.by_id(moved.id)
    assert kept is not None
    assert kept.next_at == clock.now() + 2 * DAY
    assert await store.schedules.occurrence(claims[1].occurrences[0].run) is None


async def test_a_planned_time_that_is_there_is_passed_over(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    claim = rows.claim(schedule)
    await store.schedules.claim([claim])
    await store.schedules.move_on([claim])
    # Somebody turned the clock back, and the same planned time comes again.
    await store.schedules.change(
        schedule.id,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.ACTIVE,
        next_at=schedule.next_at,
    )
    again = replace(claim.occurrences[0], run=RunId("another run"))

    assert await store.schedules.claim([replace(claim, occurrences=(again,))]) == []

    assert await store.schedules.unfinished() == list(claim.occurrences)


async def test_two_processes_that_claim_at_once_fire_each_time_once(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    added = [await store.schedules.add(rows.schedule(due_in=HOUR)) for _ in range(10)]
    await clock.advance(HOUR)
    claims: list[Claim] = [rows.claim(schedule) for schedule in added]

    written = await asyncio.gather(
        *(store.schedules.claim(claims if n % 2 else claims[::-1]) for n in range(4))
    )

    fired = [run for occurrences in written for run in runs(occurrences)]
    assert sorted(fired) == sorted(claim.occurrences[0].run for claim in claims)


async def test_a_planned_time_that_a_person_asked_for_is_stored_once(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    asked = rows.occurrence(schedule, manual=True)

    await store.schedules.add_occurrence(asked)
    await store.schedules.add_occurrence(replace(asked, state=OccurrenceState.DONE))

    assert await store.schedules.occurrence(asked.run) == asked


async def test_asking_at_the_planned_time_and_twice_is_no_duplicate(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    await store.schedules.claim([rows.claim(schedule)])
    asked = [rows.occurrence(schedule, manual=True) for _ in range(2)]

    for occurrence in asked:
        await store.schedules.add_occurrence(occurrence)

    assert len(await store.schedules.unfinished()) == 3


async def test_a_planned_time_needs_its_schedule(store: Store, rows: Rows) -> None:
    with pytest.raises(NightdeskError):
        await store.schedules.add_occurrence(rows.occurrence(rows.schedule(), manual=True))


async def test_unfinished_planned_times_come_oldest_first(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await store.schedules.add(rows.schedule())
    planned = [
        replace(
            rows.occurrence(schedule, manual=True),
            planned_at=clock.now() + minutes * timedelta(minutes=1),
        )
        for minutes in (3, 1, 2)
    ]
    for occurrence in planned:
        await store.schedules.add_occurrence(occurrence)
    three, one, two = planned

    assert await store.schedules.unfinished() == [one, two, three]
    assert await store.schedules.unfinished(limit=2) == [one, two]


async def test_unfinished_planned_times_are_read_page_by_page(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    """Those of one moment too, and where one of the last page has ended meanwhile."""
    mine, other = [await store.schedules.add(rows.schedule()) for _ in "ab"]
    planned = [rows.occurrence(schedule, manual=True) for schedule in (mine, other, mine, other)]
    planned += [replace(rows.occurrence(mine, manual=True), planned_at=clock.now() + HOUR)]
    for occurrence in planned:
        await store.schedules.add_occurrence(occurrence)
    unfinished = store.schedules.unfinished

    first = await unfinished(limit=2)
    await store.schedules.end_occurrence(first[-1].run, state=OccurrenceState.DONE, now=clock.now())
    assert first == planned[:2]
    assert await unfinished(after=first[-1], limit=2) == planned[2:4]
    assert await unfinished(after=planned[3]) == planned[4:]
    assert await unfinished(after=planned[4]) == []

    assert await unfinished(schedule=mine.id) == planned[::2]
    assert await unfinished(schedule=mine.id, limit=1) == planned[:1]
    assert await unfinished(schedule=mine.id, after=planned[0]) == planned[2::2]
    assert await unfinished(schedule=other.id) == [planned[3]]
    assert await unfinished(schedule=ScheduleId("none")) == []


async def test_a_planned_time_ends_once(store: Store, rows: Rows, clock: ManualClock) -> None:
    schedule = await due_schedule(store, rows, clock)
    [due] = await store.schedules.claim([rows.claim(schedule)])
    ended: datetime = clock.now()

    await store.schedules.end_occurrence(
        due.run,
        state=OccurrenceState.DONE,
        now=ended,
        result="All well.",
        delivery="on its way",
    )
    await clock.advance(HOUR)
    await store.schedules.end_occurrence(
        due.run, state=OccurrenceState.FAILED, now=clock.now(), error="no"
    )

    assert await store.schedules.occurrence(due.run) == replace(
        due,
        state=OccurrenceState.DONE,
        finished_at=ended,
        result="All well.",
        delivery="on its way",
    )
    assert await store.schedules.unfinished() == []


async def test_what_became_of_a_result_is_noted(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await due_schedule(store, rows, clock)
    [due] = await store.schedules.claim([rows.claim(schedule)])
    await store.schedules.end_occurrence(due.run, state=OccurrenceState.DONE, now=clock.now())

    await store.schedules.note_delivery(due.run, "sent")
    await store.schedules.note_delivery(RunId("none"), "sent")

    noted = await store.schedules.occurrence(due.run)
    assert noted is not None
    assert (noted.delivery, noted.state) == ("sent", OccurrenceState.DONE)


async def test_a_delivery_noted_before_the_end_is_kept(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    schedule = await store.schedules.add(rows.schedule())
    [due] = await store.schedules.claim([rows.claim(schedule)])
    await store.schedules.note_delivery(due.run, "sent")

    await store.schedules.end_occurrence(
        due.run, state=OccurrenceState.DONE, now=clock.now(), delivery="on its way"
    )

    ended = await store.schedules.occurrence(due.run)
    assert ended is not None
    assert (ended.delivery, ended.state) == ("sent", OccurrenceState.DONE)


async def test_the_history_comes_latest_first(store: Store, rows: Rows, clock: ManualClock) -> None:
    one = await store.schedules.add(rows.schedule())
    other = await store.schedules.add(rows.schedule())
    fired = []
    for schedule in (one, other, one, one):
        occurrence = rows.occurrence(schedule, manual=True)
        await store.schedules.add_occurrence(occurrence)
        fired.append(occurrence)
        await clock.advance(HOUR)
    history = store.schedules.history

    assert await history() == fired[::-1]
    assert await history(limit=2) == [fired[3], fired[2]]
    assert await history(schedule=one.id) == [fired[3], fired[2], fired[0]]
    assert await history(since=fired[1].planned_at) == [fired[3], fired[2], fired[1]]
    assert await history(schedule=one.id, since=fired[1].planned_at, limit=1) == [fired[3]]


async def test_an_unknown_run_has_no_planned_time(store: Store) -> None:
    assert await store.schedules.occurrence(RunId("none")) is None
    assert await store.schedules.history() == []


async def test_which_run_paused_it_is_kept_until_its_state_changes_again(
    store: Store, rows: Rows
) -> None:
    schedule = await store.schedules.add(rows.schedule())
    assert schedule.held is None
    was, becomes, run = ScheduleState.ACTIVE, ScheduleState.PAUSED, RunId("run-held")
    await store.schedules.change(schedule.id, was=was, becomes=becomes, next_at=None, held=run)
    held = await store.schedules.by_id(schedule.id)
    assert held is not None
    assert held.held == run
    at = schedule.next_at
    await store.schedules.change(schedule.id, was=becomes, becomes=was, next_at=at)
    assert await store.schedules.by_id(schedule.id) == schedule
