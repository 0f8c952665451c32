"""Every implementation of `runtime.ports.Store`, and rows to put into one."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from adapters.memory.store import MemoryStore
from adapters.sql.migrate import bring_up_to_date
from adapters.sql.schema import metadata
from adapters.sql.store import open_store
from runtime.ids import (
    AgentName,
    ConversationId,
    InboxId,
    MessageId,
    OutboxId,
    Platform,
    RunId,
    ScheduleId,
    TimeOrderedIds,
    TurnId,
)
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.conversation import Entry, Role
from runtime.model.events import Body, Cursor, Inbound, Lane, Message, Received
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.schedule import (
    Due,
    Occurrence,
    OccurrenceState,
    Schedule,
    When,
    WhenKind,
    run_id_of,
)
from runtime.model.turn import TurnStart
from runtime.ports import Claim, Store
from tests.support.clock import ManualClock
from tests.support.postgres import PostgresServer, patient
from tests.support.ready import put_store, store_file

KINDS = ("memory", "sqlite", "postgres")


@pytest.fixture(scope="session")
def migrated_sqlite() -> bytes:
    """A SQLite file with every table and no row; copied, it saves each test the migration."""
    return store_file()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a Postgres database with every table: making one takes longer than a test."""
    name = postgres_server.create()
    url = sa.make_url(postgres_server.url(name)).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        bring_up_to_date(connection)
    engine.dispose()
    yield name
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def emptied_postgres(
    postgres_server: PostgresServer, migrated_postgres: str
) -> Iterator[Callable[[], object]]:
    """Empties that database: on one connection, in one statement that the server has planned."""
    # As a replica, so that the guards of the audit log let its records go.
    options = "-c lock_timeout=60s -c session_replication_role=replica"
    url = postgres_server.url(migrated_postgres)
    deletes = SQL(" ").join(
        SQL("DELETE FROM {};").format(Identifier(table.name))
        for table in reversed(metadata.sorted_tables)
    )
    with psycopg.connect(url, options=options, autocommit=True) as connection:
        connection.execute(
            SQL(
                "CREATE FUNCTION pg_temp.empty() RETURNS void LANGUAGE plpgsql AS "
                "$$ BEGIN {} END $$"
            ).format(deletes)
        )
        yield lambda: connection.execute("SELECT pg_temp.empty()")


@pytest.fixture
def store_url(
    postgres_server: PostgresServer,
    migrated_postgres: str,
    emptied_postgres: Callable[[], object],
) -> Iterator[str]:
    """The address of a migrated Postgres database without a row, emptied again after the test.

    Its sessions are patient.
    """
    url = postgres_server.url(migrated_postgres)
    yield patient(url)
    emptied_postgres()


Opener = Callable[[], AbstractAsyncContextManager[Store]]
"""Opens the test's store; where it is a database, again and again, with what it held before."""


@pytest.fixture(params=KINDS)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Which implementation; a test that is about some of them parametrises this one itself."""
    kind: str = request.param
    return kind


@pytest.fixture
def open_again(
    store_kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> Opener:
    """A way to open the test's store, for tests that restart or that are two processes."""
    ids = TimeOrderedIds(clock)
    if store_kind == "memory":
        kept = MemoryStore(clock=clock, ids=ids)
        return lambda: _lend(kept)
    data = tmp_path / "data"
    url = None
    if store_kind == "sqlite":
        put_store(data)
    else:
        url = request.getfixturevalue("store_url")
    return lambda: open_store(url, data_dir=data, clock=clock, ids=ids)


@pytest.fixture
async def store(open_again: Opener) -> AsyncIterator[Store]:
    """An empty store: each test that asks for it runs once over every implementation."""
    async with open_again() as opened:
        yield opened


@asynccontextmanager
async def _lend(store: Store) -> AsyncIterator[Store]:
    yield store


SLACK = Platform("slack")
TERMINAL = Platform("terminal")
DESK = AgentName("desk")
ADA = Principal(SLACK, "T1", "U1")
CHANNEL = ChannelRef(SLACK, "T1", "C1")
THREAD = ThreadRef(CHANNEL, "1700000000.000100")
NO_TURN = TurnId("none")


