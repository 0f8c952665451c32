"""What readiness says, and what it keeps to itself."""

import logging

import pytest

from adapters.memory.store import MemoryStore
from gateway.health import Readiness
from runtime.errors import StorageFull, StorageUnavailable
from runtime.ids import TimeOrderedIds
from tests.support.clock import ManualClock

SAID = 'connection to server at "10.1.2.3", user "nightdesk" failed: no route to host'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorageUnavailable(SAID), "cannot be used"),
        (StorageFull(SAID), "The disk is full"),
        (TimeoutError(SAID), "cannot be used"),
    ],
)
async def test_a_database_that_fails_is_said_without_its_own_words(
    error: Exception,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))

    async def fail() -> None:
        raise error

    monkeypatch.setattr(store, "check", fail)
    monkeypatch.setattr(store.outbox, "oldest_pending", fail)
    with caplog.at_level(logging.WARNING):
        checks = await Readiness(store, clock=clock).readiness()
    assert [check.ok for check in checks] == [False, False]
    assert all(told in check.detail and "10.1.2.3" not in check.detail for check in checks)
    assert "10.1.2.3" in caplog.text
