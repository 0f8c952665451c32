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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here that time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(HANGS_AFTER))
