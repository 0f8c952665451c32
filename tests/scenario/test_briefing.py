"""A schedule's briefing: where it goes, where it must not go, and the thread under it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Step
from runtime.errors import ModelKeyRefused, Retryable
from runtime.ids import AgentName, RunId
from runtime.model.address import ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.schedule import OccurrenceState, Schedule
from runtime.schedules.service import NewSchedule
from tests.support.build import ANN, DM, OPS, QUIET, team
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.faults import failing_once


def answer(request: ModelRequest) -> str:
    """Answer with the last thing that was said, and how much came before it."""
    return f"{len(request.entries)}: {request.entries[-1].text}"


async def hourly(desk: DeskUnderTest, target: ThreadRef, instruction: str = "Brief us") -> Schedule:
    """Make an hourly schedule for that channel."""
    timetable = desk.desk.parts.timetable
    when = timetable.read("every hour", now=desk.clock.now(), zone="Europe/Berlin")
    return await desk.desk.schedules.create(
        NewSchedule(
            key=instruction,
            when=when,
            instruction=instruction,
            agent=AgentName("desk"),
            target=target,
            made_by=ANN,
            made_in=DM,
        )
    )


async def an_hour_later(desk: DeskUnderTest) -> None:
    """Let an hour pass, and fire what is due."""
    await desk.clock.advance(timedelta(hours=1))
    await desk.fire()


async def test_a_briefing_arrives_in_its_listed_channel(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        await hourly(desk, OPS)
        await an_hour_later(desk)
        [briefing] = desk.chat.shown
        assert briefing.thread == OPS
        assert briefing.text == "1: Brief us"


async def test_a_question_under_a_briefing_meets_an_agent_that_knows_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        await hourly(desk, OPS)
        await an_hour_later(desk)
        thread = OPS.under(desk.chat.shown[0].message)
        assert await desk.ask("what was that?", thread=thread) == "3: what was that?"
        assert desk.chat.shown[-1].thread == thread


async def test_two_briefings_have_two_conversations(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        await hourly(desk, OPS)
        await an_hour_later(desk)
        await an_hour_later(desk)
        assert desk.chat.texts == ["1: Brief us", "1: Brief us"]


async def test_a_channel_that_is_not_listed_gets_nothing_and_the_result_is_kept(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, QUIET)
        await an_hour_later(desk)
        assert desk.chat.shown == []
        [ran] = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.DONE
        assert ran.result == "1: Brief us"
        assert "kept, not sent" in ran.delivery


async def test_a_list_that_shrinks_stops_what_already_waits(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        desk.chat.faults.append(Retryable("later", after=60.0))
        await an_hour_later(desk)
        desk.team = replace(desk.team, channels=())
        await desk.clock.advance(60.0)
        await desk.quiet()
        assert desk.chat.shown == []
        [ran] = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert "kept, not sent" in ran.delivery


async def test_the_record_says_that_a_briefing_was_sent(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        await an_hour_later(desk)
        [ran] = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert ran.delivery == "sent"


async def test_a_firing_that_fails_is_said_in_its_channel_and_recorded(tmp_path: Path) -> None:
    def refuse(_: ModelRequest) -> Step:
        return ModelKeyRefused("401")

    async with running_desk(tmp_path, refuse) as desk:
        schedule = await hourly(desk, OPS)
        await an_hour_later(desk)
        assert "could not run" in desk.chat.texts[0]
        [ran] = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.FAILED
        assert "refused the key" in ran.error


async def test_a_schedule_of_somebody_who_left_does_not_run(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        desk.team = replace(team(), members=())
        await an_hour_later(desk)
        [ran] = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.MISSED
        assert "is no longer in Night shift" in ran.error


async def test_a_night_without_a_process_is_one_late_briefing(tmp_path: Path) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        clock = desk.clock
    await clock.advance(timedelta(hours=8))
    async with running_desk(tmp_path, answer, clock=clock) as desk:
        await desk.fire()
        assert desk.chat.texts == ["1: Brief us"]
        ran = await desk.desk.parts.store.schedules.history(schedule=schedule.id)
        assert [run.state for run in ran].count(OccurrenceState.MISSED) == 7


async def test_a_firing_outlives_a_database_that_takes_nothing_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        store = desk.desk.parts.store
        monkeypatch.setattr(store.turns, "finish", failing_once(store.turns.finish))
        monkeypatch.setattr(store.outbox, "enqueue", failing_once(store.outbox.enqueue))
        await desk.clock.advance(timedelta(hours=1))
        await desk.desk.schedules.tick()
        await passing(desk, 5.0, lambda: desk.chat.shown)
        await desk.quiet()
        assert desk.chat.texts == ["1: Brief us"]
        [ran] = await store.schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.DONE


async def test_a_planned_time_whose_run_broke_is_recorded_as_failed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(run: RunId) -> None:
        raise RuntimeError(run)

    async with running_desk(tmp_path, answer) as desk:
        schedule = await hourly(desk, OPS)
        schedules = desk.desk.parts.store.schedules
        with monkeypatch.context() as patch:
            patch.setattr(schedules, "occurrence", broken)
            await desk.clock.advance(timedelta(hours=1))
            await desk.desk.schedules.tick()
            await desk.desk.activity.idle()
        await desk.desk.schedules.recover()
        await desk.quiet()
        [ran] = await schedules.history(schedule=schedule.id)
        assert ran.state is OccurrenceState.FAILED
