"""The whole program, connected to Discord over signed interactions and over the gateway."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from adapters.discord import inbound
from bot.selftest.discord.names import ADA, CHANNEL, DIRECT, FOREIGN_CHANNEL
from bot.selftest.discord.sender import DiscordSender, command, press, submission
from bot.selftest.discord.world import EPHEMERAL
from tests.support.discord_program import discord_program
from tests.support.eventually import eventually
from tests.support.fake_discord import FakeDiscord

LATER = json.loads(inbound.LATER)


async def test_a_mention_opens_a_thread_that_needs_no_more_mentions(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        discord = program.discord
        asked = discord.say("hello", mention=True)
        [answer] = await program.shown(1)
        assert "No language model is connected" in answer.content
        thread = discord.rooms[asked.id]
        assert (thread.parent, thread.name, answer.channel) == (CHANNEL, "hello", asked.id)
        discord.say("what is scheduled?", channel=asked.id)
        answers = await program.shown(2)
        assert "no schedules" in answers[1].content
        assert answers[1].channel == asked.id


async def test_what_is_told_twice_is_answered_once(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        program.discord.gateway.twice = True
        program.discord.say("hello", mention=True)
        await program.shown(1)
        program.discord.say("!status", mention=True)
        await program.shown(2)
        await program.delivered()
        assert len(program.discord.visible()) == 2


async def test_a_direct_message_is_answered_there(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        program.discord.say("hello", channel=DIRECT)
        [answer] = await program.shown(1)
        assert answer.channel == DIRECT


async def test_other_servers_bots_edits_and_talk_among_people_are_not_heard(
    tmp_path: Path,
) -> None:
    async with discord_program(tmp_path) as program:
        discord = program.discord
        discord.say("hello", channel=FOREIGN_CHANNEL, mention=True)
        discord.say("just among us")
        discord.say("beep", mention=True, author={"id": "300000000000000009", "bot": True})
        discord.say("hook", mention=True, webhook_id="300000000000000008")
        edited = discord.say("first", user="300000000000000007")
        discord.tell("MESSAGE_UPDATE", edited)
        discord.say("hello", mention=True)
        await program.shown(1)
        await program.delivered()
        assert len(discord.visible()) == 1


async def test_a_command_is_put_off_and_answered_to_its_sender_only(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        assert await program.use(2, command("schedule", "list")) == LATER
        [shown] = await program.shown(1)
        assert "no schedules" in shown.content
        assert shown.seen_by == ADA
        assert shown.flags & EPHEMERAL


async def test_a_change_is_told_to_everybody_and_the_empty_reply_is_taken_back(
    tmp_path: Path,
) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        await program.use(
            2,
            command(
                "schedule", "create", when="every weekday at 8:30", instruction="Post the briefing"
            ),
        )
        [shown] = await program.shown(1)
        assert "Schedule 1" in shown.content
        assert shown.seen_by is None
        await eventually(lambda: len(program.discord.messages) == 1, "the reply taken back")


async def test_a_command_without_its_words_opens_a_form_and_the_form_works(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        answer = await program.use(2, command("remind", "me"))
        assert answer is not None
        assert answer["type"] == 9
        fields = [part["component"]["custom_id"] for part in answer["data"]["components"]]
        assert fields == ["when", "what"]
        form = submission(answer["data"]["custom_id"], when="in 2 hours", what="count the sheep")
        assert await program.use(5, form) == LATER
        [shown] = await program.shown(1)
        assert "count the sheep" in shown.content
        assert shown.seen_by == ADA


async def test_a_schedule_is_made_by_its_form(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        answer = await program.use(2, command("schedule", "create"))
        assert answer is not None
        filled = {"when": "every day at 9", "instruction": "Count the sheep", "tz": "UTC"}
        await program.use(5, submission(answer["data"]["custom_id"], **filled))
        [shown] = await program.shown(1)
        assert "Schedule 1" in shown.content
        assert "Count the sheep" in shown.content


async def test_typing_a_number_shows_the_schedules_there_are(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        made = command("schedule", "create", when="every day at 9", instruction="Count the sheep")
        await program.use(2, made)
        await program.shown(1)
        typing = command("schedule", "show", number="she")
        typing["options"][0]["options"][0]["focused"] = True
        answer = await program.use(4, typing)
        assert answer == {
            "type": 8,
            "data": {"choices": [{"name": "1: every day at 9, Count the sheep", "value": 1}]},
        }
        await program.use(2, command("remind", "me", when="in 2 hours", what="feed the dog"))
        await program.shown(2)
        typing = command("remind", "done", number="")
        typing["options"][0]["options"][0]["focused"] = True
        mine = await program.use(4, typing)
        assert mine is not None
        assert mine["data"] == {"choices": [{"name": "1: in 2 hours, feed the dog", "value": 1}]}
        stranger = await program.use(4, typing, user="300000000000000009")
        assert stranger == {"type": 8, "data": {"choices": []}}


async def test_a_stranger_is_told_so_privately(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        await program.use(2, command("status"), user="300000000000000009")
        [shown] = await program.shown(1, seen=lambda post: post.channel == CHANNEL)
        assert shown.seen_by == "300000000000000009"
        assert "not a member" in shown.content


async def test_another_server_is_told_that_this_is_not_its_nightdesk(tmp_path: Path) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        answer = await program.use(2, command("status"), channel=FOREIGN_CHANNEL)
        assert answer is not None
        assert answer["type"] == 4
        assert answer["data"]["flags"] & EPHEMERAL


async def test_a_command_over_the_gateway_is_answered_there(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        discord = program.discord
        discord.heard("INTERACTION_CREATE", discord.interaction(2, command("status")))
        [shown] = await program.shown(1)
        assert "Everything works" in shown.content or "discord" in shown.content
        assert shown.seen_by == ADA


async def test_a_briefing_arrives_and_its_thread_knows_it(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        discord = program.discord
        made = command(
            "schedule", "create", when="every weekday at 8:30", instruction="Post the briefing"
        )
        await program.use(2, made)
        await program.use(2, command("schedule", "run", number=1))
        [briefing] = await program.shown(1, seen=lambda post: "Briefing for" in post.content)
        assert briefing.channel == CHANNEL
        await program.delivered()
        # A person opens a thread from the briefing: it has the briefing's id.
        thread = discord.open_thread(CHANNEL, message=briefing.id)
        discord.say("repeat that", channel=thread.id)
        [answer] = await program.shown(1, seen=lambda post: post.channel == thread.id)
        assert "Post the briefing" in answer.content


async def test_a_reply_to_a_briefing_in_the_channel_goes_on_with_it(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        discord = program.discord
        made = command("schedule", "create", when="every day at 9", instruction="Post the briefing")
        await program.use(2, made)
        await program.use(2, command("schedule", "run", number=1))
        [briefing] = await program.shown(1, seen=lambda post: "Briefing for" in post.content)
        await program.delivered()
        discord.say("repeat that", answers=briefing)
        [answer] = await program.shown(1, seen=lambda post: post.channel == briefing.id)
        assert "Post the briefing" in answer.content


async def test_where_no_thread_can_be_opened_the_answer_comes_as_a_reply(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        program.discord.threads_allowed = False
        asked = program.discord.say("hello", mention=True)
        [answer] = await program.shown(1)
        assert answer.channel == CHANNEL
        assert answer.reference is not None
        assert answer.reference["message_id"] == asked.id


async def test_a_reminder_comes_as_a_direct_message_and_its_button_outlives_a_restart(
    tmp_path: Path,
) -> None:
    async with FakeDiscord() as discord:
        async with discord_program(tmp_path, gateway=False, discord=discord) as program:
            await program.use(2, command("remind", "me", when="in 1 minute", what="feed the dog"))
            await program.shown(1)
            await program.delivered()
        # Let the minute pass while nobody is there.
        with closing(sqlite3.connect(tmp_path / "nightdesk.db")) as database, database:
            database.execute("UPDATE reminders SET next_at = created_at")
        async with discord_program(tmp_path, gateway=False, discord=discord) as program:
            [card] = await program.shown(1, seen=lambda post: post.channel == DIRECT)
            assert "feed the dog" in card.content
            await program.delivered()
        async with discord_program(tmp_path, gateway=False, discord=discord) as program:
            done = next(name for name in card.buttons if name.startswith("reminder.done"))
            pressed = press(card, done)
            assert await program.use(3, pressed, channel=DIRECT, message=card) == {"type": 6}
            await eventually(lambda: not card.buttons, "the card without its buttons")
            assert "Done" in card.content
            # Pressed again on an old screen, it does no more than say so.
            await program.use(3, pressed, channel=DIRECT, message=card)
            await program.delivered()
            assert len([p for p in discord.visible(DIRECT) if p.seen_by is None]) == 1


async def test_a_button_of_nothing_works_after_a_restart(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        posted = discord.post(CHANNEL, {"content": "x", "components": []})
        async with discord_program(tmp_path, gateway=False, discord=discord):
            pass
        async with discord_program(tmp_path, gateway=False, discord=discord) as program:
            answer = await program.use(3, press(posted, "gone.action:abc"), message=posted)
            assert answer == {"type": 6}
            [_, shown] = await program.shown(2)
            assert "no longer does anything" in shown.content
            assert shown.seen_by == ADA


async def test_a_session_that_is_dropped_is_taken_up_without_losing_a_word(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        gateway = program.discord.gateway
        await eventually(lambda: gateway.connected, "the gateway")
        gateway.drop()
        program.discord.say("hello", mention=True)
        await program.shown(1)
        assert (gateway.identified, gateway.resumed) == (1, 1)


async def test_the_program_says_what_ready_means(tmp_path: Path) -> None:
    async with discord_program(tmp_path) as program:
        await eventually(lambda: program.discord.gateway.connected, "the gateway")
        program.discord.say("hello", mention=True)
        await program.shown(1)
        async with program.session.get(f"{program.base}/readyz") as answer:
            found = await answer.json()
        assert found["ready"] is True
        [check] = [check for check in found["checks"] if check["name"] == "discord"]
        assert check["age_seconds"] < 30


@pytest.mark.parametrize("key", ["11" * 32, "22" * 32])
async def test_a_forged_request_is_refused_and_starts_nothing(tmp_path: Path, key: str) -> None:
    async with discord_program(tmp_path, gateway=False) as program:
        forger = DiscordSender(program.sender.now, key=key)
        payload = program.discord.interaction(2, command("status"))
        async with aiohttp.ClientSession() as session:
            assert await forger.signed(payload).post(program.base, session) == (401, b"")
            assert await forger.signed({"type": 1}).post(program.base, session) == (401, b"")
            genuine = await program.sender.signed({"type": 1}).post(program.base, session)
        assert genuine == (200, b'{"type":1}')
        assert program.discord.visible() == []
