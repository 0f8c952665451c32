"""Starts `tests.support.durable_child`, talks to it, and kills it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.support import durable_child
from tests.support.durable_child import Life, open_line
from tests.support.forks import FORKS, ended


class ChildRaised(Exception):
    """The child answered with an error; its name is the first argument."""


@dataclass
class Place:
    """Where the children of one test work."""

    url: str | None
    data_dir: Path

    @property
    def journal(self) -> Path:
        return self.data_dir / "journal"

    def effects(self) -> list[list[str]]:
        """What the workflows did: slot, run and what, in order."""
        if not self.journal.exists():
            return []
        return [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]

    def effects_of(self, run: str) -> list[str]:
        return [what for _, of, what in self.effects() if of == run]

    def steps_of(self, run: str) -> list[str]:
        """The effects that were had in a step: those around a wait come again with each play."""
        return [what for what in self.effects_of(run) if not what.endswith("the wait")]

    @asynccontextmanager
    async def child(self, slot: str, *, work: bool = True) -> AsyncIterator["Child"]:
        """A child that is open, and is killed at the end if it still lives."""
        life = Life(self.url, self.data_dir, self.journal, slot, work)
        ours, theirs = FORKS.Pipe()
        process = FORKS.Process(target=durable_child.live, args=(life, theirs), daemon=True)
        process.start()
        theirs.close()
        answers, asked = await open_line(ours)
        async with asyncio.TaskGroup() as group:
            child = Child(process, answers, asked)
            try:
                await child.ready()
                reader = group.create_task(child.read())
                yield child
            finally:
                await child.kill()
            reader.cancel()


@dataclass
class Child:
    """A living child."""

    process: ForkServerProcess
    _answers: asyncio.StreamReader
    _asked: asyncio.StreamWriter
    _numbers: "count[int]" = field(default_factory=count)
    _waiting: dict[int, "asyncio.Future[Any]"] = field(default_factory=dict)

    async def ready(self) -> None:
        assert await self._answers.readline(), "the child did not open"

    async def read(self) -> None:
        while line := await self._answers.readline():
            number, verdict, value, message = json.loads(line)
            answer = self._waiting.pop(number)
            if answer.cancelled():
                continue
            if verdict == "ok":
                answer.set_result(value)
            else:
                answer.set_exception(ChildRaised(value, message))

    async def call(self, method: str, *arguments: object, **options: object) -> Any:
        """Have the child call a method of its engine."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps([number, method, arguments, options]) + "\n"
        self._asked.write(line.encode())
        await self._asked.drain()
        return await answer

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.is_alive():
            self.process.kill()
        await ended(self.process)
        self._asked.close()
