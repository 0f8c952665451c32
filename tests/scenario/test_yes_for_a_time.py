"""A yes to what is to happen at a time is for the time that was meant when it was asked for."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.model.approval import Approval, ApprovalState
from runtime.model.completion import ModelRequest
from runtime.ports import Verdict
from tests.support.approving import BOB, Asking
from tests.support.clock import ManualClock
from tests.support.handing import Agents, answers_of, in_memory

JUST_BEFORE_MIDNIGHT = datetime(2026, 11, 20, 22, 50, tzinfo=UTC)
"""Friday, 23:50 in Berlin."""
WORDS = {"schedule.create": "instruction", "reminder.create": "text"}


def agents(clock: ManualClock, tool: str, when: str) -> Agents:
    """An agent that calls the tool, which people are asked for, and says what it answered."""

    def says(request: ModelRequest) -> Step:
        if told := answers_of(request):
            return told[-1]
        return ToolCalls.of(tool, json.dumps({"when": when, WORDS[tool]: "Report"}))

    return Agents(in_memory(clock), {"desk": []}, {"desk": says}, clock=clock, verdict=Verdict.ASK)


async def asked(life: Asking, clock: ManualClock) -> Approval:
    """What is asked for just before midnight."""
    await clock.advance(JUST_BEFORE_MIDNIGHT - clock.now())
    await life.desk.say("do it")
    await life.desk.quiet()
    [approval] = await life.waiting()
    return approval


async def made(life: Asking) -> list[datetime | None]:
    """For when there is something now."""
    store = life.desk.desk.parts.store
    reminders = await store.reminders.open_of([life.desk.team.members[0].principals[0]])
    schedules = await store.schedules.all()
    return [*(one.next_at for one in schedules), *(one.next_at for one in reminders)]


@pytest.mark.parametrize("tool", WORDS)
async def test_tomorrow_is_the_day_after_it_was_asked_for(clock: ManualClock, tool: str) -> None:
    async with agents(clock, tool, "tomorrow at 9am").life() as life:
        approval = await asked(life, clock)
        assert '"when": "2026-11-21 09:00 Europe/Berlin"' in life.card(approval).text
        await clock.advance(timedelta(minutes=30))
        await life.press(approval, who=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.DONE
        assert await made(life) == [datetime(2026, 11, 21, 8, tzinfo=UTC)]


@pytest.mark.parametrize("tool", WORDS)
async def test_what_has_passed_by_the_time_of_the_yes_is_not_made(
    clock: ManualClock, tool: str
) -> None:
    async with agents(clock, tool, "in 10 minutes").life() as life:
        approval = await asked(life, clock)
        await clock.advance(timedelta(minutes=30))
        await life.press(approval, who=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.FAILED
        assert "It failed: Sat 21 Nov 00:00 CET is in the past." in life.card(approval).text
        assert await made(life) == []


async def test_an_edit_means_its_time_from_then(clock: ManualClock) -> None:
    async with agents(clock, "schedule.create", "tomorrow at 9am").life() as life:
        approval = await asked(life, clock)
        await clock.advance(timedelta(minutes=30))
        await life.desk.command(
            f"/approve edit {approval.id[:8]} when = tomorrow at 10", sender=BOB
        )
        await life.desk.quiet()
        [edited] = await life.waiting()
        assert json.loads(edited.frozen.arguments)["when"] == "2026-11-22 10:00 Europe/Berlin"


async def test_an_edit_that_is_done_again_asks_what_it_asked(clock: ManualClock) -> None:
    async with agents(clock, "schedule.create", "tomorrow at 9am").life() as life:
        approval = await asked(life, clock)
        service = life.desk.desk.asks.approvals
        edited = await service.edit(approval, BOB, "when = in 2 hours")
        await clock.advance(timedelta(minutes=1))
        again = await service.edit(await life.now(approval), BOB, "when = in 2 hours")
        assert again.id == edited.id
