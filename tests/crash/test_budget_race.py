"""Several processes spend from one limit and are killed: it is never passed, nothing is lost.

`make prove ARGS='--only P8'` does the same with sixteen processes, over and over.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sql.store import DATABASE_FILE, migrate
from tests.support.clock import ManualClock
from tests.support.spending_race import Race, run


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database that many processes may open."""
    if request.param == "postgres":
        yield request.getfixturevalue("store_url")
        return
    asyncio.run(migrate(None, data_dir=tmp_path, clock=ManualClock()))
    yield str(tmp_path / DATABASE_FILE)


def test_a_limit_is_never_passed_and_every_micro_unit_is_accounted_for(
    place: str, tmp_path: Path
) -> None:
    race = Race(place, tmp_path / "diaries", "trial", tries=2, limit=400_000)
    result = asyncio.run(run(race, processes=3, kills=2, seed=7))

    assert (result.overshoot, result.unaccounted) == (0, 0), result
    assert result.settled > 10
    assert result.refused > 10


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_looking_first_and_spending_then_passes_it(place: str, tmp_path: Path) -> None:
    """The same race sees it where it happens."""
    race = Race(place, tmp_path / "diaries", "naive", naive=True, tries=2, limit=400_000)
    result = asyncio.run(run(race, processes=3, kills=0, seed=7))

    assert result.overshoot > 0
    assert result.unaccounted == 0
