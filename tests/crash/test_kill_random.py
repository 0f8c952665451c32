"""Killed at random while people write: nothing acknowledged is lost, nothing is done or said twice.

`make prove` does the same 200 times in each of the three ways; here it is as often as two minutes
for all crash tests allow.
"""

from pathlib import Path

import pytest

from tests.support.crash_waves import Result, alone, split, survive
from tests.support.crash_world import world


async def test_sqlite_and_one_process(tmp_path: Path) -> None:
    async with world(tmp_path) as people:
        _nothing_lost_nothing_twice(await survive(people, 40, starters=alone(people)))


@pytest.mark.timeout(120)
async def test_postgres_and_one_process(tmp_path: Path, postgres_url: str) -> None:
    async with world(tmp_path, url=postgres_url) as people:
        _nothing_lost_nothing_twice(await survive(people, 15, starters=alone(people)))


@pytest.mark.timeout(120)
async def test_postgres_and_the_roles_of_the_procfile(tmp_path: Path, postgres_url: str) -> None:
    async with world(tmp_path, url=postgres_url) as people:
        _nothing_lost_nothing_twice(await survive(people, 15, starters=split(people)))


def _nothing_lost_nothing_twice(result: Result) -> None:
    verdict = result.verdict
    assert verdict.lost == ()
    assert verdict.double_turns == ()
    assert verdict.double_posts == ()
    assert verdict.violations == ()
    assert verdict.acknowledged > result.kills
