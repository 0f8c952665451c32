"""What holds for every test: a closed environment, nothing left running, no warnings, no network."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import settings

from tests.support import environment, leaks
from tests.support.clock import ManualClock

# Before anything of the program is imported: some libraries read the environment at import.
environment.close(os.environ)

# A shell that begins the tests in the background has Ctrl-C ignored, here and in every child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ("tests.support.postgres", "tests.support.stores")

# A deadline for each example measures the machine, not the code; pytest's own time limit stands.
settings.register_profile("nightdesk", deadline=None, print_blob=True)
settings.load_profile("nightdesk")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of looks for garbage: it stays.

    The first program that a test runs takes that back (`bot.collector.collector_spared`). Freezing
    again would keep what the tests before left, or cost a look at everything after each.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _closed_environment() -> Iterator[None]:
    """Give each test the environment that the first one had."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def _same_log_levels() -> Iterator[None]:
    """Fail a test after which the log of the others would have fewer lines, or more."""
    before = leaks.log_levels()
    yield
    changed = leaks.changed_logs(before)
    assert not changed, f"log levels changed by the test: {changed}"


@pytest.fixture(autouse=True)
def _same_collector() -> Iterator[None]:
    """Collect garbage for each test as often as for the first, whatever a start was told."""
    before = gc.get_threshold()
    yield
    if gc.get_threshold() != before:
        gc.set_threshold(*before)
        gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_lingering_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread which would keep the process from ending."""
    before = threading.enumerate()
    yield
    if request.node.get_closest_marker("leaky") is None:
        left = leaks.lingering_threads(before)
        assert not left, f"threads still running after the test: {left}"


@pytest.fixture(autouse=True)
async def _no_lingering_tasks(
    request: pytest.FixtureRequest, _no_lingering_threads: None
) -> AsyncIterator[None]:
    """Fail a test that leaves an asyncio task running: every task has an owner that ends it."""
    before = asyncio.all_tasks()
    yield
    if request.node.get_closest_marker("leaky") is None:
        left = await leaks.lingering_tasks(before)
        assert not left, f"tasks still running after the test: {left}"


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test advances it."""
    return ManualClock()
