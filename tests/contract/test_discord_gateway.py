"""`DiscordListener` over the real discord.py against a fake gateway."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
import pytest
from discord.gateway import KeepAliveHandler

from adapters.discord.commands import ApplicationCommands
from adapters.discord.inbound import LATER, DiscordInbound
from adapters.discord.listener import HEARTBEAT_TIMEOUT, DiscordListener
from adapters.discord.outbound import DiscordChat
from adapters.discord.places import DISCORD, Places
from bot.selftest.discord.content import Room
from bot.selftest.discord.gateway import CONTENT_INTENT, INVALID
from bot.selftest.discord.names import (
    ADA,
    BOT_ROLE,
    CHANNEL,
    DIRECT,
    FOREIGN_CHANNEL,
    GUILD,
    OTHER_CHANNEL,
    OTHER_GUILD,
    TOKEN,
)
from bot.selftest.discord.sender import command
from bot.selftest.discord.server import Fault
from gateway.commands.forms import FORMS
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError, StorageUnavailable
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import (
    ChannelChange,
    ChannelChanged,
    Command,
    Inbound,
    Message,
    Unknown,
    Wanted,
)
from tests.support.discord_program import restored_sdk
from tests.support.eventually import eventually
from tests.support.fake_discord import FakeDiscord

OPS = ChannelRef(DISCORD, "", CHANNEL)


class HurriedClock(SystemClock):
    """The time of day, with pauses that are over at once."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.02))


@dataclass
class Ear:
    """A listener under test, and what it heard."""

    discord: FakeDiscord
    listener: DiscordListener
    chat: DiscordChat
    heard: list[Inbound] = field(default_factory=list)
    failures: int = 0

    async def accept(self, inbound: Inbound) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable
        self.heard.append(inbound)

    async def hears(self, count: int) -> list[Inbound]:
        await eventually(lambda: len(self.heard) >= count, f"{count} events heard")
        return self.heard

    def words(self) -> list[str]:
        return [one.body.text for one in self.heard if isinstance(one.body, Message)]


async def nothing_to_choose(_: Wanted) -> str:
    return '{"type": 8, "data": {"choices": []}}'


@asynccontextmanager
async def listening(
    *,
    heartbeat_ms: int = 41_250,
    flags: int | None = None,
    opened: bool = True,
    suggest: Callable[[Wanted], Awaitable[str]] = nothing_to_choose,
) -> AsyncIterator[Ear]:
    clock, guilds = HurriedClock(), frozenset({GUILD})
    async with FakeDiscord(heartbeat_ms=heartbeat_ms) as discord:
        discord.flags = discord.flags if flags is None else flags
        chat = DiscordChat(TOKEN, clock=clock, places=Places(), base_url=discord.url)
        if opened:
            await chat.open()
        inbound = DiscordInbound(chat.places, guilds=guilds, grammar=ApplicationCommands(FORMS))
        listener = DiscordListener(
            TOKEN,
            chat,
            inbound,
            guilds=guilds,
            configured=frozenset({CHANNEL, OTHER_CHANNEL}),
            clock=clock,
            suggest=suggest,
        )
        ear = Ear(discord, listener, chat)
        with restored_sdk():
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(listener.run(ear.accept))
                try:
                    await eventually(lambda: discord.gateway.connected, "the gateway")
                    yield ear
                finally:
                    task.cancel()
        await chat.close()
        assert discord.violations == []
        assert discord.gateway.problems == []


async def test_it_identifies_with_just_the_intents_that_it_needs() -> None:
    async with listening() as ear:
        [session] = ear.discord.gateway.sessions
        assert session.intents == 1 | 1 << 9 | 1 << 12 | CONTENT_INTENT
        assert not ear.listener.without_contents


async def test_it_asks_what_it_may_hear_where_nobody_could_ask_before() -> None:
    async with listening(opened=False) as ear:
        [session] = ear.discord.gateway.sessions
        assert session.intents & CONTENT_INTENT


async def test_it_sends_heartbeats_and_knows_when_the_last_was_answered() -> None:
    async with listening(heartbeat_ms=50) as ear:
        line = ear.discord.gateway.sessions[0].line
        assert line is not None
        await eventually(lambda: line.heartbeats >= 3, "three heartbeats")
        assert ear.listener.heartbeat_age is not None
        assert ear.listener.heartbeat_age < 5


