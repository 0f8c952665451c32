"""What only Postgres does: undo one transaction for another's sake, and go away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.sql.heard import Heard
from adapters.sql.postgres import POOL, POOL_FEW, POOL_MORE, PostgresDatabase, open_postgres
from adapters.sql.store import open_store
from adapters.sql.trail import Trail
from adapters.sql.transaction import CoreTransaction, Transaction, Work
from adapters.sql.turns import SqlTurns
from adapters.sql.unsaid import Unsaid
from runtime.errors import ConfigurationError, NightdeskError, StorageFull, StorageUnavailable
from runtime.ids import TimeOrderedIds
from runtime.model.outbox import OutboxState
from runtime.model.turn import TurnState
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.stores import Rows, begun

T = TypeVar("T")

COUNTERS = sa.table("counters", sa.column("name"), sa.column("value"))
PID: sa.Select[tuple[int]] = sa.select(sa.func.pg_backend_pid())


@pytest.fixture
async def database(store_url: str, clock: ManualClock) -> AsyncIterator[PostgresDatabase]:
    url = sa.make_url(store_url).set(drivername="postgresql+psycopg")
    async with open_postgres(url, clock=clock) as opened:
        for name in ("one", "other"):
            row = sa.insert(COUNTERS).values(name=name, value=0)
            await opened.write(lambda t, row=row: t.run(row))  # type: ignore[misc]
        yield opened


IDLE: sa.Select[tuple[str]] = sa.select(
    sa.func.current_setting("idle_in_transaction_session_timeout")
)


@pytest.fixture
async def as_is(store_url: str, clock: ManualClock) -> AsyncIterator[PostgresDatabase]:
    """The database under an address that asks nothing of its sessions."""
    url = sa.make_url(store_url).difference_update_query(["options"])
    async with open_postgres(url.set(drivername="postgresql+psycopg"), clock=clock) as opened:
        yield opened


async def test_a_start_without_the_database_says_what_to_do(clock: ManualClock) -> None:
    nobody = sa.make_url("postgresql+psycopg://desk:hush@127.0.0.1:1/desk")
    with pytest.raises(StorageUnavailable, match="cannot be reached") as refused:
        async with open_postgres(nobody, clock=clock):
            raise AssertionError("it was opened")
    told = str(refused.value)
    assert told.startswith(
        "The database cannot be reached. Start it, or correct NIGHTDESK_DATABASE_URL. ("
    )
    assert "127.0.0.1" in told
    assert "\n" not in told
    assert "hush" not in told


async def test_what_an_address_asks_of_its_sessions_comes_after_ours(
    database: PostgresDatabase, as_is: PostgresDatabase
) -> None:
    assert await as_is.read(lambda t: t.one(IDLE)) == ("700ms",)
    assert await database.read(lambda t: t.one(IDLE)) == ("1min",)


def bump(transaction: Transaction, name: str) -> None:
    raised = sa.update(COUNTERS).where(COUNTERS.c.name == name)
    transaction.run(raised.values(value=COUNTERS.c.value + 1))


async def values(database: PostgresDatabase) -> list[tuple[str, int]]:
    everything = sa.select(COUNTERS.c.name, COUNTERS.c.value).order_by(COUNTERS.c.name)
    return [(row[0], row[1]) for row in await database.read(lambda t: t.all(everything))]


async def test_a_unit_that_raises_is_undone(database: PostgresDatabase) -> None:
    def work(transaction: Transaction) -> None:
        bump(transaction, "one")
        raise NightdeskError("no")

    with pytest.raises(NightdeskError):
        await database.write(work)

    assert await values(database) == [("one", 0), ("other", 0)]


async def test_a_transaction_that_was_undone_for_another_is_run_again(
    database: PostgresDatabase,
) -> None:
    runs = []
    both_hold_one = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        def work(transaction: Transaction) -> None:
            runs.append(first)
            bump(transaction, first)
            if len(runs) <= 2:
                # In a greenlet of the loop's thread: the other one may run meanwhile.
                sa.util.await_only(both_hold_one.wait())
            bump(transaction, second)

        await database.write(work)

    await asyncio.gather(cross("one", "other"), cross("other", "one"))

    assert await values(database) == [("one", 2), ("other", 2)]
    assert len(runs) >= 3


async def test_a_connection_that_broke_is_replaced(database: PostgresDatabase) -> None:
    broken: list[int] = []

    def work(transaction: Transaction) -> None:
        bump(transaction, "one")
        [[pid]] = transaction.all(PID)
        if not broken:
            broken.append(pid)
            transaction.one(sa.select(sa.func.pg_terminate_backend(pid)))
        bump(transaction, "one")

    await database.write(work)

    assert await values(database) == [("one", 2), ("other", 0)]


async def test_a_process_that_stands_still_in_a_transaction_lets_go_of_its_locks(
    database: PostgresDatabase, as_is: PostgresDatabase, store_url: str
) -> None:
    runs: list[int] = []

    def work(transaction: Transaction) -> None:
        [mine] = transaction.one(PID) or (0,)
        runs.append(mine)
        bump(transaction, "one")
        if len(runs) == 1:
            # This holds the event loop, as a tool that blocks does, until somebody can write.
            with psycopg.connect(store_url, autocommit=True) as other:
                other.execute("UPDATE counters SET value = value + 10 WHERE name = 'one'")

    await as_is.write(work)

    assert len(set(runs)) == 2
    assert await values(database) == [("one", 11), ("other", 0)]


async def test_a_connection_that_broke_in_the_commit_costs_a_read_nothing_and_a_write_is_told(
    database: PostgresDatabase, store_url: str
) -> None:
    broken: list[int] = []

    def work(transaction: Transaction) -> int:
        [[pid]] = transaction.all(PID)
        if not broken:
            broken.append(pid)
            with psycopg.connect(store_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return int(pid)

    assert await database.read(work) not in broken
    broken.clear()
    assert await database.scan(work) not in broken
    broken.clear()
    with pytest.raises(StorageUnavailable):
        await database.write(work)


async def test_a_server_that_goes_away_for_good_is_said(database: PostgresDatabase) -> None:
    def work(transaction: Transaction) -> None:
        [[pid]] = transaction.all(PID)
        transaction.one(sa.select(sa.func.pg_terminate_backend(pid)))

    with pytest.raises(StorageUnavailable):
        await database.write(work)


async def test_a_full_disk_is_said(database: PostgresDatabase) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"

    def work(transaction: Transaction) -> None:
        assert isinstance(transaction, CoreTransaction)
        bump(transaction, "one")
        transaction._connection.exec_driver_sql(full)

    with pytest.raises(StorageFull):
        await database.write(work)

    assert await values(database) == [("one", 0), ("other", 0)]


@pytest.mark.parametrize("state", ["25006", "53200", "53300", "55P03", "57014", "57P03"])
async def test_a_server_that_takes_nothing_just_now_is_waited_out(
    database: PostgresDatabase, state: str
) -> None:
    refuse = f"DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END $$"

    def work(transaction: Transaction) -> None:
        assert isinstance(transaction, CoreTransaction)
        bump(transaction, "one")
        transaction._connection.exec_driver_sql(refuse)

    with pytest.raises(StorageUnavailable, match=state):
        await database.write(work)

    assert await values(database) == [("one", 0), ("other", 0)]


async def test_a_first_start_on_a_server_that_is_read_only_says_so(
    postgres_url: str, clock: ManualClock
) -> None:
    standby = sa.make_url(postgres_url).set(drivername="postgresql+psycopg")
    standby = standby.update_query_dict({"options": "-c default_transaction_read_only=on"})
    with pytest.raises(StorageUnavailable, match="read-only") as refused:
        async with open_postgres(standby, clock=clock):
            raise AssertionError("it was opened")
    assert "Start it" not in str(refused.value)


async def test_what_is_asked_at_once_shares_few_connections(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.sql.postgres.POOL_PATIENCE", 60.0)
    asked = await asyncio.gather(*(database.read(lambda t: t.one(PID)) for _ in range(50)))
    assert len(set(asked)) <= POOL_FEW


async def test_more_callers_than_connections_take_turns(database: PostgresDatabase) -> None:
    await asyncio.gather(
        *(database.write(lambda t: bump(t, "one")) for _ in range(2 * (POOL + POOL_MORE)))
    )

    assert dict(await values(database))["one"] == 2 * (POOL + POOL_MORE)


async def test_it_answers_the_check(database: PostgresDatabase) -> None:
    await database.check()


@pytest.mark.parametrize(
    "url",
    [
        "postgres-without-a-scheme:secret",
        "mysql://me:secret@localhost/desk",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
async def test_an_address_of_nothing_we_know_is_refused_without_repeating_it(
    url: str, tmp_path: Path, clock: ManualClock
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        async with open_store(url, data_dir=tmp_path, clock=clock, ids=TimeOrderedIds(clock)):
            pass

    assert "postgresql://" in str(refused.value)
    assert "secret" not in str(refused.value)


async def test_a_server_that_is_not_there_is_said(tmp_path: Path, clock: ManualClock) -> None:
    url = f"postgresql://me:secret@/desk?host={tmp_path}"

    with pytest.raises(StorageUnavailable) as refused:
        async with open_store(url, data_dir=tmp_path, clock=clock, ids=TimeOrderedIds(clock)):
            pass

    assert "secret" not in str(refused.value)


async def test_a_sqlite_file_may_lie_elsewhere(tmp_path: Path, clock: ManualClock) -> None:
    file = tmp_path / "elsewhere" / "desk.db"

    async with open_store(
        f"sqlite:///{file}",
        data_dir=tmp_path / "data",
        clock=clock,
        ids=TimeOrderedIds(clock),
    ) as store:
        await store.check()

    assert file.exists()
    assert not (tmp_path / "data").exists()


async def test_a_claim_waits_for_no_schedule_of_the_same_instant_that_is_not_in_it(
    store_url: str, tmp_path: Path, clock: ManualClock, rows: Rows
) -> None:
    ids = TimeOrderedIds(clock)
    async with open_store(store_url, data_dir=tmp_path, clock=clock, ids=ids) as store:
        before, first, last, behind = [await store.schedules.add(rows.schedule()) for _ in range(4)]
        batch = [rows.claim(first), rows.claim(last)]
        with psycopg.connect(store_url) as other:
            for one in (before, behind):
                other.execute("SELECT id FROM schedules WHERE id = %s FOR UPDATE", [one.id])
            async with asyncio.timeout(30):  # rather than wait for ever
                claimed = await store.schedules.claim(batch)
        assert [one.schedule for one in claimed] == [first.id, last.id]


class _Slow(PostgresDatabase):
    """Commits when it is told to, and perhaps after those who waited for it are gone."""

    def __init__(self, url: str) -> None:
        self.connections = create_async_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg")
        )
        super().__init__(self.connections, Trail(ManualClock()))
        self.about_to, self.told_to = asyncio.Event(), asyncio.Event()

    async def write(self, work: Work[T]) -> T:
        async with self.connections.begin() as connection:
            result = await connection.run_sync(lambda c: work(CoreTransaction(c)))
            self.about_to.set()
            await self.told_to.wait()
        return result


async def test_what_a_commit_claims_that_is_under_way_is_handed_back_after_it(
    store_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    rows, slow, handed_back = Rows(clock), _Slow(store_url), False
    async with open_store(
        store_url, data_dir=tmp_path, clock=clock, ids=TimeOrderedIds(clock)
    ) as store:
        turn = (await begun(store, rows.received())).turn
        answer = replace(rows.item(), state=OutboxState.SENDING)

        async def finish() -> None:
            turns = SqlTurns(slow, clock=clock, heard=Heard(), unsaid=Unsaid())
            replies, done = [answer], TurnState.DONE
            await turns.finish(turn.id, turn.fence, state=done, replies=replies, sender="here")

        async def hand_back() -> int:
            nonlocal handed_back
            count = await store.outbox.hand_back(
                [answer.id], owner="here", turn=turn.id, fence=turn.fence
            )
            handed_back = True
            return count

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(finish())
            await slow.about_to.wait()
            count = tasks.create_task(hand_back())
            await eventually(lambda: handed_back or _waits_for_a_lock(store_url))
            slow.told_to.set()
        assert count.result() == 1
        found = await store.outbox.get(answer.id)
        assert found is not None
        assert found.state is OutboxState.PENDING
    await slow.close()


def _waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(url) as connection:
        asked = "SELECT 1 FROM pg_locks WHERE NOT granted"
        return connection.execute(asked).fetchone() is not None
