"""The real program in this event loop, connected to a fake Telegram by polling or by webhook."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from bot.environ import load_settings
from bot.role import Role
from bot.running.lifecycle import run
from tests.support.eventually import eventually
from tests.support.fake_telegram import ADA, FORUM, GROUP, SECRET, TOKEN, FakeTelegram, Posted
from tests.support.ports import free_port
from tests.support.program import answering
from tests.support.ready import put_store

CONFIG = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[members]]
name = "Ada"
role = "owner"
telegram = {ADA}

[[channels]]
platform = "telegram"
id = {GROUP}
name = "#ops"
listen = true
proactive = true

[[channels]]
platform = "telegram"
id = "{FORUM}"
name = "#forum"
listen = true

[[agents]]
name = "desk"
model = "offline"
instructions = "Be brief."
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The running program, seen from Telegram.

    Attributes:
        telegram: the fake that it talks to.
        base: its address.
        session: asks it.
        by_webhook: updates are posted to it.
    """

    telegram: FakeTelegram
    base: str
    session: aiohttp.ClientSession
    by_webhook: bool

    async def arrives(self, *, repeats: int = 1) -> None:
        """Let what happened reach the program; by webhook each time it is posted."""
        if self.by_webhook:
            statuses = await self.telegram.post_updates(repeats=repeats)
            assert set(statuses) == {200}
        else:
            await self.telegram.tell()

    async def shown(
        self, count: int, *, seen: Callable[[Posted], bool] = lambda _: True
    ) -> list[Posted]:
        """Wait until the bot has shown that many finished messages, and return them."""

        def found() -> list[Posted]:
            return [posted for posted in self.telegram.world.visible() if seen(posted)]

        await eventually(lambda: len(found()) >= count, f"{count} messages")
        return found()

    async def ready(self) -> dict[str, dict[str, object]]:
        """The checks of readiness by name."""
        async with self.session.get(f"{self.base}/readyz") as answer:
            checks = (await answer.json())["checks"]
        return {check["name"]: check for check in checks}

    async def delivered(self) -> None:
        """Wait until nothing is on its way out any more."""
        async with asyncio.timeout(45):
            while True:
                if (await self.ready())["outbox"]["detail"] == "nothing waits":
                    return


@asynccontextmanager
async def running_program(
    folder: Path, *, by_webhook: bool, config: str = CONFIG
) -> AsyncIterator[Program]:
    """Run `nightdesk run` without a terminal over SQLite in `folder`."""
    (folder / "nightdesk.toml").write_text(config)
    put_store(folder)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with FakeTelegram() as telegram, aiohttp.ClientSession() as session:
        environ = {
            "HOME": str(folder),
            "NIGHTDESK_DATA_DIR": str(folder),
            "NIGHTDESK_HTTP__PORT": str(port),
            "NIGHTDESK_TELEGRAM__BOT_TOKEN": TOKEN,
            "NIGHTDESK_TELEGRAM__BASE_URL": telegram.url,
            "NIGHTDESK_NO_SPEND": "1",
        }
        if by_webhook:
            environ["NIGHTDESK_TELEGRAM__WEBHOOK_URL"] = base
            environ["NIGHTDESK_TELEGRAM__WEBHOOK_SECRET"] = SECRET
        settings = replace(load_settings(environ, cwd=folder), terminal=False)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(run(settings, Role.ALL))
            try:
                await answering(session, f"{base}/readyz", task)
                yield Program(telegram, base, session, by_webhook)
            finally:
                if not task.done():
                    os.kill(os.getpid(), signal.SIGTERM)
        assert telegram.violations == []
