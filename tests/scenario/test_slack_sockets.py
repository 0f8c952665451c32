"""The whole program, connected to Slack by Socket Mode: no port is open."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from bot.environ import load_settings
from bot.role import Role
from bot.running.lifecycle import run
from bot.selftest.slack.names import APP_TOKEN, BOT, DIRECT
from bot.selftest.slack.sender import Signed, SlackSender
from tests.support.eventually import eventually
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Posted
from tests.support.fake_slack_events import ADA
from tests.support.ports import free_port
from tests.support.program import CONFIG, answering
from tests.support.ready import put_store


@dataclass(frozen=True, slots=True)
class Socketed:
    """The running program, seen from Slack."""

    slack: FakeSlack
    sender: SlackSender
    base: str
    session: aiohttp.ClientSession

    async def tell(self, signed: Signed) -> Any:
        """Deliver as Slack does, until it is acknowledged."""
        return await self.slack.sockets.tell(signed.envelope)

    async def mention(self, text: str, *, ts: str, thread_ts: str | None = None) -> None:
        await self.tell(
            self.sender.signed_event(
                f"<@{BOT}> {text}", kind="app_mention", ts=ts, thread_ts=thread_ts
            )
        )

    async def event(self, **event: Any) -> None:
        await self.tell(self.sender.envelope(event))

    async def shown(self, count: int, seen: Callable[[Posted], bool] | None = None) -> list[str]:
        def words() -> list[str]:
            posted = [p for p in self.slack.visible() if seen is None or seen(p)]
            return [post.markdown or post.text for post in posted]

        await eventually(lambda: len(words()) >= count, f"{count} messages")
        return words()


@asynccontextmanager
async def by_socket(folder: Path) -> AsyncIterator[Socketed]:
    (folder / "nightdesk.toml").write_text(CONFIG)
    put_store(folder)
    port = free_port()
    async with FakeSlack() as slack, aiohttp.ClientSession() as session:
        environ = {
            "HOME": str(folder),
            "NIGHTDESK_DATA_DIR": str(folder),
            "NIGHTDESK_HTTP__PORT": str(port),
            "NIGHTDESK_SLACK__APP_TOKEN": APP_TOKEN,
            "NIGHTDESK_SLACK__BOT_TOKEN": TOKEN,
            "NIGHTDESK_SLACK__BASE_URL": slack.url,
            "NIGHTDESK_NO_SPEND": "1",
        }
        settings = replace(load_settings(environ, cwd=folder), terminal=False)
        base = f"http://127.0.0.1:{port}"
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(run(settings, Role.ALL))
            try:
                await slack.sockets.connected()
                await answering(session, f"{base}/readyz", task)
                yield Socketed(slack, SlackSender(slack.now), base, session)
            finally:
                if not task.done():
                    os.kill(os.getpid(), signal.SIGTERM)
        assert slack.violations == []
        assert slack.sockets.violations == []


async def test_a_mention_is_answered_in_its_thread_once_over_a_reconnect(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        ts = program.sender.next_ts()
        await program.mention("hello", ts=ts)
        await program.slack.sockets.refresh()
        # Slack sends the same words as a message of the channel, too.
        await program.tell(program.sender.signed_event(f"<@{BOT}> hello", ts=ts))
        await eventually(lambda: program.slack.sockets.opened == 2, "a new connection")
        await program.tell(program.sender.signed_event("what is scheduled?", thread_ts=ts))
        words = await program.shown(2)
        assert "No language model is connected" in words[0]
        assert "no schedules" in words[1]
        assert {(p.channel, p.thread_ts) for p in program.slack.visible()} == {(CHANNEL, ts)}


async def test_ready_says_how_long_the_socket_was_silent(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        async with program.session.get(f"{program.base}/readyz") as answer:
            checks = {check["name"]: check for check in (await answer.json())["checks"]}
        assert checks["slack"]["ok"] is True
        assert "socket" in checks["slack"]["detail"]
        assert checks["slack"]["age_seconds"] < 30
        async with program.session.post(f"{program.base}/slack/events", data=b"{}") as answer:
            assert answer.status == 404, "without a signing secret there is no webhook"


async def test_a_schedule_is_made_by_a_form_from_a_slash_command(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        slack = program.slack
        command = program.sender.command(
            "schedule create", reply_url=slack.response_url(), trigger=slack.trigger()
        )
        await program.tell(command)
        await eventually(lambda: bool(slack.forms), "the form")
        [form] = slack.forms
        wrong = program.sender.submit(form, {"when": "soonish", "instruction": "Greet all"})
        assert await program.tell(wrong) == {"response_action": "clear"}
        [refusal] = await program.shown(1)
        assert "soonish" in refusal
        [posted] = slack.visible()
        assert posted.only_for is not None, "what is wrong is for who wrote it"
        right = program.sender.submit(form, {"when": "every day at 9", "instruction": "Greet all"})
        await program.tell(right)
        [made] = await program.shown(1, seen=lambda post: "Schedule 1" in post.markdown)
        assert "Greet all" in made


async def test_the_home_of_a_person_is_drawn_when_they_open_it(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        opened = {"type": "app_home_opened", "user": ADA, "channel": DIRECT, "tab": "home"}
        await program.event(**opened)
        await eventually(lambda: DIRECT in program.slack.prompts, "the page, then the prompts")
        before = str(program.slack.homes[ADA])
        assert len(program.slack.prompts[DIRECT]) == 4
        await program.mention("schedule create every day at 9 Greet all", ts="1796083200.000100")
        await program.shown(1)
        await program.event(**opened)
        await eventually(lambda: str(program.slack.homes[ADA]) != before, "the new page")
        assert "Greet all" in str(program.slack.homes[ADA])


async def test_nothing_goes_unasked_to_a_channel_that_was_shared_until_an_owner_trusts_it(
    tmp_path: Path,
) -> None:
    async with by_socket(tmp_path) as program:
        slack, sender = program.slack, program.sender
        url = slack.response_url()
        await program.tell(
            sender.command("schedule create every day at 9 Write the briefing", reply_url=url)
        )
        await program.shown(1)
        await program.event(type="channel_shared", channel=CHANNEL, connected_team_id="T0ACME")
        told = await program.shown(1, seen=lambda post: post.channel == DIRECT)
        assert "#ops was shared with another organisation (T0ACME)" in told[0]
        await program.tell(sender.command("schedule run 1", reply_url=slack.response_url("two")))
        number = 2
        async with asyncio.timeout(45):
            while not any("kept, not sent" in post.markdown for post in slack.visible()):
                number += 1
                url = slack.response_url(str(number))
                await program.tell(sender.command("schedule show 1", reply_url=url))
                place = f"response:{number}"
                await eventually(lambda: bool(slack.visible(place)), "an answer")  # noqa: B023
        [kept] = [post for post in slack.visible() if "kept, not sent" in post.markdown]
        assert "#ops was shared" in kept.markdown
        assert [p for p in slack.visible(CHANNEL) if "Briefing" in p.markdown] == []
        await program.mention("channel trust #ops", ts=sender.next_ts())
        await program.shown(1, seen=lambda post: "trusted from now on" in post.markdown)
        await program.tell(sender.command("schedule run 1", reply_url=slack.response_url("z")))
        await program.shown(1, seen=lambda p: p.channel == CHANNEL and "Briefing" in p.markdown)


async def test_the_stop_button_of_a_session_with_nothing_to_stop_says_so(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        ts = program.sender.next_ts()
        await program.mention("hello", ts=ts)
        await program.shown(1)
        await program.event(
            type="agent_session_stopped",
            channel=CHANNEL,
            thread_ts=ts,
            user=ADA,
            streaming_message_ts=[],
        )
        words = await program.shown(2)
        assert "othing" in words[1]


async def test_the_connection_is_tested_from_the_chat(tmp_path: Path) -> None:
    async with by_socket(tmp_path) as program:
        url = program.slack.response_url()
        await program.tell(program.sender.command("channel test #ops", reply_url=url))
        [words] = await program.shown(1)
        assert "the bot token: good" in words
        assert "the app-level token: good" in words
        assert "the bot is in it" in words
