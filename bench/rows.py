"""Large numbers of rows in the real tables."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from adapters.sql.store import DATABASE_FILE
from bench.desk import ANN, OPS
from runtime.ids import AgentName, ScheduleId
from runtime.model.address import ThreadRef
from runtime.model.schedule import Schedule, When, WhenKind
from runtime.ports import Schedules

_DAYS = ("*", "1-5", "0", "1")
_HOURS = range(6, 18)
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
_FAR = timedelta(hours=3)

TEMPLATES = len(_DAYS) * len(_HOURS) * len(_ZONES)
"""Different times that people plan by: 144."""

# The copies' numbers lie far above those that the store gives out next.
_COPY = """
WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
INSERT INTO schedules (id, number, state, next_at, created_at, body)
SELECT id || '-' || n, number + 1000003 * n, state, next_at + n * 1000003, created_at, body
FROM schedules, copies
"""


async def fill_schedules(schedules: Schedules, folder: Path, *, count: int) -> list[ScheduleId]:
    """Store that many schedules, none of which falls due within hours; returns their ids.

    Each of the different ones is stored by the store; their copies by the database itself.
    """
    for schedule in _templates():
        await schedules.add(schedule)
    copies = count // TEMPLATES
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as database, database:
        database.execute(_COPY, (copies,))
        rows: Sequence[tuple[str]] = database.execute("SELECT id FROM schedules").fetchall()
    return [ScheduleId(row[0]) for row in rows]


def _templates() -> Iterator[Schedule]:
    now = datetime.now(UTC)
    for number, (day, hour, zone) in enumerate(product(_DAYS, _HOURS, _ZONES)):
        said = f"{7 * number % 60} {hour} * * {day}"
        yield Schedule(
            id=ScheduleId(f"bench-{number}"),
            when=When(kind=WhenKind.CRON, cron=said, zone=zone, said=said),
            instruction="Tell us what ran tonight, what failed, and what waits for somebody.",
            agent=AgentName("desk"),
            target=ThreadRef(OPS),
            made_by=ANN,
            made_in=ThreadRef(OPS),
            next_at=now + _FAR,
            created_at=now,
        )
