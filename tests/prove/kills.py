"""P2, P3 and P13: killed 200 times in each of three ways, while people write.

The three ways are one process over SQLite, one over Postgres, and the roles of the Procfile with
two workers over Postgres. One run of each serves all three proofs.
"""

import asyncio
import statistics
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.prove.report import Check, Outcome
from tests.support.crash_waves import Result, Starters, alone, split, survive
from tests.support.crash_world import world
from tests.support.postgres import running_postgres

KILLS = 200


@dataclass(frozen=True, slots=True)
class Way:
    """How the program runs while it is killed."""

    name: str
    starters: Starters
    postgres: bool


WAYS = (
    Way("SQLite", alone, postgres=False),
    Way("Postgres", alone, postgres=True),
    Way("Postgres in roles", split, postgres=True),
)


def acknowledged_once() -> Outcome:
    """P2: an acknowledged message is never lost and never processed twice."""
    results = [_killed(way) for way in WAYS]
    verdicts = [result.verdict for result in results]
    figures = {f"kills on {way.name}": float(_killed(way).kills) for way in WAYS}
    for way in WAYS:
        result = _killed(way)
        figures[f"kills with an answer owed on {way.name}"] = float(result.within)
        figures[f"acknowledged on {way.name}"] = result.verdict.acknowledged
        figures[f"median seconds of a start on {way.name}"] = statistics.median(result.ready)
        figures[f"given up after three tries on {way.name}"] = result.verdict.given_up
    return Outcome(
        tried=f"{sum(r.kills for r in results)} kills, "
        f"{sum(v.acknowledged for v in verdicts):,} messages",
        checks=(
            Check(what="lost", value=sum(len(v.lost) for v in verdicts)),
            Check(what="double", value=sum(len(v.double_turns) for v in verdicts)),
        ),
        figures=figures,
        notes=[f"lost: {v.lost}, double: {v.double_turns}" for v in verdicts if v.lost],
    )


def answered_once() -> Outcome:
    """P3: an answer appears once on Slack."""
    results = [_killed(way) for way in WAYS]
    posts = [post for result in results for post in result.verdict.double_posts]
    return Outcome(
        tried=f"{sum(r.kills for r in results)} kills, "
        f"{sum(r.verdict.acknowledged for r in results):,} answers on Slack",
        checks=(Check(what="double or orphaned", value=len(posts)),),
        notes=[f"twice: {post}" for post in posts[:10]],
    )


def nothing_tempting() -> Outcome:
    """P13: no pings, previews or images from model text, in any request that Slack got."""
    results = [_killed(way) for way in WAYS]
    violations = [each for result in results for each in result.verdict.violations]
    return Outcome(
        tried=f"{sum(r.requests for r in results):,} requests to Slack, each with tempting text",
        checks=(Check(what="pings, previews or images", value=len(violations)),),
        notes=sorted(set(violations))[:10],
    )


@cache
def _killed(way: Way) -> Result:
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        if not way.postgres:
            return asyncio.run(_survive(way, Path(folder), None))
        with running_postgres() as server, server.database() as url:
            return asyncio.run(_survive(way, Path(folder), url))


async def _survive(way: Way, folder: Path, url: str | None) -> Result:
    async with world(folder, url=url) as people:
        return await survive(people, KILLS, starters=way.starters(people))
