"""When Discord counts as heard."""

import asyncio

from adapters.memory.store import MemoryStore
from bot.platforms.discord import open_discord
from bot.platforms.opened import Hear
from bot.selftest.discord.names import GUILD, TOKEN
from bot.settings import DiscordSettings, Secret
from runtime.ids import TimeOrderedIds
from runtime.model.events import Inbound
from runtime.model.files import OutFile
from tests.support.build import team
from tests.support.clock import ManualClock
from tests.support.discord_program import restored_sdk
from tests.support.fake_discord import FakeDiscord


async def _nothing(inbound: Inbound) -> None:
    raise AssertionError(inbound)


async def _no_file(file: OutFile) -> bytes:
    raise AssertionError(file)


async def _hear(hear: Hear) -> None:
    await hear(_nothing)


async def test_discord_is_not_ready_while_the_gateways_library_is_loaded() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    async with FakeDiscord() as discord:
        settings = DiscordSettings(
            bot_token=Secret(TOKEN),
            public_key=None,
            previous_public_key=None,
            application_id=None,
            base_url=discord.url,
            guilds=(GUILD,),
            gateway=True,
        )
        opening = open_discord(settings, clock, team=team, store=store, read=_no_file)
        with restored_sdk():
            async with opening as platform, asyncio.TaskGroup() as tasks:
                assert (await platform.look()).ok  # as in a process that takes no events in
                hearing = tasks.create_task(_hear(platform.hears[0]))
                await clock.sleep(0)
                check = await platform.look()
                assert (check.ok, check.detail) == (False, "the gateway is not connected yet")
                hearing.cancel()
