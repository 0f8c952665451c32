"""What our use of DBOS rests on, beyond the port: its settings, and what is private of it."""

import asyncio
import importlib.metadata
import inspect
import json
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from dbos import DBOS, _dbos, _queue, _sys_db
from dbos._sys_db import SystemDatabase
from dbos._utils import retriable_postgres_exception

from adapters.durable import database
from adapters.durable.engine import DurableEngine
from adapters.durable.launch import _RECOVERS_EVERY, _RECOVERS_FOR, _RETRIES_EVERY, Waits
from adapters.durable.settings import Pace
from runtime.errors import ConfigurationError, StorageUnavailable
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.clock import START, ManualClock, settle
from tests.support.durable import DbosHouse
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
RUN = RunId("run-1")
LONGEST_STALL_SECONDS = 0.25

# A stall is what the process itself did between two rounds of its loop, in seconds of CPU: the time
# on the wall is that of whatever else this machine does.
OPEN_AND_MEASURE = """
import asyncio, json, sys, time
from pathlib import Path
from adapters.durable.dbos import DbosDurable
from runtime.clock import SystemClock

async def main():
    durable = DbosDurable(None, data_dir=Path(sys.argv[1]), slot="one", clock=SystemClock())
    before = "dbos" in sys.modules
    async def watch():
        worst, last = 0.0, time.process_time()
        while not opened.done():
            await asyncio.sleep(0.001)
            now = time.process_time()
            worst, last = max(worst, now - last), now
        return worst
    opened = asyncio.ensure_future(durable.open())
    worst = await watch()
    await opened
    await durable.close()
    print(json.dumps([before, "dbos" in sys.modules, worst]))

asyncio.run(main())
"""


@pytest.fixture
def house(tmp_path: Path, clock: ManualClock) -> DbosHouse:
    return DbosHouse(None, tmp_path, clock)


async def waits(context: RunContext, _payload: Json) -> Json:
    async def work() -> Json:
        return {"a": [1, None]}

    return [await context.step("work", work), await context.wait("answer")]


# ----------------------------------------------------------------------------------- loading


