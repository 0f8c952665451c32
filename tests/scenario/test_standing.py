"""Schedules run with the rights that who made them has now, or they are paused and people told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step
from runtime.errors import ModelOutputUnusable
from runtime.ids import AgentName, ConversationId, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.member import Enrolled, Enrolment
from runtime.model.schedule import OccurrenceState, Schedule, ScheduleState
from runtime.model.team import Member, MemberRole, Team
from runtime.schedules.holds import MOST_FAILURES
from runtime.schedules.service import NewSchedule
from tests.support.build import DM, OPS, QUIET, TERMINAL, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk

BOB = Principal(TERMINAL, "local", "bob")
BOBS = ThreadRef(ChannelRef(TERMINAL, "local", "dm-bob"))
ANNS = ThreadRef(ChannelRef(TERMINAL, "local", "dm-ann"))


def with_bob(role: MemberRole | None) -> Team:
    """Ann owns the team; Bob has that role, or has left."""
    bob = [Member(name="Bob", role=role, principals=(BOB,))] if role else []
    return replace(team(), members=(*team().members, *bob))


async def bobs(desk: DeskUnderTest, target: ThreadRef = OPS, when: str = "every hour") -> Schedule:
    """A schedule that Bob makes while he may."""
    return await desk.desk.schedules.create(
        NewSchedule(
            key=when,
            when=desk.desk.parts.timetable.read(when, now=desk.clock.now(), zone="UTC"),
            instruction="Brief us",
            agent=AgentName("desk"),
            target=target,
            made_by=BOB,
            made_in=DM,
        )
    )


async def an_hour_later(desk: DeskUnderTest) -> None:
    await desk.clock.advance(timedelta(hours=1))
    await desk.fire()


async def now(desk: DeskUnderTest, schedule: Schedule) -> Schedule:
    found = await desk.desk.parts.store.schedules.by_id(schedule.id)
    assert found is not None
    return found


def told(chat: MemoryChat) -> list[tuple[ThreadRef, str]]:
    return [(shown.thread, shown.text) for shown in chat.shown if "is paused" in shown.text]


@pytest.mark.parametrize("role", [MemberRole.MEMBER, MemberRole.GUEST])
async def test_a_demoted_creator_pauses_it_and_everybody_concerned_hears_it_once(
    tmp_path: Path, role: MemberRole
) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        schedule = await bobs(desk)
        await an_hour_later(desk)
        assert desk.chat.texts == ["Fine."]

        desk.team = with_bob(role)
        for _ in range(3):
            await an_hour_later(desk)

        assert (await now(desk, schedule)).state is ScheduleState.PAUSED
        heard = told(desk.chat)
        assert sorted(thread for thread, _ in heard) == sorted([OPS, BOBS, ANNS])
        words = heard[0][1]
        assert f"Bob, who made it, is only {role} now" in words
        assert "`/schedule resume 1`" in words
        assert len(desk.chat.shown) == 4
        ran = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert [each.state for each in ran] == [OccurrenceState.MISSED, OccurrenceState.DONE]


async def test_who_left_hears_nothing_and_the_others_do(tmp_path: Path) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        await bobs(desk)
        desk.team = with_bob(None)
        await an_hour_later(desk)
        assert sorted(thread for thread, _ in told(desk.chat)) == sorted([OPS, ANNS])


async def test_a_channel_off_the_list_hears_nothing(tmp_path: Path) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        await bobs(desk, QUIET)
        desk.team = with_bob(MemberRole.MEMBER)
        await an_hour_later(desk)
        assert sorted(thread for thread, _ in told(desk.chat)) == sorted([BOBS, ANNS])


async def test_it_is_given_back_with_the_role_and_heard_of_again_when_it_goes_again(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        schedule = await bobs(desk)
        desk.team = with_bob(MemberRole.MEMBER)
        await an_hour_later(desk)
        for verb in ("resume", "run"):
            await desk.command(f"schedule {verb} 1")
            assert "It would not run: Bob, who made it, is only member now" in desk.chat.texts[-1]
        await desk.command("schedule list")
        assert "paused: who made it may have none any more" in desk.chat.texts[-1]

        desk.team = with_bob(MemberRole.OPERATOR)
        await an_hour_later(desk)
        assert (await now(desk, schedule)).state is ScheduleState.PAUSED  # nobody said so yet
        await desk.command("schedule resume 1")
        await an_hour_later(desk)
        assert desk.chat.texts[-1] == "Fine."
        assert (await now(desk, schedule)).held is None

        desk.team = with_bob(None)
        await an_hour_later(desk)
        again = [OPS, BOBS, ANNS, OPS, ANNS]
        assert sorted(thread for thread, _ in told(desk.chat)) == sorted(again)


async def test_a_single_time_is_not_run_and_said(tmp_path: Path) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        await bobs(desk, when="in 30 minutes")
        desk.team = with_bob(None)
        await an_hour_later(desk)
        said = [(s.thread, s.text) for s in desk.chat.shown]
        assert sorted(thread for thread, _ in said) == sorted([OPS, ANNS])
        assert all("did not run: bob, who made it, is no longer in" in text for _, text in said)


async def test_a_role_that_the_chat_takes_counts_as_well(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command("member add bob operator Bob")
        schedule = await bobs(desk)
        await desk.command("member role bob member")
        await an_hour_later(desk)
        assert (await now(desk, schedule)).state is ScheduleState.PAUSED
        await desk.command("member role bob operator")
        await desk.command("schedule resume 1")
        await an_hour_later(desk)
        assert desk.chat.texts[-1] == "Fine."


async def test_a_run_that_waited_for_people_is_judged_again(tmp_path: Path) -> None:
    """Its turn began while Bob might, and goes on when he may not any more."""
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        schedule = await bobs(desk)
        await desk.clock.advance(timedelta(hours=1))
        store = desk.desk.parts.store
        begin = store.turns.begin_run

        async def demoted_meanwhile(turn: object, *args: ConversationId, **named: object) -> object:
            start = await begin(turn, *args, **named)  # type: ignore[arg-type]
            desk.team = with_bob(MemberRole.MEMBER)
            return start

        store.turns.begin_run = demoted_meanwhile  # type: ignore[method-assign,assignment]
        await desk.fire()
        [ran] = await store.schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.FAILED
        assert "needs the role operator" in ran.error


async def test_own_schedules_are_stopped_by_whoever_made_them_and_others_are_not(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path, members=with_bob(MemberRole.OPERATOR)) as desk:
        schedule = await bobs(desk)
        desk.team = with_bob(MemberRole.GUEST)
        await desk.command("schedule pause 1", sender=BOB)
        assert (await now(desk, schedule)).state is ScheduleState.PAUSED
        await desk.command("schedule resume 1", sender=BOB)
        assert "needs the role operator" in desk.chat.texts[-1]
        await desk.command("schedule create every day at 9 Mine")
        for verb in ("pause", "delete"):
            await desk.command(f"schedule {verb} 2", sender=BOB)
            assert "needs the role operator; it is somebody else's" in desk.chat.texts[-1]
        await desk.command("schedule delete 1", sender=BOB)
        assert (await now(desk, schedule)).state is ScheduleState.DELETED


class PowerCut(BaseException):
    """The process dies here."""


class Fuse:
    """Dies at the n-th call of what is watched, before or after it; in the next life it is gone."""

    def __init__(self, at: int) -> None:
        self.left = at
        self._blown = asyncio.Event()
        self._watched: list[tuple[object, str]] = []

    @property
    def dead(self) -> bool:
        return self.left <= 0

    def watch(self, part: object, *names: str) -> None:
        for name in names:
            self._watched.append((part, name))
            setattr(part, name, self._counted(getattr(part, name)))

    def take_out(self) -> None:
        for part, name in self._watched:
            delattr(part, name)

    def _pass_by(self) -> None:
        self.left -= 1
        if self.dead:
            self._blown.set()
            raise PowerCut

    async def until_dead(self, work: Awaitable[None]) -> None:
        """Do the work, and die with whatever part of the process died."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._die())
            await work
            watch.cancel()

    async def _die(self) -> None:
        await self._blown.wait()
        raise PowerCut

    def _counted(
        self, method: Callable[..., Awaitable[object]]
    ) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **named: object) -> object:
            self._pass_by()
            result = await method(*args, **named)
            self._pass_by()
            return result

        return call


