"""The promises of `runtime.ports.Reminders`, on every implementation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.errors import Conflict
from runtime.ids import Platform, ReminderId
from runtime.model.address import Principal
from runtime.model.outbox import OutboxState
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.schedule import When, WhenKind
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, THREAD, Opener, Rows

HOUR = timedelta(hours=1)
BOB = Principal(Platform("telegram"), "", "42")


def reminder(clock: ManualClock, name: str = "a", *, due_in: timedelta | None = HOUR) -> Reminder:
    at = clock.now() + (due_in or HOUR)
    return Reminder(
        id=ReminderId(f"reminder-{name}"),
        person=ADA,
        text="call Bob \N{TELEPHONE RECEIVER}",
        when=When(kind=WhenKind.ONCE, at=at, zone="Europe/Berlin", said="in an hour"),
        made_in=THREAD,
        next_at=None if due_in is None else at,
        created_at=clock.now(),
    )


async def test_reminders_are_numbered_and_found_again(
    open_again: Opener, clock: ManualClock
) -> None:
    async with open_again() as store:
        first = await store.reminders.add(reminder(clock, "a"))
        second = await store.reminders.add(reminder(clock, "b"))
    assert (first.number, second.number) == (1, 2)
    assert first == replace(reminder(clock, "a"), number=1)
    async with open_again() as store:
        assert await store.reminders.get(1) == first
        assert await store.reminders.by_id(second.id) == second
        assert await store.reminders.get(3) is None
        assert await store.reminders.by_id(ReminderId("none")) is None


async def test_the_same_reminder_is_stored_once(store: Store, clock: ManualClock) -> None:
    made = await asyncio.gather(*(store.reminders.add(reminder(clock)) for _ in range(4)))

    assert {one.number for one in made} == {1}


async def test_people_see_their_own_open_reminders_by_time(
    store: Store, clock: ManualClock
) -> None:
    late = await store.reminders.add(reminder(clock, "late", due_in=3 * HOUR))
    soon = await store.reminders.add(reminder(clock, "soon"))
    bobs = await store.reminders.add(replace(reminder(clock, "bobs", due_in=2 * HOUR), person=BOB))
    gone = await store.reminders.add(reminder(clock, "gone"))
    await store.reminders.change(
        gone.id, was=ReminderState.WAITING, becomes=ReminderState.CANCELLED, next_at=None
    )

    assert await store.reminders.open_of([ADA]) == [soon, late]
    assert await store.reminders.open_of([ADA, BOB]) == [soon, bobs, late]
    assert await store.reminders.open_of([ADA, BOB], limit=1) == [soon]
    assert await store.reminders.open_of([]) == []


async def test_reminders_come_due_at_their_time(store: Store, clock: ManualClock) -> None:
    assert await store.reminders.next_time() is None
    made = await store.reminders.add(reminder(clock))
    assert made.next_at is not None

    earlier, here = made.next_at - timedelta(microseconds=1), ADA.platform
    assert await store.reminders.next_time() == made.next_at
    assert await store.reminders.next_time(after=earlier) == made.next_at
    assert await store.reminders.next_time(after=made.next_at) is None
    assert await store.reminders.due(now=earlier, platform=here) == []
    assert await store.reminders.due(now=made.next_at, platform=here) == [made]


async def test_those_of_one_platform_are_due_by_themselves(
    store: Store, clock: ManualClock
) -> None:
    for number in range(3):
        bobs = replace(reminder(clock, f"bob-{number}"), person=BOB)
        await store.reminders.add(bobs)
    adas = await store.reminders.add(reminder(clock, "ada"))
    then = clock.now() + HOUR

    assert await store.reminders.due(now=then, platform=ADA.platform, limit=2) == [adas]
    assert len(await store.reminders.due(now=then, platform=BOB.platform, limit=2)) == 2


async def test_exactly_one_reminds_and_the_message_is_there(
    store: Store, clock: ManualClock, rows: Rows
) -> None:
    made = await store.reminders.add(reminder(clock))
    row = rows.item("call Bob")

    won = await asyncio.gather(
        *(
            store.reminders.remind(made, becomes=ReminderState.SENT, next_at=None, rows=[row])
            for _ in range(4)
        )
    )

    assert sum(won) == 1
    assert await store.outbox.count(OutboxState.PENDING) == 1
    sent = await store.reminders.get(1)
    assert sent == replace(made, state=ReminderState.SENT, next_at=None)
    assert await store.reminders.next_time() is None


async def test_a_reminder_that_was_moved_meanwhile_is_not_sent(
    store: Store, clock: ManualClock, rows: Rows
) -> None:
    made = await store.reminders.add(reminder(clock))
    later = clock.now() + 5 * HOUR
    await store.reminders.change(
        made.id, was=ReminderState.WAITING, becomes=ReminderState.WAITING, next_at=later
    )

    assert not await store.reminders.remind(
        made, becomes=ReminderState.SENT, next_at=None, rows=[rows.item()]
    )
    assert await store.outbox.count(OutboxState.PENDING) == 0
    assert await store.reminders.next_time() == later


async def test_a_change_of_what_was_changed_meanwhile_is_refused(
    store: Store, clock: ManualClock
) -> None:
    made = await store.reminders.add(reminder(clock))
    await store.reminders.change(
        made.id, was=ReminderState.WAITING, becomes=ReminderState.DONE, next_at=None
    )
    with pytest.raises(Conflict):
        await store.reminders.change(
            made.id, was=ReminderState.WAITING, becomes=ReminderState.CANCELLED, next_at=None
        )
