"""A disk that is full for a while, in a mount namespace of its own; one JSON object on stdout.

`tests.prove.storage` starts it. The data folder is a small disk in memory; a ballast file fills it,
the program is killed and started again while it is full, and then there is room again.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support import environment
from tests.support.crash_process import Process
from tests.support.crash_world import Said, World, world

SIZE_KIB = 24_576
LEFT_BYTES = 200_000
"""What is left free: some messages still fit."""
FULL_SECONDS = 8.0


@dataclass(slots=True)
class Found:
    """What came of it.

    Attributes:
        while_full: messages that were written while the disk was full.
        held_back: how many of them were not acknowledged before there was room again.
        starts_refused: how often the program would not start while it was full.
        lost: acknowledged and not answered.
        double: worked on or answered twice.
        damaged: what SQLite finds wrong with its file; `ok` for nothing.
    """

    while_full: int = 0
    held_back: int = 0
    starts_refused: int = 0
    lost: int = 0
    double: int = 0
    damaged: str = ""


async def _live(folder: Path) -> Found:
    found = Found()
    async with world(folder) as people, asyncio.TaskGroup() as tasks:
        process = await _started(people, found)
        await people.mention()
        await people.quiet()
        ballast = folder / "ballast"
        _fill(ballast)
        waiting: list[asyncio.Task[Said]] = []
        until = asyncio.get_running_loop().time() + FULL_SECONDS
        killed = False
        while (now := asyncio.get_running_loop().time()) < until:
            waiting.append(tasks.create_task(people.mention(twice=False)))
            await asyncio.sleep(random.uniform(0.05, 0.15))
            if not killed and now > until - FULL_SECONDS / 2:
                killed = True
                await process.kill()
            if not process.alive:
                process = await _started(people, found)
        found.while_full = len(waiting)
        found.held_back = sum(not task.done() for task in waiting)
        ballast.unlink()
        if not process.alive:
            process = await _started(people, found)
        await asyncio.gather(*waiting)
        await people.quiet()
        await process.stop()
        verdict = people.verdict()
        found.lost = len(verdict.lost)
        found.double = len(verdict.double_turns) + len(verdict.double_posts)
        [(found.damaged,)] = people.rows("PRAGMA integrity_check")
    return found


async def _started(people: World, found: Found) -> Process:
    """Start it; where it refuses, try again in a second, as a supervisor does."""
    for _ in range(30):
        process = people.start()
        try:
            await process.ready()
        except AssertionError:
            found.starts_refused += 1
            await asyncio.sleep(1.0)
        else:
            return process
    raise AssertionError("it does not start")


def _fill(ballast: Path) -> None:
    """Leave very little room."""
    stat = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        file.write(b"\0" * max(0, stat.f_bavail * stat.f_frsize - LEFT_BYTES))


def main() -> None:
    """Mount the small disk, live on it, tell."""
    environment.close(os.environ)
    with tempfile.TemporaryDirectory(prefix="nd-full-") as folder:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", folder], check=True
        )
        try:
            found = asyncio.run(_live(Path(folder)))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    main()
