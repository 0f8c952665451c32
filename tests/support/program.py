"""The real program in this event loop: settings from an environment, real time, a fake Slack."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from bot.environ import load_settings
from bot.parts import Opened, open_parts
from bot.role import Role
from bot.running.lifecycle import Opening, run
from bot.settings import Settings
from runtime.ports import ModelPort
from tests.support.eventually import eventually
from tests.support.fake_slack import CHANNEL, TEAM, TOKEN, FakeSlack, Posted
from tests.support.fake_slack_events import ADA, SECRET, Signed, SlackSender
from tests.support.ports import free_port
from tests.support.ready import put_store

CONFIG = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[slack]
workspace = "{TEAM}"

[[members]]
name = "Ada"
role = "owner"
slack = "{ADA}"

[[channels]]
platform = "slack"
id = "{CHANNEL}"
name = "#ops"
listen = true
proactive = true

[[agents]]
name = "desk"
model = "offline"
instructions = "Be brief."
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The running program, seen from Slack.

    Attributes:
        slack: the fake Slack that it posts to.
        sender: signs what Slack posts to it.
        base: its address.
        session: posts.
        task: its life, which returns its exit code.
    """

    slack: FakeSlack
    sender: SlackSender
    base: str
    session: aiohttp.ClientSession
    task: asyncio.Task[int]

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it lives."""
        return self.task.result() if self.task.done() else None

    def stop(self) -> None:
        """Tell it to end, as a service manager does."""
        os.kill(os.getpid(), signal.SIGTERM)

    async def post(self, signed: Signed) -> int:
        """Post a request to the program; its status."""
        status, _ = await signed.post(self.base, self.session)
        return status

    async def mention(self, text: str, *, ts: str, thread_ts: str | None = None) -> int:
        """Ada mentions the bot."""
        event = self.sender.signed_event(
            f"<@U0BOT> {text}", kind="app_mention", ts=ts, thread_ts=thread_ts
        )
        return await self.post(event)

    async def reply(self, text: str, *, thread_ts: str) -> int:
        """Ada writes in a thread without a mention."""
        ts = self.sender.next_ts()
        return await self.post(self.sender.signed_event(text, ts=ts, thread_ts=thread_ts))

    async def command(self, text: str) -> int:
        """Ada types `/nightdesk` and the text; the answer goes to a response address."""
        return await self.post(self.sender.command(text, reply_url=self.slack.response_url()))

    async def shown(self, count: int, *, seen: Callable[[Posted], bool] | None = None) -> list[str]:
        """Wait until the bot has posted that many messages, and return their words."""

        def words() -> list[str]:
            posted = [p for p in self.slack.visible() if seen is None or seen(p)]
            return [post.markdown or post.text for post in posted]

        await eventually(lambda: len(words()) >= count, f"{count} messages")
        return words()

    async def delivered(self) -> None:
        """Wait until nothing is on its way out any more, as `/readyz` says it."""
        async with asyncio.timeout(45):
            while True:
                async with self.session.get(f"{self.base}/readyz") as answer:
                    checks = (await answer.json())["checks"]
                if any(c["name"] == "outbox" and c["detail"] == "nothing waits" for c in checks):
                    return


@asynccontextmanager
async def running_program(folder: Path, *, config: str = CONFIG) -> AsyncIterator[Program]:
    """Run `nightdesk run` without a terminal over SQLite in `folder`, connected to a fake Slack."""
    async with FakeSlack() as slack, one_life(folder, slack, config=config) as program:
        yield program
        assert program.ended is None
    assert slack.violations == []


@asynccontextmanager
async def one_life(
    folder: Path,
    slack: FakeSlack,
    *,
    config: str = CONFIG,
    more: Mapping[str, str] | None = None,
    model: ModelPort | None = None,
) -> AsyncIterator[Program]:
    """One life of the program, ended by SIGTERM where the test does not end it.

    Args:
        folder: where its data is.
        slack: what it posts to.
        config: its `nightdesk.toml`.
        more: variables of its environment, beside those that every life has.
        model: answers in place of the configured ones, under its own name.
    """
    (folder / "nightdesk.toml").write_text(config)
    put_store(folder)
    port = free_port()
    environ = {
        "HOME": str(folder),
        "NIGHTDESK_DATA_DIR": str(folder),
        "NIGHTDESK_HTTP__PORT": str(port),
        "NIGHTDESK_SLACK__SIGNING_SECRET": SECRET,
        "NIGHTDESK_SLACK__BOT_TOKEN": TOKEN,
        "NIGHTDESK_SLACK__BASE_URL": slack.url,
        "NIGHTDESK_NO_SPEND": "1",
        **(more or {}),
    }
    settings = replace(load_settings(environ, cwd=folder), terminal=False)
    base = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run(settings, Role.ALL, opening=with_model(model)))
        program = Program(slack, SlackSender(time.time), base, session, task)
        try:
            await answering(session, f"{base}/readyz", task)
            yield program
        finally:
            if not task.done():
                program.stop()


def with_model(model: ModelPort | None) -> Opening:
    """Open the program's parts as ever, with that model in place of its own where there is one."""

    @asynccontextmanager
    async def opening(settings: Settings, role: Role) -> AsyncIterator[Opened]:
        async with open_parts(settings, role) as opened:
            models = opened.parts.models if model is None else {model.info.name: model}
            yield replace(opened, parts=replace(opened.parts, models=models))

    return opening


async def answering(session: aiohttp.ClientSession, url: str, task: asyncio.Task[int]) -> None:
    """Return once the address answers 200; fail where the program ends first."""
    async with asyncio.timeout(45):
        while not task.done():
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.02)
    await task
