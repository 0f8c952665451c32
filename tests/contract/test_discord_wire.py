"""`DiscordChat` against a strict fake of Discord's REST API.

Every request that the fake receives is checked against the published schema and PLATFORMS.md; each
test ends by asking that there was no breach.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from adapters.discord import wire
from adapters.discord.commands import ApplicationCommands
from adapters.discord.outbound import DiscordChat, nonce
from adapters.discord.places import DISCORD, Places, person
from adapters.discord.probe import Expected
from adapters.discord.render import GROWING
from adapters.discord.rest import Route
from adapters.discord.sync import synchronise
from bot.selftest.discord.content import FORUM, Posted, Room
from bot.selftest.discord.names import (
    ADA,
    APP,
    BO,
    BOT,
    CHANNEL,
    DIRECT,
    GUILD,
    OTHER_CHANNEL,
    OTHER_GUILD,
    TOKEN,
)
from bot.selftest.discord.sender import command
from bot.selftest.discord.server import Fault
from bot.selftest.discord.world import EPHEMERAL
from gateway.commands.forms import FORMS
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Refused, Retryable
from runtime.ids import FileId, MessageId, OutboxId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.ports import ChatPort, FetchesFiles
from tests.support import specs
from tests.support.clock import ManualClock
from tests.support.fake_discord import SPEC, FakeDiscord

OPS = ThreadRef(ChannelRef(DISCORD, "", CHANNEL))
PERSON = person(ADA)
GATEWAY = "GET /gateway/bot"
POST = "POST /channels/{channel_id}/messages"
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
ORIGINAL = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"


@pytest.fixture
async def discord(clock: ManualClock) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(now=lambda: clock.now().timestamp()) as fake:
        yield fake
        assert fake.violations == []


async def bytes_of(file: OutFile) -> bytes:
    return f"the bytes of {file.id}".encode()


def chat_of(discord: FakeDiscord, clock: ManualClock, **fields: Any) -> DiscordChat:
    return DiscordChat(
        TOKEN, clock=clock, places=Places(), base_url=discord.url, read=bytes_of, **fields
    )


@pytest.fixture
async def chat(discord: FakeDiscord, clock: ManualClock) -> AsyncIterator[DiscordChat]:
    opened = chat_of(
        discord,
        clock,
        expected=Expected(guilds=(GUILD,), grammar=ApplicationCommands(FORMS).wanted()),
    )
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def thread(discord: FakeDiscord) -> ThreadRef:
    return OPS.under(MessageId(discord.say("a question").id))


def item(clock: ManualClock, text: str = "All is well.", **fields: Any) -> OutboxItem:
    row = OutboxItem(
        id=OutboxId("row1"),
        thread=OPS,
        content=Content(text),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )
    return replace(row, **fields)


def only(discord: FakeDiscord) -> Posted:
    (posted,) = discord.visible()
    return posted


def put_off(discord: FakeDiscord, kind: int = 2, **fields: Any) -> str:
    """A command (or a button) that was answered with "later"; where its reply goes."""
    made = discord.interaction(kind, command("status"), **fields)
    answer = {"type": 5, "data": {"flags": EPHEMERAL}} if kind == 2 else {"type": 6}
    discord.acknowledge(made["token"], answer)
    private = (made.get("message") or {}).get("flags", 0) & EPHEMERAL
    kinds = {2: "answer", 3: "within" if private else "under"}
    return f"{kinds[kind]}/{APP}/{made['token']}"


def test_the_specification_is_here() -> None:
    assert specs.required(SPEC)["paths"]


def test_it_is_a_chat_port(chat: DiscordChat) -> None:
    port: ChatPort = chat
    files: FetchesFiles = chat
    assert port.platform == "discord"
    assert port.limits.overall < 50
    assert port.limits.images
    assert files is chat


async def test_it_learns_who_it_is(chat: DiscordChat) -> None:
    assert (chat.places.user_id, chat.places.application_id) == (BOT, APP)
    assert chat.hears_everything


async def test_a_token_that_is_no_good_is_a_clear_error(
    discord: FakeDiscord, clock: ManualClock
) -> None:
    other = DiscordChat("a.b.c", clock=clock, places=Places(), base_url=discord.url)
    with pytest.raises(ConfigurationError, match="NIGHTDESK_DISCORD__BOT_TOKEN"):
        await other.open()
    await other.close()
    other = chat_of(discord, clock, application_id="900000000000000009")
    with pytest.raises(ConfigurationError, match="NIGHTDESK_DISCORD__APPLICATION_ID"):
        await other.open()
    await other.close()


async def test_a_discord_that_cannot_be_reached_is_asked_again_later(clock: ManualClock) -> None:
    chat = DiscordChat(TOKEN, clock=clock, places=Places(), base_url="http://127.0.0.1:1/api/v10")
    with pytest.raises(Retryable, match="not open"):
        await chat.send(item(clock))
    with pytest.raises(Retryable, match="reached"):
        await chat.open()
    await chat.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("lost_answer", GATEWAY), "Discord did not answer: ServerDisconnectedError"),
        (Fault("status", GATEWAY, status=502), "Discord answered 502"),
        (Fault("garbage", GATEWAY), "Discord's answer cannot be read"),
    ],
)
async def test_what_it_could_not_read_is_said_once(
    discord: FakeDiscord, chat: DiscordChat, fault: Fault, said: str
) -> None:
    discord.faults = [fault, fault]  # aiohttp asks once more where a connection breaks
    with pytest.raises(Retryable) as raised:
        await chat.rest.read(wire.Channel, Route("GET", "/gateway/bot"))
    assert str(raised.value) == said


# ------------------------------------------------------------------------------ sending


async def test_a_message_carries_its_nonce_and_pings_nobody(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    row = item(clock, "**Hi** @everyone <@300000000000000001>")
    message = await chat.send(row)
    posted = only(discord)
    assert (posted.id, posted.channel, posted.nonce) == (message, CHANNEL, nonce(row))
    assert posted.content == "**Hi** @\u200beveryone \\<@300000000000000001>"
    [args] = discord.called(POST)
    assert args["allowed_mentions"] == {"parse": [], "users": [], "replied_user": False}
    assert args["enforce_nonce"] is True
    assert args["flags"] == 4


async def test_sending_it_again_makes_no_second_message(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    first = await chat.send(item(clock))
    assert await chat.send(item(clock)) == first
    assert len(discord.visible()) == 1


async def test_buttons_are_dispatched_by_their_custom_id(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    buttons = tuple(Button(f"Button {number}", "act.it", f"v{number}") for number in range(7))
    await chat.send(item(clock, content=Content("Choose", buttons)))
    posted = only(discord)
    assert posted.buttons == [f"act.it:v{number}" for number in range(7)]
    assert [len(row["components"]) for row in posted.components] == [5, 2]


async def test_an_answer_to_a_mention_opens_its_thread_once(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    await chat.send(item(clock, thread=thread))
    await chat.send(item(clock, "More.", id=OutboxId("row2"), thread=thread))
    assert [posted.channel for posted in discord.visible()] == [thread.root, thread.root]
    room = discord.rooms[thread.root]
    assert (room.parent, room.name) == (CHANNEL, "a question")
    opened = [call for call in discord.calls if call.method.endswith("/threads")]
    assert len(opened) == 1


async def test_a_thread_that_a_person_opened_meanwhile_is_used(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    discord.faults = [Fault("error", "GET /channels/{channel_id}", status=404, code=10_003)]
    discord.open_thread(CHANNEL, message=thread.root)
    await chat.send(item(clock, thread=thread))
    assert only(discord).channel == thread.root


async def test_where_no_thread_can_be_opened_it_answers_in_the_channel(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    discord.threads_allowed = False
    await chat.send(item(clock, thread=thread))
    posted = only(discord)
    assert posted.channel == CHANNEL
    assert posted.reference == {"message_id": thread.root, "fail_if_not_exists": False}


async def test_a_thread_whose_first_message_was_deleted_is_answered_in_the_channel(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, thread=OPS.under(MessageId("222222222222222222"))))
    posted = only(discord)
    assert (posted.channel, posted.reference) == (CHANNEL, None)


async def test_a_thread_of_another_channel_cannot_be_reached_through_this_one(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    foreign = discord.open_thread(OTHER_CHANNEL)
    for _ in range(2):  # asked for, and remembered
        with pytest.raises(Permanent, match="another channel"):
            await chat.send(item(clock, thread=OPS.under(MessageId(foreign.id))))
    with pytest.raises(Permanent, match="another channel"):
        await chat.send(item(clock, thread=OPS.under(MessageId(OTHER_CHANNEL))))
    assert discord.visible() == []


async def test_a_thread_that_was_deleted_is_opened_again(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    await chat.send(item(clock, thread=thread))
    del discord.rooms[thread.root]
    row = item(clock, "More.", id=OutboxId("row2"), thread=thread)
    with pytest.raises(Retryable):
        await chat.send(row)
    await chat.send(row)
    assert discord.visible()[1].channel == thread.root


async def test_files_go_along(discord: FakeDiscord, chat: DiscordChat, clock: ManualClock) -> None:
    file = OutFile(id=FileId("f1"), name='re"port\r\n.csv', media_type="text/csv", size=15)
    await chat.send(item(clock, content=Content("Here.", files=(file,))))
    posted = only(discord)
    assert posted.content == "Here."
    assert posted.files == [("re_port__.csv", b"the bytes of f1")]


async def test_a_picture_says_what_it_shows(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    shown = OutFile(
        id=FileId("f1"),
        name="chart.png",
        media_type="image/png",
        size=15,
        alt="A bar for each day.",
    )
    plain = OutFile(id=FileId("f2"), name="other.png", media_type="image/png", size=15)
    await chat.send(item(clock, content=Content("Here.", files=(shown, plain))))
    [body] = [call.args for call in discord.calls if "attachments" in call.args]
    assert [one.get("description") for one in body["attachments"]] == ["A bar for each day.", None]


async def test_an_answer_that_grew_takes_its_file_along_once(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    file = OutFile(id=FileId("f1"), name="report.csv", media_type="text/csv", size=15)
    draft = await chat.begin_draft(thread, requester=PERSON, text="Here ")
    assert draft is not None
    row = item(clock, content=Content("Here.", files=(file,)), thread=thread, draft=draft)
    for attempts in (1, 2):
        assert await chat.send(replace(row, attempts=attempts)) == draft
    posted = only(discord)
    assert (posted.content, posted.files) == ("Here.", [("report.csv", b"the bytes of f1")])


# -------------------------------------------------------------------------- interactions


async def test_a_private_answer_fills_the_reply_that_was_put_off(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    url = put_off(discord)
    row = item(clock, "Only for you.", only_for=PERSON, reply_url=url)
    await chat.send(row)
    posted = only(discord)
    assert (posted.content, posted.seen_by) == ("Only for you.", ADA)
    again = await chat.send(row)
    assert again == posted.id
    assert len(discord.messages) == 1
    second = item(clock, "And more.", id=OutboxId("row2"), only_for=PERSON, reply_url=url)
    await chat.send(second)
    assert [p.content for p in discord.visible()] == ["Only for you.", "And more."]
    assert all(p.seen_by == ADA for p in discord.visible())


async def test_a_reply_that_its_reader_dismissed_is_still_answered_privately(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    row = item(clock, "Only for you.", only_for=PERSON, reply_url=put_off(discord))
    discord.messages.clear()
    await chat.send(row)
    assert only(discord).seen_by == ADA


async def test_another_process_does_not_overwrite_the_first_part_of_an_answer(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    url = put_off(discord)
    await chat.send(item(clock, "First.", only_for=PERSON, reply_url=url))
    other = chat_of(discord, clock)
    await other.open()
    row = item(clock, "Second.", id=OutboxId("row2"), only_for=PERSON, reply_url=url)
    await other.send(row)
    await other.close()
    assert [p.content for p in discord.visible()] == ["First.", "Second."]


async def test_an_answer_for_everybody_is_posted_and_the_empty_reply_taken_back(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, reply_url=put_off(discord)))
    posted = only(discord)
    assert (posted.seen_by, posted.channel) == (None, CHANNEL)
    assert discord.messages == [posted]


async def test_where_the_bot_cannot_post_its_reply_is_used_for_everybody(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    url = put_off(discord)
    discord.faults = [Fault("error", POST, status=403, code=50_001)]
    await chat.send(item(clock, reply_url=url))
    assert only(discord).seen_by is None
    assert discord.messages == [only(discord)]


async def test_a_button_under_a_message_is_answered_beside_it(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    card = discord.post(CHANNEL, {"content": "A card"})
    url = put_off(discord, 3, message=card)
    await chat.send(item(clock, "Noted.", only_for=PERSON, reply_url=url))
    assert card.content == "A card"
    assert discord.visible()[1].seen_by == ADA
    update = item(clock, "Done.", id=OutboxId("c"), draft=MessageId(card.id), reply_url=url)
    assert await chat.send(update) == card.id
    assert (card.content, card.components) == ("Done.", [])


async def test_a_private_message_with_a_button_is_changed_through_the_press(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, "Sure?", only_for=PERSON, reply_url=put_off(discord)))
    private = only(discord)
    url = put_off(discord, 3, message=private)
    update = item(clock, "Gone.", id=OutboxId("c"), draft=MessageId(private.id), reply_url=url)
    await chat.send(update)
    assert (private.content, private.seen_by) == ("Gone.", ADA)
    assert len(discord.messages) == 1


async def test_a_reply_before_discord_knows_of_the_deferral_waits(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    made = discord.interaction(2, command("status"))
    row = item(clock, only_for=PERSON, reply_url=f"answer/{APP}/{made['token']}")
    with pytest.raises(Retryable):
        await chat.send(row)
    discord.acknowledge(made["token"], {"type": 5, "data": {"flags": EPHEMERAL}})
    await chat.send(row)
    assert only(discord).seen_by == ADA


async def test_after_fifteen_minutes_a_private_answer_is_a_direct_message(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    row = item(clock, only_for=PERSON, reply_url=put_off(discord))
    await clock.advance(15 * 60)
    await chat.send(row)
    assert only(discord).channel == DIRECT
    assert discord.called(ORIGINAL) == []


async def test_who_takes_no_direct_messages_is_told_so_and_the_channel_nothing_else(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    await chat.send(item(clock, "the secret", thread=thread, only_for=person(BO)))
    posted = only(discord)
    assert posted.channel == thread.root
    assert "secret" not in posted.content
    assert "allow direct messages" in posted.content


@pytest.mark.parametrize("url", ["https://evil.example/x", "answer/1/../../channels", "answer//x"])
async def test_an_address_that_is_no_reply_is_not_used(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, url: str
) -> None:
    await chat.send(item(clock, only_for=PERSON, reply_url=url))
    assert only(discord).channel == DIRECT
    assert not any("webhooks" in call.path for call in discord.calls)


async def test_a_reply_whose_answer_was_lost_is_found(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    row = item(clock, only_for=PERSON, reply_url=put_off(discord))
    discord.faults = [Fault("lost_answer", ORIGINAL)]
    with pytest.raises(Ambiguous):
        await chat.send(row)
    assert await chat.find(row) == only(discord).id


async def test_a_reply_that_never_arrived_is_filled_in_once(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    row = item(clock, only_for=PERSON, reply_url=put_off(discord))
    discord.faults = [Fault("lost_request", ORIGINAL)]
    with pytest.raises(Ambiguous):
        await chat.send(row)
    assert await chat.find(row) is None
    await chat.send(row)
    assert only(discord).content == "All is well."


# -------------------------------------------------------------------------------- faults


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request"])
@pytest.mark.parametrize("keeps", [True, False])
async def test_a_message_whose_sending_broke_is_there_once(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, kind: str, keeps: bool
) -> None:
    discord.keeps_nonces = keeps
    discord.faults = [Fault(kind, POST)]
    row = item(clock)
    with pytest.raises(Ambiguous):
        await chat.send(row)
    found = await chat.find(row)
    assert found == (only(discord).id if kind == "lost_answer" and keeps else None)
    if found is None:
        await chat.send(row)
    assert len(discord.visible()) == 1


@pytest.mark.parametrize("keeps", [True, False])
async def test_long_after_a_crash_the_channel_is_read_back(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, keeps: bool
) -> None:
    discord.keeps_nonces = keeps
    row = item(clock)
    await chat.send(row)
    await clock.advance(timedelta(hours=1))
    assert await chat.find(row) == only(discord).id
    assert await chat.find(item(clock, "Other words.", id=OutboxId("row2"))) is None


async def test_an_equal_message_of_long_before_is_not_taken_for_it(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    discord.keeps_nonces = False
    await chat.send(item(clock))
    await clock.advance(timedelta(hours=1))
    later = item(clock, id=OutboxId("row2"))
    await clock.advance(timedelta(minutes=10))
    assert await chat.find(later) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("rate", POST, retry_after=3.5), Retryable),
        (Fault("status", POST, status=502), Ambiguous),
        (Fault("garbage", POST), Ambiguous),
        (Fault("error", POST, status=403, code=50_013), Permanent),
        (Fault("error", POST, status=404, code=10_003), Permanent),
        (Fault("error", POST, status=400, code=50_035), Permanent),
        (Fault("error", POST, status=401, code=0), Permanent),
        (Fault("status", POST, status=413), Ambiguous),
        (Fault("status", POST, status=403), Ambiguous),
        (Fault("status", POST, status=404), Ambiguous),
        (Fault("status", POST, status=302), Ambiguous),
    ],
)
async def test_each_fault_is_what_it_is(
    discord: FakeDiscord,
    chat: DiscordChat,
    clock: ManualClock,
    fault: Fault,
    error: type[Exception],
) -> None:
    discord.faults = [fault]
    with pytest.raises(error) as raised:
        await chat.send(item(clock))
    if isinstance(raised.value, Retryable):
        assert raised.value.after == 3.5


async def test_nothing_is_sent_inside_a_ban(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    discord.faults = [Fault("rate", POST, retry_after=5)]
    for _ in range(3):
        with pytest.raises(Retryable):
            await chat.send(item(clock))
    assert len(discord.called(POST)) == 1
    await clock.advance(5.1)
    await chat.send(item(clock))
    assert len(discord.visible()) == 1


async def test_a_bucket_that_is_used_up_is_respected_before_discord_says_so(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    for number in range(5):
        await chat.send(item(clock, id=OutboxId(f"row{number}")))
    with pytest.raises(Retryable) as raised:
        await chat.send(item(clock, id=OutboxId("row6")))
    assert raised.value.after == pytest.approx(5.0)
    other = ThreadRef(ChannelRef(DISCORD, "", OTHER_CHANNEL))
    await chat.send(item(clock, id=OutboxId("row7"), thread=other))
    assert discord.limits.refused == 0
    await clock.advance(5.1)
    await chat.send(item(clock, id=OutboxId("row6")))


async def test_no_more_than_fifty_requests_a_second_go_out(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    await clock.advance(2)
    channels = [discord.snowflake() for _ in range(60)]
    discord.rooms |= {channel: Room(channel) for channel in channels}
    rows = [
        item(clock, id=OutboxId(channel), thread=ThreadRef(ChannelRef(DISCORD, "", channel)))
        for channel in channels
    ]
    sent = await asyncio.gather(*(chat.send(row) for row in rows), return_exceptions=True)
    assert sum(isinstance(one, str) for one in sent) == 50
    assert all(isinstance(one, str | Retryable) for one in sent)
    assert discord.limits.refused == 0


async def test_an_answer_without_the_place_of_direct_messages_is_not_kept(
    chat: DiscordChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(*_: object) -> wire.Channel:
        return wire.Channel()

    with monkeypatch.context() as once:
        once.setattr(chat.rest, "told", odd)
        with pytest.raises(Retryable):
            await chat.direct(PERSON)
    assert (await chat.direct(PERSON)).channel.channel == DIRECT


async def test_a_person_who_takes_no_direct_messages_is_a_permanent_error(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    there = await chat.direct(person(BO))
    with pytest.raises(Permanent, match="direct messages"):
        await chat.send(item(clock, thread=there))
    assert await chat.direct(PERSON) == ThreadRef(ChannelRef(DISCORD, "", DIRECT))
    assert await chat.direct(PERSON) == ThreadRef(ChannelRef(DISCORD, "", DIRECT))
    assert len(discord.called("POST /users/@me/channels")) == 2


async def test_a_forum_is_no_place_for_a_message(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    discord.rooms[OTHER_CHANNEL].type = FORUM
    with pytest.raises(Permanent, match="kind"):
        await chat.send(item(clock, thread=ThreadRef(ChannelRef(DISCORD, "", OTHER_CHANNEL))))


# -------------------------------------------------------------------------------- drafts


async def test_an_answer_grows_and_becomes_the_message(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="It")
    assert draft is not None
    assert only(discord).content == f"It{GROWING}"
    await chat.grow_draft(thread, draft, "It is")
    assert only(discord).content == f"It{GROWING}"  # too soon
    await clock.advance(2)
    await chat.grow_draft(thread, draft, "It is **well")
    assert only(discord).content == f"It is \\*\\*well{GROWING}"
    assert await chat.find_draft(thread, since=clock.now() - timedelta(minutes=1)) == draft
    row = item(clock, "It is **well**.", thread=thread, draft=draft)
    assert await chat.send(row) == draft
    assert only(discord).content == "It is **well**."
    assert await chat.find(row) == draft
    assert await chat.find_draft(thread, since=clock.now() - timedelta(minutes=1)) is None
    [args, *_] = discord.called(POST)
    assert args["allowed_mentions"]["users"] == [ADA]
    assert discord.typing == [thread.root]


async def test_a_draft_whose_beginning_broke_is_there_once(
    discord: FakeDiscord, chat: DiscordChat
) -> None:
    discord.faults = [Fault("lost_answer", POST)]
    draft = await chat.begin_draft(OPS, requester=PERSON, text="It")
    assert draft == only(discord).id


async def test_where_there_is_no_thread_a_draft_answers_the_question(
    discord: FakeDiscord, chat: DiscordChat, thread: ThreadRef
) -> None:
    discord.threads_allowed = False
    await chat.begin_draft(thread, requester=PERSON, text="It")
    posted = only(discord)
    assert posted.reference == {"message_id": thread.root, "fail_if_not_exists": False}


async def test_a_draft_that_was_deleted_becomes_a_new_message(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    draft = await chat.begin_draft(OPS, requester=PERSON, text="It")
    assert draft is not None
    discord.messages.clear()
    row = item(clock, draft=draft)
    assert await chat.send(row) != draft
    assert await chat.find(row) == only(discord).id


async def test_an_answer_comes_though_its_thread_was_archived_meanwhile(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="It")
    discord.rooms[thread.root].archived = True
    assert await chat.send(item(clock, thread=thread, draft=draft)) != draft
    assert discord.visible(thread.root)[-1].content == "All is well."
    assert not discord.rooms[thread.root].archived


async def test_an_answer_posted_beside_its_archived_draft_is_found(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="It")
    discord.rooms[thread.root].archived = True
    row = item(clock, thread=thread, draft=draft)
    discord.faults = [Fault("lost_answer", POST)]
    with pytest.raises(Ambiguous):
        await chat.send(row)
    assert await chat.find(row) == discord.visible(thread.root)[-1].id != draft


async def test_an_answer_in_a_thread_that_was_archived_and_locked_is_refused(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="It")
    discord.rooms[thread.root].archived = discord.rooms[thread.root].locked = True
    with pytest.raises(Permanent, match="locked"):
        await chat.send(item(clock, thread=thread, draft=draft))


async def test_an_answer_whose_thread_was_deleted_as_it_grew_goes_into_a_new_one(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="It")
    assert draft is not None
    del discord.rooms[thread.root]
    discord.messages = [one for one in discord.messages if one.id != draft]
    row = item(clock, thread=thread, draft=draft)
    with pytest.raises(Retryable, match="knows no such channel"):
        await chat.send(row)
    assert await chat.send(row) == only(discord).id


async def test_two_questions_in_a_channel_without_threads_keep_their_drafts_after_a_restart(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    discord.threads_allowed = False
    began = clock.now()
    one, two = (OPS.under(MessageId(discord.say(text).id)) for text in ("one?", "two?"))
    drafts = [await chat.begin_draft(each, requester=PERSON, text="It") for each in (one, two)]
    assert len(set(drafts)) == 2
    again = chat_of(discord, clock)
    await again.open()
    assert [await again.find_draft(each, since=began) for each in (one, two)] == drafts
    assert await again.find_draft(OPS, since=began) is None
    await again.close()


async def test_no_draft_is_taken_for_a_question_that_was_deleted(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    discord.threads_allowed = False
    began = clock.now()
    assert await chat.begin_draft(OPS, requester=PERSON, text="It")
    gone = OPS.under(MessageId(discord.say("a question").id))
    discord.messages = [one for one in discord.messages if one.id != gone.root]
    assert await chat.find_draft(gone, since=began) is None


async def test_a_finished_message_can_be_edited_and_a_lost_edit_is_made_again(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    card = await chat.send(item(clock, content=Content("Sure?", (Button("Yes", "a", "b"),))))
    row = item(clock, "Done.", id=OutboxId("row2"), draft=card)
    discord.faults = [Fault("lost_request", EDIT)]
    with pytest.raises(Ambiguous):
        await chat.send(row)
    assert await chat.find(row) is None
    assert await chat.send(row) == card
    assert (only(discord).content, only(discord).buttons) == ("Done.", [])


async def test_drafts_leave_room_for_answers(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock
) -> None:
    for number in range(4):
        await chat.send(item(clock, id=OutboxId(f"row{number}")))
    assert await chat.begin_draft(OPS, requester=PERSON, text="It") is None
    await chat.send(item(clock, id=OutboxId("row5")))


async def test_what_is_best_effort_never_raises(
    discord: FakeDiscord, chat: DiscordChat, clock: ManualClock, thread: ThreadRef
) -> None:
    discord.faults = [Fault("status", status=500) for _ in range(12)]
    await chat.status(thread, "is thinking…")
    assert await chat.begin_draft(thread, requester=PERSON, text="It") is None
    await chat.grow_draft(thread, MessageId("1"), "It is")
    assert await chat.find_draft(thread, since=clock.now()) is None
    discord.faults.clear()
    await chat.status(thread, "is thinking…")
    await chat.status(thread, "")
    assert discord.typing == [thread.root]


# --------------------------------------------------------------------------------- files


async def test_a_file_may_take_longer_than_a_request(
    discord: FakeDiscord, chat: DiscordChat
) -> None:
    ref = FileRef(handle=discord.file_url("a.txt", b"hello"), name="a.txt")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1e-6)) as hasty:
        with pytest.raises(TimeoutError):
            await hasty.get(ref.handle)
        opened, chat.rest._session = chat.rest._session, hasty
        assert b"".join([piece async for piece in chat.fetch(ref, most=9)]) == b"hello"
        chat.rest._session = opened


async def test_a_file_is_fetched_in_pieces_and_no_further_than_asked(
    discord: FakeDiscord, chat: DiscordChat
) -> None:
    ref = FileRef(handle=discord.file_url("a.txt", b"x" * 100_000), name="a.txt")
    whole = b"".join([piece async for piece in chat.fetch(ref, most=100_000)])
    assert len(whole) == 100_000
    with pytest.raises(Refused, match="more than 99999"):
        async for _ in chat.fetch(ref, most=99_999):
            pass
    with pytest.raises(Permanent):
        async for _ in chat.fetch(FileRef(handle=f"{ref.handle}x"), most=10):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/cdn.discordapp.com/x",
        "http://cdn.discordapp.com/x",
        "https://cdn.discordapp.com.evil.example/x",
        "https://cdn.discordapp.com:8443/x",
        "https://cdn.discordapp.com@evil.example/x",
        "http://127.0.0.1:1/x",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_file_elsewhere_is_not_fetched(chat: DiscordChat, url: str) -> None:
    with pytest.raises(Refused, match="not Discord's own"):
        async for _ in chat.fetch(FileRef(handle=url), most=10):
            pass


# --------------------------------------------------------------------- commands and probes


async def test_commands_are_written_only_where_they_are_others(
    discord: FakeDiscord, chat: DiscordChat
) -> None:
    wanted = ApplicationCommands(FORMS).wanted()
    assert await synchronise(chat.rest, chat.places, wanted, check=True)
    assert discord.commands == []
    assert await synchronise(chat.rest, chat.places, wanted)
    assert not await synchronise(chat.rest, chat.places, wanted)
    assert len(discord.called("PUT /applications/{application_id}/commands")) == 1
    discord.commands = discord.commands[1:]
    assert await synchronise(chat.rest, chat.places, wanted)


async def test_a_probe_of_what_is_well_finds_nothing_wrong(
    discord: FakeDiscord, chat: DiscordChat
) -> None:
    await synchronise(chat.rest, chat.places, ApplicationCommands(FORMS).wanted())
    found = await chat.probe(OPS.channel)
    assert [finding for finding in found if not finding.ok] == []
    assert any("#ops" in finding.what for finding in found)


async def test_a_probe_names_what_is_missing(discord: FakeDiscord, chat: DiscordChat) -> None:
    discord.flags = 0
    discord.permissions = 0x400 | 0x800
    missing = [finding.missing for finding in await chat.probe(OPS.channel) if not finding.ok]
    assert missing == [
        "Message Content Intent",
        (
            "Embed Links, Attach Files, Read Message History, Create Public Threads, "
            "Send Messages in Threads"
        ),
        "commands",
    ]
    discord.member_of = {OTHER_GUILD}
    found = [finding for finding in await chat.probe(OPS.channel) if not finding.ok]
    assert found[1].missing == "membership"
    assert f"client_id={APP}" in found[1].todo
    assert "does not see it" in found[2].what


async def test_a_probe_never_raises(discord: FakeDiscord, clock: ManualClock) -> None:
    unreachable = DiscordChat(TOKEN, clock=clock, places=Places(), base_url="http://127.0.0.1:1")
    [finding] = await unreachable.probe()
    assert not finding.ok
    await unreachable.close()
    refused = DiscordChat("a.b.c", clock=clock, places=Places(), base_url=discord.url)
    [finding] = await refused.probe()
    assert "NIGHTDESK_DISCORD__BOT_TOKEN" in finding.what
    await refused.close()