async def cut_at(at: int) -> bool:
    """One life that dies at that call, and another that goes on; False where it did not die."""
    clock, chat, fuse = ManualClock(), MemoryChat(), Fuse(at)
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    before, after = with_bob(MemberRole.OPERATOR), with_bob(MemberRole.MEMBER)
    try:
        async with running_desk(store, clock=clock, chat=chat, members=before) as desk:
            await bobs(desk)
            desk.team = after
            await clock.advance(timedelta(hours=1))
            fuse.watch(store.schedules, "claim", "by_id", "change", "occurrence", "end_occurrence")
            fuse.watch(store.outbox, "enqueue")
            fuse.watch(store.turns, "state")
            await fuse.until_dead(desk.fire())
    except* PowerCut:
        pass
    fuse.take_out()
    async with running_desk(store, clock=clock, chat=chat, members=after) as desk:
        await desk.fire()
        await desk.quiet()
    [schedule] = await store.schedules.all()
    assert schedule.state is ScheduleState.PAUSED, at
    assert len({shown.item.id for shown in chat.shown}) == 3, (at, chat.texts)
    ran = await store.schedules.history(schedule=schedule.id)
    assert [each.state for each in ran] == [OccurrenceState.MISSED], at
    return fuse.dead


async def test_killed_at_any_call_it_is_paused_once_and_said_once() -> None:
    deaths = 0
    while await cut_at(deaths + 1):
        deaths += 1
    assert deaths > 20


