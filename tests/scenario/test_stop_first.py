"""STOP where the disk is slow: it is carried out and answered before what else is to be written."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step
from adapters.sql.sqlite import SqliteDatabase
from adapters.sql.transaction import First, Work
from gateway.inbound.ingress import Ingress
from runtime.errors import Permanent
from runtime.model.address import ThreadRef
from runtime.model.approval import ApprovalState
from runtime.model.completion import ModelRequest
from runtime.model.events import Command, Inbound, Received
from runtime.ports import ToolContext
from runtime.tools.registry import Tool
from tests.scenario.test_stop_states import Stubborn, deploying
from tests.support.approving import World
from tests.support.build import DM, OPS, inbound
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
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


async def test_what_is_said_after_the_stop_is_answered_though_it_is_stored_before_it_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, line = ManualClock(), LongLine()
    model = ScriptedModel(lambda request: request.entries[-1].text, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        inbox = desk.desk.parts.store.inbox
        unbegun, stored = inbox.unbegun, asyncio.Event()

        async def late(thread: ThreadRef) -> list[Received]:
            await stored.wait()
            return await unbegun(thread)

        monkeypatch.setattr(inbox, "unbegun", late)
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                tasks.create_task(desk.say("before"))
                await eventually(lambda: line.length)
                await desk.say(body=Command(text="stop"))
                await desk.desk.ingress.in_stream(inbound("after", key="after"))
                stored.set()
                await eventually(lambda: desk.chat.shown)
                line.pass_on()
        line.pass_on()
        await desk.quiet()
        assert desk.chat.texts == ["Stopped before it began: 1 message not answered.", "after"]


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


def texts_in(desk: DeskUnderTest, thread: ThreadRef) -> list[str]:
    """What was shown there: in another thread than the cards, behind which an answer waits."""
    return [shown.text for shown in desk.chat.shown if shown.thread == thread]


async def test_a_stop_of_what_people_are_asked_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, line = World(tmp_path), LongLine()
    async with world.life() as life:
        approval = await life.asked()
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30):
                await life.desk.say(body=Command(text="stop mine"), thread=OPS)
                await eventually(lambda: "Stopped." in texts_in(life.desk, OPS))
        line.pass_on()
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.CANCELLED


async def test_a_stop_of_what_people_approved_and_runs_waits_for_no_other_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn, line = Stubborn(), LongLine()
    world = World(tmp_path)
    monkeypatch.setattr(world, "tool", stubborn.tool)
    async with world.life(deploying) as life:
        approval = await life.asked("deploy")
        await life.press(approval, wait=False)
        await stubborn.begun.wait()
        with monkeypatch.context() as patch:
            line.before(patch)
            async with asyncio.timeout(30):
                await life.desk.say(body=Command(text="stop mine"), thread=OPS)
                await eventually(
                    lambda: any("Stopped." in text for text in texts_in(life.desk, OPS))
                )
        stubborn.let_go.set()
        line.pass_on()
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.UNKNOWN


@pytest.mark.parametrize("end", [ApprovalState.DONE, ApprovalState.FAILED])
async def test_a_stop_asks_nobody_to_look_at_a_tool_that_had_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: ApprovalState
) -> None:
    stubborn, line = Stubborn(), LongLine()
    world = World(tmp_path)

    async def fails(context: ToolContext, key: str, /) -> str:
        await stubborn.tool().run(context, key)
        raise Permanent("no such server")

    def tool() -> Tool:
        made = stubborn.tool()
        return made if end is ApprovalState.DONE else replace(made, run=fails)

    monkeypatch.setattr(world, "tool", tool)
    async with world.life(deploying) as life:
        approval = await life.asked("deploy")
        await life.press(approval, wait=False)
        await stubborn.begun.wait()
        with monkeypatch.context() as patch:
            line.before(patch)
            stubborn.let_go.set()
            await eventually(lambda: line.length)
            async with asyncio.timeout(30):
                await life.desk.say(body=Command(text="stop mine"), thread=OPS)
                await eventually(
                    lambda: any("Stopped." in text for text in texts_in(life.desk, OPS))
                )
        line.pass_on()
        await life.desk.quiet()
        assert await life.state(approval) is end
        assert not any("may have run" in shown.text for shown in life.desk.chat.shown)
