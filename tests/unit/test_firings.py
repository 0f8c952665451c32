"""A firing whose turn ended, or was somebody else's, before this process could carry it out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.activity import Activity
from runtime.halt import Halt
from runtime.ids import AgentName, RunId, ScheduleId, StopId, TimeOrderedIds, TurnId
from runtime.model.conversation import Entry, Role
from runtime.model.schedule import (
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleState,
    When,
    WhenKind,
)
from runtime.model.stop import Stop, StopKind
from runtime.model.team import Team
from runtime.model.tools import Json
from runtime.model.turn import Turn, TurnStart, TurnState
from runtime.outbox import whole
from runtime.schedules.abandoned import DELETED
from runtime.schedules.firings import GONE, Firings, conversation_of
from runtime.schedules.holds import MOST_FAILURES, ScheduleHolds
from runtime.schedules.legs import LOOK_EVERY, STOPPED
from runtime.turns.outcome import Outcome
from runtime.turns.runner import TurnRunner
from tests.support.build import ANN, DM, OPS, T0, team
from tests.support.clock import ManualClock, settle
from tests.support.faults import failing_times

RUN = RunId("run")
TURN = TurnId("run")
LOOK = timedelta(seconds=LOOK_EVERY)

Carry = Callable[[TurnStart], Awaitable[Outcome | None]]


class Turns(TurnRunner):
    """Carries turns out as a test says."""

    def __init__(self) -> None:
        self.carry: Carry | None = None

    async def carry_out(self, start: TurnStart) -> Outcome | None:
        assert self.carry is not None, "the turn had ended"
        return await self.carry(start)


async def _nobody(_key: str, _text: str) -> bool:
    return False


async def _withdraw(_turn: TurnId, _note: str) -> None:
    """Nobody was asked anything."""


class Killed(BaseException):
    """The process was killed here."""


async def killed(*_: object, **__: object) -> None:
    raise Killed


class Context:
    """Does each step, as an engine does that has stored none."""

    run = RUN

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        del name
        return await work()

    async def wait(self, topic: str) -> Json:
        raise AssertionError(topic)

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        raise AssertionError((workflow, run, payload))


@dataclass
class Bench:
    clock: ManualClock = field(default_factory=lambda: ManualClock(T0))
    turns: Turns = field(default_factory=Turns)
    listed: bool = True
    """Whether the channel is on the list."""

    def _team(self) -> Team:
        known = team()
        return known if self.listed else replace(known, channels=())

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self.firings = Firings(
            self.store,
            self.turns,
            halt=Halt(self.store.stops),
            withdraw=_withdraw,
            holds=ScheduleHolds(
                store=self.store,
                chats={},
                team=self._team,
                split=whole,
                clock=self.clock,
                tell_owners=_nobody,
            ),
            team=self._team,
            split=whole,
            clock=self.clock,
            owner="here",
            wake_outbox=lambda: None,
            activity=Activity(),
        )

    async def begin(self, *, owner: str) -> Turn:
        """Take the run's turn up."""
        start = await self.store.turns.begin_run(
            TURN, conversation_of(RUN), requester=ANN, instruction="Brief us", owner=owner
        )
        assert start is not None
        return start.turn

    async def end(self, turn: Turn, state: TurnState, text: str) -> None:
        """End it."""
        said = Entry(role=Role.ASSISTANT, text=text, at=self.clock.now(), turn=TURN)
        await self.store.turns.finish(TURN, turn.fence, state=state, entries=[said])

    async def stop(self) -> None:
        """Stop it, as a person does."""
        stop = Stop(id=StopId("stop"), kind=StopKind.TURNS, by=ANN, at=self.clock.now())
        assert (await self.store.stops.order(stop, turns=[TURN], closing=lambda _: ())).ended

    async def play(self) -> None:
        """Play the run's workflow."""
        await self.firings.workflow(Context(), {"schedule": "schedule"})

    async def delete(self) -> None:
        """Delete the schedule, as where the process died before it told the run."""
        await self.store.schedules.change(
            ScheduleId("schedule"),
            was=ScheduleState.ACTIVE,
            becomes=ScheduleState.DELETED,
            next_at=None,
            by=ANN,
        )

    async def ended(self) -> Occurrence:
        found = await self.store.schedules.occurrence(RUN)
        assert found is not None
        return found

    async def sent(self) -> list[str]:
        items = await self.store.outbox.claim(
            now=self.clock.now(), owner="here", platforms=[OPS.channel.platform]
        )
        return [item.content.text for item in items]


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    schedule = Schedule(
        id=ScheduleId("schedule"),
        when=When(kind=WhenKind.CRON, cron="0 9 * * *", zone="UTC", said="every day at 9"),
        instruction="Brief us",
        agent=AgentName("desk"),
        target=OPS,
        made_by=ANN,
        made_in=DM,
        next_at=T0 + timedelta(hours=1),
        created_at=T0,
    )
    await bench.store.schedules.add(schedule)
    await bench.store.schedules.add_occurrence(
        Occurrence(schedule=schedule.id, planned_at=T0, run=RUN, state=OccurrenceState.DUE)
    )
    await bench.store.conversations.create(conversation_of(RUN), schedule.agent)
    return bench


