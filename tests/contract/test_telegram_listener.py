"""The poll and the watch over the webhook, against a strict fake of the Bot API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from adapters.memory.store import MemoryStore
from adapters.telegram.api import BotApi
from adapters.telegram.inbound import ALLOWED_UPDATES, TelegramInbound
from adapters.telegram.listener import DEAF_EVERY, OTHERS_PAUSE, WATCH_EVERY, Hearing, Poll, Watch
from adapters.telegram.places import Chains
from runtime.errors import StorageUnavailable
from runtime.ids import InboxId, TimeOrderedIds
from runtime.model.events import Inbound, Lane, Message, Received
from runtime.ports import Accept
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.fake_telegram import (
    BOT,
    GROUP,
    SECRET,
    TOKEN,
    USERNAME,
    FakeTelegram,
    Fault,
    Posted,
)

URL = "https://bot.example.org/telegram/webhook"


@pytest.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(now=lambda: clock.now().timestamp(), patience=0.01) as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
async def api(telegram: FakeTelegram) -> AsyncIterator[BotApi]:
    opened = BotApi(TOKEN, base_url=telegram.url)
    await opened.open()
    yield opened
    await opened.close()


@dataclass
class Desk:
    """Accepts what is heard into a store, as the gateway does."""

    clock: ManualClock
    store: MemoryStore = field(init=False)
    texts: list[str] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        self._ids = TimeOrderedIds(self.clock)

    async def accept(self, inbound: Inbound) -> None:
        if self.failing:
            raise self.failing.pop(0)
        lane = Lane.TURN if isinstance(inbound.body, Message) else Lane.COMMAND
        row = Received(
            id=InboxId(self._ids.new()),
            lane=lane,
            inbound=inbound,
            received_at=self.clock.now(),
        )
        if await self.store.inbox.append(row) and isinstance(inbound.body, Message):
            self.texts.append(inbound.body.text)

    async def position(self) -> int | None:
        return await self.store.inbox.position(f"telegram:{BOT}")


@pytest.fixture
def desk(clock: ManualClock) -> Desk:
    return Desk(clock)


@asynccontextmanager
async def polling(api: BotApi, desk: Desk) -> AsyncIterator[Hearing]:
    """The poll, as it runs in one life of the process."""
    inbound = TelegramInbound(
        BOT, username=lambda: USERNAME, nouns=("help",), chains=Chains(), clock=desk.clock
    )
    hearing = Hearing()
    poll = Poll(api, inbound, BOT, desk.store.inbox, desk.clock, hearing)
    async with _running(poll.run, desk):
        yield hearing


@asynccontextmanager
async def _running(run: Callable[[Accept], Awaitable[None]], desk: Desk) -> AsyncIterator[None]:
    async def live() -> None:
        await run(desk.accept)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(live())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_updates_are_stored_in_order_and_asked_for_once(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    first = telegram.send.message("one")
    telegram.send.message("two")
    async with polling(api, desk) as hearing:
        await eventually(lambda: desk.texts == ["one", "two"])
        telegram.send.message("three")
        await telegram.tell()
        await eventually(lambda: len(desk.texts) == 3)
        await eventually(lambda: not telegram.world.updates, "a confirmed update")
        assert hearing.heard_at is not None
        assert hearing.trouble == ""
    asked = telegram.called("getUpdates")
    assert "offset" not in asked[0]
    assert asked[0]["timeout"] == 0
    assert asked[-1]["offset"] == first["update_id"] + 3
    assert asked[-1]["timeout"] == 50
    assert asked[-1]["allowed_updates"] == list(ALLOWED_UPDATES)


async def test_a_new_life_goes_on_where_the_last_one_stored(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    telegram.send.message("one")
    async with polling(api, desk):
        await eventually(lambda: desk.texts == ["one"])
    telegram.send.message("two")
    async with polling(api, desk):
        await eventually(lambda: desk.texts == ["one", "two"])


async def test_nothing_is_confirmed_that_was_not_stored(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    telegram.send.message("one")
    two = telegram.send.message("two")
    original = desk.accept

    async def full(inbound: Inbound) -> None:
        if isinstance(inbound.body, Message) and inbound.body.text == "two" and not failed:
            failed.append(inbound)
            raise StorageUnavailable
        await original(inbound)

    failed: list[Inbound] = []
    desk.accept = full  # type: ignore[method-assign]
    async with polling(api, desk):
        await eventually(lambda: bool(failed))
        assert telegram.world.updates[0]["update_id"] <= two["update_id"]
        assert await desk.position() == two["update_id"]
        await clock.advance(1.0)
        await eventually(lambda: desk.texts == ["one", "two"])


async def test_what_starts_nothing_is_passed_by_and_not_asked_for_again(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    telegram.send.edit(telegram.send.message("one"), "changed")
    telegram.world.happen(message={"message_id": "no number"})
    last = telegram.send.bot_is("member", "administrator")
    async with polling(api, desk):
        await eventually(lambda: not telegram.world.updates, "confirmed updates")
    assert await desk.position() == last["update_id"] + 1
    assert desk.texts == ["one"]


async def test_what_fails_for_a_reason_of_ours_is_tried_and_then_passed_by(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    telegram.send.message("one")
    telegram.send.message("two")
    desk.failing = [RuntimeError("ours")] * 5
    async with polling(api, desk):
        for _ in range(5):
            await eventually(lambda: clock.sleeping > 0 or desk.texts == ["two"])
            await clock.advance(60.0)
        await eventually(lambda: desk.texts == ["two"])


async def test_when_telegram_begins_to_count_anew_nothing_is_missed(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    telegram.send.message("one")
    async with polling(api, desk):
        await eventually(lambda: desk.texts == ["one"])
    telegram.world._next_update = 3
    telegram.world.updates.clear()
    telegram.send.message("two")
    async with polling(api, desk):
        await eventually(lambda: desk.texts == ["one", "two"])
        await eventually(lambda: not telegram.world.updates, "a confirmed update")
    assert await desk.position() == 4


async def test_a_press_is_answered_so_that_the_button_stops_to_wait(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    card = telegram.world.write(GROUP, telegram.world.me, topic=None, reply_to=None, text="Sure?")
    telegram.send.press(Posted(GROUP, card["message_id"], buttons=[("Yes", "a:1")]))
    async with polling(api, desk):
        await eventually(lambda: len(telegram.world.presses) == 1)


async def test_another_program_that_polls_is_seen_and_told_of(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    words = "Conflict: terminated by other getUpdates request"
    telegram.faults = [Fault("error", "getUpdates", error=words, status=409)]
    async with polling(api, desk) as hearing:
        await eventually(lambda: "other getUpdates" in hearing.trouble)
        assert "Let one program use the bot" in hearing.trouble
        await clock.advance(OTHERS_PAUSE)
        await eventually(lambda: hearing.trouble == "", "the end of the conflict")


async def test_our_own_webhook_of_before_is_taken_away(
    telegram: FakeTelegram, api: BotApi, desk: Desk
) -> None:
    telegram.world.webhook.url = URL
    telegram.send.message("one")
    async with polling(api, desk):
        await eventually(lambda: desk.texts == ["one"])
    assert telegram.called("deleteWebhook") == [{"drop_pending_updates": False}]


async def test_the_webhook_of_another_program_is_left_alone_and_told_of(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    telegram.world.webhook.url = "https://other.example.org/their/secret/path"
    async with polling(api, desk) as hearing:
        await eventually(lambda: "other.example.org" in hearing.trouble)
        assert "secret" not in hearing.trouble
        assert telegram.called("deleteWebhook") == []
        assert telegram.called("getUpdates") == []
        telegram.world.webhook.url = ""
        await clock.advance(OTHERS_PAUSE)
        await eventually(lambda: hearing.trouble == "" and hearing.heard_at is not None)


async def test_a_deaf_poll_is_seen(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    telegram.deaf = True
    telegram.send.message("one")
    async with polling(api, desk) as hearing:
        await eventually(lambda: hearing.heard_at is not None)
        for _ in range(3):
            asked = len(telegram.called("getWebhookInfo"))
            await clock.advance(DEAF_EVERY)
            await eventually(lambda n=asked: len(telegram.called("getWebhookInfo")) > n)  # type: ignore[misc]
        await eventually(lambda: "holds 1 updates" in hearing.trouble)
        telegram.deaf = False
        await telegram.tell()
        await eventually(lambda: desk.texts == ["one"])
        await eventually(lambda: hearing.trouble == "")


@pytest.mark.parametrize("kind", ["status", "garbage", "lost_request", "lost_answer", "rate"])
async def test_a_poll_that_fails_is_made_again(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock, kind: str
) -> None:
    telegram.faults = [Fault(kind, "getUpdates")]
    telegram.send.message("one")
    async with polling(api, desk):
        await eventually(lambda: clock.sleeping > 0)
        await clock.advance(10.0)
        await eventually(lambda: desk.texts == ["one"])


async def test_the_webhook_is_set_with_its_secret_and_watched(
    telegram: FakeTelegram, api: BotApi, desk: Desk, clock: ManualClock
) -> None:
    hearing = Hearing()
    telegram.faults = [Fault("status", "setWebhook")]
    async with _running(Watch(api, URL, SECRET, clock, hearing).run, desk):
        await eventually(lambda: clock.sleeping > 0)
        await clock.advance(1.0)
        await eventually(lambda: telegram.world.webhook.url == URL)
        assert telegram.world.webhook.secret == SECRET
        assert telegram.called("setWebhook")[-1]["max_connections"] == 40

        telegram.world.webhook.url = "https://thief.example.org/"
        await eventually(lambda: clock.sleeping > 0)
        await clock.advance(WATCH_EVERY)
        await eventually(lambda: telegram.world.webhook.url == URL, "the webhook, set again")

        telegram.send.message("one")
        telegram.world.webhook.failed_at = clock.now().timestamp()
        telegram.world.webhook.failure = "SSL error"
        await eventually(lambda: clock.sleeping > 0)
        await clock.advance(WATCH_EVERY)
        await eventually(lambda: "SSL error" in hearing.trouble)
        assert "bot.example.org" in hearing.trouble


def test_no_secret_shows_in_the_representation(api: BotApi, clock: ManualClock) -> None:
    assert SECRET not in repr(Watch(api, URL, SECRET, clock, Hearing()))
    assert TOKEN not in repr(api)
