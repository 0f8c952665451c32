"""The whole core, wired as the program wires it, over a real SQLite file and a memory platform."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.memory.durable import MemoryDurable
from adapters.models.scripted import Script, ScriptedModel
from adapters.sql.store import open_store
from adapters.timing.timetable import CronsimTimetable
from bot.role import Role
from bot.wiring.desk import Desk, Parts, wire
from runtime.clock import Clock
from runtime.ids import IdSource, StopId, TimeOrderedIds
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Body, Command
from runtime.model.team import Team
from runtime.ports import ModelPort, Policy, Store
from runtime.stopping import HardStop, stays
from runtime.tools.registry import Tool
from tests.support.build import ANN, DM, inbound, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually
from tests.support.ready import put_store

_LIVES = itertools.count(1)
"""Numbers the lives of a test run, so that no two say the same thing under the same key."""
_WHAT_A_TURN_TAKES = 250
"""Turns of the loop: more than a turn on a store in memory needs, so that no time passes in it."""


@dataclass
class DeskUnderTest:
    """One life of the program, and what a test does to it."""

    desk: Desk
    chat: MemoryChat
    clock: ManualClock
    team: Team
    spoken: int = 0
    number: int = field(default_factory=lambda: next(_LIVES))

    async def say(
        self,
        text: str = "",
        *,
        thread: ThreadRef = DM,
        sender: Principal = ANN,
        key: str = "",
        body: Body | None = None,
        direct: bool = True,
        mentioned: bool = False,
    ) -> None:
        """Let somebody write; returns when it is stored."""
        self.spoken += 1
        event = inbound(
            text,
            key=key or f"e{self.spoken}-life{self.number}",
            thread=thread,
            sender=sender,
            body=body,
            direct=direct and thread.root == "" and thread.channel == DM.channel,
            mentioned=mentioned,
        )
        await self.desk.ingress(replace(event, sent_at=self.clock.now()))

    async def command(self, text: str, *, thread: ThreadRef = DM, sender: Principal = ANN) -> None:
        """Let somebody give a command, and wait until it is answered."""
        await self.say(thread=thread, sender=sender, body=Command(text=text))
        await self.quiet()

    async def ask(
        self,
        text: str,
        *,
        thread: ThreadRef = DM,
        sender: Principal = ANN,
        mentioned: bool = False,
    ) -> str:
        """Let somebody ask, wait until everything is answered, and return the last answer there."""
        await self.say(text, thread=thread, sender=sender, mentioned=mentioned)
        await self.quiet()
        return self.said(thread)

    def said(self, thread: ThreadRef = DM) -> str:
        """What was shown last in that channel; elsewhere it may be earlier or later, as it comes."""
        return [s.text for s in self.chat.shown if s.thread.channel == thread.channel][-1]

    async def quiet(self) -> None:
        """Wait until everything accepted was answered and delivered."""
        async with asyncio.timeout(45):
            await self.desk.engine.settled()

    async def fire(self) -> None:
        """Fire what is due now, and wait until it is delivered."""
        await self.desk.schedules.tick()
        await self.desk.reminders.tick()
        await self.desk.asks.vigil.tick()
        await self.quiet()


async def stopped(desk: DeskUnderTest) -> bool:
    """Stop what is under way in Ann's direct conversation; whether anything was."""
    stopping = desk.desk.stopping
    key = StopId(desk.desk.parts.ids.new())
    did = await stopping.stop_turns(await stopping.in_thread(DM), by=ANN, key=key)
    return bool(did.ended)


async def passing(desk: DeskUnderTest, step: float, reached: Callable[[], object]) -> None:
    """Let time pass in steps until it is reached; between them the commits of threads come in."""

    async def advance() -> None:
        while True:
            await settle(_WHAT_A_TURN_TAKES)
            await desk.clock.advance(step)
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(advance())
        try:
            await eventually(reached)
        finally:
            task.cancel()


@asynccontextmanager
async def _opened(folder: Path | Store, clock: Clock, ids: IdSource) -> AsyncIterator[Store]:
    if not isinstance(folder, Path):
        yield folder
        return
    put_store(folder)
    async with open_store(None, data_dir=folder, clock=clock, ids=ids) as store:
        yield store


@asynccontextmanager
async def running_desk(
    folder: Path | Store,
    script: Script = lambda _: "Fine.",
    *,
    chat: MemoryChat | None = None,
    clock: ManualClock | None = None,
    model: ModelPort | None = None,
    more_models: Sequence[ModelPort] = (),
    members: Team | None = None,
    alone: bool = True,
    policy: Policy | None = None,
    tools: Sequence[Tool] = (),
    hard_stop: HardStop = stays,
) -> AsyncIterator[DeskUnderTest]:
    """Live once: a second call with the same folder is the next life.

    Not `alone` it works as one process among many: the durable engine's queue hands out its work.
    With a store in memory in the place of a folder it is quick, for very many events. A store that
    is open works as well.
    """
    clock = clock or ManualClock()
    chat = chat or MemoryChat()
    ids = TimeOrderedIds(clock)
    answering = model or ScriptedModel(script, clock=clock)
    under_test: list[DeskUnderTest] = []
    async with _opened(folder, clock, ids) as store:
        parts = Parts(
            role=Role.ALL,
            slot="all-0",
            team=lambda: under_test[0].team,
            alone=alone,
            clock=clock,
            ids=ids,
            store=store,
            durable=MemoryDurable(clock),
            models={each.info.name: each for each in (answering, *more_models)},
            chats={chat.platform: chat},
            timetable=CronsimTimetable(),
            policy=policy,
            more_tools=tuple(tools),
            hard_stop=hard_stop,
        )
        desk = wire(parts)
        configured = members or team(model=answering.info.name)
        under_test.append(DeskUnderTest(desk=desk, chat=chat, clock=clock, team=configured))
        async with asyncio.TaskGroup() as tasks:
            desk.mailboxes.open(tasks, desk.commands)
            desk.stopping.open(tasks)
            await desk.stopping.look()
            await desk.parts.durable.open()
            await desk.engine.recover()
            await desk.dispatcher.reconcile(owner="all-0")
            await desk.ingress.recover()
            await desk.asks.vigil.tick()
            loops = [
                tasks.create_task(desk.ingress.run()),
                tasks.create_task(desk.dispatcher.run()),
            ]
            try:
                yield under_test[0]
            finally:
                desk.mailboxes.close()
                desk.stopping.close()
                for loop in loops:
                    loop.cancel()
                await desk.parts.durable.close()
