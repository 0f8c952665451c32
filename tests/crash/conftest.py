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


LONGEST = (
    *("test_kill_platforms.py", "test_kill_random.py", "test_kill_points.py", "test_stop.py"),
    *("test_slot.py", "test_kill_wire.py"),
)
"""Files that come first, in this order: a long test that comes last leaves a processor with nothing
to do, where the tests are shared out by chance. Those of the platforms wait much, and those of the
points, beside which they come so, do not."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here that time, and put the longest first among those that are here."""
    here = Path(__file__).parent
    places = [number for number, item in enumerate(items) if here in item.path.parents]
    ours = sorted((items[number] for number in places), key=_length)
    for number, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.timeout(HANGS_AFTER))
        items[number] = item


def _length(item: pytest.Item) -> int:
    name = item.path.name
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)
