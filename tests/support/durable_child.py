"""A process that runs workflows and does what the lines on its standard input say.

Started as `python -m tests.support.durable_child URL DATA_DIR SLOT JOURNAL WORK`, with `-` for the
URL of a file, and `idle` in place of `work` for a process that takes no work. It answers each line,
a JSON list of a method and its arguments, with a line: `["ok", value]` or `["error", name]`.

What its workflows do stands in the journal, a line for each effect, in the order in which all
processes had them. A kill cannot take a line back, nor lose one that a later step relies on.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from adapters.durable.dbos import DbosDurable
from runtime.clock import SystemClock
from runtime.errors import NightdeskError
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.durable import QUICK


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


async def serve(url: str, data_dir: str, slot: str, journal: str, work: str) -> None:
    """Open, say so, and answer until the input ends."""
    durable = DbosDurable(
        None if url == "-" else url,
        data_dir=Path(data_dir),
        slot=slot,
        clock=SystemClock(),
        takes_work=work == "work",
        pace=QUICK,
    )
    workflows = Workflows(slot, Path(journal))
    for workflow in (workflows.steps, workflows.hangs, workflows.waits, workflows.parent):
        durable.register(workflow.__name__, workflow)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    await durable.open()
    print(json.dumps(["ok", "open"]), flush=True)
    try:
        async with asyncio.TaskGroup() as group:
            while line := await lines.readline():
                group.create_task(_answer(durable, line))
    finally:
        await durable.close()


async def _answer(durable: DbosDurable, line: bytes) -> None:
    number, method, arguments, options = json.loads(line)
    try:
        value = await getattr(durable, method)(*arguments, **options)
    except NightdeskError as error:
        print(json.dumps([number, "error", type(error).__name__, str(error)]), flush=True)
    else:
        print(json.dumps([number, "ok", value, ""]), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
