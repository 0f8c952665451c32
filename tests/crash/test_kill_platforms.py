"""Killed at random on each platform: nothing lost, nothing twice but what Telegram cannot help.

Messages, commands and buttons come in, three in ten of them twice and in no order. What is on the
wire is counted by the fakes. `make prove` does it hundreds of times.
"""

from pathlib import Path

import pytest

from tests.support.crash_discord import discord_world
from tests.support.crash_sockets import socket_world
from tests.support.crash_survival import Result, survive
from tests.support.crash_telegram import telegram_world
from tests.support.crash_waves import alone
from tests.support.crash_waves import survive as survive_on_slack

KILLS = 12
ON_POSTGRES = 5

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("by_webhook", [False, True], ids=["polling", "webhook"])
async def test_telegram(tmp_path: Path, by_webhook: bool) -> None:
    async with telegram_world(tmp_path, by_webhook=by_webhook) as people:
        _kept(await survive(people, KILLS))


async def test_telegram_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    async with telegram_world(tmp_path, by_webhook=False, url=postgres_url) as people:
        _kept(await survive(people, ON_POSTGRES))


async def test_discord(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as people:
        result = await survive(people, KILLS)
        _kept(result)
        assert result.verdict.copies == ()


async def test_discord_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    async with discord_world(tmp_path, url=postgres_url) as people:
        result = await survive(people, ON_POSTGRES)
        _kept(result)
        assert result.verdict.copies == ()


async def test_slack_over_sockets(tmp_path: Path) -> None:
    async with socket_world(tmp_path) as people:
        verdict = (await survive_on_slack(people, KILLS, starters=alone(people))).verdict
        assert (verdict.lost, verdict.double_turns, verdict.double_posts) == ((), (), ())
        assert verdict.violations == ()
        assert verdict.acknowledged > KILLS


def _kept(result: Result) -> None:
    verdict = result.verdict
    assert verdict.lost == ()
    assert verdict.double == ()
    assert verdict.unexcused == 0, verdict.copies
    assert verdict.skipped == ()
    assert verdict.strays == ()
    assert verdict.violations == ()
    assert verdict.acknowledged > result.kills
