"""Killed at random on each platform: nothing lost, nothing twice but what Telegram cannot help.

Messages, commands and buttons come in, three in ten of them twice and in no order. What is on the
wire is counted by the fakes. The worlds are side by side: most of a life is waiting. `make prove`
kills hundreds of times.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.support.crash_discord import Discord, discord_world
from tests.support.crash_places import Places
from tests.support.crash_platforms import Lives
from tests.support.crash_sockets import socket_world
from tests.support.crash_survival import Result, survive
from tests.support.crash_telegram import telegram_world
from tests.support.crash_waves import Result as SlackResult
from tests.support.crash_waves import alone
from tests.support.crash_waves import survive as survive_on_slack

KILLS = 12
ON_POSTGRES = 5
SAID_IN_A_LIFE = 4
"""Enough for something to be under way at most kills."""


async def test_every_platform_on_sqlite(on_sqlite: Places) -> None:
    polling, webhook, discord, slack = map(
        on_sqlite.new, ("polling", "webhook", "discord", "slack")
    )
    async with asyncio.TaskGroup() as tasks:
        lives = [
            tasks.create_task(_survive(telegram_world(polling[0], by_webhook=False), KILLS)),
            tasks.create_task(_survive(telegram_world(webhook[0], by_webhook=True), KILLS)),
            tasks.create_task(_survive(discord_world(discord[0]), KILLS)),
        ]
        sockets = tasks.create_task(_survive_sockets(slack[0]))
    for life in lives:
        _kept(*life.result())
    verdict = sockets.result().verdict
    assert (verdict.lost, verdict.double_turns, verdict.double_posts) == ((), (), ())
    assert verdict.violations == ()
    assert verdict.acknowledged > KILLS


async def test_telegram_and_discord_on_postgres(on_postgres: Places) -> None:
    (first, one), (second, other) = map(on_postgres.new, ("telegram", "discord"))
    telegram = telegram_world(first, by_webhook=False, url=one)
    discord = discord_world(second, url=other)
    async with asyncio.TaskGroup() as tasks:
        lives = [tasks.create_task(_survive(made, ON_POSTGRES)) for made in (telegram, discord)]
    for life in lives:
        _kept(*life.result())


async def _survive(
    made: AbstractAsyncContextManager[Lives], kills: int
) -> tuple[type[Lives], Result]:
    async with made as people:
        return type(people), await survive(people, kills, said_in_a_life=SAID_IN_A_LIFE)


async def _survive_sockets(folder: Path) -> SlackResult:
    async with socket_world(folder) as people:
        return await survive_on_slack(
            people, KILLS, starters=alone(people), said_in_a_life=SAID_IN_A_LIFE
        )


def _kept(platform: type[Lives], result: Result) -> None:
    verdict = result.verdict
    assert verdict.lost == ()
    assert verdict.double == ()
    assert verdict.unexcused == 0, verdict.copies
    assert platform is not Discord or verdict.copies == ()
    assert verdict.skipped == ()
    assert verdict.strays == ()
    assert verdict.violations == ()
    assert verdict.acknowledged > result.kills
