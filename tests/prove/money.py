"""P8: sixteen processes spend from one dollar and are killed; it is never passed, nothing is lost.
P9: thirty idle days cost nothing.

Each trial has a dollar of its own, sixteen processes with thirteen calls under way each, and kills
at random: before, in and after reservations and settlements. Twenty trials on Postgres, where the
processes are what they are in service, and twenty on SQLite, where in service there is only one
process, so that here the lock in front of the file is left out and the same statements are tried.
"""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from adapters.sql.store import DATABASE_FILE, migrate
from runtime.clock import SystemClock
from tests.prove.report import Check, Outcome
from tests.support.idle import idle as idle_for
from tests.support.postgres import running_postgres
from tests.support.spending_race import AT_ONCE, Race, Result, run

PROCESSES = 16
TRIALS = 20
KILLS = 6
DAYS = 30


def never_passed() -> Outcome:
    """Run the trials."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        root = Path(folder)
        with server.database() as url:
            asyncio.run(migrate(url, data_dir=root / "pg", clock=SystemClock()))
            results = _trials(url, root / "postgres")
        asyncio.run(migrate(None, data_dir=root / "data", clock=SystemClock()))
        results += _trials(str(root / "data" / DATABASE_FILE), root / "sqlite")
        naive = Race(str(root / "data" / DATABASE_FILE), root / "naive", "naive", naive=True)
        passed = asyncio.run(run(naive, processes=PROCESSES, kills=0, seed=1))
    return Outcome(
        tried=f"{len(results)} trials of {PROCESSES} processes, half of them on each database, "
        f"{sum(result.kills for result in results)} kills",
        checks=(
            Check(what="overshot", value=sum(result.overshoot > 0 for result in results)),
            Check(
                what="micro-units unaccounted for",
                value=sum(result.unaccounted for result in results),
            ),
        ),
        figures={
            "calls under way at once": PROCESSES * AT_ONCE,
            "calls settled": sum(result.settled for result in results),
            "calls refused": sum(result.refused for result in results),
            "calls left by the killed": sum(result.expired for result in results),
            "overshoot of looking first and spending then, %": 100 * passed.overshoot / naive.limit,
        },
    )


def idle() -> Outcome:
    """Be idle for thirty simulated days, and do every duty of the process each hour."""
    with tempfile.TemporaryDirectory() as folder:
        idled = asyncio.run(idle_for(Path(folder), days=DAYS, step=timedelta(hours=1)))
    return Outcome(
        tried=f"{DAYS} simulated idle days, {idled.duties} duties done",
        checks=(
            Check(what="model calls", value=idled.calls),
            Check(what="tokens", value=idled.tokens),
            Check(what="micro-units spent", value=idled.spent),
        ),
    )


def _trials(place: str, folder: Path) -> list[Result]:
    return [
        asyncio.run(
            run(
                Race(place, folder / f"{number}", f"trial-{number}"),
                processes=PROCESSES,
                kills=KILLS,
                seed=number,
            )
        )
        for number in range(TRIALS)
    ]
