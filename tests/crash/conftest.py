"""What the crash suites share: places to live in, and time.

They wait for what happens, not for the clock: how long it takes says what else the machine does.
"""

from pathlib import Path

import pytest

from tests.support.crash_places import (
    on_postgres,
    on_sqlite,
    places,
    ready_database,
    ready_files,
)

__all__ = ["on_postgres", "on_sqlite", "places", "ready_database", "ready_files"]

HANGS_AFTER = 600
"""Seconds after which a test is ended that goes on for ever."""

ORDER = (
    # These keep a processor and more busy for a minute...
    *("test_kill_random.py::test_postgres", "test_kill_random.py", "once[postgres-run now]"),
    # ... while another process works through these, which mostly wait ...
    *("test_durable.py", "test_kill_platforms.py", "test_stop.py", "test_slot.py"),
    *("test_kill_wire.py", "test_kill_handed.py"),
    # ... and both come to these, of which the longest come first.
    *("once[sqlite-run now]", "comes_once[postgres", "once[postgres", "is_a_fault_point"),
)
"""Parts of the names of tests, in the order in which they come; whatever has none comes last.

Where two processes share the tests, a processor has nothing to do when both come to tests that wait,
or when one of them has a long test left and the other none.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here that time, and put those that are here into that order."""
    here = Path(__file__).parent
    places = [number for number, item in enumerate(items) if here in item.path.parents]
    ours = sorted((items[number] for number in places), key=_rank)
    for number, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.timeout(HANGS_AFTER))
        items[number] = item


def _rank(item: pytest.Item) -> int:
    found = (rank for rank, part in enumerate(ORDER) if part in item.nodeid)
    return next(found, len(ORDER))
