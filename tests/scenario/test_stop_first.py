"""STOP where the disk is slow: it is carried out and answered before what else is to be written."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step
from adapters.sql.sqlite import SqliteDatabase
from adapters.sql.transaction import First, Work
from gateway.ingress import Ingress
from runtime.model.address import ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.events import Command, Cursor, Inbound
from tests.support.build import DM, OPS, inbound
from tests.support.clock import ManualClock
from tests.support.desk import running_desk
from tests.support.eventually import eventually

NEVER = 3600.0


def growing(_: ModelRequest) -> list[Step]:
    return ["It ", Pause(NEVER), "ends."]


class LongLine:
    """A writer before which the line is so long that what does not go first never has its turn."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def before(self, patch: pytest.MonkeyPatch) -> None:
        """Let everybody else wait who writes from now on."""
        write = SqliteDatabase.write

        def lined_up(database: SqliteDatabase, work: Work[object]) -> asyncio.Future[object]:
            if isinstance(work, First):
                return write(database, work)
            waits: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            self._waiting.append(lambda: handed(write(database, work), waits))
            return waits

        patch.setattr(SqliteDatabase, "write", lined_up)

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def pass_on(self) -> None:
        """Let who waits write."""
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()


def handed(written: asyncio.Future[object], waits: asyncio.Future[object]) -> None:
    """Tell who waits how the writing ended, unless it has gone away."""

    def tell(ended: asyncio.Future[object]) -> None:
        error = ended.exception()
        if waits.done():
            return
        if error is None:
            waits.set_result(ended.result())
        else:
            waits.set_exception(error)

    written.add_done_callback(tell)


@pytest.mark.parametrize(
    ("said", "answered"),
    [("stop", "Stopped."), ("stop everything", "**Everything is stopped.** 1 turn ended")],
)
async def test_a_stop_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, answered: str
) -> None:
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30):
                await desk.say(body=Command(text=said))
                await eventually(lambda: desk.chat.shown)
        line.pass_on()
        await desk.quiet()
        assert any(text.startswith(answered) for text in desk.chat.texts)
        assert model.abandoned == 1


async def _taken(ingress: Ingress, event: Inbound) -> bool:
    """Offer it, as a webhook does; whether it was stored."""
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    ingress.offer([event], lambda _, good: told.set_result(good))
    return await told


@pytest.mark.parametrize("offered", [False, True], ids=["waited-for", "offered"])
@pytest.mark.parametrize("stored", [False, True], ids=["being-stored", "stored"])
@pytest.mark.parametrize(
    ("said", "thread"), [("stop", DM), ("stop mine", OPS)], ids=["here", "anywhere"]
)
async def test_a_message_that_was_said_before_the_stop_begins_no_turn_after_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    said: str,
    thread: ThreadRef,
    stored: bool,
    offered: bool,
) -> None:
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                tasks.create_task(desk.say("hello"))
                await eventually(lambda: line.length)
                if stored:
                    line.pass_on()
                    await eventually(lambda: line.length)
                stop = inbound(key="stop", thread=thread, body=Command(text=said))
                stop = replace(stop, sent_at=clock.now())
                if not offered or not await _taken(desk.desk.ingress, stop):
                    await desk.desk.ingress(stop)
                await eventually(lambda: desk.chat.shown)
                line.pass_on()
        line.pass_on()
        await desk.quiet()
        assert desk.chat.texts == ["Stopped before it began: 1 message not answered."]
        assert model.requests == []
        await desk.say("and now?")
        await eventually(lambda: model.requests)
        await desk.say(body=Command(text="stop"))


async def test_a_message_behind_one_that_is_stopped_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                tasks.create_task(desk.say("and then?"))
                await eventually(lambda: line.length)
                await desk.say(body=Command(text="stop"))
                await eventually(lambda: model.abandoned)
                line.pass_on()
        line.pass_on()
        await eventually(lambda: len(model.requests) > 1)
        await eventually(lambda: "Stopped." in desk.chat.texts)
        await desk.say(body=Command(text="stop"))
        await desk.quiet()


async def test_a_stop_behind_others_in_a_stream_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(growing, clock=clock)
    page = (
        inbound("more", key="1"),
        inbound("to somebody else", key="2", thread=OPS, direct=False),
        inbound(key="3", body=Command(text="stop")),
    )
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30):
                for number, event in enumerate(page, 2):
                    place = Cursor(name="telegram:1", value=number)
                    await desk.desk.ingress(replace(event, cursor=place))
                await eventually(lambda: model.abandoned)
        line.pass_on()
        assert await desk.desk.parts.store.inbox.position("telegram:1") == 4
        await eventually(lambda: len(model.requests) > 1)
        await desk.say(body=Command(text="stop"))
        await desk.quiet()
