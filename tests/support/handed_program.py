"""The program for suites that kill runs which were handed over: two agents, and what each does.

`desk` hands everything to `research`, which does what the instruction says: `ask` people at a
checkpoint, think (`work`), or use a `tool` with an effect outside. In the life in which it begins
with that it goes on until it is killed; it leaves a sign of what it began and of what it did.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from multiprocessing.connection import Connection

from adapters.models.scripted import Pause, ScriptedModel, Step, ToolCalls
from bot.parts import Opened, open_parts
from bot.role import Role
from bot.settings import OFFLINE, Settings
from runtime.ids import ModelName
from runtime.model.access import Action
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role as Speaker
from runtime.model.tools import Risk
from runtime.ports import ToolContext
from runtime.tools.registry import Effect, Tool
from tests.support import crash_program
from tests.support.crash_program import Plan
from tests.support.stop_program import Signs

AGENTS = """
[[agents]]
name = "desk"
model = "offline"
instructions = "desk"
hands_to = ["research"]

[[agents]]
name = "research"
model = "offline"
instructions = "research"
"""
POLICY = "team:\n  preset: full_auto\n"
FOR_EVER = 600.0
"""Seconds: whoever waits so long is killed before."""
_WHAT = re.compile(r"do (?P<what>\w+)")


def live_by(plan: Plan, ready: Connection) -> None:
    """Be the program, until it is killed or told to stop."""

    @asynccontextmanager
    async def opening(settings: Settings, role: Role) -> AsyncIterator[Opened]:
        async with open_parts(settings, role) as opened:
            signs = Signs(plan.folder)
            models = {ModelName(OFFLINE): _Two(signs)}
            parts = replace(opened.parts, models=models, more_tools=(_tool(signs),))
            yield replace(opened, parts=parts)

    crash_program.live_by(plan, ready, opening=opening)


class _Two(ScriptedModel):
    """Both agents; it remembers no request."""

    def __init__(self, signs: Signs) -> None:
        super().__init__(self._say, name=OFFLINE)
        self._signs = signs

    def _say(self, asked: ModelRequest) -> Step | Sequence[Step]:
        self.requests.clear()
        said = next(e.text for e in reversed(asked.entries) if e.role is Speaker.USER)
        match = _WHAT.search(said)
        assert match is not None, said
        what = match["what"]
        if asked.instructions.startswith("desk"):
            return ToolCalls.of("handoff.to", json.dumps({"agent": "research", "task": said}))
        turn = asked.entries[-1].turn
        told = [e.text for e in asked.entries if e.role is Speaker.TOOL and e.turn == turn]
        if told:
            return f"Result of {what}: {told[-1]}"
        began = self._signs.size(what)
        self._signs.leave(what, "model")
        match what:
            case "ask":
                gate = {"title": "ready", "done": "Staging.", "then": "Production."}
                return ToolCalls.of("checkpoint.ask", json.dumps(gate))
            case "tool":
                return ToolCalls.of("ship.it", "{}")
            case _:
                return "Result of work: thought." if began else ["Thinking. ", Pause(FOR_EVER)]


def _tool(signs: Signs) -> Tool:
    async def ship(_context: ToolContext, _key: str, /) -> str:
        """Have an effect, and do not come back."""
        signs.leave("tool", "shipped")
        await asyncio.sleep(FOR_EVER)
        return "shipped"

    return Tool(
        name="ship.it",
        about="For a proof.",
        run=ship,
        needs=Action.CONVERSE,
        risk=Risk.EXTERNAL,
        effect=Effect.OUTSIDE,
        timeout=FOR_EVER,
    )
