"""P17: ready soon, recovered soon after a kill, quick to acknowledge, and flat in memory.

The program is started as a supervisor would start it, with all its imports: nothing is forked
here. The soak sends what an hour brings at one message a second, and measures how memory grew.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import aiohttp

from bot.running import heap
from tests.prove.report import Check, Outcome
from tests.support.crash_world import Said, World, world
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
INSTALLED = (str(Path(sys.executable).with_name("nightdesk")), "run", "--no-terminal")
ECHOING = (sys.executable, "-m", "tests.support.crash_program", "all")
STARTS = 5
THINKS = 0.5
"""Seconds that the model takes where a kill is to hit a turn."""
RATE = 50.0
"""Messages a second while acknowledgements are timed."""
TIMED = 1_500
SOAK_RATE = 15.0
"""Messages a second in the soak: below the pace at which Slack takes the answers."""
FILLING = 1_800
"""Messages before the soak: what is kept of the latest ones, and of the database, is full then."""
SOAK = 3_600
THREADS = 300
"""Conversations that the messages are spread over."""
FILLER = " and so on" * 250
"""Makes messages long, so that what is kept of the latest ones (some MB) is full sooner."""

AT_REST = heap.LOOK_EVERY + 5
"""Seconds after which a process to which nobody talks has given back what it freed."""

T = TypeVar("T")


@dataclass(slots=True)
class _Soak:
    """What was measured.

    Attributes:
        acknowledged: seconds that each acknowledgement took.
        before: resident memory before the soak, in MB, at rest: what a burst left was given back.
        after: the same after it.
        lost: acknowledged and not answered.
    """

    acknowledged: list[float] = field(default_factory=list)
    before: float = 0.0
    after: float = 0.0
    lost: int = 0


def quick_and_flat() -> Outcome:
    """Starts, recoveries, acknowledgements and memory."""
    ready = [_in_a_folder(_ready) for _ in range(STARTS)]
    recovered = [_in_a_folder(_recovered) for _ in range(STARTS)]
    soak = _in_a_folder(_soaked)
    p99 = statistics.quantiles(soak.acknowledged, n=100)[98] * 1000
    return Outcome(
        tried=f"{STARTS} starts, {STARTS} kills, {THREADS + TIMED + FILLING + SOAK:,} messages",
        checks=(
            Check(what="to ready", value=statistics.median(ready), most=2, unit=" s", places=2),
            Check(
                what="from kill to answer, without the model",
                value=statistics.median(recovered) - THINKS,
                most=2,
                unit=" s",
                places=2,
            ),
            Check(what=f"to acknowledge at {RATE:.0f}/s (p99)", value=p99, most=500, unit=" ms"),
            Check(
                what="more memory after an hour's messages",
                value=soak.after - soak.before,
                most=1,
                unit=" MB",
                places=2,
            ),
            Check(what="lost", value=soak.lost),
        ),
        figures={
            "slowest start, s": max(ready),
            "slowest recovery, s": max(recovered),
            "median acknowledgement, ms": statistics.median(soak.acknowledged) * 1000,
            "memory after the soak, MB": soak.after,
        },
    )


def _in_a_folder(measure: Callable[[Path], Awaitable[T]]) -> T:
    async def run(folder: Path) -> T:
        return await measure(folder)

    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        return asyncio.run(run(Path(folder)))


async def _ready(folder: Path) -> float:
    """Seconds from the start of the installed program to its saying that it is ready."""
    async with world(folder) as people:
        began = time.monotonic()
        with _running(people, INSTALLED):
            await _until_ready(people)
            return time.monotonic() - began


async def _recovered(folder: Path) -> float:
    """Seconds from a kill in the middle of a turn to the answer by the next life."""
    async with world(folder) as people:
        command = (*ECHOING, str(THINKS))
        with _running(people, command):
            await _until_ready(people)
            said = await people.mention(twice=False)
            assert not people.answers(said), "it answered before it could be killed"
        killed = time.monotonic()
        with _running(people, command):
            await eventually(lambda: people.answers(said), "the answer", within=30)
            return time.monotonic() - killed


async def _soaked(folder: Path) -> _Soak:
    soak = _Soak()
    async with world(folder) as people:
        people.filler = FILLER
        with _running(people, (*ECHOING, "0.01")) as process:
            await _until_ready(people)
            threads: list[Said] = []
            await _talk(people, THREADS, SOAK_RATE, threads, [])
            await _talk(people, TIMED, RATE, threads, soak.acknowledged)
            await _talk(people, FILLING, SOAK_RATE, threads, [])
            await people.quiet(within=300)
            await asyncio.sleep(AT_REST)
            soak.before = _resident(process.pid)
            await _talk(people, SOAK, SOAK_RATE, threads, [])
            await people.quiet(within=300)
            await asyncio.sleep(AT_REST)
            soak.after = _resident(process.pid)
            process.terminate()
            await eventually(lambda: process.poll() is not None, "the end", within=30)
        soak.lost = len(people.verdict().lost)
    return soak


async def _talk(
    people: World, count: int, rate: float, threads: list[Said], took: list[float]
) -> None:
    """Send at that rate whatever the answers do: first one message a thread, then replies."""
    began = time.monotonic()

    async def say(number: int) -> None:
        start = time.monotonic()
        if number < THREADS > len(threads):
            threads.append(await people.mention(twice=False))
        else:
            await people.reply(threads[number % len(threads)])
        took.append(time.monotonic() - start)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            tasks.create_task(say(number))


@contextmanager
def _running(people: World, command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process, killed at the end."""
    environment = people.environment() | {"PYTHONPATH": str(ROOT)}
    with (people.folder / "stderr").open("ab") as errors:
        process = subprocess.Popen(
            command,
            cwd=people.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _until_ready(people: World) -> None:
    """Ask until it says that it is ready."""
    url = f"http://127.0.0.1:{people.ports[0]}/readyz"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            async with people.session.get(url) as answer:
                if answer.status == HTTPStatus.OK:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.005)
    raise AssertionError((people.folder / "stderr").read_text()[-2000:])


def _resident(pid: int) -> float:
    """Resident memory in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the process is gone")
