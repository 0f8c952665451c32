"""Nightdesk's way from an interaction of Discord to its acknowledgement; see `gateway`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import discord
from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import take_orders
from bench.servers.gateway import clear, serving
from bot.selftest.discord.server import FakeDiscord


async def _live(arguments: Sequence[str]) -> None:
    async with FakeDiscord() as fake:
        folder, also = Path(arguments[0]) / "discord", discord.environment(fake.url)
        async with serving(folder, also=also, team=discord.TEAM_FILE) as (port, store):

            async def cleared(_: msgspec.Raw) -> object:
                return await clear(store)

            await take_orders(port, {"clear": cleared})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
