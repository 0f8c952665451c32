"""The whole program, connected to Slack over signed webhooks."""

import random
from pathlib import Path

import aiohttp

from bot.selftest.slack.deliveries import BadDay, by_webhook
from tests.support.fake_slack import CHANNEL
from tests.support.fake_slack_events import SlackSender
from tests.support.program import running_program


async def test_a_mention_is_answered_in_its_thread_once(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        ts = program.sender.next_ts()
        assert await program.mention("hello", ts=ts) == 200
        # Slack sends the same words as a message of the channel, too.
        doubled = program.sender.signed_event("<@U0BOT> hello", ts=ts)
        assert await program.post(doubled) == 200
        assert await program.post(doubled.again()) == 200
        [answer] = await program.shown(1)
        assert "No language model is connected" in answer
        [posted] = program.slack.visible()
        assert (posted.channel, posted.thread_ts) == (CHANNEL, ts)


async def test_a_reply_in_the_thread_needs_no_mention(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        ts = program.sender.next_ts()
        await program.mention("hello", ts=ts)
        await program.shown(1)
        await program.reply("what is scheduled?", thread_ts=ts)
        words = await program.shown(2)
        assert "no schedules" in words[1]


async def test_a_slash_command_is_answered_to_its_sender_only(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        assert await program.command("schedule list") == 200
        await program.shown(1)
        [posted] = program.slack.visible()
        assert posted.only_for is not None


async def test_a_briefing_arrives_and_its_thread_knows_it(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        await program.command('schedule create "every weekday at 8:30" Post the morning briefing')
        await program.command("schedule run 1")
        [briefing] = await program.shown(1, seen=lambda post: "Briefing" in post.markdown)
        assert "#1 Post the morning briefing" in briefing
        [posted] = [post for post in program.slack.visible() if "Briefing" in post.markdown]
        await program.delivered()
        await program.reply("repeat that", thread_ts=posted.ts)
        answers = await program.shown(1, seen=lambda post: post.thread_ts == posted.ts)
        assert "#1 Post the morning briefing" in answers[0]


async def test_the_program_says_what_ready_means(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        async with program.session.get(f"{program.base}/readyz") as answer:
            found = await answer.json()
        assert found["ready"] is True
        assert {check["name"] for check in found["checks"]} >= {"database", "outbox", "slack"}


async def test_a_forged_request_is_refused_and_starts_nothing(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        forger = SlackSender(program.sender.now, secret="another" * 4)
        assert await program.post(forger.signed_event("<@U0BOT> hello")) == 401
        async with aiohttp.ClientSession() as session:
            status, text = await forger.signed_event("hi").post(program.base, session)
        assert (status, text) == (401, "")
        assert program.slack.visible() == []


async def test_on_a_bad_day_each_message_is_answered_once(tmp_path: Path) -> None:
    async with running_program(tmp_path) as program:
        asked = [
            program.sender.signed_event(f"<@U0BOT> hello {number}", kind="app_mention")
            for number in range(6)
        ]
        day = BadDay(random.Random(3), doubled=0.5, lost=0.4)
        assert await day.deliver(asked, by_webhook(program.base, program.session)) == 0
        assert sum(day.tries) > len(asked)
        await program.shown(len(asked))
        await program.delivered()
        threads = [post.thread_ts for post in program.slack.visible()]
        assert len(threads) == len(set(threads)) == len(asked)
