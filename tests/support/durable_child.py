"""A process that runs workflows and does what the lines say that it is sent.

It answers each line, a JSON list of a number, a method and its arguments, with a line: the number
and `"ok", value` or `"error", name`. It is forked from a process that has imported it.

What its workflows do stands in the journal, a line for each effect, in the order in which all
processes had them. A kill cannot take a line back, nor lose one that a later step relies on.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from adapters.durable.dbos import DbosDurable
from adapters.durable.settings import Pace
from runtime.clock import SystemClock
from runtime.errors import NightdeskError
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext

_PACE = Pace(queue=0.1, signal=0.1, result=0.05, watch=0.2)
"""Quicker than the program's own, and not so quick that looking is what the machine does."""


class Workflows:
    """Workflows with effects that a parent process can see."""

    def __init__(self, slot: str, journal: Path) -> None:
        self._slot = slot
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, run: RunId, what: str) -> None:
        os.write(self._journal, (json.dumps([self._slot, run, what]) + "\n").encode())

    async def steps(self, context: RunContext, payload: Json) -> Json:
        """As many steps as the payload says, each of them seen."""
        for number in range(int(str(payload))):
            await context.step(f"step {number}", self._noted(context.run, f"step {number}"))
        return payload

    async def hangs(self, context: RunContext, payload: Json) -> Json:
        """A first step, and a second one that does not end in the slot that the payload names."""

        async def second() -> Json:
            self.note(context.run, "second begins")
            if self._slot == payload:
                await asyncio.Event().wait()
            return "done"

        await context.step("first", self._noted(context.run, "first"))
        return await context.step("second", second)

    async def waits(self, context: RunContext, payload: Json) -> Json:
        """A step, a wait, a step."""
        await context.step("before", self._noted(context.run, "before"))
        self.note(context.run, "at the wait")
        try:
            answer = await context.wait("answer")
        finally:
            self.note(context.run, "left the wait")
        await context.step("after", self._noted(context.run, "after"))
        return [payload, answer]

    async def parent(self, context: RunContext, payload: Json) -> Json:
        """A step, and a child that waits."""
        await context.step("parent", self._noted(context.run, "parent"))
        return await context.child("waits", RunId(f"{context.run}-child"), payload)

    def _noted(self, run: RunId, what: str) -> Callable[[], Awaitable[Json]]:
        async def work() -> Json:
            self.note(run, what)
            await asyncio.sleep(0.01)  # so that a kill may come between an effect and its record
            return what

        return work


@dataclass(frozen=True, slots=True)
class Life:
    """How a child is to live.

    Attributes:
        url: the database, or None for a file.
        data_dir: where the file is.
        journal: where its workflows note what they did.
        slot: its name.
        work: whether it takes work.
    """

    url: str | None
    data_dir: Path
    journal: Path
    slot: str
    work: bool


def live(life: Life, line: Connection) -> None:
    """Open, say so, and answer until the line is closed."""
    asyncio.run(_serve(life, line))


async def open_line(
    line: Connection,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """This end of a pipe in two directions; the connection itself is closed."""
    end = socket.fromfd(line.fileno(), socket.AF_UNIX, socket.SOCK_STREAM)
    line.close()
    return await asyncio.open_connection(sock=end)


async def _serve(life: Life, line: Connection) -> None:
    durable = DbosDurable(
        life.url,
        data_dir=life.data_dir,
        slot=life.slot,
        clock=SystemClock(),
        takes_work=life.work,
        pace=_PACE,
    )
    workflows = Workflows(life.slot, life.journal)
    for workflow in (workflows.steps, workflows.hangs, workflows.waits, workflows.parent):
        durable.register(workflow.__name__, workflow)
    asked, answers = await open_line(line)
    await durable.open()
    _say(answers, ["ok", "open"])
    try:
        async with asyncio.TaskGroup() as group:
            while said := await asked.readline():
                group.create_task(_answer(durable, said, answers))
    finally:
        await durable.close()


async def _answer(durable: DbosDurable, line: bytes, answers: asyncio.StreamWriter) -> None:
    number, method, arguments, options = json.loads(line)
    try:
        value = await getattr(durable, method)(*arguments, **options)
    except NightdeskError as error:
        _say(answers, [number, "error", type(error).__name__, str(error)])
    else:
        _say(answers, [number, "ok", value, ""])


def _say(answers: asyncio.StreamWriter, said: list[object]) -> None:
    answers.write(json.dumps(said).encode() + b"\n")
