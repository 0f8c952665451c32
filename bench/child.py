"""Processes under measurement: started, given orders over their standard input, ended.

An order is one line of JSON, `{"do": name, "with": argument}`; its answer is one line of JSON. A
child ends when its standard input does, so that none outlives the bench.
"""

import asyncio
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from bench.machine import pin, shorten_slice

ROOT = Path(__file__).parent.parent
"""The checkout, from which children are started."""

_LONGEST_LINE = 1 << 20

T = TypeVar("T")

Order = Callable[[msgspec.Raw], Awaitable[object]]
"""Carries out one order; what it returns is the answer."""


class _Line(msgspec.Struct):
    do: str
    argument: msgspec.Raw = msgspec.field(name="with", default=msgspec.Raw(b"null"))


class ChildDied(Exception):
    """A process under measurement ended before it answered."""


class Child:
    """A process that was started with `python -m` and takes orders. Ends with its block."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start it; what it says on standard error is shown if it dies."""
        self._module = module
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, order: str, argument: object = None, *, into: type[T]) -> T:
        """Give an order and wait for its answer.

        Raises:
            ChildDied: it ended instead.
        """
        assert self._process.stdin
        try:
            self._process.stdin.write(msgspec.json.encode({"do": order, "with": argument}) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._died()
        return self.hear(into)

    def hear(self, into: type[T]) -> T:
        """Wait for a line that it says by itself, such as that it is ready.

        Raises:
            ChildDied: it ended instead.
        """
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._died()
        return msgspec.json.decode(line, type=into)

    def close(self) -> None:
        """End it, and wait until it has."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
            self._process.wait(timeout=10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._said.close()

    def _died(self) -> None:
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")
        raise ChildDied(f"{self._module} ended with {code}\n{said[-4000:]}")


def say(answer: object) -> None:
    """Say one line to whoever gave the order."""
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def obey(orders: Mapping[str, Order]) -> None:
    """Carry out orders, one after the other, until standard input ends."""
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while raw := await reader.readline():
        line = msgspec.json.decode(raw, type=_Line)
        say(await orders[line.do](line.argument))


def live(work: Callable[[Sequence[str]], Coroutine[None, None, None]], *, core: int | None) -> None:
    """Be a child: on that core, with short slices, in the kind of loop that Nightdesk runs in."""
    if core is not None:
        pin(core)
    shorten_slice()
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work(sys.argv[1:]))
