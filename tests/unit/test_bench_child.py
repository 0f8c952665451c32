"""The bench's processes: orders, answers, deaths; and what the machine says of them."""

import os
import time
from pathlib import Path

import pytest

from bench.child import Child, ChildDied
from bench.machine import Usage, own_usage, usage_of
from bench.stall import StallProbe


def test_a_child_answers_for_its_own_cpu_and_ends_with_its_block() -> None:
    with Child("bench.servers.bare") as child:
        assert child.hear(int) > 0
        usage = child.ask("usage", into=Usage)
        assert usage.cpu > 0
        assert 5 < usage.rss <= usage.peak < 500
    assert not Path(f"/proc/{child.process}").exists()


def test_a_child_that_dies_says_why() -> None:
    with (
        Child("bench.servers.no_such_server") as child,
        pytest.raises(ChildDied, match="No module"),
    ):
        child.hear(int)


def test_cpu_and_memory_of_a_process_are_its_own() -> None:
    before = own_usage()
    while time.process_time() - before.cpu < 0.05:
        pass
    ours, seen = own_usage(), usage_of(os.getpid())
    assert ours.cpu - before.cpu >= 0.05
    assert abs(ours.cpu - seen.cpu) < 0.1


async def test_a_stall_of_the_loop_is_seen() -> None:
    probe = StallProbe()
    probe.start()
    time.sleep(0.03)  # noqa: ASYNC251, TID251 - the stall
    assert probe.stop() >= 28
