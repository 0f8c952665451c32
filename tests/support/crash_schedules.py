"""Schedules that are put into the database while no process has it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from adapters.sql.store import open_store
from runtime.clock import SystemClock
from runtime.errors import StorageUnavailable
from runtime.ids import AgentName, Platform, ScheduleId, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.schedule import Schedule, When, WhenKind
from tests.support.fake_slack import TEAM
from tests.support.fake_slack_events import ADA

TRIES = 20
"""How often it is tried to store one: on a busy machine this process may stand still in the middle of
a transaction for so long that Postgres undoes it."""


async def put(schedules: Sequence[Schedule], *, url: str | None, folder: Path) -> None:
    """Store them; the tables are made where there are none."""
    clock = SystemClock()
    async with open_store(url, data_dir=folder, clock=clock, ids=TimeOrderedIds(clock)) as store:
        for schedule in schedules:
            for last in [False] * (TRIES - 1) + [True]:
                try:
                    await store.schedules.add(schedule)
                    break
                except StorageUnavailable:
                    if last:
                        raise


def due(number: int, place: str) -> Schedule:
    """A schedule of one time, which has come, for that channel."""
    return _schedule(number, place, SystemClock().now() - timedelta(seconds=1))


def far(number: int, place: str) -> Schedule:
    """A schedule whose time does not come while a test runs: it is run by command."""
    return _schedule(number, place, SystemClock().now() + timedelta(days=300))


def _schedule(number: int, place: str, at: datetime) -> Schedule:
    slack = Platform("slack")
    thread = ThreadRef(ChannelRef(slack, TEAM, place))
    return Schedule(
        id=ScheduleId(f"schedule-{number}"),
        when=When(kind=WhenKind.ONCE, at=at, zone="Europe/Berlin", said="once"),
        instruction=f"say {number}",
        agent=AgentName("desk"),
        target=thread,
        made_by=Principal(slack, TEAM, ADA),
        made_in=thread,
        next_at=at,
        created_at=at,
    )
