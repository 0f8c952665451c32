"""Killed at random while people write: nothing acknowledged is lost, nothing is done or said twice.

120 kills: half of them on SQLite, half on Postgres, where some hit the roles of the Procfile, in
worlds that are side by side, as most of a life is waiting. Three in ten messages are delivered
again. Afterwards the audit log is whole, and says what the other tables say. `make prove` does 200
in each of the three ways, in one world, whose database outlives them.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.support.audited import disagreements
from tests.support.crash_places import Places
from tests.support.crash_waves import Result, Starters, alone, split, survive
from tests.support.crash_world import world

WORLDS = 4
KILLS = 15
"""In each of them."""


async def test_sqlite(on_sqlite: Places) -> None:
    _nothing_lost_nothing_twice(await _side_by_side(on_sqlite, [alone] * WORLDS))


async def test_postgres_with_one_process_and_with_the_roles_of_the_procfile(
    on_postgres: Places,
) -> None:
    ways = [alone] * (WORLDS - 1) + [split]
    _nothing_lost_nothing_twice(await _side_by_side(on_postgres, ways))


async def _side_by_side(places: Places, ways: Sequence[Starters]) -> list[Result]:
    async with asyncio.TaskGroup() as tasks:
        lives = [
            tasks.create_task(_survive(*places.new(f"world-{number}"), way))
            for number, way in enumerate(ways)
        ]
    return [life.result() for life in lives]


async def _survive(folder: Path, url: str | None, way: Starters) -> Result:
    async with world(folder, url=url) as people:
        result = await survive(people, KILLS, starters=way(people))
        assert await disagreements(people.rows) == []
        return result


def _nothing_lost_nothing_twice(results: Sequence[Result]) -> None:
    assert sum(result.kills for result in results) == WORLDS * KILLS
    for verdict in (result.verdict for result in results):
        assert verdict.lost == ()
        assert verdict.double_turns == ()
        assert verdict.double_posts == ()
        assert verdict.violations == ()
        assert verdict.acknowledged > KILLS
