"""What interactions and messages of Discord mean."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.discord.commands import ApplicationCommands
from adapters.discord.inbound import (
    BOT as FROM_BOT,
)
from adapters.discord.inbound import (
    EMPTY,
    LATER,
    LATER_HERE,
    OTHER_GUILD,
    SYSTEM,
    UNKNOWN_KIND,
    DiscordInbound,
    modal,
)
from adapters.discord.places import DISCORD, Place, Places, person
from adapters.discord.wire import Message as WireMessage
from adapters.discord.wire import decoded
from bot.selftest.discord import rules
from bot.selftest.discord.content import Json, Posted
from bot.selftest.discord.names import (
    ADA,
    APP,
    BOT,
    CHANNEL,
    DIRECT,
    GUILD,
)
from bot.selftest.discord.names import (
    OTHER_GUILD as FOREIGN,
)
from bot.selftest.discord.sender import command, submission
from bot.selftest.discord.world import EPHEMERAL, World
from gateway.commands.forms import FORMS
from runtime.errors import Malformed
from runtime.forms import form_for
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import (
    ButtonPress,
    Challenge,
    Command,
    FormSubmit,
    Ignored,
    Inbound,
    Message,
    Parsed,
    Wanted,
)
from runtime.model.files import FileRef
from tests.support import fake_discord, specs
from tests.support.build import form_named

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
OPS = ChannelRef(DISCORD, "", CHANNEL)
CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"


@pytest.fixture
def world() -> World:
    return World(now=NOW.timestamp)


@pytest.fixture
def inbound() -> DiscordInbound:
    return DiscordInbound(
        Places(user_id=BOT, application_id=APP),
        guilds=frozenset({GUILD}),
        grammar=ApplicationCommands(FORMS),
        form_for=form_for,
    )


def read(inbound: DiscordInbound, payload: Json) -> Parsed:
    return inbound.interaction(json.dumps(payload).encode())


def accepted(parsed: Parsed) -> Inbound:
    assert isinstance(parsed, Inbound)
    return parsed


def said(
    inbound: DiscordInbound, posted: Posted, place: Place | None = None, **fields: Any
) -> Parsed:
    data = posted.json() | {"guild_id": GUILD} | fields
    message = decoded(WireMessage, json.dumps(data).encode())
    return inbound.message(message, place or Place(CHANNEL))


# ------------------------------------------------------------------------------ interactions


def test_a_ping_is_answered_with_a_pong(inbound: DiscordInbound) -> None:
    assert read(inbound, {"type": 1}) == Challenge(
        answer='{"type":1}', media_type="application/json"
    )


def test_a_command_becomes_the_line_that_a_person_would_type(
    inbound: DiscordInbound, world: World
) -> None:
    made = world.interaction(2, command("schedule", "show", number=3))
    heard = accepted(read(inbound, made))
    assert heard == Inbound(
        event_key=f"interaction:{made['id']}",
        thread=ThreadRef(OPS),
        sender=person(ADA),
        body=Command(text="schedule show 3", reply_url=f"answer/{APP}/{made['token']}"),
        sent_at=NOW,
        acknowledgement=LATER,
    )


def test_a_command_in_a_thread_belongs_to_the_thread_s_channel(
    inbound: DiscordInbound, world: World
) -> None:
    thread = world.open_thread(CHANNEL)
    heard = accepted(read(inbound, world.interaction(2, command("stop"), channel=thread.id)))
    assert heard.thread == ThreadRef(OPS, thread.id)


def test_a_command_in_a_direct_message(inbound: DiscordInbound, world: World) -> None:
    heard = accepted(read(inbound, world.interaction(2, command("status"), channel=DIRECT)))
    assert heard.thread == ThreadRef(ChannelRef(DISCORD, "", DIRECT))
    assert heard.sender == person(ADA)


@pytest.mark.parametrize(
    "fields",
    [
        {"guild_id": FOREIGN},
        {"guild_id": "1"},
        # Installed by a person for themselves, and used in the team's server.
        {"authorizing_integration_owners": {"1": ADA}},
        {"application_id": "900000000000000009"},
    ],
)
def test_other_places_hear_that_this_is_not_theirs(
    inbound: DiscordInbound, world: World, fields: Json
) -> None:
    for kind in (2, 3, 5):
        answer = read(inbound, world.interaction(kind, command("status")) | fields)
        assert isinstance(answer, Challenge)
        told = json.loads(answer.answer)
        assert (told["type"], told["data"]["flags"] & EPHEMERAL) == (4, EPHEMERAL)
        assert list(rules.breaches("callback", told)) == []
    answer = read(inbound, world.interaction(4, command("status")) | fields)
    assert isinstance(answer, Challenge)
    assert json.loads(answer.answer)["data"] == {"choices": []}


def test_a_group_of_people_is_no_place_of_the_team(inbound: DiscordInbound, world: World) -> None:
    made = world.interaction(2, command("status"), channel=DIRECT, context=2)
    assert isinstance(read(inbound, made), Challenge)


def test_a_button_under_a_message(inbound: DiscordInbound, world: World) -> None:
    posted = world.post(CHANNEL, {"content": "Sure?"})
    pressed = {"custom_id": "reminder.done:abc:1", "component_type": 2}
    made = world.interaction(3, pressed, message=posted)
    heard = accepted(read(inbound, made))
    assert heard.thread == ThreadRef(OPS, posted.id)
    assert heard.acknowledgement == LATER_HERE
    assert heard.body == ButtonPress(
        action="reminder.done",
        value="abc:1",
        message_id=MessageId(posted.id),
        reply_url=f"under/{APP}/{made['token']}",
    )


def test_a_button_of_a_private_message_hangs_from_nothing(
    inbound: DiscordInbound, world: World
) -> None:
    posted = world.post(CHANNEL, {"content": "Sure?", "flags": EPHEMERAL})
    made = world.interaction(3, {"custom_id": "a:b", "component_type": 2}, message=posted)
    heard = accepted(read(inbound, made))
    assert heard.thread == ThreadRef(OPS)
    assert isinstance(heard.body, ButtonPress)
    assert heard.body.reply_url.startswith("within/")


def test_a_menu_is_nothing_of_ours(inbound: DiscordInbound, world: World) -> None:
    made = world.interaction(3, {"custom_id": "a:b", "component_type": 3})
    assert read(inbound, made) == Ignored(reason=UNKNOWN_KIND)
    assert read(inbound, world.interaction(99)) == Ignored(reason=UNKNOWN_KIND)


@pytest.mark.parametrize("label", [True, False])
def test_a_form_that_was_filled_in(inbound: DiscordInbound, world: World, label: bool) -> None:
    data = submission("reminder.create:abc", when="in 2 hours", what=" call Bob\0 ")
    if not label:  # as Discord wrapped fields before it had labels
        data["components"] = [
            {"type": 1, "components": [part["component"]]} for part in data["components"]
        ]
    heard = accepted(read(inbound, world.interaction(5, data)))
    assert heard.acknowledgement == LATER
    assert isinstance(heard.body, FormSubmit)
    assert (heard.body.action, heard.body.value) == ("reminder.create", "abc")
    assert heard.body.answers == (("when", "in 2 hours"), ("what", "call Bob\ufffd"))


def test_a_command_without_its_words_is_answered_with_a_form(
    inbound: DiscordInbound, world: World
) -> None:
    specs.required(fake_discord.SPEC)
    answer = read(inbound, world.interaction(2, command("remind", "me")))
    assert isinstance(answer, Challenge)
    shown = json.loads(answer.answer)
    assert shown["type"] == 9
    assert shown["data"]["custom_id"] == "reminder.create:"
    assert list(fake_discord.by_schema(CALLBACK, shown)) == []
    assert list(rules.breaches("callback", shown)) == []


def test_every_form_is_one_that_discord_takes() -> None:
    specs.required(fake_discord.SPEC)
    for action in ("schedule.create", "reminder.create", "reminder.snooze_until"):
        form = form_named(action)
        shown = json.loads(modal(form, "0" * 40))
        assert list(fake_discord.by_schema(CALLBACK, shown)) == []
        assert len(shown["data"]["custom_id"]) <= 100


def test_what_is_typed_is_looked_up(inbound: DiscordInbound, world: World) -> None:
    typing = command("schedule", "create", when="x", tz="ber")
    typing["options"][0]["options"][1]["focused"] = True
    answer = read(inbound, world.interaction(4, typing))
    assert isinstance(answer, Challenge)
    assert answer.wants == Wanted(
        sender=person(ADA), command="schedule create", argument="tz", typed="ber"
    )


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"{",
        b'{"type":"2"}',
        b'{"type":1.5}',
        b'{"type":1,"x":' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"type":1,"x":"\xff"}',
        b'{"type":NaN}',
    ],
)
def test_what_cannot_be_read_is_malformed(inbound: DiscordInbound, broken: bytes) -> None:
    with pytest.raises(Malformed):
        inbound.interaction(broken)


@pytest.mark.parametrize("field", ["id", "token", "application_id", "member", "data", "channel"])
def test_a_command_without_a_field_is_no_server_error(
    inbound: DiscordInbound, world: World, field: str
) -> None:
    made = world.interaction(2, command("status"))
    del made[field]
    if field == "channel":  # told twice
        assert accepted(read(inbound, made)).thread == ThreadRef(OPS)
        return
    with pytest.raises(Malformed):
        read(inbound, made)


# ---------------------------------------------------------------------------------- messages


def test_a_mention_in_a_channel_is_the_root_of_its_thread(
    inbound: DiscordInbound, world: World
) -> None:
    posted = world.say("what's  up?", mention=True)
    heard = accepted(said(inbound, posted))
    assert heard == Inbound(
        event_key=f"message:{posted.id}",
        thread=ThreadRef(OPS, posted.id),
        sender=person(ADA),
        body=Message(text="what's  up?", message_id=MessageId(posted.id), mentioned=True),
        sent_at=NOW,
    )


def test_a_message_in_a_thread_and_a_direct_one(inbound: DiscordInbound, world: World) -> None:
    posted = world.say("go on")
    heard = accepted(said(inbound, posted, Place(CHANNEL, "555555555555555555")))
    assert heard.thread == ThreadRef(OPS, "555555555555555555")
    direct = accepted(said(inbound, posted, Place(DIRECT, direct=True), guild_id=None))
    assert direct.thread == ThreadRef(ChannelRef(DISCORD, "", DIRECT))
    assert isinstance(direct.body, Message)
    assert direct.body.direct


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"author": {"id": "1", "bot": True}}, FROM_BOT),
        ({"author": {"id": "1", "system": True}}, FROM_BOT),
        ({"author": {"id": BOT}}, FROM_BOT),
        ({"webhook_id": "1"}, FROM_BOT),
        ({"guild_id": FOREIGN}, OTHER_GUILD),
        ({"type": 7}, SYSTEM),
        ({"type": 18}, SYSTEM),
        ({"type": 21}, SYSTEM),
        ({"content": ""}, EMPTY),
        ({"content": None}, EMPTY),
        ({"content": " \n"}, EMPTY),
    ],
)
def test_what_starts_nothing(
    inbound: DiscordInbound, world: World, fields: Json, reason: str
) -> None:
    assert said(inbound, world.say("hello"), **fields) == Ignored(reason=reason)


def test_a_reply_to_our_message_goes_on_with_its_conversation(
    inbound: DiscordInbound, world: World
) -> None:
    briefing = world.post(CHANNEL, {"content": "The briefing"})
    heard = accepted(said(inbound, world.say("why?", answers=briefing)))
    assert heard.thread == ThreadRef(OPS, briefing.id)
    assert isinstance(heard.body, Message)
    assert heard.body.quoted == ("The briefing",)
    # Where no thread could be opened, our answer hangs from the question.
    question = world.say("hello", mention=True)
    answer = world.post(
        CHANNEL, {"content": "Hi", "message_reference": {"message_id": question.id}}
    )
    again = accepted(said(inbound, world.say("and?", answers=answer)))
    assert again.thread == ThreadRef(OPS, question.id)


def test_a_reply_to_somebody_else_is_a_message_of_its_own(
    inbound: DiscordInbound, world: World
) -> None:
    posted = world.say("I agree", answers=world.say("a thought"), mention=True)
    heard = accepted(said(inbound, posted))
    assert heard.thread == ThreadRef(OPS, posted.id)
    assert isinstance(heard.body, Message)
    assert heard.body.quoted == ("a thought",)


def test_what_the_sender_did_not_type_is_apart(inbound: DiscordInbound, world: World) -> None:
    fields: Json = {
        "embeds": [
            {
                "title": "Title",
                "description": "A preview",
                "author": {"name": "Somebody"},
                "fields": [{"name": "n", "value": "v"}],
                "footer": {"text": "foot"},
            }
        ],
        "message_snapshots": [{"message": {"content": "forwarded <:wave:123>"}}],
        "attachments": [
            {
                "url": "https://cdn.discordapp.com/attachments/1/2/x?ex=secret",
                "filename": "../../etc/pass\nwd",
                "content_type": "Text/Plain; charset=utf-8",
                "size": 12,
            },
            {"filename": "no address"},
        ],
    }
    heard = accepted(said(inbound, world.say("look"), **fields))
    assert isinstance(heard.body, Message)
    assert heard.body.text == "look"
    assert heard.body.quoted == ("forwarded :wave:", "Somebody\nTitle\nA preview\nn\nv\nfoot")
    assert heard.body.files == (
        FileRef(
            handle="https://cdn.discordapp.com/attachments/1/2/x?ex=secret",
            name="_.._etc_pass_wd",
            media_type="text/plain",
            size=12,
        ),
    )


def test_a_file_alone_is_something(inbound: DiscordInbound, world: World) -> None:
    attached = [{"url": "https://cdn.discordapp.com/x", "filename": "a.txt"}]
    heard = accepted(said(inbound, world.say(""), attachments=attached))
    assert isinstance(heard.body, Message)
    assert len(heard.body.files) == 1


def test_mentions_of_others_stay_as_they_are(inbound: DiscordInbound, world: World) -> None:
    heard = accepted(said(inbound, world.say(f"<@!{BOT}> ask <@{ADA}> in <#{CHANNEL}> <a:x:1>")))
    assert isinstance(heard.body, Message)
    assert heard.body.text == f"ask <@{ADA}> in <#{CHANNEL}> :x:"
    assert heard.body.mentioned