async def test_messages_come_in_order_with_their_places() -> None:
    async with listening() as ear:
        first = ear.discord.say("one", mention=True)
        thread = ear.discord.open_thread(CHANNEL, message=first.id)
        ear.discord.say("two", channel=thread.id)
        ear.discord.say("three", channel=DIRECT)
        heard = await ear.hears(3)
        assert ear.words() == ["one", "two", "three"]
        assert [one.thread for one in heard] == [
            ThreadRef(OPS, first.id),
            ThreadRef(OPS, thread.id),
            ThreadRef(ChannelRef(DISCORD, "", DIRECT)),
        ]
        assert isinstance(heard[0].body, Message)
        assert heard[0].body.mentioned


async def test_a_thread_that_it_never_heard_of_is_looked_up() -> None:
    async with listening() as ear:
        room = Room("222222222222222222", 11, GUILD, CHANNEL)
        ear.discord.rooms[room.id] = room
        ear.discord.say("hello", channel=room.id)
        [heard] = await ear.hears(1)
        assert heard.thread == ThreadRef(OPS, room.id)


async def test_the_bot_s_own_role_is_its_name_too() -> None:
    async with listening() as ear:
        ear.discord.say(f"<@&{BOT_ROLE}> hello", mention_roles=[BOT_ROLE])
        [heard] = await ear.hears(1)
        assert isinstance(heard.body, Message)
        assert (heard.body.text, heard.body.mentioned) == ("hello", True)


async def test_what_comes_twice_has_the_same_key() -> None:
    async with listening() as ear:
        ear.discord.gateway.twice = True
        ear.discord.say("one", mention=True)
        heard = await ear.hears(2)
        assert heard[0].event_key == heard[1].event_key


@pytest.mark.parametrize("how", ["drop", "reconnect", "invalidate"])
async def test_a_lost_session_is_resumed_and_nothing_of_it_is_lost(how: str) -> None:
    async with listening() as ear:
        gateway = ear.discord.gateway
        ear.discord.say("before", mention=True)
        await ear.hears(1)
        match how:
            case "drop":
                gateway.drop()
            case "reconnect":
                await gateway.reconnect()
            case _:
                await gateway.invalidate(resumable=True)
        ear.discord.say("meanwhile", mention=True)
        await eventually(lambda: gateway.resumed == 1, "a resumed session")
        ear.discord.say("after", mention=True)
        await eventually(lambda: "after" in ear.words(), "the last message")
        assert list(dict.fromkeys(ear.words())) == ["before", "meanwhile", "after"]
        assert gateway.identified == 1


async def test_a_session_that_is_over_is_begun_anew() -> None:
    async with listening() as ear:
        await ear.discord.gateway.invalidate(resumable=False)
        await eventually(lambda: ear.discord.gateway.identified == 2, "a second session")
        ear.discord.say("hello", mention=True)
        await ear.hears(1)


async def test_a_connection_that_is_silent_is_taken_for_dead() -> None:
    async with listening(heartbeat_ms=100) as ear:
        gateway = ear.discord.gateway
        gateway.silence()
        ear.discord.say("hello", mention=True)
        [watch] = _watching()
        assert watch.heartbeat_timeout == HEARTBEAT_TIMEOUT
        # discord.py asks the time itself: the minute of silence is over now, and no other begins.
        watch.heartbeat_timeout = -1.0
        await eventually(lambda: gateway.resumed >= 1, "a new line")
        await ear.hears(1)
        assert gateway.resumed == 1


def _watching() -> list[KeepAliveHandler]:
    """discord.py's threads that look for silence on the connections of this test."""
    loop = asyncio.get_running_loop()
    threads = [each for each in threading.enumerate() if isinstance(each, KeepAliveHandler)]
    return [each for each in threads if each.ws.loop is loop]


async def test_odd_frames_are_no_end_of_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as ear:
        odd: list[Any] = [
            None,
            [],
            {"id": 5},
            {"id": "x", "author": "me"},
            {"author": {"id": None}},
        ]
        for data in odd:
            for kind in ("MESSAGE_CREATE", "INTERACTION_CREATE", "GUILD_CREATE", "THREAD_CREATE"):
                await ear.discord.gateway._event(
                    ear.discord.gateway.sessions[0],
                    kind,
                    data,
                )
        ear.discord.say("hello", mention=True)
        await ear.hears(1)
        assert ear.discord.gateway.identified == 1
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_event_that_cannot_be_stored_is_tried_again() -> None:
    async with listening() as ear:
        ear.failures = 3
        ear.discord.say("hello", mention=True)
        await ear.hears(1)
        assert ear.words() == ["hello"]


