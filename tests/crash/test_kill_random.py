"""Killed at random while people write: nothing acknowledged is lost, nothing is done or said twice.

200 kills: 100 on SQLite, and 100 on Postgres, where some hit the roles of the Procfile. Three in ten
messages are delivered again. Afterwards the audit log is whole, and says what the other tables say.
`make prove` does 200 in each of the three ways, in one world, and writes more in each life.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.support.audited import disagreements
from tests.support.crash_places import Places
from tests.support.crash_waves import Result, Starters, alone, split, survive
from tests.support.crash_world import world

KILLS = 100
"""On each database."""
SAID_IN_A_LIFE = 3
AT_ONCE = 4
PAUSE = (0.02, 0.06)
"""Seconds between two messages: no life waits for what it is to be killed at."""

World = tuple[Starters, int]
"""Who starts the processes of a world, and how many of them are killed."""
ONE_PROCESS: Sequence[World] = ((alone, 50), (alone, 50))
AMONG_MANY: Sequence[World] = ((alone, 44), (alone, 44), (split, 12))


async def test_sqlite(on_sqlite: Places) -> None:
    _nothing_lost_nothing_twice(await _side_by_side(on_sqlite, ONE_PROCESS))


async def test_postgres_with_one_process_and_with_the_roles_of_the_procfile(
    on_postgres: Places,
) -> None:
    _nothing_lost_nothing_twice(await _side_by_side(on_postgres, AMONG_MANY))


async def _side_by_side(places: Places, worlds: Sequence[World]) -> list[Result]:
    async with asyncio.TaskGroup() as tasks:
        lives = [
            tasks.create_task(_survive(*places.new(f"world-{number}"), way, kills))
            for number, (way, kills) in enumerate(worlds)
        ]
    return [life.result() for life in lives]


async def _survive(folder: Path, url: str | None, way: Starters, kills: int) -> Result:
    async with world(folder, url=url) as people:
        result = await survive(
            people,
            kills,
            starters=way(people),
            pause=PAUSE,
            said_in_a_life=SAID_IN_A_LIFE,
            at_once=AT_ONCE,
        )
        assert await disagreements(people.rows) == []
        return result


def _nothing_lost_nothing_twice(results: Sequence[Result]) -> None:
    for verdict in (result.verdict for result in results):
        assert verdict.lost == ()
        assert verdict.double_turns == ()
        assert verdict.double_posts == ()
        assert verdict.violations == ()
    assert sum(result.kills for result in results) == KILLS
    assert sum(result.verdict.acknowledged for result in results) > KILLS
    within = sum(result.within for result in results)
    print(f"{within} of {KILLS} kills came before an acknowledged message had its answer")
    assert within > KILLS // 4
