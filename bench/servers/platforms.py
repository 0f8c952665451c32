"""Slack, Telegram and Discord for a process to connect to; says where each of them is."""

from collections.abc import Sequence

from bench.child import live
from bench.desk import fake_slack
from bench.servers.common import take_orders
from bot.selftest.discord.server import FakeDiscord
from bot.selftest.telegram.server import FakeTelegram


async def _live(_: Sequence[str]) -> None:
    async with fake_slack() as url, FakeTelegram() as telegram, FakeDiscord() as discord:
        await take_orders((url, telegram.url, discord.url))


if __name__ == "__main__":
    live(_live, core=None)
