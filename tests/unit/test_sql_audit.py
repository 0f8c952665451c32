"""The audit log on Postgres: one chain over processes, and guards that let nothing be changed."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from adapters.sql.store import open_store
from runtime.chain import walk
from runtime.ids import TimeOrderedIds
from runtime.model.audit import SYSTEM, AuditEvent, AuditKind
from tests.support.clock import ManualClock

EVENT = AuditEvent(AuditKind.TOOL_ENDED, SYSTEM)


async def test_processes_that_write_at_once_make_one_chain(
    store_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    ids = TimeOrderedIds(clock)
    async with (
        open_store(store_url, data_dir=tmp_path, clock=clock, ids=ids) as one,
        open_store(store_url, data_dir=tmp_path, clock=clock, ids=ids) as other,
    ):
        writes = [store.audit.add([EVENT, EVENT]) for _ in range(30) for store in (one, other)]
        await asyncio.gather(*writes)
        checked = await walk(lambda after: one.audit.page(after=after))
    assert (checked.count, checked.broken) == (120, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "UPDATE audit SET body = '{}' WHERE seq = 1",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ],
)
async def test_no_record_is_changed_or_deleted(
    store_url: str, tmp_path: Path, clock: ManualClock, statement: str
) -> None:
    ids = TimeOrderedIds(clock)
    async with open_store(store_url, data_dir=tmp_path, clock=clock, ids=ids) as store:
        await store.audit.add([EVENT])
        with (
            psycopg.connect(store_url) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="never changed or deleted"),
        ):
            connection.execute(statement.encode())
        assert len(await store.audit.page()) == 1
