"""`nightdesk outbox`: what could not be delivered, beside a running process."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adapters.sql.store import SqlStore, open_store
from bot.commandline import app
from bot.deadletters import OutboxDesk, in_words
from bot.environ import load_settings
from bot.settings import Settings
from runtime.errors import Refused
from runtime.ids import MessageId, OutboxId, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState
from tests.support.clock import ManualClock
from tests.support.ready import put_store

TERMINAL = Platform("terminal")
OPS = ThreadRef(ChannelRef(TERMINAL, "local", "ops"))
ELSEWHERE = ThreadRef(ChannelRef(TERMINAL, "local", "D1"))
TOKEN = "xoxb-1-canary"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "nightdesk.toml").write_text(
        '[[channels]]\nplatform = "terminal"\nid = "ops"\nname = "ops"\nproactive = true\n'
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_DATA_DIR", str(tmp_path / "desk"))
    monkeypatch.chdir(tmp_path)
    return load_settings()


async def letter(
    store: SqlStore, clock: ManualClock, key: str, *, thread: ThreadRef = OPS, text: str = "Hi"
) -> None:
    """A message that could not be delivered."""
    item = OutboxItem(
        id=OutboxId(key),
        thread=thread,
        content=Content(text),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )
    await store.outbox.enqueue([item])
    await store.outbox.claim(now=clock.now(), owner="here", platforms=[TERMINAL])
    await store.outbox.settle(item.id, 1, OutboxState.DEAD, error=f"not_in_channel {TOKEN}")


def opened(settings: Settings, clock: ManualClock) -> AbstractAsyncContextManager[SqlStore]:
    ids = TimeOrderedIds(clock)
    put_store(settings.data_dir)
    return open_store(settings.database_url, data_dir=settings.data_dir, clock=clock, ids=ids)


async def test_dead_letters_are_listed_with_place_age_and_reason_and_without_secrets(
    settings: Settings, clock: ManualClock
) -> None:
    async with opened(settings, clock) as store:
        await letter(store, clock, "first", text=f"one\ntwo {TOKEN} \x1b[31m" + "x" * 100)
        await clock.advance(3 * 86_400)
        await letter(store, clock, "second", thread=ELSEWHERE)
        await clock.advance(3_700)
        letters = await OutboxDesk(settings, clock).latest()

    assert in_words(letters) == (
        "second  D1 (terminal), 1 hour ago: not_in_channel [hidden]\n"
        "  Hi\n"
        "first  #ops (terminal), 3 days ago: not_in_channel [hidden]\n"
        "  one two [hidden] \N{REPLACEMENT CHARACTER}[31m" + "x" * 57 + "…"
    )
    assert in_words([]) == "Every message could be delivered."


async def test_one_is_sent_again_beside_the_process_that_owns_the_file(
    settings: Settings, clock: ManualClock
) -> None:
    async with opened(settings, clock) as store:
        await letter(store, clock, "first")
        desk = OutboxDesk(settings, clock)
        await desk.retry("first")
        [item] = await store.outbox.claim(now=clock.now(), owner="here", platforms=[TERMINAL])
        assert item.id == "first"
        await store.outbox.sent(item.id, item.attempts, MessageId("1"))
        with pytest.raises(Refused, match="outbox row is sent, so it cannot be retried") as refused:
            await desk.retry("first")
        assert "nightdesk outbox list" in refused.value.hint


async def test_one_is_dropped_beside_the_process_that_owns_the_file(
    settings: Settings, clock: ManualClock
) -> None:
    async with opened(settings, clock) as store:
        await letter(store, clock, "first")
        desk = OutboxDesk(settings, clock)
        await desk.drop("first")
        assert await store.outbox.get(OutboxId("first")) is None
        with pytest.raises(Refused, match="there is no outbox row first"):
            await desk.drop("first")


async def test_postgres_too(
    settings: Settings, clock: ManualClock, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", postgres_url)
    settings = load_settings()
    async with opened(settings, clock) as store:
        await letter(store, clock, "first")
        await letter(store, clock, "second", thread=ELSEWHERE)
        desk = OutboxDesk(settings, clock)
        await desk.retry("first")
        await desk.drop("second")
        assert await desk.latest() == []
        assert await store.outbox.count(OutboxState.PENDING) == 1


async def test_a_database_that_is_not_there_has_none(
    settings: Settings, clock: ManualClock
) -> None:
    with pytest.raises(Refused, match="not made yet"):
        await OutboxDesk(settings, clock).latest()


# ---------------------------------------------------------------------------- the command line


def call(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["outbox", *arguments], input=answer)


@pytest.fixture
def stored(settings: Settings, clock: ManualClock) -> None:
    async def store_one() -> None:
        async with opened(settings, clock) as store:
            await letter(store, clock, "first")

    asyncio.run(store_one())


@pytest.mark.usefixtures("stored")
def test_the_command_lists_asks_and_does() -> None:
    assert call("list").stdout.startswith("first  #ops (terminal), ")
    [listed] = json.loads(call("list", "--json").stdout)
    assert (listed["id"], listed["place"]) == ("first", "#ops (terminal)")

    refused = call("drop", "first", answer="n\n")
    assert refused.exit_code == 1
    assert "Delete first for good?" in refused.stderr
    assert call("drop", "first").exit_code == 1, "nobody answered"
    assert "first" in call("list").stdout

    assert call("retry", "first", answer="y\n").stdout.endswith("first waits to be sent.\n")
    assert call("list").stdout == "Every message could be delivered.\n"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_nobody_is_asked_about_what_is_not_there(verb: str) -> None:
    refused = call(verb, "abc", answer="y\n")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "nightdesk: there is no outbox row abc. `nightdesk outbox list` shows what there is.\n"
    )
    assert call("retry", "first", "--yes").exit_code == 0
    waits = call(verb, "first", answer="y\n")
    assert waits.exit_code == 1
    assert waits.stderr.startswith("nightdesk: outbox row first is pending, not undeliv")


@pytest.mark.usefixtures("stored")
def test_who_is_sure_is_not_asked() -> None:
    done = call("drop", "first", "--yes")
    assert (done.stdout, done.stderr) == ("first is gone.\n", "")
    again = call("drop", "first", "--yes")
    assert again.exit_code == 1
    assert again.stderr == (
        "nightdesk: there is no outbox row first. `nightdesk outbox list` shows what there is.\n"
    )