async def test_a_schedule_that_fails_time_after_time_is_paused_and_people_told_once(
    tmp_path: Path,
) -> None:
    answers: Iterator[Step] = iter([*["Fine."] * 2, *[ModelOutputUnusable("no")] * 4, "Fine."])

    def script(_: ModelRequest) -> Step:
        return next(answers, ModelOutputUnusable("no"))

    async with running_desk(tmp_path, script, members=with_bob(MemberRole.OPERATOR)) as desk:
        schedule = await bobs(desk)
        for _ in range(7 + MOST_FAILURES - 1):
            await an_hour_later(desk)
        assert (await now(desk, schedule)).state is ScheduleState.ACTIVE
        await an_hour_later(desk)
        assert (await now(desk, schedule)).state is ScheduleState.PAUSED
        for _ in range(3):
            await an_hour_later(desk)
        said = told(desk.chat)
        assert {thread for thread, _ in said} >= {OPS, BOBS}
        assert len(said) == len(set(said))
        assert all(f"it failed {MOST_FAILURES} times in a row" in text for _, text in said)
        assert "/schedule resume 1" in said[0][1]


@pytest.mark.parametrize("role", [MemberRole.GUEST, None])
async def test_among_many_processes_a_press_is_judged_by_the_list_on_disk(
    tmp_path: Path, role: MemberRole | None
) -> None:
    """Another process takes Bob's role, and this one did not look yet."""
    async with running_desk(tmp_path, alone=False) as desk:
        await desk.command("member add bob operator Bob")
        await bobs(desk)
        store, now_ = desk.desk.parts.store, desk.clock.now()
        said = Enrolment(
            who=BOB,
            name="Bob",
            role=role,
            was=MemberRole.OPERATOR,
            by=BOB,
            at=now_,
            key="elsewhere",
        )
        assert await store.members.put(said, owned=True) is Enrolled.DONE
        await desk.command("schedule run 1", sender=BOB)
        words = "needs the role operator" if role else "not a member"
        assert words in desk.chat.texts[-1]
        assert await store.schedules.history() == []
