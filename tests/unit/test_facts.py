"""The facts about the desk."""

from datetime import timedelta
from pathlib import Path

from runtime.facts import FactsReader
from runtime.ids import AgentName
from tests.support.build import OPS, team
from tests.support.desk import DeskUnderTest, running_desk


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
