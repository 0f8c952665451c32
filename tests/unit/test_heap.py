"""Freed memory goes back to the system while nobody waits for anything."""

import platform
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.running.heap import MOST_PUT_OFF, Heap
from runtime.activity import Activity

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Giver:
    """Notes in which thread it was asked."""

    threads: list[int] = field(default_factory=list)

    def __call__(self) -> None:
        self.threads.append(threading.get_ident())


async def test_memory_is_given_back_in_a_thread_while_nothing_is_under_way() -> None:
    giver = Giver()

    await Heap(Activity(), giver).look()

    assert len(giver.threads) == 1
    assert giver.threads[0] != threading.get_ident()


async def test_it_is_put_off_while_something_is_under_way_but_not_for_ever() -> None:
    activity, giver = Activity(), Giver()
    heap = Heap(activity, giver)

    with activity.busy():
        for _ in range(MOST_PUT_OFF):
            await heap.look()
        assert giver.threads == []
        await heap.look()
        assert len(giver.threads) == 1
        await heap.look()
    assert len(giver.threads) == 1
    await heap.look()
    assert len(giver.threads) == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the call")
def test_holes_between_what_is_in_use_go_back_to_the_system() -> None:
    program = """
        from pathlib import Path
        from bot.running.heap import give_back

        def resident():
            [line] = [s for s in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in s]
            return int(line.split()[1]) // 1024

        pieces = [bytes(20_000) for _ in range(4_000)]
        del pieces[:-1]
        kept = [bytes(20_000) for _ in range(4_000)]
        kept = kept[::10]
        before = resident()
        give_back()
        print(before - resident())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 30
