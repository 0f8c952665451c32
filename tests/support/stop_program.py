"""The program for suites that stop it: its model and its tools do what the message says.

`do stream`, `do retry`, `do ask`, `do tool`, `do hog` and `do answer`, each with the message's
mark. What is at work writes that into files, so that it shows when it ends: a file for each mark.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from adapters.models.scripted import Pause, ScriptedModel, Step, ToolCalls
from bot.parts import Opened, open_parts
from bot.role import Role
from bot.settings import OFFLINE, Settings
from runtime.errors import ModelUnavailable
from runtime.ids import ModelName
from runtime.model.access import Action
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role as Speaker
from runtime.model.tools import Risk, ToolCall, ToolSpec
from runtime.ports import Judged, ToolContext, Verdict
from runtime.tools.registry import Effect, Tool
from tests.support import crash_program
from tests.support.crash_program import MARK, Plan

BEAT = 0.03
"""Seconds between two signs of what is at work."""
HELD = 30.0
"""Seconds for which a tool holds the loop, unless it is ended."""
_SAID = re.compile(rf"do (?P<what>\w+) {MARK}(?P<mark>\w+)")


def live_by(plan: Plan, ready: Connection) -> None:
    """Be the program, until it is told to stop, killed or ended hard."""

    @asynccontextmanager
    async def opening(settings: Settings, role: Role) -> AsyncIterator[Opened]:
        async with open_parts(settings, role) as opened:
            signs = Signs(plan.folder)
            parts = replace(
                opened.parts,
                models={ModelName(OFFLINE): _Doing(signs)},
                policy=_Rules(),
                more_tools=_tools(signs),
            )
            yield replace(opened, parts=parts)

    crash_program.live_by(plan, ready, opening=opening)


class Signs:
    """Files in which what is at work leaves signs, one for each mark."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, mark: str) -> Path:
        """The file of a mark."""
        return self._folder / f"signs-{mark}"

    def leave(self, mark: str, what: str) -> None:
        """Leave one."""
        with self.path(mark).open("a") as file:
            file.write(f"{what}\n")

    def size(self, mark: str) -> int:
        """How much was left so far; it grows with each."""
        try:
            return self.path(mark).stat().st_size
        except FileNotFoundError:
            return 0


class _Doing(ScriptedModel):
    """Does what was said last; it remembers no request."""

    def __init__(self, signs: Signs) -> None:
        super().__init__(self._do, name=OFFLINE)
        self._signs = signs

    def _do(self, asked: ModelRequest) -> Step | Sequence[Step]:
        self.requests.clear()
        said = [entry.text for entry in asked.entries if entry.role is Speaker.USER][-1]
        match = _SAID.search(said)
        if match is None:
            return "What?"
        what, mark = match["what"], match["mark"]
        self._signs.leave(mark, "model")
        match what:
            case "stream":
                return [f"{mark} ", *(step for _ in range(2000) for step in ("on ", Pause(BEAT)))]
            case "retry":
                return ModelUnavailable("busy")
            case "ask" | "tool" | "hog":
                return ToolCalls.of(f"stop.{what}", f'{{"mark": "{mark}"}}')
            case _:
                return f"Here is {mark}."


class _Rules:
    """One tool needs a person's yes, and the others may run."""

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        del spec, context, counted
        return Judged(verdict=Verdict.ASK if call.name == "stop.ask" else Verdict.ALLOW)


def _tools(signs: Signs) -> tuple[Tool, ...]:
    async def ask(_context: ToolContext, _key: str, /, *, mark: str) -> str:
        signs.leave(mark, "ran")
        return "ran"

    async def tool(_context: ToolContext, _key: str, /, *, mark: str) -> str:
        """Begin a process, and ignore that it is to end."""
        beat = f'while :; do echo "beat" >> "{signs.path(mark)}"; sleep {BEAT}; done'
        process = await asyncio.create_subprocess_exec("sh", "-c", beat)
        while True:
            with suppress(asyncio.CancelledError):
                await process.wait()

    async def hog(_context: ToolContext, _key: str, /, *, mark: str) -> str:
        """Hold the event loop, as no tool may."""
        until = time.monotonic() + HELD
        while time.monotonic() < until:
            signs.leave(mark, f"beat of {os.getpid()}")
            time.sleep(BEAT)  # noqa: ASYNC251 - this is what it is for
        return "held"

    run = {"ask": ask, "tool": tool, "hog": hog}
    return tuple(
        Tool(
            name=f"stop.{name}",
            about="For a proof.",
            run=function,
            needs=Action.CONVERSE,
            risk=Risk.EXTERNAL,
            effect=Effect.OUTSIDE,
            timeout=600.0,
        )
        for name, function in run.items()
    )
