"""`nightdesk status`: reads beside a running process, and changes nothing."""

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.glance import glance, holder_of
from adapters.sql.migrate import revisions
from adapters.sql.store import SqlStore, open_store
from bot.environ import load_settings
from bot.settings import Settings
from bot.status import in_words, read_status, to_json
from runtime.errors import NightdeskError
from runtime.ids import (
    AgentName,
    MessageId,
    OutboxId,
    Platform,
    ScheduleId,
    StopId,
    TimeOrderedIds,
)
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule, When, WhenKind, run_id_of
from runtime.model.stop import Stop, StopKind
from tests.support.clock import ManualClock
from tests.support.ready import put_store

OPS = ThreadRef(ChannelRef(Platform("terminal"), "local", "ops"))
SHORTENED = "Say what happened at night. xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
YOU = Principal(Platform("terminal"), "local", "you")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "nightdesk.toml").write_text(
        '[team]\ntimezone = "Europe/Berlin"\n'
        '[[channels]]\nplatform = "terminal"\nid = "ops"\nproactive = true\n'
    )
    return load_settings({"HOME": str(tmp_path), "NIGHTDESK_DATA_DIR": "desk"}, cwd=tmp_path)


@asynccontextmanager
async def running(settings: Settings, clock: ManualClock) -> AsyncIterator[SqlStore]:
    """A process that owns the database."""
    ids = TimeOrderedIds(clock)
    put_store(settings.data_dir)
    async with open_store(
        settings.database_url, data_dir=settings.data_dir, clock=clock, ids=ids, role="all"
    ) as store:
        yield store


async def fill(store: SqlStore, clock: ManualClock) -> None:
    """One schedule that ran once and failed, two messages of which one was set aside."""
    schedule = await store.schedules.add(
        Schedule(
            id=ScheduleId("s1"),
            when=When(kind=WhenKind.CRON, cron="30 8 * * *", zone="UTC", said="every day at 8:30"),
            instruction="Say what\nhappened at night. " + "x" * 80,
            agent=AgentName("desk"),
            target=OPS,
            made_by=YOU,
            made_in=OPS,
            next_at=clock.now() + timedelta(minutes=30),
            created_at=clock.now(),
        )
    )
    planned = clock.now() - timedelta(days=1)
    run = run_id_of(schedule.id, planned)
    await store.schedules.add_occurrence(
        Occurrence(schedule=schedule.id, planned_at=planned, run=run, state=OccurrenceState.DUE)
    )
    await store.schedules.end_occurrence(
        run, state=OccurrenceState.FAILED, now=clock.now(), error="the model did not answer"
    )
    for key in ("o1", "o2"):
        await store.outbox.enqueue([message(key, OPS.under(MessageId(key)), clock)])
    [claimed, *_] = await store.outbox.claim(
        now=clock.now(), owner="all-0", platforms=[OPS.platform]
    )
    await store.outbox.settle(claimed.id, 1, OutboxState.DEAD, error="channel_not_found")


def message(key: str, thread: ThreadRef, clock: ManualClock) -> OutboxItem:
    return OutboxItem(
        id=OutboxId(key),
        thread=thread,
        content=Content("hello"),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )


async def test_before_the_first_start(settings: Settings, clock: ManualClock) -> None:
    words = in_words(await read_status(settings, clock))
    assert words == "Running    nothing\nDatabase   not made yet; the first start makes it"
    assert not settings.data_dir.exists()


async def test_beside_a_running_process(settings: Settings, clock: ManualClock) -> None:
    async with running(settings, clock) as store:
        await fill(store, clock)
        status = await read_status(settings, clock)
    assert in_words(status).splitlines() == [
        f"Running    process {os.getpid()} (all) since Mon 5 Jan 2026 09:00 CET",
        f"Database   up to date (version {revisions()[-1]})",
        "Outbox     1 waiting, the oldest since Mon 5 Jan 2026 09:00 CET, 1 undeliverable",
        f"Schedules  #1 every day at 8:30 -> #ops, next Mon 5 Jan 2026 09:30 CET: {SHORTENED}",
        "Last runs  #1 Sun 4 Jan 2026 09:00 CET: failed, the model did not answer",
    ]
    assert json.loads(to_json(status))["schedules"][0]["next_at"] == "2026-01-05T08:30:00+00:00"