async def test_what_was_answered_before_a_crash_is_delivered(bench: Bench) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.DONE, "All is well.")
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.result) == (OccurrenceState.DONE, "All is well.")
    assert await bench.sent() == ["All is well."]


async def test_what_was_ended_right_before_a_crash_is_not_decided_anew(bench: Bench) -> None:
    await bench.store.schedules.end_occurrence(
        RUN, state=OccurrenceState.MISSED, now=T0, delivery="not sent: No.", error="No."
    )
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.delivery) == (OccurrenceState.MISSED, "not sent: No.")
    assert await bench.store.turns.state(TURN) is None
    assert await bench.sent() == []


async def test_what_was_sent_right_before_a_crash_is_not_sent_again(bench: Bench) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.DONE, "All is well.")
    await bench.play()
    assert await bench.sent() == ["All is well."]
    await bench.play()
    assert await bench.sent() == []


async def test_what_was_kept_right_before_a_crash_is_kept_though_its_channel_is_listed_now(
    bench: Bench,
) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.DONE, "All is well.")
    await bench.store.schedules.end_occurrence(
        RUN,
        state=OccurrenceState.DONE,
        now=T0,
        delivery="kept, not sent: No.",
        result="All is well.",
    )
    await bench.play()
    ended = await bench.ended()
    assert (ended.delivery, ended.result) == ("kept, not sent: No.", "All is well.")
    assert await bench.sent() == []


async def test_what_was_kept_stays_so_where_the_database_fails_behind_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.FAILED, "The key is refused.")
    bench.listed = False
    history = bench.store.schedules.history
    monkeypatch.setattr(bench.store.schedules, "history", failing_times(history, 1))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.play())
        await settle()
        bench.listed = True
        await bench.clock.advance(timedelta(minutes=1))
    assert (await bench.ended()).delivery.startswith("kept, not sent: ")
    assert await bench.sent() == []


async def test_fifth_failure_that_was_written_before_a_crash_pauses_its_schedule(
    bench: Bench,
) -> None:
    for number in range(MOST_FAILURES):
        run = RUN if number == 0 else RunId(f"run {number}")
        planned = T0 - timedelta(hours=number)
        due = Occurrence(
            schedule=ScheduleId("schedule"),
            planned_at=planned,
            run=run,
            state=OccurrenceState.DUE,
        )
        await bench.store.schedules.add_occurrence(due)
        await bench.store.schedules.end_occurrence(
            run, state=OccurrenceState.FAILED, now=T0, delivery="sent", error="No."
        )
    await bench.play()
    schedule = await bench.store.schedules.by_id(ScheduleId("schedule"))
    assert schedule is not None
    assert (schedule.state, schedule.held) == (ScheduleState.PAUSED, RUN)


@pytest.mark.parametrize(
    ("state", "text", "becomes", "message"),
    [
        (TurnState.DONE, "All is well.", OccurrenceState.DONE, "All is well."),
        (
            TurnState.FAILED,
            "The key is refused.",
            OccurrenceState.FAILED,
            "Schedule 1 could not run (Brief us).\nThe key is refused.",
        ),
    ],
)
async def test_what_was_sent_before_a_crash_is_recorded_so_though_its_schedule_was_deleted(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    state: TurnState,
    text: str,
    becomes: OccurrenceState,
    message: str,
) -> None:
    await bench.end(await bench.begin(owner="here"), state, text)
    with monkeypatch.context() as life:
        life.setattr(bench.store.schedules, "end_occurrence", killed)
        with pytest.raises(Killed):
            await bench.play()
    assert await bench.sent() == [message]
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.delivery) == (becomes, "on its way")
    assert (ended.result or ended.error) == text
    assert await bench.sent() == []


async def test_what_was_sent_before_a_crash_is_recorded_so_though_its_channel_is_not_listed_now(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.DONE, "All is well.")
    with monkeypatch.context() as life:
        life.setattr(bench.store.schedules, "end_occurrence", killed)
        with pytest.raises(Killed):
            await bench.play()
    bench.listed = False
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.delivery) == (OccurrenceState.DONE, "on its way")
    assert await bench.sent() == ["All is well."]


async def test_what_was_answered_before_a_crash_is_delivered_though_its_schedule_was_deleted(
    bench: Bench,
) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.DONE, "All is well.")
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.result) == (OccurrenceState.DONE, "All is well.")
    assert await bench.sent() == ["All is well."]