@pytest.fixture
def rows(clock: ManualClock) -> "Rows":
    """Makes rows for stores."""
    return Rows(clock)


class Rows:
    """Makes rows, each with an id of its own; what a test is about, it says."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._ids = TimeOrderedIds(clock)
        self._count = count(1)

    def received(
        self,
        text: str = "hello",
        *,
        thread: ThreadRef = THREAD,
        body: Body | None = None,
        lane: Lane = Lane.TURN,
        event_key: str | None = None,
        content_key: str = "",
        cursor: Cursor | None = None,
    ) -> Received:
        """An accepted event."""
        number = next(self._count)
        inbound = Inbound(
            event_key=event_key or f"Ev{number}",
            content_key=content_key,
            thread=thread,
            sender=ADA,
            body=body or Message(text=text, message_id=MessageId(f"17.{number}")),
            sent_at=self._clock.now() - timedelta(seconds=1),
            cursor=cursor,
        )
        return Received(
            id=InboxId(self._ids.new()),
            lane=lane,
            inbound=inbound,
            received_at=self._clock.now(),
        )

    def item(
        self,
        text: str = "hi",
        *,
        thread: ThreadRef = THREAD,
        key: str | None = None,
        binds: ConversationId | None = None,
        not_before: datetime | None = None,
    ) -> OutboxItem:
        """A message to be sent."""
        return OutboxItem(
            id=OutboxId(key or f"out-{next(self._count)}"),
            thread=thread,
            content=Content(text),
            proactive=False,
            binds=binds,
            not_before=not_before or self._clock.now(),
            created_at=self._clock.now(),
        )

    def entry(self, text: str, turn: TurnId = NO_TURN, role: Role = Role.ASSISTANT) -> Entry:
        """An entry of a log."""
        return Entry(role=role, text=text, at=self._clock.now(), turn=turn)

    def schedule(self, *, due_in: timedelta | None = timedelta(hours=1)) -> Schedule:
        """A schedule that comes due after that time, or has no next time."""
        number = next(self._count)
        return Schedule(
            id=ScheduleId(f"schedule-{number:03}"),
            when=When(
                kind=WhenKind.CRON, cron="30 8 * * 1-5", zone="Europe/Berlin", said="mornings"
            ),
            instruction=f"Say what happened. ({number})",
            agent=DESK,
            target=ThreadRef(CHANNEL),
            made_by=ADA,
            made_in=THREAD,
            next_at=None if due_in is None else self._clock.now() + due_in,
            created_at=self._clock.now(),
        )

    def occurrence(self, schedule: Schedule, *, manual: bool = False) -> Occurrence:
        """The next planned time of a schedule, or one that somebody asks for now."""
        planned_at = schedule.next_at if schedule.next_at and not manual else self._clock.now()
        run = RunId(f"run-{next(self._count)}") if manual else run_id_of(schedule.id, planned_at)
        return Occurrence(
            schedule=schedule.id,
            planned_at=planned_at,
            run=run,
            state=OccurrenceState.DUE,
            manual=manual,
        )

    def claim(self, schedule: Schedule, *, next_in: timedelta | None = timedelta(days=1)) -> Claim:
        """The claim of a due schedule."""
        return Claim(
            due=due_of(schedule),
            occurrences=(self.occurrence(schedule),),
            next_at=None if next_in is None else self._clock.now() + next_in,
        )


def due_of(schedule: Schedule) -> Due:
    """The schedule as a tick reads it."""
    assert schedule.next_at is not None
    return Due(schedule.id, schedule.when, schedule.next_at)


async def begun(store: Store, received: Received) -> TurnStart:
    """Accept the message and begin the turn of its conversation."""
    await store.inbox.append(received)
    conversation = await store.conversations.bind(received.inbound.thread, DESK)
    start = await store.turns.begin(conversation, owner="here")
    assert start is not None
    return start


def texts(entries: Sequence[Entry]) -> list[str]:
    """What the entries say."""
    return [entry.text for entry in entries]
