"""The real program in this event loop, connected to a fake Discord."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.environ import load_settings
from bot.role import Role
from bot.running.lifecycle import run
from bot.selftest.discord.content import Json, Posted
from bot.selftest.discord.names import ADA, CHANNEL, GUILD, PUBLIC_KEY, TOKEN
from bot.selftest.discord.sender import DiscordSender
from tests.support.eventually import eventually
from tests.support.fake_discord import FakeDiscord
from tests.support.ports import free_port
from tests.support.program import answering
from tests.support.ready import put_store

CONFIG = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[discord]
guilds = ["{GUILD}"]
gateway = GATEWAY

[[members]]
name = "Ada"
role = "owner"
discord = "{ADA}"

[[channels]]
platform = "discord"
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
class DiscordProgram:
    """The running program, seen from Discord.

    Attributes:
        discord: the fake Discord that it talks to.
        sender: signs what Discord posts to it.
        base: its address.
        session: posts.
    """

    discord: FakeDiscord
    sender: DiscordSender
    base: str
    session: aiohttp.ClientSession

    async def use(self, kind: int, data: Json, **fields: object) -> Json | None:
        """Ada uses a command (2), a button (3) or a form (5) by webhook; the answer at once."""
        payload = self.discord.interaction(kind, data, **fields)  # type: ignore[arg-type] # fields of any payload
        status, answer = await self.sender.deliver(self.discord, payload, self.base, self.session)
        assert status == 200
        return answer

    async def shown(
        self, count: int, *, seen: Callable[[Posted], bool] | None = None
    ) -> list[Posted]:
        """Wait until the bot has shown that many messages that are finished."""

        def found() -> list[Posted]:
            posted = [p for p in self.discord.visible() if not p.content.endswith("▌")]
            return [p for p in posted if seen is None or seen(p)]

        await eventually(lambda: len(found()) >= count, f"{count} messages")
        return found()

    async def delivered(self) -> None:
        """Wait until nothing is on its way out any more, as `/readyz` says it."""
        async with asyncio.timeout(45):
            while True:
                async with self.session.get(f"{self.base}/readyz") as answer:
                    checks = (await answer.json())["checks"]
                if any(c["name"] == "outbox" and c["detail"] == "nothing waits" for c in checks):
                    return


@asynccontextmanager
async def discord_program(
    folder: Path,
    *,
    gateway: bool = True,
    discord: FakeDiscord | None = None,
    config: str = CONFIG,
) -> AsyncIterator[DiscordProgram]:
    """Run `nightdesk run` without a terminal over SQLite in `folder`, connected to a fake Discord.

    A Discord that is handed over goes on when the program has ended.
    """
    if discord is None:
        async with (
            FakeDiscord() as fresh,
            discord_program(folder, gateway=gateway, discord=fresh, config=config) as program,
        ):
            yield program
        return
    (folder / "nightdesk.toml").write_text(config.replace("GATEWAY", str(gateway).lower()))
    put_store(folder)
    port = free_port()
    environ = {
        "HOME": str(folder),
        "NIGHTDESK_DATA_DIR": str(folder),
        "NIGHTDESK_HTTP__PORT": str(port),
        "NIGHTDESK_DISCORD__BOT_TOKEN": TOKEN,
        "NIGHTDESK_DISCORD__PUBLIC_KEY": PUBLIC_KEY,
        "NIGHTDESK_DISCORD__BASE_URL": discord.url,
        "NIGHTDESK_NO_SPEND": "1",
    }
    settings = replace(load_settings(environ, cwd=folder), terminal=False)
    base = f"http://127.0.0.1:{port}"
    with restored_sdk():
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            task = tasks.create_task(run(settings, Role.ALL))
            try:
                await answering(session, f"{base}/readyz", task)
                if gateway:
                    # Ready with its first word; what happens before the session is not told.
                    await eventually(lambda: discord.gateway.connected, "the gateway")
                yield DiscordProgram(discord, DiscordSender(time.time), base, session)
            finally:
                if not task.done():
                    os.kill(os.getpid(), signal.SIGTERM)
    assert discord.violations == []
    assert discord.gateway.problems == []


@contextmanager
def restored_sdk() -> Iterator[None]:
    """discord.py keeps its addresses in its classes: put them back as they were."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
