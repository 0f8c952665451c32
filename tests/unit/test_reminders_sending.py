"""Sending reminders: a platform that cannot be reached holds up nobody else's."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from adapters.memory.store import MemoryStore
from adapters.timing.timetable import CronsimTimetable
from runtime.errors import Retryable
from runtime.ids import Platform, ReminderId, TimeOrderedIds
from runtime.model.address import Principal, ThreadRef
from runtime.model.reminder import Reminder
from runtime.model.schedule import When, WhenKind
from runtime.outbox import whole
from runtime.reminders import TRY_AGAIN, ReminderService
from tests.support.build import T0, TERMINAL, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock

SLACK = Platform("slack")
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Away(MemoryChat):
    """A platform that cannot say where some people can be written to."""

    clock: ManualClock = field(default_factory=ManualClock)
    takes: timedelta = timedelta()
    unknown: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: asyncio.Event | None = None

    async def direct(self, who: Principal) -> ThreadRef:
        self.asked.append(who.user)
        self.entered.set()
        if self.hangs is not None:
            await self.hangs.wait()
        await self.clock.advance(self.takes)
        if who.user in self.unknown:
            raise Retryable("away")
        return await MemoryChat.direct(self, who)


class Desk:
    """Two platforms with reminders, one of them slow or away."""

    def __init__(self) -> None:
        self.clock = ManualClock(T0)
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self.slack = Away(platform=SLACK, clock=self.clock)
        self.chats = {SLACK: self.slack, TERMINAL: MemoryChat()}
        self.service = ReminderService(
            self.store,
            CronsimTimetable(),
            self.chats,
            team=team,
            split=whole,
            clock=self.clock,
            wake_outbox=lambda: None,
        )

    async def add(self, user: str, platform: Platform = SLACK, at: datetime = T0) -> ReminderId:
        person = Principal(platform, "local", user)
        made = await self.store.reminders.add(
            Reminder(
                id=ReminderId(f"{platform} {user}"),
                person=person,
                text="stretch",
                when=When(kind=WhenKind.ONCE, at=at, zone="UTC", said="then"),
                made_in=await MemoryChat(platform).direct(person),
                next_at=at,
                created_at=T0,
            )
        )
        return made.id

    async def waiting(self, platform: Platform = SLACK) -> list[str]:
        due = await self.store.reminders.due(now=self.clock.now(), platform=platform)
        return [one.person.user for one in due]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_two_hundred_on_a_platform_that_is_not_connected_hold_up_no_other(
    desk: Desk,
) -> None:
    del desk.chats[SLACK]
    for number in range(201):
        await desk.add(f"U{number}")
    await desk.add("ann", TERMINAL, T0 + MINUTE)
    await desk.clock.advance(2 * MINUTE)

    assert await desk.service.tick() is None
    assert await desk.waiting(TERMINAL) == []


async def test_a_platform_that_is_away_is_asked_once_and_holds_up_no_other(desk: Desk) -> None:
    desk.slack.takes, desk.slack.unknown = timedelta(seconds=10), {f"U{n}" for n in range(250)}
    for number in range(250):
        await desk.add(f"U{number}")
    await desk.add("ann", TERMINAL)

    assert await desk.service.tick() == desk.clock.now() + TRY_AGAIN
    assert await desk.waiting(TERMINAL) == []
    assert len(desk.slack.asked) == 1


async def test_the_next_look_is_for_what_comes_first_and_not_for_what_was_put_off(
    desk: Desk,
) -> None:
    desk.slack.unknown = {"U1"}
    await desk.add("U1")
    soon = T0 + timedelta(seconds=5)
    await desk.add("ann", TERMINAL, soon)

    assert await desk.service.tick() == soon
    await desk.clock.advance(timedelta(seconds=5))
    assert await desk.service.tick() == T0 + TRY_AGAIN
    assert await desk.waiting(TERMINAL) == []


async def test_people_who_cannot_be_reached_hold_up_nobody_of_their_platform(desk: Desk) -> None:
    desk.slack.unknown = {"U1", "U2"}
    for user in ("U1", "U2", "U3", "U4"):
        await desk.add(user)

    for _ in range(3):
        assert await desk.service.tick() == desk.clock.now() + TRY_AGAIN
        await desk.clock.advance(TRY_AGAIN)

    assert await desk.waiting() == ["U1", "U2"]
    desk.slack.unknown = set()
    assert await desk.service.tick() is None
    assert await desk.waiting() == []


async def test_a_clock_that_was_set_back_puts_nobody_off_for_longer(desk: Desk) -> None:
    desk.slack.unknown = {"U1"}
    await desk.add("U1", at=T0 - 2 * TRY_AGAIN)
    await desk.service.tick()
    await desk.clock.jump(-2 * TRY_AGAIN)
    desk.slack.unknown = set()

    assert await desk.service.tick() is None
    assert await desk.waiting() == []


async def test_a_tick_beside_one_that_waits_for_a_platform_sends_the_others(desk: Desk) -> None:
    desk.slack.hangs = asyncio.Event()
    await desk.add("U1")
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(desk.service.tick())
        await desk.slack.entered.wait()
        await desk.add("ann", TERMINAL)

        assert await desk.service.tick() is None
        assert await desk.waiting(TERMINAL) == []
        desk.slack.hangs.set()
    assert first.result() is None
    assert (desk.slack.asked, await desk.waiting()) == (["U1"], [])


async def test_more_than_are_read_at_once_are_all_sent(desk: Desk) -> None:
    for number in range(201):
        await desk.add(f"U{number}")

    assert await desk.service.tick() == T0
    assert await desk.service.tick() is None
    assert await desk.waiting() == []


async def test_an_error_of_one_platform_is_raised_once_the_others_are_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_chat: Away, _who: Principal) -> ThreadRef:
        raise RuntimeError("broken")

    monkeypatch.setattr(Away, "direct", broken)
    await desk.add("U1")
    await desk.add("ann", TERMINAL)

    with pytest.raises(RuntimeError, match="broken"):
        await desk.service.tick()
    assert await desk.waiting(TERMINAL) == []
