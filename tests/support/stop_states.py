"""Stops of the real program in six bad states, and what is seen of them from outside.

What counts is seen by nobody in the program: when the fake Slack shows the answer to the stop, when
the last request with the turn's mark came there, and when what was at work left its last sign.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.role import Role
from bot.running.hardstop import ENDED_HARD
from bot.selftest.slack.server import Fault
from tests.support import stop_program
from tests.support.crash_process import Process, start
from tests.support.crash_program import MARK, Plan, known
from tests.support.crash_world import World, channel, direct
from tests.support.stop_program import Signs

LOOK = 0.01
AFTERWARDS = 3.0
"""Seconds for which it is looked, after the stop, whether anything is left."""
PATIENCE = 60.0
_SHOWN = ("text", "markdown_text", "blocks", "chunks")
"""Arguments by which Slack is given something to show."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was seen of one stop.

    Attributes:
        state: the state that it met.
        heard: seconds until the platform had its request taken.
        acknowledged: seconds until people could read that it is stopped; None where they could not.
        silent: seconds until the last sign of the stopped turn; 0 where there was none.
        left: what was there afterwards and should not be.
    """

    state: str
    heard: float
    acknowledged: float | None
    silent: float
    left: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether it was acknowledged, and nothing was left."""
        return self.acknowledged is not None and not self.left


@dataclass
class _Wire:
    """When the fake Slack was last asked to show something in each channel.

    Pieces of a growing answer carry no mark, so it goes by channels. What says that something is
    stopped is not the turn's.
    """

    last: dict[str, float] = field(default_factory=dict)

    def __call__(self, method: str, args: Mapping[str, Any], form: bool) -> list[str]:
        del method, form
        said = [args.get(name) for name in _SHOWN]
        if any(said) and "stopped" not in json.dumps(said).casefold():
            self.last[str(args.get("channel"))] = time.monotonic()
        return []


class Stops:
    """Stops in one world."""

    def __init__(self, people: World) -> None:
        """Stop what people of that world begin."""
        self.people = people
        self.signs = Signs(people.folder)
        self._wire = _Wire()
        people.slack._checks = (*people.slack._checks, self._wire)
        self._grew: dict[str, float] = {}
        self._count = 0
        self.marks: list[str] = []

    def start(self, role: Role = Role.ALL, *, slot: str = "", port: int | None = None) -> Process:
        """Start a process of the program."""
        plan = Plan(
            settings=known(self.people.environment(slot, port=port), self.people.folder),
            folder=self.people.folder,
            role=role,
            streams=True,
        )
        process = start(plan, stop_program.live_by)
        self.people._processes.append(process)
        return process

    async def stop(self, state: str, place: str) -> Stopped:
        """Let somebody begin what meets the stop in that state, and stop it."""
        mark, root = await self.begin(state, place)
        async with asyncio.TaskGroup() as tasks:
            look = tasks.create_task(self._watch(mark))
            began = time.monotonic()
            seen = len(self.people.slack.messages)
            if state == "flood":
                # Its own thread is what Slack refuses to take messages for.
                await self.people.command(f"stop {self._turn(root)}", place=direct(0))
            else:
                await self.people.stop(place=place, root=root)
            heard = time.monotonic() - began
            acknowledged = await self._acknowledged(place, seen, state, began)
            await asyncio.sleep(max(0.0, began + AFTERWARDS - time.monotonic()))
            look.cancel()
        last = max(self._wire.last.get(place, 0.0), self._grew.get(mark, 0.0))
        return Stopped(state, heard, acknowledged, max(0.0, last - began), self._left(mark, state))

    def asked(self, mark: str) -> int:
        """How often the model was asked for that turn; tools that ran come after one asking."""
        path = self.signs.path(mark)
        return path.read_text().split().count("model") if path.exists() else 0

    async def begin(self, state: str, place: str) -> tuple[str, str]:
        """Get to the state; the mark, and the root of the thread."""
        self._count += 1
        mark = f"k{state}{self._count}x{place[-3:]}"
        self.marks.append(mark)
        if state == "flood":
            self.people.slack.faults.append(Fault("rate", "chat.postMessage", retry_after=20))
        what = "answer" if state == "flood" else state
        text = f"<@U0BOT> do {what} {MARK}{mark}"
        root = self.people.slack.say(text, channel=place).ts
        sender = self.people._sender
        event = sender.signed_event(text, channel=place, ts=root, kind="app_mention")
        await self.people.post(event)
        await _until(lambda: self._reached(state, mark, root), f"{state} of {mark}")
        return mark, root

    def _reached(self, state: str, mark: str, root: str) -> object:
        match state:
            case "stream" | "ask":
                return any(mark in f"{p.text} {p.markdown} {p.blocks}" for p in self._shown())
            case "retry":
                return self.signs.size(mark)
            case "tool" | "hog":
                return self.signs.size(mark) > len("model\nbeat\n")
            case _:
                refused = "state = 'pending' AND error <> ''"
                asked = f"SELECT id FROM outbox WHERE {refused} AND root = '{root}'"  # noqa: S608
                return self.people.rows(asked)

    def _shown(self) -> list[Any]:
        return self.people.slack.visible()

    def _turn(self, root: str) -> str:
        """What people call the turn of a thread by."""
        asked = f"SELECT turn FROM outbox WHERE root = '{root}'"  # noqa: S608 - a number of ours
        rows = self.people.rows(asked)
        return rows[0][0][-8:]

    async def _watch(self, mark: str) -> None:
        """Note when what is at work leaves signs."""
        size = self.signs.size(mark)
        while True:
            await asyncio.sleep(LOOK)
            now = self.signs.size(mark)
            if now != size:
                size, self._grew[mark] = now, time.monotonic()

    async def _acknowledged(self, place: str, seen: int, state: str, began: float) -> float | None:
        """Seconds until people could read that it is stopped."""

        def said() -> bool:
            for post in self.people.slack.messages[seen:]:
                here = post.channel == place or state == "flood"
                text = post.markdown or post.text
                if here and text.startswith("Stopped"):
                    return True
            return False

        try:
            await _until(said, "the acknowledgement")
        except AssertionError:
            return None
        return time.monotonic() - began

    def _left(self, mark: str, state: str) -> tuple[str, ...]:
        """What is there of the turn that should not be."""
        left: list[str] = []
        if "ran" in (self.signs.path(mark).read_text() if self.signs.size(mark) else ""):
            left.append(f"{mark}: what waited for approval ran")
        if state == "flood":
            left += [f"{mark}: sent" for p in self._shown() if mark in (p.markdown or p.text)]
        return tuple(left)


async def ended_hard(process: Process) -> list[str]:
    """What is wrong with how the process ended: it was to end itself, at once."""
    code = await process.ended()
    return [] if code == ENDED_HARD else [f"the process ended with {code}"]


async def side_by_side(stops: Stops, states: Sequence[str]) -> list[Stopped]:
    """Stops at about the same time, each in a channel of its own."""
    async with asyncio.TaskGroup() as tasks:
        begun = [
            tasks.create_task(stops.stop(state, channel(number)))
            for number, state in enumerate(states)
        ]
    return [task.result() for task in begun]


async def _until(reached: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(LOOK)