async def test_what_had_not_ended_before_a_crash_ends_where_its_schedule_was_deleted(
    bench: Bench,
) -> None:
    await bench.begin(owner="here")
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.delivery) == (OccurrenceState.FAILED, f"not sent: {DELETED}")
    assert await bench.store.turns.state(TURN) is TurnState.STOPPED
    assert await bench.sent() == []


async def test_what_ended_with_its_schedule_before_a_crash_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.begin(owner="here")
    await bench.delete()
    with monkeypatch.context() as life:
        life.setattr(bench.store.schedules, "end_occurrence", killed)
        with pytest.raises(Killed):
            await bench.play()
    assert await bench.store.turns.state(TURN) is TurnState.STOPPED
    await bench.play()
    ended = await bench.ended()
    assert (ended.error, ended.delivery) == (DELETED, f"not sent: {DELETED}")


async def test_what_people_stopped_before_a_crash_says_so_though_its_schedule_was_deleted(
    bench: Bench,
) -> None:
    await bench.begin(owner="here")
    await bench.stop()
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.error) == (OccurrenceState.FAILED, STOPPED)
    assert ended.delivery == f"not sent: {STOPPED}"


async def test_what_had_not_begun_says_that_its_schedule_was_deleted_before_its_time(
    bench: Bench,
) -> None:
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.error) == (OccurrenceState.FAILED, GONE)
    assert ended.delivery == "not sent: the schedule was deleted before its time came"
    assert await bench.store.turns.state(TURN) is None
    assert await bench.sent() == []


async def test_why_it_failed_before_a_crash_is_kept_where_its_schedule_was_deleted(
    bench: Bench,
) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.FAILED, "The key is refused.")
    await bench.delete()
    await bench.play()
    ended = await bench.ended()
    assert (ended.error, ended.delivery) == ("The key is refused.", f"not sent: {DELETED}")
    assert await bench.sent() == []


async def test_a_turn_that_gave_up_before_a_crash_is_no_answer(bench: Bench) -> None:
    await bench.end(await bench.begin(owner="here"), TurnState.FAILED, "The key is refused.")
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.result) == (OccurrenceState.FAILED, "")
    assert ended.error == "The key is refused."
    assert await bench.sent() == ["Schedule 1 could not run (Brief us).\nThe key is refused."]


async def test_a_turn_that_was_stopped_before_a_crash_is_no_answer(bench: Bench) -> None:
    await bench.begin(owner="here")
    await bench.stop()
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.result, ended.error) == (OccurrenceState.FAILED, "", STOPPED)
    assert ended.delivery == f"not sent: {STOPPED}"
    assert await bench.sent() == []


async def test_a_turn_that_is_stopped_while_it_runs_is_no_defect(bench: Bench) -> None:
    async def stopped(_: TurnStart) -> None:
        await bench.stop()

    bench.turns.carry = stopped
    await bench.play()
    ended = await bench.ended()
    assert (ended.state, ended.error) == (OccurrenceState.FAILED, STOPPED)
    assert await bench.sent() == []


@pytest.mark.parametrize(
    ("state", "text", "becomes"),
    [
        (TurnState.DONE, "All is well.", OccurrenceState.DONE),
        (TurnState.FAILED, "The key is refused.", OccurrenceState.FAILED),
    ],
)
async def test_a_turn_that_another_process_took_up_is_left_to_it(
    bench: Bench, state: TurnState, text: str, becomes: OccurrenceState
) -> None:
    theirs: list[Turn] = []

    async def overtaken(_: TurnStart) -> None:
        theirs.append(await bench.begin(owner="there"))

    bench.turns.carry = overtaken
    async with asyncio.TaskGroup() as tasks:
        ours = tasks.create_task(bench.play())
        await bench.clock.advance(5 * LOOK)
        assert not ours.done()
        assert (await bench.ended()).state is OccurrenceState.DUE
        assert len(theirs) == 1  # not taken back
        await bench.end(theirs[0], state, text)
        await bench.clock.advance(LOOK)
    ended = await bench.ended()
    assert (ended.state, ended.result or ended.error) == (becomes, text)


async def test_a_database_that_goes_away_meanwhile_does_not_take_the_turn_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: list[Turn] = []

    async def overtaken(_: TurnStart) -> None:
        theirs.append(await bench.begin(owner="there"))
        turns = bench.store.turns
        monkeypatch.setattr(turns, "state", failing_times(turns.state, 3))

    bench.turns.carry = overtaken
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bench.play())
        await settle()
        await bench.clock.advance(timedelta(minutes=1))
        await bench.end(theirs[0], TurnState.DONE, "All is well.")
        await bench.clock.advance(timedelta(minutes=1))
    assert len(theirs) == 1
    assert (await bench.ended()).result == "All is well."
