"""Migrations: the same tables by every way, once, whoever starts at the same time."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.sql.migrate import bring_up_to_date, current, revisions
from adapters.sql.schema import metadata
from adapters.sql.store import DATABASE_FILE, migrate, open_store
from runtime.errors import DatabaseTooNew
from runtime.ids import (
    AgentName,
    ConversationId,
    TimeOrderedIds,
    ToolCallId,
    TurnId,
)
from runtime.model.address import PersonKey
from runtime.model.conversation import Entry, Role
from runtime.model.tools import ToolCall
from tests.support.clock import ManualClock
from tests.support.postgres import PostgresServer
from tests.support.ready import place
from tests.support.stores import THREAD

_POSTGRES_SHAPE = (
    """SELECT table_name, column_name, data_type, is_nullable, is_identity, column_default
       FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
)


def _shape(engine: sa.Engine) -> set[tuple[object, ...]]:
    """Every table, column, index and constraint, as the database itself describes them."""
    if engine.dialect.name == "sqlite":
        questions: tuple[str, ...] = ("SELECT type, name, tbl_name, sql FROM sqlite_master",)
    else:
        questions = _POSTGRES_SHAPE
    with engine.connect() as connection:
        rows = [row for text in questions for row in connection.exec_driver_sql(text)]
    described = {tuple(_squeezed(value) for value in row) for row in rows}
    return {row for row in described if not any("alembic_version" in str(word) for word in row)}


def _postgres(url: str) -> sa.Engine:
    place = sa.make_url(url).set(drivername="postgresql+psycopg")
    return sa.create_engine(place, poolclass=sa.pool.NullPool)


def _squeezed(value: object) -> object:
    # SQLite quotes the name of a table that was made anew under another name.
    return " ".join(value.replace('"', "").split()) if isinstance(value, str) else value


def _ordered(shape: set[tuple[object, ...]]) -> list[str]:
    """For SQLite, whose own text keeps the order in which the constraints were written."""
    return sorted(" ".join(sorted(str(row).replace(",", " ").split())) for row in shape)


def test_migrating_makes_the_tables_that_the_code_uses_on_sqlite(tmp_path: Path) -> None:
    migrated = sa.create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    made = sa.create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    with migrated.begin() as connection:
        bring_up_to_date(connection)
    metadata.create_all(made)

    assert _ordered(_shape(migrated)) == _ordered(_shape(made))
    assert len(_shape(made)) > 30
    migrated.dispose()
    made.dispose()


def test_migrating_makes_the_tables_that_the_code_uses_on_postgres(
    postgres_server: PostgresServer, migrated_postgres: str
) -> None:
    with postgres_server.database() as url:
        migrated = _postgres(postgres_server.url(migrated_postgres))
        made = _postgres(url)
        metadata.create_all(made)

        assert _shape(migrated) == _shape(made)
        assert len(_shape(made)) > 30


def test_a_file_that_is_migrated_is_at_the_last_revision(
    migrated_sqlite: bytes, tmp_path: Path
) -> None:
    place(tmp_path / "copy.db", migrated_sqlite)
    connection = sqlite3.connect(tmp_path / "copy.db")

    found = connection.execute("SELECT version_num FROM alembic_version").fetchall()

    connection.close()
    assert found == [(revisions()[-1],)]


