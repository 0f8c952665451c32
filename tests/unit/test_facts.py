"""The facts about the desk."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.models.offline import OfflineModel
from runtime.access import may
from runtime.facts import FactsReader
from runtime.ids import AgentName, ConversationId, RunId, ToolCallId, TurnId
from runtime.model.access import Action
from runtime.model.facts import LimitFact
from runtime.model.meter import Period
from runtime.model.schedule import Occurrence, OccurrenceState
from runtime.model.team import MemberRole
from runtime.model.tools import ToolCall
from runtime.ports import ToolContext
from tests.support.build import ANN, DM, OPS, team
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.handing import in_memory


async def when_of_the_schedule_in(desk: DeskUnderTest, zone: str) -> str:
    """Make a schedule in that zone, and return how the facts word its times."""
    await desk.command(f'schedule create "0 9 * * 1" Look --tz {zone}')
    parts = desk.desk.parts
    facts = await FactsReader(parts.store, parts.timetable, parts.clock).read(
        team(), AgentName("desk")
    )
    [schedule] = facts.schedules
    return schedule.when


async def test_a_schedule_in_the_team_s_zone_is_told_without_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        assert "Berlin" not in await when_of_the_schedule_in(desk, "Europe/Berlin")


async def test_a_schedule_in_another_zone_names_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        assert "America/New_York" in await when_of_the_schedule_in(desk, "America/New_York")


async def test_the_facts_tell_what_ran_and_what_became_of_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command('schedule create "every hour" Look --channel ops')
        await desk.clock.advance(timedelta(hours=1))
        await desk.fire()
        parts = desk.desk.parts
        facts = await FactsReader(parts.store, parts.timetable, parts.clock).read(
            team(), AgentName("desk")
        )
        [run] = facts.runs
        assert (run.schedule, run.instruction, run.state, run.delivery) == (
            1,
            "Look",
            "done",
            "sent",
        )
        assert desk.chat.shown[-1].thread == OPS


async def test_the_facts_tell_what_may_be_spent_as_the_command_does(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command('schedule create "every hour" Look --channel ops --budget 0.50')
        await desk.command("budget set team 5 day")
        await desk.command("budget set agent desk 1 month")
        parts = desk.desk.parts
        facts = await FactsReader(parts.store, parts.timetable, parts.clock).read(
            team(), AgentName("desk")
        )
        day, month = (one for one in facts.limits if one.whose == "the whole team")
        assert day == LimitFact(
            whose="the whole team",
            period=Period.DAY,
            when="a day",
            limit_micros=5_000_000,
            spent_micros=0,
        )
        assert (month.period, month.spent_micros) == (Period.MONTH, 0)
        others = {
            (one.whose, one.schedule, one.when, one.limit_micros, one.spent_micros)
            for one in facts.limits
        }
        assert ("the agent desk", 0, "a month", 1_000_000, 0) in others
        assert ("schedule 1", 1, "a run", 500_000, None) in others
        await desk.command("budget show")
        said = desk.chat.shown[-1].text
        assert all(one.whose in said for one in facts.limits), said


async def test_every_limit_is_told(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        for number in range(21):
            await desk.command(f'schedule create "every hour" Look --budget 0.{number + 10}')
        parts = desk.desk.parts
        facts = await FactsReader(parts.store, parts.timetable, parts.clock).read(
            team(), AgentName("desk")
        )
        assert {one.schedule for one in facts.limits} >= set(range(1, 22))


async def test_what_is_under_way_is_told_however_much_was_planned_since(tmp_path: Path) -> None:
    async with running_desk(tmp_path, model=OfflineModel()) as desk:
        await desk.command(
            'schedule create "every hour" ask us first, then post the briefing --channel ops'
        )
        await desk.clock.advance(timedelta(hours=1))
        await desk.fire()
        await desk.command("schedule pause 1")
        await desk.clock.advance(timedelta(hours=25))
        parts = desk.desk.parts
        facts = await FactsReader(parts.store, parts.timetable, parts.clock).read(
            team(), AgentName("desk")
        )
        assert facts.runs == ()
        [run] = facts.under_way
        assert (run.schedule, run.state) == (1, "due")


def test_whoever_may_read_the_facts_may_read_the_budget_that_they_tell() -> None:
    readers = [role for role in MemberRole if may(role, Action.SCHEDULE_READ)]
    assert readers
    assert all(may(role, Action.BUDGET_READ) for role in readers)


async def facts_of(desk: DeskUnderTest) -> dict[str, Any]:
    """What a model is shown of the desk."""
    context = ToolContext(
        turn=TurnId("turn"),
        conversation=ConversationId("talk"),
        agent=AgentName("desk"),
        requester=ANN,
        thread=DM,
        attended=True,
    )
    call = ToolCall(id=ToolCallId("c1"), name="desk.facts", arguments="{}")
    shown = await desk.desk.asks.tools.run(call, context)
    assert not shown.failed
    found: dict[str, Any] = json.loads(shown.text)
    return found


async def ran(desk: DeskUnderTest, states: list[OccurrenceState | None]) -> None:
    """Runs of the schedules that ended so, a minute apart, the last one now; None has not."""
    schedules = await desk.desk.parts.store.schedules.all()
    table, now = desk.desk.parts.store.schedules, desk.clock.now()
    for number, state in enumerate(states):
        run = RunId(f"run{number}")
        one = Occurrence(
            schedule=schedules[number % len(schedules)].id,
            planned_at=now - timedelta(minutes=len(states) - number),
            run=run,
            state=OccurrenceState.DUE,
        )
        await table.add_occurrence(one)
        if state is not None:
            await table.end_occurrence(run, state=state, now=now, error='"It" broke.\n' * 100)


async def test_of_many_long_schedules_and_runs_the_facts_can_be_read(clock: ManualClock) -> None:
    async with running_desk(in_memory(clock), clock=clock) as desk:
        for number in range(80):
            words = f'"Report"\n{number} "now" ' * 100
            await desk.command(f"schedule create every weekday at 8:30 {words} --channel ops")
        failed, done = OccurrenceState.FAILED, OccurrenceState.DONE
        await ran(desk, [*[failed] * 40, *[done] * 100, *[None] * 30])
        facts = await facts_of(desk)
        assert (len(facts["schedules"]), len(facts["under_way"])) == (50, 10)
        states = [run["state"] for run in facts["runs"]]
        assert states.count("failed") == 20
        assert facts["left_out"] == {
            "schedules": 30,
            "done": 70,
            "failed": 20,
            "missed": 0,
            "under_way": 20,
            "limits": 0,
        }


async def test_what_failed_is_told_however_much_went_well_since(clock: ManualClock) -> None:
    async with running_desk(in_memory(clock), clock=clock, model=OfflineModel()) as desk:
        await desk.command("schedule create every day at noon Look --channel ops")
        await ran(desk, [OccurrenceState.FAILED, *[OccurrenceState.DONE] * 96])
        facts = await facts_of(desk)
        assert [run["state"] for run in facts["runs"]] == ["failed", *["done"] * 49]
        assert facts["left_out"]["done"] == 47
        await desk.say("what failed?")
        await desk.quiet()
        assert '"It" broke.' in desk.chat.shown[-1].text
        await desk.say("what ran?")
        await desk.quiet()
        assert "96 done, 1 failed, 0 missed" in desk.chat.shown[-1].text
        assert "and 87 more" in desk.chat.shown[-1].text


@pytest.mark.parametrize(
    ("one", "others", "named"),
    [
        (OccurrenceState.FAILED, OccurrenceState.MISSED, 10),
        (OccurrenceState.MISSED, OccurrenceState.FAILED, 20),
    ],
)
async def test_what_failed_and_what_was_missed_do_not_hide_each_other(
    clock: ManualClock, one: OccurrenceState, others: OccurrenceState, named: int
) -> None:
    async with running_desk(in_memory(clock), clock=clock) as desk:
        await desk.command("schedule create every day at noon Look --channel ops")
        await ran(desk, [one, *[others] * 50])
        facts = await facts_of(desk)
        assert [run["state"] for run in facts["runs"]] == [one, *[others] * named]
        assert facts["left_out"][others] == 50 - named
