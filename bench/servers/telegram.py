"""Nightdesk's way from an update of Telegram to its acknowledgement; see `gateway`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import telegram
from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import take_orders
from bench.servers.gateway import clear, serving
from bot.selftest.telegram.server import FakeTelegram


async def _live(arguments: Sequence[str]) -> None:
    async with FakeTelegram() as fake:
        also = telegram.environment(fake.url, "https://desk.example.com")
        folder = Path(arguments[0]) / "telegram"
        async with serving(folder, also=also, team=telegram.TEAM_FILE) as (port, store):

            async def cleared(_: msgspec.Raw) -> object:
                return await clear(store)

            await take_orders(port, {"clear": cleared})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
