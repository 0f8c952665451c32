"""The fake Telegram, seen by a client that others wrote: python-telegram-bot."""

import asyncio
import warnings
from collections.abc import AsyncIterator

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity, Update
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken
from telegram.request import HTTPXRequest

from bot.selftest.telegram.methods import perform
from tests.support import specs
from tests.support.eventually import eventually
from tests.support.fake_telegram import (
    BOB,
    BOT,
    FORUM,
    GROUP,
    TOKEN,
    TOPIC,
    USERNAME,
    FakeTelegram,
    Fault,
    by_schema,
    fits,
)

PREVIEWS_OFF = {"link_preview_options": {"is_disabled": True}}


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(patience=0.01) as fake:
        yield fake


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    made = client(telegram)
    async with made:
        yield made


def client(telegram: FakeTelegram) -> Bot:
    return Bot(
        TOKEN,
        base_url=f"{telegram.url}/bot",
        base_file_url=f"{telegram.url}/file/bot",
        request=HTTPXRequest(httpx_kwargs={"trust_env": False}),
        get_updates_request=HTTPXRequest(httpx_kwargs={"trust_env": False}),
    )


async def test_it_is_a_telegram_to_others_too(telegram: FakeTelegram, bot: Bot) -> None:
    assert bot.username == USERNAME
    sent = await bot.send_message(
        GROUP,
        "hello",
        entities=[MessageEntity("bold", 0, 5)],
        reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="a:1")]]),
    )
    assert sent.chat.id == GROUP
    telegram.send.press(telegram.world.posted[0])
    telegram.send.message("hi", chat=FORUM, topic=TOPIC)
    pressed, said = await bot.get_updates(timeout=1)
    assert pressed.callback_query is not None
    assert pressed.callback_query.data == "a:1"
    assert said.message is not None
    assert (said.message.message_thread_id, said.message.is_topic_message) == (TOPIC, True)
    assert await bot.get_updates(offset=said.update_id + 1) == ()
    assert not telegram.world.updates
    assert (await bot.get_webhook_info()).pending_update_count == 0


async def test_every_update_that_it_makes_can_be_read_by_others(
    telegram: FakeTelegram, bot: Bot
) -> None:
    telegram.send.message("/help@x @y 👍🏽", chat=GROUP)
    telegram.send.bot_is("left", "member")
    telegram.send.migrate(GROUP, -100_5)
    for update in list(telegram.world.updates):
        assert Update.de_json(update, bot).api_kwargs == {}


@pytest.mark.parametrize(
    "status", ["creator", "administrator", "member", "restricted", "left", "kicked"]
)
async def test_what_it_says_of_a_chat_and_its_member_is_whole(
    telegram: FakeTelegram, bot: Bot, status: str
) -> None:
    telegram.world.rights[GROUP] = {"status": status}
    assert (await bot.get_chat_member(GROUP, BOT)).status == status
    assert (await bot.get_chat(GROUP)).api_kwargs == {}
    for method, shape in (("getChat", "ChatFullInfo"), ("getChatMember", "ChatMember")):
        assert (
            fits(shape, perform(telegram.world, method, {"chat_id": GROUP, "user_id": BOT})) == []
        )


async def test_it_refuses_as_telegram_does(telegram: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(Forbidden):
        await bot.send_message(BOB, "hello")
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(-100_404, "hello")
    telegram.token = "changed"
    with pytest.raises(InvalidToken):
        await bot.get_me()
    telegram.token = TOKEN
    telegram.world.webhook.url = "https://elsewhere.example.org"
    with pytest.raises(Conflict):
        await bot.get_updates()


async def test_of_two_polls_the_first_is_told_to_go(telegram: FakeTelegram) -> None:
    telegram._patience = 5.0
    async with client(telegram) as one, client(telegram) as two:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(_conflict(one))
            await eventually(lambda: telegram.called("getUpdates"), "the first poll")
            telegram.send.message("hi")
            second = tasks.create_task(two.get_updates(timeout=1))
        assert first.result() or second.result()


async def _conflict(bot: Bot) -> bool:
    try:
        await bot.get_updates(timeout=5)
    except Conflict:
        return True
    return False


async def test_it_sees_what_we_may_not_do(telegram: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(GROUP, "@ada look", entities=[MessageEntity("bold", 5, 4)])
    assert sorted(telegram.violations) == [
        "sendMessage: @ada mentions somebody",
        "sendMessage: previews are on",
    ]


@pytest.mark.parametrize(
    ("text", "entities", "says"),
    [
        ("", [], "empty"),
        (" a", [], "space"),
        ("a" * 4_097, [], "4097"),
        ("👍" * 2_049, [], "4098"),
        ("👍a", [{"type": "bold", "offset": 1, "length": 2}], "cuts a character"),
        ("ab", [{"type": "bold", "offset": 1, "length": 2}], "not within"),
        ("ab", [{"type": "text_link", "offset": 0, "length": 2}], "text_link"),
        (
            "abc",
            [{"type": "bold", "offset": 0, "length": 2}, {"type": "italic", "offset": 1, "length": 2}],
            "overlap",
        ),
        (
            "abc",
            [{"type": "pre", "offset": 0, "length": 3}, {"type": "bold", "offset": 1, "length": 1}],
            "in one place",
        ),
    ],
)  # fmt: skip
async def test_it_sees_what_is_wrong_with_a_text(
    telegram: FakeTelegram, text: str, entities: list[dict[str, object]], says: str
) -> None:
    fields = {"chat_id": GROUP, "text": text, "entities": entities, **PREVIEWS_OFF}
    telegram._judge("sendMessage", fields)
    assert any(says in words for words in telegram.violations)


def test_the_schema_is_a_judge_of_its_own() -> None:
    specs.required("telegram/bot-api.json")
    assert list(by_schema("sendMessage", {"chat_id": 1, "text": "a"})) == []
    assert list(by_schema("sendMessage", {"chat_id": 1})) != []
    assert list(by_schema("sendMessage", {"chat_id": 1.5, "text": "a"})) != []
    assert list(by_schema("sendMessage", {"chat_id": 1, "text": "a", "txt": "b"})) != []
    wrong = {"chat_id": 1, "text": "a", "entities": [{"type": "bold", "offset": "0"}]}
    assert len(list(by_schema("sendMessage", wrong))) == 2
    assert list(by_schema("sendTelepathy", {})) != []


async def test_flood_control_bans(telegram: FakeTelegram, bot: Bot) -> None:
    telegram.faults = [Fault("rate", retry_after=3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of its own attribute
        for _ in range(2):
            with pytest.raises(Exception, match="Flood control"):
                await bot.send_message(GROUP, "hello")
    assert "something was sent to -1001000000001 within a ban" in telegram.violations
