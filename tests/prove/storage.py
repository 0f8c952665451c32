"""P16: the database survives failed writes, a full disk and a second process; damage is told.

- Writes fail: the file-size limit of the running program is set so that its n-th further page does
  not fit, for many n. It must stop and say so; started again, it owes nobody an answer.
- The disk is full for a while, and the program is killed while it is (`tests.prove.full_disk`).
- A second process on the same data folder is refused and told whom the folder belongs to.
- Each page of the file is overwritten with noise, in a copy. What it reads then must be refused.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.sql.store import DATABASE_FILE, open_store
from runtime.clock import SystemClock
from runtime.errors import StorageDamaged
from runtime.ids import TimeOrderedIds
from tests.prove.report import Check, NotRun, Outcome
from tests.support.crash_world import Verdict, world

ROOT = Path(__file__).parents[2]
WRITES = 40
"""How many different writes are made to fail."""
PAGE = 4096
PAGES = 60
"""How many pages are overwritten, one in each copy."""
MESSAGES = 30


@dataclass(frozen=True, slots=True)
class _Failing:
    """What came of failing writes."""

    verdict: Verdict
    failed: int
    damaged: bool


def survives() -> Outcome:
    """All four."""
    with _folder() as folder:
        failing = asyncio.run(_failing_writes(folder))
    full = _full_disk()
    with _folder() as folder:
        refused, named = asyncio.run(_second_process(folder))
        flipped, unnoticed = asyncio.run(_damaged_pages(folder))
    verdict = failing.verdict
    return Outcome(
        tried=f"{failing.failed} failed writes, {full['while_full']:.0f} messages to a full disk, "
        f"a second process, {flipped} damaged pages",
        checks=(
            Check(what="lost", value=len(verdict.lost) + full["lost"]),
            Check(
                what="double",
                value=len(verdict.double_turns) + len(verdict.double_posts) + full["double"],
            ),
            Check(what="files damaged by us", value=failing.damaged + full["damaged"]),
            Check(what="second processes let in", value=not (refused and named)),
            Check(what="damaged pages unnoticed", value=unnoticed),
        ),
        figures={
            "acknowledged while writes failed": verdict.acknowledged,
            "held back while the disk was full": full["held_back"],
        },
    )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        yield Path(folder)


async def _failing_writes(folder: Path) -> _Failing:
    failed = 0
    async with world(folder) as people, asyncio.TaskGroup() as tasks:
        for number in range(WRITES):
            process = people.start()
            await process.ready()
            _limit_files(process.pid, _longest(folder) + number % 20 * PAGE + number)
            for _ in range(3):
                tasks.create_task(people.mention(twice=False))
            try:
                async with asyncio.timeout(10):
                    failed += await process.ended() != 0
            except TimeoutError:  # nothing it wrote was beyond the limit
                await process.kill()
        process = people.start()
        await process.ready()
        await people.quiet()
        await process.stop()
        [(found,)] = people.rows("PRAGMA integrity_check")
        return _Failing(people.verdict(), failed, damaged=found != "ok")


def _longest(folder: Path) -> int:
    """The size of the largest of the database's files."""
    return max(file.stat().st_size for file in folder.glob(f"{DATABASE_FILE}*"))


def _limit_files(pid: int, size: int) -> None:
    """Let no file of that process grow beyond the size; its log may, it is in another place."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _full_disk() -> dict[str, float]:
    """Fill a disk under the program, in a namespace where we may mount one."""
    unshare = ["unshare", "--mount"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False).returncode:
        raise NotRun("no mount namespace here, so no disk that could be filled")
    done = subprocess.run(
        [*unshare, sys.executable, "-m", "tests.prove.full_disk"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    found = json.loads(done.stdout)
    return {**found, "damaged": found["damaged"] != "ok"}


async def _second_process(folder: Path) -> tuple[bool, bool]:
    """Whether the second one was refused, and told the first one's id; leaves a database behind."""
    async with world(folder) as people:
        first = people.start()
        await first.ready()
        second = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("nightdesk"),
            *("run", "--no-terminal"),
            env=people.environment(port=0),
            stderr=subprocess.PIPE,
        )
        _, told = await second.communicate()
        for _ in range(MESSAGES):
            await people.mention(twice=False)
        await people.quiet()
        await first.stop()
        return second.returncode not in {0, None}, str(first.pid) in told.decode()


async def _damaged_pages(folder: Path) -> tuple[int, int]:
    """Overwrite a page in each of many copies; how many, and how many were opened all the same."""
    whole = (folder / DATABASE_FILE).read_bytes()
    chance = random.Random()
    pages = chance.sample(range(len(whole) // PAGE), min(PAGES, len(whole) // PAGE))
    unnoticed = 0
    for page in pages:
        with _folder() as copy:
            noise = chance.randbytes(PAGE)
            torn = whole[: page * PAGE] + noise + whole[(page + 1) * PAGE :]
            (copy / DATABASE_FILE).write_bytes(torn)
            unnoticed += await _opens(copy)
    return len(pages), unnoticed


async def _opens(folder: Path) -> bool:
    clock = SystemClock()
    try:
        async with open_store(None, data_dir=folder, clock=clock, ids=TimeOrderedIds(clock)):
            return True
    except StorageDamaged:
        return False
