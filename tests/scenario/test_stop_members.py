"""STOP in a thread where several members write: each ends what is theirs, and hears of that."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step
from runtime.model.completion import ModelRequest
from runtime.model.events import Command
from runtime.model.stop import Stopped
from runtime.model.team import Member, MemberRole, Team
from tests.scenario.test_stop_first import NEVER, LongLine
from tests.support.approving import BOB
from tests.support.build import ANN, QUIET, team
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.eventually import eventually
from tests.support.faults import unheard_once


def two_members() -> Team:
    people = (("Ann", ANN), ("Bob", BOB))
    members = [Member(name=name, role=MemberRole.MEMBER, principals=(who,)) for name, who in people]
    return replace(team(), members=tuple(members))


def never_hers(request: ModelRequest) -> list[Step]:
    said = request.entries[-1].text
    return ["It ", Pause(NEVER), "ends."] if said == "hers" else [said]


def echo(request: ModelRequest) -> str:
    return request.entries[-1].text


async def hers_runs_and_his_waits(desk: DeskUnderTest, model: ScriptedModel) -> None:
    await desk.say("hers", thread=QUIET)
    await eventually(lambda: model.requests)
    await desk.say("his", thread=QUIET, sender=BOB)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])
async def test_a_stop_that_nobody_heard_of_is_told_as_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    clock = ManualClock()
    model = ScriptedModel(never_hers, clock=clock)
    members = two_members()
    async with running_desk(
        tmp_path, clock=clock, model=model, members=members, alone=alone
    ) as desk:
        await hers_runs_and_his_waits(desk, model)
        stops = desk.desk.parts.store.stops
        monkeypatch.setattr(stops, "order", unheard_once(stops.order))
        await desk.say(body=Command(text="stop"), thread=QUIET)
        await passing(desk, 5.0, lambda: len(desk.chat.shown) > 1)
        await desk.quiet()
        assert sorted(desk.chat.texts) == ["Stopped.", "his"]
        assert model.abandoned == 1


async def test_a_stop_is_told_as_what_it_was_after_a_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, members = ManualClock(), two_members()
    model = ScriptedModel(never_hers, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=members) as desk:
        await hers_runs_and_his_waits(desk, model)
        stops = desk.desk.parts.store.stops
        order, dead = stops.order, asyncio.Event()

        async def dies(*given: Any, **named: Any) -> Stopped:
            await order(*given, **named)
            dead.set()
            return await asyncio.Future()

        monkeypatch.setattr(stops, "order", dies)
        await desk.say(body=Command(text="stop"), thread=QUIET)
        await dead.wait()
    assert desk.chat.texts == []
    model = ScriptedModel(never_hers, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=members) as desk:
        await desk.quiet()
        assert sorted(desk.chat.texts) == ["Stopped.", "his"]


async def test_a_member_may_not_stop_what_is_somebody_elses(tmp_path: Path) -> None:
    clock, members = ManualClock(), two_members()
    model = ScriptedModel(never_hers, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=members) as desk:
        await desk.say("hers", thread=QUIET)
        await eventually(lambda: model.requests)
        await desk.say(body=Command(text="stop"), thread=QUIET, sender=BOB)
        await eventually(lambda: desk.chat.shown)
        assert "That needs the role operator" in desk.chat.texts[0]
        assert model.abandoned == 0
        await desk.say(body=Command(text="stop"), thread=QUIET)
        await desk.quiet()


async def test_a_member_takes_back_what_is_theirs_behind_somebody_elses_turn(
    tmp_path: Path,
) -> None:
    clock, members = ManualClock(), two_members()
    model = ScriptedModel(never_hers, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=members) as desk:
        await hers_runs_and_his_waits(desk, model)
        await desk.say("and his", thread=QUIET, sender=BOB)
        await desk.say(body=Command(text="stop"), thread=QUIET, sender=BOB)
        await eventually(lambda: desk.chat.shown)
        assert desk.chat.texts == ["Stopped before they began: 2 messages not answered."]
        assert model.abandoned == 0
        await desk.say(body=Command(text="stop"), thread=QUIET)
        await desk.quiet()
        assert desk.chat.texts[1:] == ["Stopped."]


async def test_a_member_takes_back_nobody_elses_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, line, members = ManualClock(), LongLine(), two_members()
    model = ScriptedModel(echo, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=members) as desk:
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                tasks.create_task(desk.say("hers", thread=QUIET))
                tasks.create_task(desk.say("his", thread=QUIET, sender=BOB))
                await eventually(lambda: line.length > 1)
                await desk.say(body=Command(text="stop"), thread=QUIET, sender=BOB)
                await eventually(lambda: desk.chat.shown)
                line.pass_on()
        line.pass_on()
        await desk.quiet()
        assert desk.chat.texts == ["Stopped before it began: 1 message not answered.", "hers"]
