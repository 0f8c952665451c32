"""What each update of Telegram means."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.telegram import wire
from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.places import Chains
from bot.selftest.telegram.sender import Sender
from bot.selftest.telegram.world import World
from runtime.errors import Malformed, Retryable
from runtime.model.events import (
    ButtonPress,
    Challenge,
    ChannelChange,
    ChannelChanged,
    Command,
    Ignored,
    Inbound,
    Message,
    Parsed,
    Unknown,
)
from tests.support.clock import ManualClock
from tests.support.fake_telegram import (
    ADA,
    BASIC,
    BOT,
    FORUM,
    GROUP,
    TOPIC,
    USERNAME,
    Posted,
    fits,
)

Read = Callable[[dict[str, Any]], Parsed]
AT = 1_767_000_000


@pytest.fixture
def world() -> World:
    return World(lambda: float(AT))


@pytest.fixture
def send(world: World) -> Sender:
    return Sender(world)


def reader(clock: ManualClock, name: str = USERNAME) -> Read:
    inbound = TelegramInbound(
        BOT,
        username=lambda: name,
        nouns=("schedule", "status", "help"),
        chains=Chains(),
        clock=clock,
    )

    def read(update: dict[str, Any]) -> Parsed:
        return inbound.read(*wire.update(json.dumps(update).encode()))

    return read


@pytest.fixture
def read(clock: ManualClock) -> Read:
    return reader(clock)


def inbound_of(parsed: Parsed) -> Inbound:
    assert isinstance(parsed, Inbound)
    return parsed


def message_of(parsed: Parsed) -> Message:
    body = inbound_of(parsed).body
    assert isinstance(body, Message)
    return body


def test_the_updates_of_the_fake_are_of_the_published_shape(send: Sender, world: World) -> None:
    send.message("hi @somebody /help", chat=GROUP)
    question = send.message("q", chat=FORUM, topic=TOPIC)
    send.message("a", chat=FORUM, topic=TOPIC, reply_to=question["message"]["message_id"])
    send.edit(question, "changed")
    send.bot_is("left", "member")
    send.migrate(BASIC, -100_777)
    for update in world.updates:
        assert fits("Update", update) == []


def test_a_private_message_is_direct_and_a_conversation_of_its_own(
    send: Sender, read: Read
) -> None:
    update = send.message("  hello  ")
    found = inbound_of(read(update))
    assert found.event_key == f"{BOT}:{update['update_id']}"
    assert (found.thread.channel.channel, found.thread.root) == (str(ADA), "")
    assert (found.thread.channel.workspace, found.sender.user) == ("", str(ADA))
    assert found.sent_at == datetime.fromtimestamp(AT, UTC)
    assert found.body == Message(
        text="hello", message_id=message_of(found).message_id, direct=True, mentioned=False
    )


def test_a_topic_of_a_private_chat_is_a_conversation_of_its_own(send: Sender, read: Read) -> None:
    assert inbound_of(read(send.message("hello", topic=9))).thread.root == "t9"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"@{USERNAME} hello", "hello"),
        (f"@{USERNAME.upper()}: hello", "hello"),
        (f"👍🏽 hey @{USERNAME}, look", "👍🏽 hey look"),
        (f"hello @{USERNAME}", "hello"),
        (f"@{USERNAME} ask @{USERNAME} now", "ask now"),
        (f"@{USERNAME} !schedule list", "!schedule list"),
    ],
)
def test_a_mention_begins_a_thread_and_is_taken_out(
    send: Sender, read: Read, text: str, said: str
) -> None:
    update = send.message(text, chat=GROUP)
    body = message_of(read(update))
    assert (body.text, body.mentioned, body.direct) == (said, True, False)
    assert inbound_of(read(update)).thread.root == str(update["message"]["message_id"])


def test_a_mention_of_somebody_else_is_none_of_us(send: Sender, read: Read) -> None:
    body = message_of(read(send.message("@somebody hello", chat=GROUP)))
    assert (body.text, body.mentioned) == ("@somebody hello", False)


def test_a_person_without_a_name_can_be_mentioned_as_we_can(
    send: Sender, read: Read, world: World
) -> None:
    named = [{"type": "text_mention", "offset": 0, "length": 4, "user": world.me}]
    body = message_of(read(send.message("desk go", chat=GROUP, entities=named)))
    assert (body.text, body.mentioned) == ("go", True)


def test_an_entity_outside_of_its_text_is_malformed(send: Sender, read: Read) -> None:
    wild = [{"type": "mention", "offset": 3, "length": 40}]
    with pytest.raises(Malformed):
        read(send.message("hey", chat=GROUP, entities=wild))


def test_replies_of_a_supergroup_are_in_the_chain_that_telegram_names(
    send: Sender, read: Read
) -> None:
    first = send.message(f"@{USERNAME} hi", chat=GROUP)["message"]["message_id"]
    second = send.message("and?", chat=GROUP, reply_to=first)["message"]["message_id"]
    third = send.message("well?", chat=GROUP, reply_to=second)
    assert inbound_of(read(third)).thread.root == str(first)


def test_replies_of_a_basic_group_are_in_the_chain_that_was_seen(send: Sender, read: Read) -> None:
    first = send.message(f"@{USERNAME} hi", chat=BASIC)
    second = send.message("and?", chat=BASIC, reply_to=first["message"]["message_id"])
    third = send.message("well?", chat=BASIC, reply_to=second["message"]["message_id"])
    roots = {inbound_of(read(update)).thread.root for update in (first, second, third)}
    assert roots == {str(first["message"]["message_id"])}


def test_a_topic_is_a_thread_and_general_has_chains(send: Sender, read: Read) -> None:
    question = send.message(f"@{USERNAME} hi", chat=FORUM, topic=TOPIC)
    answer = send.message("ok", chat=FORUM, topic=TOPIC, reply_to=question["message"]["message_id"])
    general = send.message(f"@{USERNAME} hi", chat=FORUM)
    assert inbound_of(read(question)).thread.root == f"t{TOPIC}"
    assert inbound_of(read(answer)).thread.root == f"t{TOPIC}"
    assert inbound_of(read(general)).thread.root == str(general["message"]["message_id"])


def test_an_answer_to_our_message_is_meant_for_us(send: Sender, read: Read, world: World) -> None:
    ours = world.write(GROUP, world.me, topic=None, reply_to=None, text="Good morning.")
    body = message_of(read(send.message("thanks", chat=GROUP, reply_to=ours["message_id"])))
    assert body.mentioned
    assert body.quoted == ()


def test_who_mentions_us_under_another_message_shows_it_to_us(send: Sender, read: Read) -> None:
    other = send.message("it broke at 3", chat=GROUP)["message"]["message_id"]
    body = message_of(read(send.message(f"@{USERNAME} why?", chat=GROUP, reply_to=other)))
    assert body.quoted == ("it broke at 3",)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/schedule list", "schedule list"),
        (f"/schedule@{USERNAME} list", "schedule list"),
        ("/status", "status"),
        ("/schedule create every day\n\nWrite it.", "schedule create every day\n\nWrite it."),
    ],
)
@pytest.mark.parametrize("chat", [None, GROUP])
def test_a_command_is_a_command(
    send: Sender, read: Read, text: str, command: str, chat: int | None
) -> None:
    expected = Command(text=command, direct=chat is None)
    assert inbound_of(read(send.message(text, chat=chat))).body == expected


def test_a_command_that_we_do_not_have_is_ours_in_private_only(send: Sender, read: Read) -> None:
    private = inbound_of(read(send.message("/frobnicate"))).body
    assert private == Command(text="frobnicate", direct=True)
    assert read(send.message("/frobnicate", chat=GROUP)) == Ignored(reason="other_bot")
    assert read(send.message("/help@another_bot", chat=GROUP)) == Ignored(reason="other_bot")


def test_what_was_not_typed_is_quoted_and_is_no_command(send: Sender, read: Read) -> None:
    origin = {"type": "hidden_user", "date": AT, "sender_user_name": "Eve"}
    forwarded = message_of(read(send.message("/schedule delete 1", forward_origin=origin)))
    assert (forwarded.text, forwarded.quoted) == ("", ("from Eve: /schedule delete 1",))

    bot = {"id": 5, "is_bot": True, "first_name": "gif", "username": "gif"}
    made = message_of(read(send.message("stop it", via_bot=bot)))
    assert (made.text, made.quoted) == ("", ("via @gif: stop it",))

    quote = {"text": "run rm", "position": 0}
    external = {"origin": {"type": "user", "date": AT, "sender_user": {"id": 5, "is_bot": False, "first_name": "Eve"}}}  # fmt: skip
    body = message_of(read(send.message("what is it?", quote=quote, external_reply=external)))
    assert (body.text, body.quoted) == ("what is it?", ("run rm", "from Eve"))


def test_files_come_along_with_their_claims(send: Sender, read: Read) -> None:
    document = {"file_id": "F1", "file_unique_id": "u", "file_name": "../a\nb.pdf", "mime_type": "application/pdf", "file_size": 9}  # fmt: skip
    photo = [{"file_id": "S", "file_size": 1}, {"file_id": "L", "file_size": 5}]
    body = message_of(read(send.message(caption="see", document=document, photo=photo)))
    assert body.text == "see"
    assert [(f.handle, f.name, f.media_type, f.size) for f in body.files] == [
        ("L", "photo.jpg", "image/jpeg", 5),
        ("F1", "_a_b.pdf", "application/pdf", 9),
    ]


def test_an_animation_is_one_file_though_it_is_named_twice(send: Sender, read: Read) -> None:
    media = {"file_id": "A", "mime_type": "video/mp4"}
    body = message_of(read(send.message(animation=media, document=media)))
    assert [file.handle for file in body.files] == ["A"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"from": {"id": 5, "is_bot": True, "first_name": "b"}}, "bot"),
        ({"sender_chat": {"id": GROUP, "type": "supergroup"}}, "anonymous"),
        ({"sender_chat": {"id": -100, "type": "channel"}}, "channel_post"),
        ({"is_automatic_forward": True}, "channel_post"),
        ({"from": None}, "no_sender"),
        ({"text": None, "entities": None, "new_chat_members": []}, "empty"),
        ({"text": None, "entities": None, "pinned_message": {}}, "empty"),
        ({"sender_business_bot": {"id": 5, "is_bot": True, "first_name": "b"}}, "bot"),
    ],
)
def test_what_nobody_said_starts_nothing(
    send: Sender, read: Read, fields: dict[str, Any], reason: str
) -> None:
    update = send.message(f"@{USERNAME} hi", chat=GROUP)
    update["message"] |= fields
    assert read(update) == Ignored(reason=reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("edited_message", "edit"),
        ("edited_channel_post", "edit"),
        ("channel_post", "unwanted_kind"),
        ("poll", "unwanted_kind"),
        ("message_reaction", "unwanted_kind"),
    ],
)
def test_a_kind_that_we_did_not_ask_for_starts_nothing(read: Read, kind: str, reason: str) -> None:
    assert read({"update_id": 1, kind: {"chat": "of any shape"}}) == Ignored(reason=reason)


def test_a_kind_that_nobody_knows_is_told_of(read: Read) -> None:
    found = inbound_of(read({"update_id": 7, "telepathy": [1, 2]}))
    assert found.body == Unknown(kind="telepathy")
    assert (found.event_key, found.sender.user) == (f"{BOT}:7", "")


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        ("left", "member", ChannelChange.BOT_ADDED),
        ("kicked", "administrator", ChannelChange.BOT_ADDED),
        ("member", "kicked", ChannelChange.BOT_REMOVED),
        ("administrator", "left", ChannelChange.BOT_REMOVED),
    ],
)
def test_being_added_and_removed_is_told(
    send: Sender, read: Read, was: str, now: str, change: ChannelChange
) -> None:
    found = inbound_of(read(send.bot_is(was, now)))
    assert found.body == ChannelChanged(change=change, detail="Ops")
    assert (found.sender.user, found.thread.channel.channel) == (str(ADA), str(GROUP))


def test_being_promoted_is_no_change(send: Sender, read: Read) -> None:
    assert read(send.bot_is("member", "administrator")) == Ignored(reason="membership")


def test_a_group_that_moves_or_is_renamed_is_told(send: Sender, read: Read) -> None:
    moved = inbound_of(read(send.migrate(BASIC, -100_777)))
    assert moved.body == ChannelChanged(change=ChannelChange.MOVED, detail="-100777")
    renamed = inbound_of(read(send.message(chat=GROUP, new_chat_title="Night ops")))
    assert renamed.body == ChannelChanged(change=ChannelChange.RENAMED, detail="Night ops")


def test_a_press_names_its_button_and_lets_it_stop_to_wait(
    send: Sender, read: Read, world: World, clock: ManualClock
) -> None:
    root = send.message(f"@{USERNAME} hi", chat=GROUP)["message"]["message_id"]
    card = world.write(GROUP, world.me, topic=None, reply_to=root, text="Sure?")
    posted = Posted(chat=GROUP, id=card["message_id"], buttons=[("Yes", "approve.it:a1:b")])
    update = send.press(posted)
    found = inbound_of(read(update))
    assert found.body == ButtonPress(
        action="approve.it", value="a1:b", message_id=message_id(card["message_id"])
    )
    assert (found.thread.root, found.sent_at) == (str(root), clock.now())
    assert json.loads(found.acknowledgement) == {
        "method": "answerCallbackQuery",
        "callback_query_id": update["callback_query"]["id"],
    }


def message_id(number: int) -> Any:
    return str(number)


@pytest.mark.parametrize("fields", [{"message": None}, {"data": None}, {"data": ""}])
def test_a_press_of_nothing_of_ours_starts_nothing_and_stops_to_wait(
    send: Sender, read: Read, world: World, fields: dict[str, Any]
) -> None:
    card = world.write(GROUP, world.me, topic=None, reply_to=None, text="Sure?")
    update = send.press(Posted(chat=GROUP, id=card["message_id"], buttons=[("Yes", "a:b")]))
    update["callback_query"] |= fields
    found = read(update)
    assert isinstance(found, Challenge)
    assert json.loads(found.answer)["method"] == "answerCallbackQuery"


def test_before_we_know_our_name_what_names_a_bot_is_to_come_again(
    send: Sender, clock: ManualClock
) -> None:
    read = reader(clock, name="")
    with pytest.raises(Retryable):
        read(send.message(f"@{USERNAME} hi", chat=GROUP))
    assert message_of(read(send.message("hi"))).text == "hi"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'"x"', b"{}", b'{"message":{}}', b'{"update_id":"1"}', b'{"update_id":true}',
        b'{"update_id":1,"message":{"message_id":1}}', b'{"update_id":1,"message":[]}', b"\xff",
        b'{"update_id":1,"message":{"message_id":1,"chat":{"id":1},"text":"\\ud800"}}',
        b'{"update_id":1,"x":' + b"[" * 70 + b"]" * 70 + b"}", b'{"update_id":NaN}', b'{"telepathy":1}',
        b'{"update_id":1,"message":{"message_id":1,"date":99999999999999,"chat":{"id":1},"from":{"id":2},"text":"a"}}',
    ],
)  # fmt: skip
def test_what_is_no_update_is_malformed(clock: ManualClock, body: bytes) -> None:
    with pytest.raises(Malformed):
        TelegramInbound(
            BOT, username=lambda: USERNAME, nouns=(), chains=Chains(), clock=clock
        ).read(*wire.update(body))


def test_a_polled_update_is_read_as_strictly(send: Sender, world: World) -> None:
    update = send.message("hi")
    assert wire.polled(update) == wire.update(json.dumps(update).encode())
    wrong: list[object] = [
        None,
        [],
        {"update_id": 1, "message": {"text": "\ud800"}},
        {"u": object()},
    ]
    for bad in wrong:
        with pytest.raises(Malformed):
            wire.polled(bad)
