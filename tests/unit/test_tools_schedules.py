"""The tools of schedules: what a person could do by a command, in that person's name."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.address import Principal
from runtime.model.tools import Risk, ToolCall, ToolResult
from runtime.ports import ToolContext
from tests.support.approving import BOB, MEL, people
from tests.support.build import ANN, DM
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.handing import in_memory


@dataclass
class Bench:
    """A desk with two schedules: Bob's and Ann's."""

    desk: DeskUnderTest

    async def run(self, name: str, *, who: Principal = BOB, **arguments: object) -> ToolResult:
        context = ToolContext(
            turn=TurnId("turn"),
            conversation=ConversationId("talk"),
            agent=AgentName("desk"),
            requester=who,
            thread=DM,
            attended=True,
        )
        call = ToolCall(id=ToolCallId("c1"), name=name, arguments=json.dumps(arguments))
        return await self.desk.desk.asks.tools.run(call, context)


@pytest.fixture
async def bench(clock: ManualClock) -> AsyncIterator[Bench]:
    async with running_desk(in_memory(clock), members=people(), clock=clock) as desk:
        await desk.command("/schedule create every day at noon Water the plants", sender=BOB)
        await desk.command("/schedule create every hour Look around", sender=ANN)
        yield Bench(desk)


async def test_they_are_listed_with_what_names_them(bench: Bench) -> None:
    said = (await bench.run("schedule.list")).text
    assert "Schedule 1 (active): “Water the plants”" in said
    assert "Schedule 2 (active): “Look around”" in said
    assert ", next " in said


async def test_one_is_paused_resumed_and_deleted_and_twice_is_once(bench: Bench) -> None:
    for _ in range(2):
        assert "Schedule 1 (paused)" in (await bench.run("schedule.pause", number=1)).text
    for _ in range(2):
        assert "Schedule 1 (active)" in (await bench.run("schedule.resume", number=1)).text
    for _ in range(2):
        deleted = await bench.run("schedule.delete", number=1)
        assert (deleted.text, deleted.failed) == ("Schedule 1 is deleted.", False)
    assert "Schedule 1 " not in (await bench.run("schedule.list")).text


@pytest.mark.parametrize("name", ["schedule.pause", "schedule.delete"])
async def test_what_the_person_may_not_do_the_agent_may_not_do_for_them(
    bench: Bench, name: str
) -> None:
    refused = await bench.run(name, who=MEL, number=2)
    assert refused.failed
    assert "needs the role" in refused.text
    assert "Schedule 2 (active)" in (await bench.run("schedule.list", who=MEL)).text
    nothing = await bench.run(name, number=99)
    assert "There is no schedule 99." in nothing.text
    assert (await bench.run(name, number="1")).failed


MAKES: list[tuple[str, dict[str, Any], str]] = [
    ("schedule.create", {"when": "in 2 minutes", "instruction": "Report"}, "Schedule 3"),
    ("reminder.create", {"when": "in 2 minutes", "text": "call"}, "Reminder 1"),
]


@pytest.mark.parametrize(("name", "arguments", "this"), MAKES)
async def test_what_was_made_in_time_is_told_however_late_it_is_done_again(
    bench: Bench, clock: ManualClock, name: str, arguments: dict[str, Any], this: str
) -> None:
    first = await bench.run(name, **arguments)
    assert not first.failed
    assert first.text.startswith(f"{this}: ")
    assert " 5 Jan " in first.text
    assert await bench.run(name, **arguments) == first
    await clock.advance(timedelta(minutes=3))
    again = await bench.run(name, **arguments)
    assert not again.failed
    assert again.text.startswith(this)


async def test_what_was_made_and_deleted_since_is_told_so(bench: Bench) -> None:
    name, arguments, _ = MAKES[0]
    await bench.run(name, **arguments)
    await bench.desk.command("/schedule delete 3", sender=BOB)
    again = await bench.run(name, **arguments)
    assert again.text == "Schedule 3 was made, and is deleted by now: “Report”."


async def test_each_is_declared(bench: Bench) -> None:
    specs = {spec.name: spec for spec in bench.desk.desk.asks.tools.tool_specs()}
    for name in ("list", "pause", "resume", "delete"):
        spec = specs[f"schedule.{name}"]
        assert (spec.risk, spec.repeatable) == (
            Risk.READ if name == "list" else Risk.WRITE,
            True,
        )
    assert {"time.now", "reminder.create", "schedule.create", "task.complete"} <= set(specs)