async def test_other_servers_are_dropped_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with listening() as ear:
        for _ in range(3):
            ear.discord.say("hello", channel=FOREIGN_CHANNEL, mention=True)
        ear.discord.say("hello", mention=True)
        await ear.hears(1)
        assert [one.thread.channel for one in ear.heard] == [OPS]
        told = [r for r in caplog.records if r.getMessage() == "discord.other_guild"]
        assert [vars(record)["guild"] for record in told] == [OTHER_GUILD]


async def test_changes_of_the_team_s_channels_are_told(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as ear:
        discord = ear.discord
        discord.rooms[CHANNEL].name = "operations"
        discord.heard("CHANNEL_UPDATE", discord.rooms[CHANNEL].json())
        discord.heard("CHANNEL_UPDATE", discord.rooms[CHANNEL].json())
        discord.heard("GUILD_DELETE", {"id": GUILD, "unavailable": True})
        discord.heard("GUILD_DELETE", {"id": GUILD})
        discord.heard("GUILD_CREATE", discord.guild(GUILD))
        discord.heard("CHANNEL_DELETE", discord.rooms[OTHER_CHANNEL].json())
        heard = await ear.hears(6)
        told = [(one.thread.channel.channel, one.body) for one in heard]
        removed = ChannelChanged(change=ChannelChange.BOT_REMOVED)
        added = ChannelChanged(change=ChannelChange.BOT_ADDED, detail="Night shift")
        assert told == [
            (CHANNEL, ChannelChanged(change=ChannelChange.RENAMED, detail="operations")),
            (CHANNEL, removed),
            (OTHER_CHANNEL, removed),
            (CHANNEL, added),
            (OTHER_CHANNEL, added),
            (OTHER_CHANNEL, ChannelChanged(change=ChannelChange.ARCHIVED, detail="deleted")),
        ]
        assert {one.sender.user for one in heard} == {""}
        assert len({one.event_key for one in heard}) == 6


async def test_known_kinds_are_ignored_and_unknown_ones_kept() -> None:
    async with listening() as ear:
        posted = ear.discord.say("among us")
        ear.discord.tell("MESSAGE_UPDATE", posted)
        ear.discord.heard("MESSAGE_DELETE", {"id": posted.id, "channel_id": CHANNEL})
        ear.discord.heard("TYPING_START", {"channel_id": CHANNEL, "user_id": ADA})
        ear.discord.heard("HOLOGRAM_CREATE", {"id": "1"})
        heard = await ear.hears(2)
        assert [one.body for one in heard[1:]] == [Unknown(kind="HOLOGRAM_CREATE")]


async def test_a_command_is_stored_and_then_answered_within_three_seconds() -> None:
    async with listening() as ear:
        made = ear.discord.interaction(2, command("status"))
        ear.discord.heard("INTERACTION_CREATE", made)
        [heard] = await ear.hears(1)
        assert isinstance(heard.body, Command)
        assert heard.acknowledgement == LATER
        asked = ear.discord.asked[made["token"]]
        await eventually(lambda: asked.answered == 5, "the deferral")


async def test_a_place_that_cannot_be_looked_up_holds_no_interaction_up() -> None:
    async with listening() as ear:
        room = Room("222222222222222222", 11, GUILD, CHANNEL)
        ear.discord.rooms[room.id] = room
        ear.discord.faults.extend([Fault("status", "GET /channels/{channel_id}", 503)] * 10_000)
        ear.discord.say("hello", channel=room.id)
        made = ear.discord.interaction(2, command("status"))
        ear.discord.heard("INTERACTION_CREATE", made)
        [heard] = await ear.hears(1)
        assert isinstance(heard.body, Command)
        await eventually(lambda: ear.discord.asked[made["token"]].answered == 5, "the deferral")
        ear.discord.faults.clear()
        assert isinstance((await ear.hears(2))[1].body, Message)


async def test_what_is_typed_is_answered_and_not_stored() -> None:
    async def suggest(wanted: Wanted) -> str:
        assert (wanted.command, wanted.argument, wanted.typed) == ("schedule show", "number", "3")
        return '{"type": 8, "data": {"choices": [{"name": "3: all", "value": 3}]}}'

    async with listening(suggest=suggest) as ear:
        typing = command("schedule", "show", number=3)
        typing["options"][0]["options"][0]["focused"] = True
        made = ear.discord.interaction(4, typing)
        ear.discord.heard("INTERACTION_CREATE", made)
        asked = ear.discord.asked[made["token"]]
        await eventually(lambda: asked.answered == 8, "the choices")
        assert ear.heard == []


async def test_two_processes_that_answer_the_same_press_are_no_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening() as ear:
        ear.discord.gateway.twice = True
        made = ear.discord.interaction(2, command("status"))
        ear.discord.heard("INTERACTION_CREATE", made)
        await ear.hears(2)
        callback = "POST /interactions/{interaction_id}/{interaction_token}/callback"
        await eventually(lambda: len(ear.discord.called(callback)) == 2, "both answers")
        assert "discord.not_answered" not in caplog.messages


async def test_without_the_intent_it_says_what_will_not_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening(flags=0) as ear:
        assert ear.discord.gateway.sessions[0].intents & CONTENT_INTENT == 0
        assert ear.listener.without_contents
        [told] = [r for r in caplog.records if r.getMessage() == "discord.no_contents"]
        assert "replies in threads" in vars(told)["why"]
        ear.discord.say("unheard")
        ear.discord.say("heard", mention=True)
        ear.discord.say("heard too", channel=DIRECT)
        await ear.hears(2)
        assert ear.words() == ["heard", "heard too"]


async def test_an_intent_that_was_switched_off_meanwhile_is_done_without() -> None:
    async with listening() as ear:
        ear.discord.flags = 0
        await ear.discord.gateway.invalidate(resumable=False)
        await eventually(lambda: ear.discord.gateway.identified == 2, "a session without it")
        assert ear.listener.without_contents


async def test_where_the_sessions_of_the_day_are_used_up_it_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with FakeDiscord() as discord:
        discord.gateway.sessions_left = 0
        clock = HurriedClock()
        chat = DiscordChat(TOKEN, clock=clock, places=Places(), base_url=discord.url)
        await chat.open()
        listener = _plain_listener(chat, clock)
        await listener._find_gateway()
        assert "discord.too_many_sessions" in caplog.messages
        await chat.close()


async def test_a_token_that_is_refused_ends_the_process_with_a_clear_error() -> None:
    async with FakeDiscord() as discord:
        clock = HurriedClock()
        chat = DiscordChat(TOKEN, clock=clock, places=Places(), base_url=discord.url)
        await chat.open()
        discord.gateway.token = "another"
        with restored_sdk(), pytest.raises(ExceptionGroup) as raised:
            await _plain_listener(chat, clock).run(_never)
        await chat.close()
    [error] = raised.value.exceptions
    assert isinstance(error, ConfigurationError)
    assert "NIGHTDESK_DISCORD__BOT_TOKEN" in str(error)


async def test_secrets_and_words_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening() as ear:
        ear.discord.say("the launch code is 0000", mention=True)
        made = ear.discord.interaction(2, command("status"))
        ear.discord.heard("INTERACTION_CREATE", made)
        await ear.hears(2)
        ear.discord.gateway.drop()
        await eventually(lambda: ear.discord.gateway.resumed == 1, "a resumed session")
        logged = "\n".join(f"{r.getMessage()} {vars(r)}" for r in caplog.records if _ours(r))
    assert TOKEN not in logged
    assert made["token"] not in logged
    assert "launch code" not in logged


def _ours(record: logging.LogRecord) -> bool:
    return record.name.startswith(("discord", "nightdesk"))


def _plain_listener(chat: DiscordChat, clock: HurriedClock) -> DiscordListener:
    inbound = DiscordInbound(chat.places, guilds=frozenset(), grammar=ApplicationCommands(FORMS))
    none: frozenset[str] = frozenset()
    return DiscordListener(TOKEN, chat, inbound, guilds=none, configured=none, clock=clock)


async def _never(inbound: Inbound) -> None:
    raise AssertionError


def test_the_parts_of_discord_py_that_are_not_public_are_still_there() -> None:
    client: Any = discord.Client(intents=discord.Intents.none())
    assert isinstance(client._connection.parsers, dict)
    assert INVALID == discord.gateway.DiscordWebSocket.INVALIDATE_SESSION