async def test_processes_that_start_at_once_migrate_once(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    ids = TimeOrderedIds(clock)

    async def start() -> None:
        async with open_store(postgres_url, data_dir=tmp_path, clock=clock, ids=ids) as store:
            await store.conversations.bound(THREAD)

    await asyncio.gather(*(start() for _ in range(4)))


async def test_migrating_again_changes_nothing(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    for url in (postgres_url, None):
        await migrate(url, data_dir=tmp_path, clock=clock)
        await migrate(url, data_dir=tmp_path, clock=clock)

    assert (tmp_path / DATABASE_FILE).exists()


async def test_a_postgres_database_from_a_newer_version_is_refused(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    await migrate(postgres_url, data_dir=tmp_path, clock=clock)
    engine = _postgres(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseTooNew, match="9999"):
        await migrate(postgres_url, data_dir=tmp_path, clock=clock)

    with engine.begin() as connection:
        assert current(connection) == "9999"


_OLD_ENTRIES = (
    """{"role":"user","text":"mögen \\"wir\\"?","at":"2026-11-21T02:14:00Z","turn":"t1",
        "sender":{"platform":"slack","workspace":"T1","user":"U1"},"tool_calls":[],"call":null,
        "covers":0,"model":"","seq":1,"files":[],"ending":null}""",
    """{"role":"assistant","text":"","at":"2026-11-21T02:14:01.5Z","turn":"t1","seq":2,
        "tool_calls":[{"id":"c1","name":"clock","arguments":"{}"}],"model":"small"}""",
    """{"role":"tool","text":"02:14","at":"2026-11-21T02:14:02Z","turn":"t1","sender":null,
        "tool_calls":[],"call":"c1","covers":0,"model":"","seq":3,"files":[],"ending":null}""",
)
_OLD_AT = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)
_READ_NOW = [
    Entry(
        role=Role.USER,
        text='mögen "wir"?',
        at=_OLD_AT,
        turn=TurnId("t1"),
        seq=1,
        by=PersonKey("slack/T1/U1"),
    ),
    Entry(
        role=Role.ASSISTANT,
        text="",
        at=_OLD_AT + timedelta(seconds=1.5),
        turn=TurnId("t1"),
        seq=2,
        model="small",
        tool_calls=(ToolCall(id=ToolCallId("c1"), name="clock", arguments="{}"),),
    ),
    Entry(
        role=Role.TOOL,
        text="02:14",
        at=_OLD_AT + timedelta(seconds=2),
        turn=TurnId("t1"),
        seq=3,
        call=ToolCallId("c1"),
    ),
]


async def test_logs_that_were_stored_as_objects_are_read_as_they_were(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    talk = ConversationId("talk")
    for url in (postgres_url, None):
        await migrate(url, data_dir=tmp_path, clock=clock)
        engine = (
            _postgres(url) if url else sa.create_engine(f"sqlite:///{tmp_path}/{DATABASE_FILE}")
        )
        add = sa.insert(metadata.tables["entries"])
        rows = [
            {"conversation": talk, "seq": seq, "body": body}
            for seq, body in enumerate(_OLD_ENTRIES, start=1)
        ]
        ids = TimeOrderedIds(clock)
        async with open_store(url, data_dir=tmp_path, clock=clock, ids=ids) as store:
            await store.conversations.create(talk, AgentName("desk"))
        with engine.begin() as connection:
            connection.execute(add, rows)
            for table in ("ledger_meters", "ledger_calls"):  # 0019 adds them again
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN currency")
            connection.exec_driver_sql("ALTER TABLE turns DROP COLUMN asked")  # so does 0020
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0016'")
        engine.dispose()
        async with open_store(url, data_dir=tmp_path, clock=clock, ids=ids) as store:
            assert await store.conversations.entries(talk) == _READ_NOW


async def test_a_log_in_the_order_of_its_key_is_moved_into_the_order_of_writing(
    tmp_path: Path, clock: ManualClock
) -> None:
    ids, talks = TimeOrderedIds(clock), [ConversationId("second"), ConversationId("first")]
    said = [entry._replace(seq=0) for entry in _READ_NOW]
    async with open_store(None, data_dir=tmp_path, clock=clock, ids=ids) as store:
        for talk in talks:
            await store.conversations.create(talk, AgentName("desk"), opening=said)
    connection = sqlite3.connect(tmp_path / DATABASE_FILE)
    connection.executescript("""
        CREATE TABLE before (
            conversation TEXT NOT NULL REFERENCES conversations (id), seq BIGINT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (conversation, seq)
        ) WITHOUT ROWID;
        INSERT INTO before SELECT conversation, seq, body FROM entries;
        DROP TABLE entries;
        ALTER TABLE before RENAME TO entries;
        UPDATE alembic_version SET version_num = '0020';
    """)
    connection.close()

    async with open_store(None, data_dir=tmp_path, clock=clock, ids=ids) as store:
        for talk in talks:
            assert await store.conversations.entries(talk) == _READ_NOW
    connection = sqlite3.connect(tmp_path / DATABASE_FILE)
    places = connection.execute("SELECT conversation FROM entries ORDER BY rowid").fetchall()
    connection.close()
    assert [talk for (talk,) in places] == ["first", "second"]