def test_dbos_is_loaded_when_it_is_opened_and_holds_the_loop_up_for_no_noticeable_time(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AND_MEASURE, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, worst = json.loads(done.stdout)
    assert not before
    assert after
    assert worst < LONGEST_STALL_SECONDS


async def test_dbos_writes_nothing_to_the_terminal(
    house: DbosHouse, capfd: pytest.CaptureFixture[str]
) -> None:
    async with house.opened({"waits": waits}) as durable:
        await durable.start("waits", RUN, None)
        await durable.cancel(RUN)
    assert capfd.readouterr() == ("", "")
    # Its advertisement is a line at INFO, which it does not write.
    assert logging.getLogger("dbos").level == logging.WARNING


async def test_only_one_may_be_open_in_a_process(house: DbosHouse, tmp_path: Path) -> None:
    other = DbosHouse(None, tmp_path / "other", house.clock)
    async with house.opened({"waits": waits}) as durable:
        with pytest.raises(ConfigurationError, match="one to a process"):
            await other.engine().open()
        await durable.start("waits", RUN, None)
    async with other.opened({"waits": waits}) as durable:
        assert await durable.state(RUN) is None


async def test_a_database_that_cannot_be_used_is_said_and_can_be_put_right(
    house: DbosHouse, tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("not a folder")
    with pytest.raises(FileExistsError):
        await DbosHouse(None, tmp_path / "full", house.clock).engine().open()
    async with house.opened({"waits": waits}) as durable:
        await durable.start("waits", RUN, None)


async def test_the_loop_has_a_working_executor_after_closing(house: DbosHouse) -> None:
    async with house.opened({"waits": waits}) as durable:
        await durable.start("waits", RUN, None)
    assert await asyncio.to_thread(threading.current_thread) is not threading.main_thread()


async def test_runs_that_wait_take_no_thread_each(house: DbosHouse) -> None:
    async with house.opened({"waits": waits}) as durable:
        for number in range(60):
            await durable.start("waits", RunId(f"run-{number}"), None)
        assert threading.active_count() < 40


# ---------------------------------------------------------------------------------- the file


async def test_the_file_is_in_wal_mode_and_every_commit_is_on_disk(house: DbosHouse) -> None:
    async with house.opened({}):
        pass
    store = database.sqlite(house.data_dir, house.clock)
    with store.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        full = 2
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == full
    store.dispose()


async def test_rows_are_json_and_no_pickles(house: DbosHouse) -> None:
    async with house.opened({"waits": waits}) as durable:
        await durable.start("waits", RUN, {"q": "é"})
        await durable.signal(RUN, "answer", "yes", key="1")
        await durable.result(RUN)
    connection = sqlite3.connect(house.data_dir / database.FILE)
    inputs = connection.execute("SELECT inputs FROM workflow_input").fetchall()
    outputs = connection.execute(
        "SELECT output FROM operation_outputs WHERE function_name = 'work'"
    ).fetchall()
    spelled = connection.execute("SELECT DISTINCT serialization FROM workflow_status").fetchall()
    connection.close()
    arguments = {"args": ["waits", {"q": "é"}, None], "kwargs": {}}
    assert [json.loads(text) for (text,) in inputs] == [{"value": arguments}]
    assert [json.loads(text) for (text,) in outputs] == [{"value": {"a": [1, None]}}]
    assert spelled == [("nightdesk-json",)]


async def test_stamps_never_come_twice_nor_go_back(clock: ManualClock) -> None:
    stamps = database.Stamps(clock)
    now = int(START.timestamp() * 1000)
    assert [stamps.next() for _ in range(3)] == [now, now + 1, now + 2]
    await clock.jump(timedelta(hours=-1))
    assert stamps.next() == now + 3
    await clock.jump(timedelta(hours=2))
    assert stamps.next() == now + 3_600_000


def test_stamps_are_whole_milliseconds_in_the_expressions_of_dbos(
    tmp_path: Path, clock: ManualClock
) -> None:
    # The second one is NULL in SQLite before 3.42, and DBOS would not launch (Python 3.12 and up).
    store = database.sqlite(tmp_path, clock)
    with store.connect() as connection:
        for asked in ("strftime('%s','now') * 1000", "unixepoch('subsec') * 1000"):
            connection.execute(sa.text(f"CREATE TABLE t (at INTEGER DEFAULT ({asked}), n)"))
            for n in range(1000):
                connection.execute(sa.text("INSERT INTO t (n) VALUES (:n)"), {"n": n})
            rows = connection.execute(sa.text("SELECT typeof(at), at FROM t ORDER BY n")).all()
            assert {kind for kind, _ in rows} == {"integer"}
            assert [at - rows[0].at for _, at in rows] == list(range(1000))
            connection.execute(sa.text("DROP TABLE t"))
    store.dispose()


async def test_the_order_of_a_partition_outlives_a_clock_that_was_set_back(
    house: DbosHouse, clock: ManualClock
) -> None:
    done: list[Json] = []

    async def item(_context: RunContext, payload: Json) -> Json:
        done.append(payload)
        return None

    async with house.opened({"waits": waits, "item": item}) as durable:
        await durable.start("waits", RUN, None, partition="p")
        for n in range(4):
            await durable.start("item", RunId(f"run-9{9 - n}"), n, partition="p")
            await clock.jump(timedelta(hours=-1))
        await durable.signal(RUN, "answer", None, key="1")
        await durable.result(RunId("run-96"))
    assert done == [0, 1, 2, 3]


# ---------------------------------------------------------------------------------- recovery


def test_the_private_calls_are_as_we_know_them() -> None:
    # Another version: run the crash suite, read its changelog for recovery, and move this on.
    assert importlib.metadata.version("dbos").startswith("3.4.")
    parameters = inspect.signature(DBOS._recover_pending_workflows).parameters
    assert list(parameters) == ["executor_ids"]
    one = inspect.signature(SystemDatabase.reenqueue_for_recovery).parameters
    assert list(one) == ["self", "workflow_id", "executor_ids", "recovery_queue_name"]


def test_how_often_the_runs_of_a_start_are_looked_at_is_where_we_set_it() -> None:
    assert _dbos.DBOSRegistry().get_internal_queue()._polling_interval_sec == 1.0
    looks = inspect.getsource(_queue.queue_worker_thread)
    assert "min_polling_interval = queue._polling_interval_sec" in looks


async def test_the_runs_of_a_start_are_looked_at_often_until_a_second_after_the_launch(
    house: DbosHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes."""
    loop = asyncio.get_running_loop()
    launch, call_later = DurableEngine.launch_blocking, loop.call_later
    timers: list[Callable[[], None]] = []
    at_launch: list[tuple[float, int]] = []
    armed = asyncio.Event()

    def every() -> float:
        registry = _dbos._get_or_create_dbos_registry()
        return registry.get_internal_queue()._polling_interval_sec

    def noted(delay: float, call: Callable[..., None], *args: object) -> asyncio.TimerHandle:
        if delay == _RECOVERS_FOR and "look" in getattr(call, "__name__", ""):
            timers.append(call)
            armed.set()
            return call_later(0, lambda: None)
        return call_later(delay, call, *args)

    def launched(engine: DurableEngine, on: asyncio.AbstractEventLoop) -> None:
        launch(engine, on)
        asyncio.run_coroutine_threadsafe(settle(1), on).result()
        at_launch.append((every(), len(timers)))

    monkeypatch.setattr(loop, "call_later", noted)
    monkeypatch.setattr(DurableEngine, "launch_blocking", launched)
    async with house.opened({"waits": waits}):
        await armed.wait()
        assert at_launch == [(_RECOVERS_EVERY, 0)]
        assert every() == _RECOVERS_EVERY
        [look_as_usual] = timers
        look_as_usual()
        assert every() == 1.0


async def test_taking_over_from_oneself_leaves_the_runs_alone(house: DbosHouse) -> None:
    begun: list[RunId] = []

    async def counted(context: RunContext, _payload: Json) -> Json:
        begun.append(context.run)
        return await context.wait("answer")

    async with house.opened({"counted": counted}, "one") as durable:
        await durable.start("counted", RUN, None)
        assert await durable.take_over("one") == 0
        assert await durable.state(RUN) is RunState.RUNNING
        await durable.signal(RUN, "answer", 1, key="1")
        assert await durable.result(RUN) == 1
    assert begun == [RUN]


async def test_another_slots_runs_are_left_alone_until_they_are_taken_over(
    house: DbosHouse,
) -> None:
    begun: list[str] = []

    async def counted(context: RunContext, _payload: Json) -> Json:
        begun.append("play")
        return await context.wait("answer")

    async with house.opened({"counted": counted}, "one") as durable:
        await durable.start("counted", RUN, None)
        await eventually(lambda: begun == ["play"])
    async with house.opened({"counted": counted}, "two") as durable:
        await durable.signal(RUN, "answer", "yes", key="1")
        assert await durable.state(RUN) is RunState.RUNNING
        assert await durable.take_over("one") == 1
        assert await durable.take_over("one") == 0
        assert await durable.result(RUN) == "yes"
    assert begun == ["play", "play"]


async def test_a_run_is_gone_on_with_however_many_restarts_it_has_seen(house: DbosHouse) -> None:
    async with house.opened({"waits": waits}) as durable:
        await durable.start("waits", RUN, None)
    connection = sqlite3.connect(house.data_dir / database.FILE)
    connection.execute("UPDATE workflow_status SET recovery_attempts = 100000")
    connection.commit()
    connection.close()
    async with house.opened({"waits": waits}) as durable:
        await durable.signal(RUN, "answer", "yes", key="1")
        assert await durable.result(RUN) == [{"a": [1, None]}, "yes"]


async def test_a_process_that_takes_no_work_leaves_what_it_starts_in_line(
    house: DbosHouse,
) -> None:
    async with house.opened({"waits": waits}, takes_work=False) as durable:
        await durable.start("waits", RUN, None)
        await durable.start("waits", RunId("run-2"), None, partition="p")
        for run in (RUN, RunId("run-2")):
            await durable.signal(run, "answer", "yes", key="1")
            assert await durable.state(run) is RunState.QUEUED
    async with house.opened({"waits": waits}) as durable:
        for run in (RUN, RunId("run-2")):
            assert await durable.result(run) == [{"a": [1, None]}, "yes"]


# ---------------------------------------------------------------------------------- Postgres


async def test_postgres_stamps_no_two_runs_or_signals_of_one_caller_alike(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    house = DbosHouse(postgres_url, tmp_path, clock)
    async with house.opened({"waits": waits}, takes_work=False) as durable:
        for n in range(100):
            await durable.start("waits", RunId(f"run-{999 - n}"), None, partition="p")
        for n in range(100):
            await durable.signal(RunId("run-999"), "answer", n, key=f"{n}")
    with psycopg.connect(postgres_url) as connection:
        for what in (
            "created_at) FROM dbos.workflow_status",
            "created_at_epoch_ms) FROM dbos.notifications",
        ):
            counted = connection.execute(f"SELECT count(DISTINCT {what}".encode()).fetchone()
            assert counted == (100,)


async def test_a_run_taken_up_with_nobody_hearing_of_it_is_put_back_at_the_second_look(
    postgres_url: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_up, look = (
        SystemDatabase.start_queued_partitioned_workflows,
        DurableEngine.pending_blocking,
    )
    begun: list[str] = []
    unheard: list[str] = []
    looks: list[set[RunId]] = []

    def broken_off(self: SystemDatabase, *args: Any, **options: Any) -> list[str]:
        taken = take_up(self, *args, **options)
        if "lost" in taken and not unheard:
            unheard.extend(taken)
            gone = psycopg.OperationalError("server closed the connection unexpectedly")
            raise sa.exc.OperationalError("COMMIT", {}, gone)
        return taken

    def seen(engine: DurableEngine) -> set[RunId]:
        looks.append(look(engine))
        return looks[-1]

    async def counted(context: RunContext, _payload: Json) -> Json:
        begun.append(context.run)
        return await context.wait("answer")

    monkeypatch.setattr(SystemDatabase, "start_queued_partitioned_workflows", broken_off)
    monkeypatch.setattr(DurableEngine, "pending_blocking", seen)
    async with DbosHouse(postgres_url, tmp_path, clock).opened({"counted": counted}) as durable:
        await durable.start("counted", RunId("waits"), None, partition="another")
        await eventually(lambda: begun == ["waits"])
        await durable.start("counted", RunId("lost"), None, partition="p")
        await durable.start("counted", RunId("behind"), None, partition="p")
        await eventually(lambda: unheard == ["lost"])
        for number in range(2):
            assert begun == ["waits"]
            await eventually(lambda: clock.sleeping == 2)
            await clock.advance(Pace().claims)
            await eventually(lambda number=number: len(looks) > number)  # type: ignore[misc]
        for run in ("lost", "behind"):
            await eventually(lambda run=run: run in begun, run)  # type: ignore[misc]
            await durable.signal(RunId(run), "answer", run, key="1")
            assert await durable.result(RunId(run)) == run
        assert begun == ["waits", "lost", "behind"]
    assert looks[:2] == [{"waits", "lost"}] * 2


async def test_no_run_is_put_back_while_a_crowd_that_was_taken_up_at_once_comes_into_play(
    postgres_url: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, lost = (RunId(name) for name in ("first", "second", "lost"))
    crowd = iter([{first, second, lost}, {second, lost}, {lost}])
    looks, put_back = list[int](), list[RunId]()

    def seen(_: DurableEngine) -> set[RunId]:
        looks.append(len(put_back))
        return next(crowd, {lost})

    monkeypatch.setattr(DurableEngine, "pending_blocking", seen)
    monkeypatch.setattr(DurableEngine, "put_back_blocking", lambda _, runs: put_back.extend(runs))
    async with DbosHouse(postgres_url, tmp_path, clock).opened({}):
        for number in range(5):
            await eventually(lambda: clock.sleeping == 2)
            await clock.advance(Pace().claims)
            await eventually(lambda number=number: len(looks) > number)  # type: ignore[misc]
        await eventually(lambda: clock.sleeping == 2)
    assert looks == [0, 0, 0, 0, 1]
    assert put_back == [lost]


def test_dbos_tries_again_within_seconds_however_long_the_database_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks a module to sleep for it, and the seconds double with each try."""
    slept: list[float] = []
    answers = iter([False] * 9)

    class Patient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            slept.append(timeout or 0.0)
            return False

    @_sys_db.db_retry()
    def ask() -> bool:
        if next(answers, True):
            return True
        raise sa.exc.OperationalError("SELECT", {}, psycopg.OperationalError("connection failed"))

    monkeypatch.setattr(_sys_db, "time", waits := Waits())
    monkeypatch.setattr(waits, "_over", Patient())
    assert ask()
    assert len(slept) == 9
    assert max(slept) == _RETRIES_EVERY


def test_dbos_waits_out_a_socket_without_a_server(tmp_path: Path) -> None:
    store = database.postgres(f"postgresql://me@/desk?host={tmp_path}", "one")
    with pytest.raises(sa.exc.OperationalError) as refused:
        store.connect()
    assert retriable_postgres_exception(refused.value)


@pytest.mark.parametrize("state", ["25006", "57014"])
def test_dbos_waits_out_a_server_that_takes_nothing_just_now(postgres_url: str, state: str) -> None:
    store = database.postgres(postgres_url, "one")
    with pytest.raises(sa.exc.DBAPIError) as refused, store.connect() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")
    store.dispose()
    assert retriable_postgres_exception(refused.value)


async def test_what_dbos_does_not_wait_out_is_no_word_of_the_driver(
    house: DbosHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(**_options: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, psycopg.errors.LockNotAvailable("locked"))

    async with house.opened({"waits": waits}) as durable:
        monkeypatch.setattr(DBOS, "list_workflows_async", refused)
        with pytest.raises(StorageUnavailable, match="locked"):
            await durable.state(RUN)


async def test_dbos_keeps_to_its_schema_and_needs_no_right_to_make_databases(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    url = sa.make_url(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE owner_of_{url.database} LOGIN NOSUPERUSER NOCREATEDB".encode())
        admin.execute(f"ALTER DATABASE {url.database} OWNER TO owner_of_{url.database}".encode())
        mine = url.set(username=f"owner_of_{url.database}").render_as_string(hide_password=False)
        async with DbosHouse(mine, tmp_path, clock).opened({"waits": waits}) as durable:
            await durable.start("waits", RUN, None)
            await durable.signal(RUN, "answer", "yes", key="1")
            assert await durable.result(RUN) == [{"a": [1, None]}, "yes"]
        schemas = admin.execute(
            "SELECT DISTINCT table_schema FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    assert schemas == [("dbos",)]
    assert not (tmp_path / database.FILE).exists()