async def test_it_begins_with_what_is_stopped(settings: Settings, clock: ManualClock) -> None:
    async with running(settings, clock) as store:
        for kind, agent in ((StopKind.EVERYTHING, ""), (StopKind.AGENT, "desk")):
            stop = Stop(id=StopId(kind), kind=kind, agent=AgentName(agent), by=YOU, at=clock.now())
            await store.stops.order(stop, closing=lambda _: ())
            await clock.advance(60)
        status = await read_status(settings, clock)
    first, second, *_ = in_words(status).splitlines()
    assert first == (
        "Stopped    everything, by you, since Mon 5 Jan 2026 09:00 CET; "
        "`/resume everything`, in a chat, ends that"
    )
    assert second == (
        "           the agent desk, by you, since Mon 5 Jan 2026 09:01 CET; "
        "`/resume agent desk`, in a chat, ends that"
    )
    assert [one["what"] for one in json.loads(to_json(status))["stops"]] == [
        "everything",
        "the agent desk",
    ]


async def test_a_stop_that_waits_for_the_next_start_is_shown(
    settings: Settings, clock: ManualClock
) -> None:
    settings.data_dir.mkdir()
    path = settings.data_dir / "stop"
    path.write_text("root")
    asked = clock.now().timestamp() - 3600
    os.utime(path, (asked, asked))
    words = in_words(await read_status(settings, clock)).splitlines()[0]
    assert words.startswith("Stopped    everything, by root, since Mon 5 Jan 2026 08:00 CET; ")
    assert words.endswith(f"from the next start on; to take it back before that, remove {path}")


async def test_after_it_ended_nothing_is_written_beside_the_database(
    settings: Settings, clock: ManualClock
) -> None:
    async with running(settings, clock) as store:
        await fill(store, clock)
    before = {file.name: file.stat().st_mtime_ns for file in settings.data_dir.iterdir()}
    status = await read_status(settings, clock)
    assert status.processes == ()
    assert len(status.schedules) == 1
    assert {f.name: f.stat().st_mtime_ns for f in settings.data_dir.iterdir()} == before


async def test_a_name_that_a_killed_process_left_is_nobody(
    settings: Settings, clock: ManualClock
) -> None:
    settings.data_dir.mkdir()
    left = '{"pid":1,"host":"h","since":"2026-01-05T08:00:00+00:00","role":"all"}'
    (settings.data_dir / "nightdesk.lock").write_text(left)
    assert holder_of(settings.data_dir) is None


async def test_a_glance_cannot_write(settings: Settings, clock: ManualClock) -> None:
    async with running(settings, clock):
        pass
    async with glance(
        None, data_dir=settings.data_dir, clock=clock, ids=TimeOrderedIds(clock)
    ) as found:
        assert found is not None
        with pytest.raises(NightdeskError, match="reading only"):
            await found.store.outbox.enqueue([message("o", OPS, clock)])


async def test_a_file_that_is_no_database_is_told(settings: Settings, clock: ManualClock) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "nightdesk.db").write_text("no database, but long enough to be one" * 50)
    with pytest.raises(NightdeskError, match="NOTADB"):
        await read_status(settings, clock)


async def test_a_postgres_that_is_not_there_is_told_with_its_setting(
    settings: Settings, clock: ManualClock
) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        away = replace(settings, database_url=f"postgresql://u:canary@127.0.0.1:{port}/d")
        with pytest.raises(NightdeskError) as raised:
            await read_status(away, clock)
    assert "Start it, or correct NIGHTDESK_DATABASE_URL." in str(raised.value)
    assert "canary" not in str(raised.value)
