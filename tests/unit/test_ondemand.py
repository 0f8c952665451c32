"""The durable engine that is opened when there is something for it to do."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.durable.database import FILE
from bot.ondemand import OnDemandDurable
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import RunContext
from tests.support.clock import ManualClock
from tests.support.durable import DbosHouse

RUN = RunId("run-1")


async def waits(context: RunContext, _payload: Json) -> Json:
    return await context.wait("answer")


class Desk:
    """A process on that folder, as the program puts it together on SQLite."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.openings = 0
        self.inner = DbosHouse(None, folder, clock).engine()
        self.durable = OnDemandDurable(self.inner, opened=self._count)

    def _count(self) -> None:
        self.openings += 1


async def test_a_process_without_runs_does_without_the_engine(
    tmp_path: Path, clock: ManualClock
) -> None:
    desk = Desk(tmp_path, clock)
    await desk.durable.open()
    await desk.durable.close()
    assert desk.openings == 0
    assert not (tmp_path / FILE).exists()


async def test_the_first_run_opens_it_once(tmp_path: Path, clock: ManualClock) -> None:
    desk = Desk(tmp_path, clock)
    desk.durable.register("waits", waits)
    await desk.durable.open()
    await asyncio.gather(*(desk.durable.start("waits", RunId(f"run-{n}"), None) for n in range(3)))
    assert desk.openings == 1
    await desk.durable.close()


async def test_a_run_that_an_earlier_life_left_is_gone_on_with_at_the_start(
    tmp_path: Path, clock: ManualClock
) -> None:
    went_on = asyncio.Event()

    async def stuck(context: RunContext, _payload: Json) -> Json:
        return await context.step("work", asyncio.Event().wait)

    async def goes_on(context: RunContext, _payload: Json) -> Json:
        async def work() -> Json:
            went_on.set()
            return None

        return await context.step("work", work)

    first = Desk(tmp_path, clock)
    first.durable.register("work", stuck)
    await first.durable.open()
    await first.durable.start("work", RUN, None)
    await first.durable.close()

    second = Desk(tmp_path, clock)
    second.durable.register("work", goes_on)
    await second.durable.open()
    assert second.openings == 1
    await went_on.wait()
    await second.durable.result(RUN)
    await second.durable.close()

    third = Desk(tmp_path, clock)
    await third.durable.open()
    assert third.openings == 0, "every run has ended"


async def test_a_run_that_waits_for_a_signal_is_there_to_receive_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    first = Desk(tmp_path, clock)
    first.durable.register("waits", waits)
    await first.durable.open()
    await first.durable.start("waits", RUN, None)
    await first.durable.close()

    second = Desk(tmp_path, clock)
    second.durable.register("waits", waits)
    await second.durable.open()
    assert second.openings == 1
    await second.durable.signal(RUN, "answer", "yes", key="one")
    assert await second.durable.result(RUN) == "yes"
    await second.durable.close()


@pytest.mark.parametrize(
    ("status", "unfinished"),
    [
        ("PENDING", True),
        ("ENQUEUED", True),
        ("DELAYED", True),
        ("SUCCESS", False),
        ("ERROR", False),
        ("CANCELLED", False),
        ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", False),
    ],
)
async def test_every_run_that_has_not_ended_counts(
    tmp_path: Path, clock: ManualClock, status: str, *, unfinished: bool
) -> None:
    desk = Desk(tmp_path, clock)
    desk.durable.register("waits", waits)
    await desk.durable.start("waits", RUN, None)
    await desk.durable.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
        file.execute("UPDATE workflow_status SET status = ?", [status])

    assert await Desk(tmp_path, clock).inner.unfinished() is unfinished


async def test_a_file_that_cannot_be_read_is_left_to_the_engine_to_complain_of(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / FILE).write_text("this is no database, and long enough for SQLite to look at it")
    assert await Desk(tmp_path, clock).inner.unfinished()
