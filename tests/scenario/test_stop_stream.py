"""STOP behind other events of a listener, who hands over one after the other: it does not wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapters.models.scripted import ScriptedModel
from bot.environ import load_settings
from bot.parts import Opened
from bot.running.lifecycle import open_doors
from runtime.model.events import Command, Cursor
from runtime.ports import Accept
from tests.scenario.test_stop_first import LongLine, growing
from tests.support.build import OPS, QUIET, STRANGER, inbound
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.eventually import eventually
from tests.support.ticker import ClockTicker

HEARD = (
    inbound("more", key="1"),
    inbound("to somebody else", key="2", thread=OPS, direct=False),
    inbound("let me in", key="3", thread=QUIET, sender=STRANGER, direct=False, mentioned=True),
    inbound(key="4", body=Command(text="stop")),
)


@dataclass
class Hears:
    """A listener: of a platform, or at the terminal, where `run` is all it does."""

    accept: Accept

    async def run(self) -> None:
        for event in HEARD:
            await self.accept(event)
        await asyncio.Event().wait()


async def hear(accept: Accept) -> None:
    await Hears(accept).run()


def at_the_terminal(accept: Accept, _idle: object, _store: object) -> Hears:
    return Hears(accept)


async def stopped_behind_others(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: Callable[[DeskUnderTest], Awaitable[None]],
) -> DeskUnderTest:
    """Let a turn run and nobody write who does not go first; then let that be heard."""
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(folder, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(_awaited(heard(desk)))
                await eventually(lambda: model.abandoned)
                await eventually(lambda: "Stopped." in desk.chat.texts)
                hearing.cancel()
        line.pass_on()
        await eventually(lambda: len(model.requests) > 1)
        await desk.say(body=Command(text="stop"))
        await desk.quiet()
    return desk


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def test_a_stop_behind_a_page_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions: list[int | None] = []

    async def page(desk: DeskUnderTest) -> None:
        for number, event in enumerate(HEARD, 2):
            place = Cursor(name="telegram:1", value=number)
            await desk.desk.ingress.in_stream(replace(event, cursor=place))
        positions.append(await desk.desk.parts.store.inbox.position("telegram:1"))

    desk = await stopped_behind_others(tmp_path, monkeypatch, page)
    assert positions == [5]
    assert any("not a member" in text for text in desk.chat.texts)


@pytest.mark.parametrize("where", ["platform", "terminal"])
async def test_a_stop_behind_others_of_a_listener_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    settings = load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)

    async def listens(desk: DeskUnderTest) -> None:
        opened = Opened(
            parts=desk.desk.parts,
            ticker=ClockTicker(desk.clock),
            serves_http=False,
            routes=(),
            hears=(hear,) if where == "platform" else (),
            listener=at_the_terminal if where == "terminal" else None,
        )
        async with open_doors(desk.desk, opened, settings, asyncio.Event()):
            await asyncio.Event().wait()

    await stopped_behind_others(tmp_path, monkeypatch, listens)
