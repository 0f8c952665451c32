"""P2 and P3 on every platform: the kills of `tests.prove.kills` on Slack, and more on the others.

Telegram by polling and by webhook, Discord over its gateway and by signed interactions, Slack over
sockets. On Telegram, which keeps no key of ours, a copy counts where no kill explains it: one that
hit between the acceptance on the wire and our commit explains one copy of what it hit.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from tests.prove import kills
from tests.prove.report import Check, Outcome
from tests.support.crash_discord import discord_world
from tests.support.crash_platforms import Lives
from tests.support.crash_sockets import socket_world
from tests.support.crash_survival import Result, survive
from tests.support.crash_telegram import telegram_world
from tests.support.crash_waves import Result as SlackResult
from tests.support.crash_waves import alone
from tests.support.crash_waves import survive as survive_on_slack
from tests.support.postgres import running_postgres

KILLS = 200
ON_POSTGRES = 100

Make = Callable[..., AbstractAsyncContextManager[Lives]]


@dataclass(frozen=True, slots=True)
class Way:
    """How the program is connected while it is killed."""

    name: str
    platform: str
    make: Make
    postgres: bool = False


_POLLING: Make = partial(telegram_world, by_webhook=False)
_WEBHOOK: Make = partial(telegram_world, by_webhook=True)
WAYS = (
    Way("Telegram by polling", "Telegram", _POLLING),
    Way("Telegram by webhook", "Telegram", _WEBHOOK),
    Way("Telegram by polling on Postgres", "Telegram", _POLLING, postgres=True),
    Way("Discord", "Discord", discord_world),
    Way("Discord on Postgres", "Discord", discord_world, postgres=True),
)


def acknowledged_once() -> Outcome:
    """P2: an acknowledged message is never lost and never processed twice, on any platform."""
    slack, sockets = kills.acknowledged_once(), _over_sockets()
    verdicts = [(way, _killed(way).verdict) for way in WAYS]
    lost = [f"lost on {way.name}: {mark}" for way, v in verdicts for mark in v.lost]
    double = [f"double on {way.name}: {mark}" for way, v in verdicts for mark in v.double]
    skipped = [f"skipped on {way.name}: {key}" for way, v in verdicts for key in v.skipped]
    lost += [f"lost over Slack's sockets: {mark}" for mark in sockets.verdict.lost]
    double += [f"double over Slack's sockets: {mark}" for mark in sockets.verdict.double_turns]
    figures = {**slack.figures, "kills on Slack's sockets": float(sockets.kills)}
    for way, verdict in verdicts:
        figures[f"kills on {way.name}"] = _killed(way).kills
        figures[f"acknowledged on {way.name}"] = verdict.acknowledged
        figures[f"told by the gateway to nobody alive on {way.name}"] = verdict.unheard
    heard = sum(v.acknowledged for _, v in verdicts) + sockets.verdict.acknowledged
    kills_beside = sum(_killed(way).kills for way in WAYS) + sockets.kills
    return Outcome(
        tried=f"Slack: {slack.tried}; Telegram, Discord, Slack's sockets: {kills_beside} kills, "
        f"{heard:,} messages, commands and buttons",
        checks=(
            *_more(slack.checks, (len(lost), len(double))),
            Check(what="skipped by an offset", value=len(skipped)),
        ),
        figures=figures,
        notes=[*slack.notes, *lost[:10], *double[:10], *skipped[:10]],
    )


def answered_once() -> Outcome:
    """P3: an answer appears once; on Telegram once more for a crash in the middle of its sending."""
    slack, sockets = kills.answered_once(), _over_sockets()
    telegram = [_killed(way).verdict for way in WAYS if way.platform == "Telegram"]
    discord = [_killed(way).verdict for way in WAYS if way.platform == "Discord"]
    orphans = len(sockets.verdict.double_posts)
    figures = {
        "messages hit between acceptance and commit on Telegram": sum(v.hits for v in telegram),
        "copies of them": sum(v.excused for v in telegram),
    }
    strays = [text for verdict in (*telegram, *discord) for text in verdict.strays]
    return Outcome(
        tried=f"{slack.tried}; {sum(v.acknowledged for v in telegram):,} on Telegram, "
        f"{sum(v.acknowledged for v in discord):,} on Discord, "
        f"{sockets.verdict.acknowledged:,} over Slack's sockets",
        checks=(
            *_more(slack.checks, (orphans,)),
            Check(what="double on Discord", value=sum(len(v.copies) for v in discord)),
            Check(
                what="double on Telegram that no crash explains",
                value=sum(v.unexcused for v in telegram),
            ),
            Check(what="strays", value=len(strays)),
        ),
        figures={**slack.figures, **figures},
        notes=[*slack.notes, *strays[:10]],
    )


def _more(checks: Sequence[Check], found: Sequence[int]) -> list[Check]:
    """The checks with so many more found."""
    return [replace(c, value=c.value + more) for c, more in zip(checks, found, strict=True)]


@cache
def _killed(way: Way) -> Result:
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        if not way.postgres:
            return asyncio.run(_survive(way, Path(folder), None, KILLS))
        with running_postgres() as server, server.database() as url:
            return asyncio.run(_survive(way, Path(folder), url, ON_POSTGRES))


async def _survive(way: Way, folder: Path, url: str | None, count: int) -> Result:
    async with way.make(folder, url=url) as people:
        return await survive(people, count)


@cache
def _over_sockets() -> SlackResult:
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        return asyncio.run(_survive_sockets(Path(folder)))


async def _survive_sockets(folder: Path) -> SlackResult:
    async with socket_world(folder) as people:
        return await survive_on_slack(people, KILLS, starters=alone(people))
