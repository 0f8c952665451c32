"""`TelegramChat` against a strict fake of the Bot API.

Every request that the fake receives is checked against the published schema and PLATFORMS.md; each
test ends by asking that there was no breach.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.telegram.commands import Menu, synchronise
from adapters.telegram.outbound import TelegramChat
from adapters.telegram.places import channel, person
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Refused, Retryable
from runtime.ids import FileId, MessageId, OutboxId
from runtime.model.address import ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.ports import ChatPort, FetchesFiles
from tests.support import specs
from tests.support.clock import ManualClock
from tests.support.fake_telegram import (
    ADA,
    BASIC,
    BOB,
    FORUM,
    GROUP,
    TOKEN,
    TOPIC,
    USERNAME,
    FakeTelegram,
    Fault,
    Posted,
)

PRIVATE = ThreadRef(channel(ADA))
OPS = ThreadRef(channel(GROUP))
CSV = OutFile(id=FileId("f1"), name='a "b".csv', media_type="text/csv", size=4)
PNG = OutFile(id=FileId("f2"), name="chart.png", media_type="image/png", size=4)


async def read_file(file: OutFile) -> bytes:
    return f"<{file.id}>".encode()


@pytest.fixture
async def telegram(clock: ManualClock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(now=lambda: clock.now().timestamp()) as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
async def chat(telegram: FakeTelegram, clock: ManualClock) -> AsyncIterator[TelegramChat]:
    opened = TelegramChat(TOKEN, base_url=telegram.url, clock=clock, read_file=read_file)
    await opened.open()
    yield opened
    await opened.close()


def item(clock: ManualClock, text: str = "All is well.", **fields: Any) -> OutboxItem:
    row = OutboxItem(
        id=OutboxId("row1"),
        thread=PRIVATE,
        content=Content(text),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )
    return replace(row, **fields)


def only(telegram: FakeTelegram) -> Posted:
    (posted,) = telegram.world.visible()
    return posted


def said(telegram: FakeTelegram, chat: int, **fields: Any) -> int:
    return int(telegram.send.message("a question", chat=chat, **fields)["message"]["message_id"])


def test_the_schema_of_the_bot_api_is_here() -> None:
    assert specs.required("telegram/bot-api.json")["methods"]


async def test_it_is_a_chat_port(chat: TelegramChat) -> None:
    port: ChatPort = chat
    files: FetchesFiles = chat
    assert port.platform == "telegram"
    assert port.limits.may_repeat
    assert port.limits.images
    assert files is chat


async def test_it_learns_who_it_is(chat: TelegramChat) -> None:
    assert chat.me is not None
    assert (chat.me.username, chat.me.hears_all) == (USERNAME, False)


async def test_a_token_that_is_no_good_is_a_clear_error_without_the_token(
    telegram: FakeTelegram, clock: ManualClock
) -> None:
    wrong = "123456789:" + "x" * 35
    with pytest.raises(ConfigurationError, match="NIGHTDESK_TELEGRAM__BOT_TOKEN") as caught:
        await TelegramChat(wrong, base_url=telegram.url, clock=clock).open()
    assert wrong not in repr(caught.value)


async def test_a_telegram_that_cannot_be_reached_is_asked_again_later(clock: ManualClock) -> None:
    chat = TelegramChat(TOKEN, base_url="http://127.0.0.1:1", clock=clock)
    with pytest.raises(Retryable, match="reached") as caught:
        await chat.open()
    assert TOKEN not in repr((caught.value, caught.value.__cause__))
    with pytest.raises(Retryable, match="not open"):
        await chat.send(item(clock))


# ------------------------------------------------------------------------------ sending


async def test_a_message_has_entities_and_no_preview(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    number = await chat.send(item(clock, "# Report\n\n**3** runs, @ada, https://e.org"))
    posted = only(telegram)
    assert str(posted.id) == number
    assert posted.text == "Report\n\n3 runs, @\u200bada, https://e.org"
    assert {entity["type"] for entity in posted.entities} == {"bold", "underline"}


async def test_an_answer_in_a_group_answers_the_first_message_of_its_chain(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    root = said(telegram, GROUP)
    await chat.send(item(clock, thread=OPS.under(MessageId(str(root)))))
    assert (only(telegram).reply_to, only(telegram).topic) == (root, None)


async def test_an_answer_to_a_deleted_message_is_still_given(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, thread=OPS.under(MessageId("999999"))))
    assert only(telegram).reply_to is None


async def test_an_answer_in_a_topic_goes_into_the_topic_and_general_is_not_named(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    forum = channel(FORUM)
    await chat.send(item(clock, thread=ThreadRef(forum, f"t{TOPIC}")))
    await chat.send(item(clock, thread=ThreadRef(forum, "t1")))
    await chat.send(item(clock, thread=ThreadRef(forum)))
    assert [posted.topic for posted in telegram.world.posted] == [TOPIC, None, None]


async def test_a_private_chat_that_lost_its_topics_is_written_to_all_the_same(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, thread=ThreadRef(channel(ADA), "t9")))
    assert (only(telegram).chat, only(telegram).topic) == (ADA, None)


async def test_buttons_carry_their_action_and_value(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    buttons = (Button("Yes", "answer", "1"), Button("No", "answer", "2"))
    await chat.send(item(clock, content=Content("Sure?", buttons)))
    assert only(telegram).buttons == [("Yes", "answer:1"), ("No", "answer:2")]


async def test_an_answer_follows_a_group_that_moved_and_a_proactive_message_does_not(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    telegram.send.migrate(BASIC, -1_001_000_000_009)
    old = ThreadRef(channel(BASIC))
    await chat.send(item(clock, thread=old))
    assert only(telegram).chat == -1_001_000_000_009
    with pytest.raises(Permanent, match="-1001000000009"):
        await chat.send(item(clock, thread=old, proactive=True))


async def test_a_private_answer_of_a_group_goes_into_the_persons_own_chat(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    root = said(telegram, GROUP)
    await chat.send(item(clock, thread=OPS.under(MessageId(str(root))), only_for=person(ADA)))
    assert only(telegram).chat == ADA


async def test_who_cannot_be_written_to_is_told_so_in_the_group_and_nothing_else(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    root = said(telegram, GROUP)
    thread = OPS.under(MessageId(str(root)))
    await chat.send(item(clock, "the secret", thread=thread, only_for=person(BOB)))
    posted = only(telegram)
    assert (posted.chat, posted.reply_to) == (GROUP, root)
    assert "secret" not in posted.text
    assert USERNAME in posted.text


# ------------------------------------------------------------------------------ failing


@pytest.mark.parametrize(
    ("fault", "raised", "says", "there"),
    [
        (Fault("rate", retry_after=9), Retryable, "slow down", 0),
        (Fault("status", status=502), Ambiguous, "502", 0),
        (Fault("garbage"), Ambiguous, "read", 0),
        (Fault("lost_request"), Ambiguous, "did not answer", 0),
        (Fault("lost_answer"), Ambiguous, "did not answer", 1),
        (Fault("error", error="Bad Request: chat not found", status=400), Permanent, "nightdesk.toml", 0),
        (Fault("error", error="Forbidden: bot was blocked by the user", status=403), Permanent, "blocked", 0),
        (Fault("error", error="Unauthorized", status=401), Permanent, "BOT_TOKEN", 0),
    ],
)  # fmt: skip
async def test_what_became_of_a_send_is_told(
    telegram: FakeTelegram,
    chat: TelegramChat,
    clock: ManualClock,
    fault: Fault,
    raised: type[Exception],
    says: str,
    there: int,
) -> None:
    telegram.faults = [fault]
    with pytest.raises(raised, match=says) as caught:
        await chat.send(item(clock))
    assert len(telegram.world.visible()) == there
    assert TOKEN not in repr((caught.value, caught.value.__cause__))


async def test_nothing_is_sent_into_a_ban(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    telegram.faults = [Fault("rate", retry_after=9)]
    with pytest.raises(Retryable) as caught:
        await chat.send(item(clock))
    assert caught.value.after == 9
    calls = len(telegram.calls)
    with pytest.raises(Retryable) as again:
        await chat.send(item(clock))
    await chat.status(PRIVATE, "is thinking…")
    assert await chat.begin_draft(PRIVATE, requester=person(ADA), text="so far") is None
    assert (again.value.after, len(telegram.calls)) == (9, calls)
    await clock.advance(9.0)
    await chat.send(item(clock))


async def test_a_ban_of_two_chats_is_one_of_the_bot(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    telegram.faults = [Fault("rate", retry_after=9)] * 2
    for thread in (PRIVATE, OPS):
        with pytest.raises(Retryable):
            await chat.send(item(clock, thread=thread))
    with pytest.raises(Retryable, match="share"):
        await chat.send(item(clock, thread=ThreadRef(channel(FORUM))))


async def test_a_group_is_sent_twenty_messages_a_minute_and_progress_gives_way(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    for number in range(20):
        await chat.send(item(clock, f"number {number}", thread=OPS))
        await chat.status(OPS, "is thinking…")
        await clock.advance(1.0)
    with pytest.raises(Retryable) as caught:
        await chat.send(item(clock, thread=OPS))
    assert caught.value.after is not None
    await clock.advance(caught.value.after)
    await chat.send(item(clock, thread=OPS))
    assert len(telegram.world.visible()) == 21
    assert 1 <= len(telegram.world.actions) <= 4


async def test_whether_a_message_arrived_nobody_can_tell_and_an_edit_can_be_made_again(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    with pytest.raises(Permanent, match="look for its own"):
        await chat.find(item(clock))
    assert await chat.find(item(clock, draft=MessageId("17"))) is None
    with pytest.raises(Permanent):
        await chat.find(item(clock, draft=MessageId("draft-17")))


@pytest.mark.parametrize("name", ["", "C0OPS", "@ops", "12a"])
async def test_a_channel_that_is_no_number_is_refused_before_anything_is_sent(
    chat: TelegramChat, clock: ManualClock, name: str
) -> None:
    thread = ThreadRef(replace(channel(1), channel=name))
    with pytest.raises(Permanent, match="its id is a number"):
        await chat.send(item(clock, thread=thread))


# ------------------------------------------------------------------------------ drafts


async def test_an_answer_in_private_grows_as_a_preview_and_is_a_message_of_its_own(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    draft = await chat.begin_draft(PRIVATE, requester=person(ADA), text="All is ")
    assert draft is not None
    await chat.grow_draft(PRIVATE, draft, "All is well, too soon ")
    await clock.advance(1.0)
    await chat.grow_draft(PRIVATE, draft, "All is **well** and ")
    number = await chat.send(item(clock, "All is **well** and good.", draft=draft))
    [states] = telegram.world.drafts.values()
    assert states == ["All is", "All is well and"]
    assert str(only(telegram).id) == number
    assert only(telegram).edits == 0
    assert await chat.find_draft(PRIVATE, since=clock.now()) is None


async def test_an_answer_in_a_group_grows_by_edits_and_becomes_the_answer(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    root = said(telegram, GROUP)
    thread = OPS.under(MessageId(str(root)))
    draft = await chat.begin_draft(thread, requester=person(ADA), text="All is ")
    assert draft is not None
    await clock.advance(1.0)
    await chat.grow_draft(thread, draft, "All is well ")
    assert only(telegram).text == "All is"
    await clock.advance(2.0)
    await chat.grow_draft(thread, draft, "All is well and ")
    assert only(telegram).text == "All is well and"
    button = Button("Ok", "ok", "1")
    final = item(clock, content=Content("All is well.", (button,)), thread=thread, draft=draft)
    assert await chat.send(final) == draft
    assert await chat.send(final) == draft  # nothing to change is no failure
    posted = only(telegram)
    assert (posted.text, posted.reply_to, posted.buttons) == (
        "All is well.",
        root,
        [("Ok", "ok:1")],
    )


async def test_a_message_that_cannot_be_edited_any_more_is_sent_anew(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    number = await chat.send(item(clock, thread=OPS, draft=MessageId("4242")))
    assert str(only(telegram).id) == number


async def test_what_stands_for_a_message_that_is_gone_is_sent_once_more_and_not_for_ever(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    row = item(clock, thread=OPS, draft=MessageId("4242"))
    assert await chat.find(row) is None
    telegram.faults = [Fault("lost_answer", "sendMessage")]
    with pytest.raises(Ambiguous):
        await chat.send(row)
    with pytest.raises(Permanent, match="look for its own"):
        await chat.find(row)


async def test_where_previews_are_refused_an_answer_grows_by_edits(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    telegram.faults = [Fault("error", "sendMessageDraft", error="Bad Request: no", status=400)]
    draft = await chat.begin_draft(PRIVATE, requester=person(ADA), text="All ")
    assert draft is not None
    assert await chat.send(item(clock, draft=draft)) == draft
    assert only(telegram).text == "All is well."


async def test_a_draft_that_fails_is_no_failure(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    telegram.faults = [Fault("lost_request")]
    assert await chat.begin_draft(PRIVATE, requester=person(ADA), text="All ") is None
    await clock.advance(1.0)
    telegram.faults = [Fault("lost_request")]
    await chat.grow_draft(PRIVATE, MessageId("draft-5"), "All is ")


# ------------------------------------------------------------------------------ files


async def test_files_go_out_with_their_caption_and_their_buttons(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    content = Content("**The** report", (Button("Ok", "ok", "1"),), (CSV,))
    await chat.send(item(clock, content=content))
    posted = only(telegram)
    assert (posted.text, posted.content, posted.file) == ("The report", b"<f1>", "a _b_.csv")
    assert posted.buttons == [("Ok", "ok:1")]
    assert [entity["type"] for entity in posted.entities] == ["bold"]
    await chat.send(item(clock, content=Content("", files=(PNG,))))
    assert [call.method for call in telegram.calls][-1] == "sendPhoto"
    # What a picture shows is its caption, where nothing else is.
    shown = replace(PNG, alt="A bar for each day.")
    await chat.send(item(clock, content=Content("", files=(shown,))))
    assert telegram.world.visible()[-1].text == "A bar for each day."
    await chat.send(item(clock, content=Content("See.", files=(shown,))))
    assert telegram.world.visible()[-1].text == "See."


async def test_an_answer_that_grew_stays_and_its_file_follows(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    draft = await chat.begin_draft(OPS, requester=person(ADA), text="Here ")
    assert draft is not None
    button = Button("Ok", "ok", "1")
    row = item(clock, content=Content("Here it is.", (button,), (CSV,)), thread=OPS, draft=draft)
    assert await chat.send(row) == draft
    grown, file = telegram.world.visible()
    assert (grown.text, grown.buttons) == ("Here it is.", [("Ok", "ok:1")])
    assert (file.text, file.content, file.buttons) == ("", b"<f1>", [])
    with pytest.raises(Permanent, match="look for its own"):
        await chat.find(row)


async def test_a_picture_that_telegram_does_not_show_goes_out_as_a_file(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    said = "Bad Request: PHOTO_INVALID_DIMENSIONS"
    telegram.faults = [Fault("error", "sendPhoto", error=said, status=400)]
    await chat.send(item(clock, content=Content("", files=(PNG,))))
    assert only(telegram).file == "chart.png"


async def test_a_file_that_is_too_large_is_a_clear_error(
    chat: TelegramChat, clock: ManualClock
) -> None:
    large = replace(CSV, size=60_000_000)
    with pytest.raises(Permanent, match="50000000"):
        await chat.send(item(clock, content=Content("", files=(large,))))


async def test_a_card_with_a_file_keeps_it_when_its_text_changes(
    telegram: FakeTelegram, chat: TelegramChat, clock: ManualClock
) -> None:
    card = await chat.send(item(clock, content=Content("old", files=(CSV,))))
    assert await chat.send(item(clock, "new", draft=card)) == card
    assert (only(telegram).text, only(telegram).content) == ("new", b"<f1>")


async def test_a_file_that_came_is_fetched_and_bounded(
    telegram: FakeTelegram, chat: TelegramChat
) -> None:
    telegram.world.files["F1"] = b"x" * 200_000
    whole = [piece async for piece in chat.fetch(FileRef(handle="F1"), most=200_000)]
    assert b"".join(whole) == b"x" * 200_000
    with pytest.raises(Refused, match="200000"):
        await anext(chat.fetch(FileRef(handle="F1"), most=199_999))
    with pytest.raises(Permanent):
        await anext(chat.fetch(FileRef(handle="F2"), most=1))


# ------------------------------------------------------------------------------ the rest


async def test_the_direct_chat_has_the_persons_number(chat: TelegramChat) -> None:
    assert await chat.direct(person(ADA)) == PRIVATE


async def test_menus_are_set_when_they_change_and_only_then(
    telegram: FakeTelegram, chat: TelegramChat
) -> None:
    menus = [
        Menu((("help", "Show the commands."),)),
        Menu((("help", "Show the commands."), ("stop", "Stop.")), "chat", ADA),
        Menu((("help", "Show the commands."),), "chat", BOB),  # never opened a chat with the bot
    ]
    assert await synchronise(chat.api, menus) == 2
    assert await synchronise(chat.api, menus) == 0
    assert list(telegram.world.menus) == ["default", f"chat:{ADA}"]


@pytest.mark.parametrize(
    ("rights", "number", "ok", "missing"),
    [
        ({"status": "member"}, GROUP, True, ""),
        ({"status": "administrator"}, GROUP, True, ""),
        ({"status": "left"}, GROUP, False, "membership"),
        ({"status": "restricted", "is_member": True, "can_send_messages": False}, GROUP, False, "can_send_messages"),
        ({}, -100_404, False, ""),
    ],
)  # fmt: skip
async def test_the_probe_names_the_missing_right(
    telegram: FakeTelegram,
    chat: TelegramChat,
    rights: dict[str, Any],
    number: int,
    ok: bool,
    missing: str,
) -> None:
    telegram.world.rights[GROUP] = rights
    *general, last = await chat.probe(channel(number))
    assert all(finding.ok for finding in general)
    assert "privacy mode is on" in general[1].what
    assert (last.ok, last.missing) == (ok, missing)
    assert bool(last.todo) is not ok
    assert telegram.world.visible() == []


async def test_the_probe_says_when_the_token_is_no_good(
    telegram: FakeTelegram, chat: TelegramChat
) -> None:
    telegram.token = "changed"
    (finding,) = await chat.probe()
    assert not finding.ok
    assert "BotFather" in finding.todo
