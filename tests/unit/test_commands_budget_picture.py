"""`/budget` sends a picture where the platform shows pictures, and its text everywhere."""

import io
import logging
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from PIL import Image

from adapters.charts.pillow import BAR, BOTTOM, PillowCharts, bar_of
from adapters.memory.store import MemoryStore
from gateway.commands.budgetchart import SpendingPictures, series
from gateway.commands.ports import Request
from runtime.errors import Permanent
from runtime.ids import InboxId, TimeOrderedIds
from runtime.model.chart import DaySeries
from runtime.model.events import Command, Lane, Received
from runtime.model.files import OutFile
from runtime.model.meter import Balance, Meter, Period, Scope
from runtime.ports import Charts, ChatLimits
from tests.support.build import ANN, DM, T0, inbound, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.commands import CommandBench, command_bench
from tests.support.paid import limited
from tests.unit.test_commands_budget import spend

DAY = date(2026, 11, 20)


def chat(*, images: bool) -> MemoryChat:
    return MemoryChat(limits=ChatLimits(per_channel=1e6, overall=1e6, images=images))


def bench(*, images: bool) -> CommandBench:
    return command_bench(configured=limited(team(), 1_000_000), chat=chat(images=images))


async def asked(bank: CommandBench, row: str = "row") -> tuple[str, tuple[OutFile, ...]]:
    """What `/budget` answers."""
    body = Command(text="/budget", direct=True)
    received = Received(
        id=InboxId(row), lane=Lane.COMMAND, inbound=inbound(body=body), received_at=T0
    )
    answered = await bank.desk.answer(received)
    assert answered is not None
    assert answered.content is not None
    assert answered.private
    return answered.content.text, answered.content.files


async def test_a_picture_comes_where_the_platform_shows_pictures() -> None:
    bank = bench(images=True)
    await spend(bank, 410_000)
    text, [file] = await asked(bank)
    assert "41 %  0.41 of 1.00 a day" in text
    assert (file.name, file.media_type) == ("spent-each-day-until-2026-11-20.png", "image/png")
    assert file.alt == (
        "A bar for each of the 14 days until 20 November: what was spent on it. The highest is "
        "0.41 USD, on 20 November. A red line is the limit of a day: 1.00 USD."
    )
    image = Image.open(io.BytesIO(await bank.store.files.read(file.id)))
    first, _ = bar_of(13, 14)
    assert image.getpixel((first + 1, BOTTOM - 120)) == BAR, "the last bar is today's"
    assert image.getpixel((first + 1, BOTTOM - 126)) != BAR, "it is no higher than its part"
    assert BAR not in {image.getpixel((x, BOTTOM - 1)) for x in range(first)}


async def test_the_same_command_has_one_picture_and_another_one_its_own() -> None:
    bank = bench(images=True)
    await spend(bank, 410_000)
    once, again, other = await asked(bank), await asked(bank), await asked(bank, "other")
    assert once == again
    assert once[1][0].id != other[1][0].id


async def test_no_picture_comes_elsewhere_and_the_text_is_the_same() -> None:
    with_, without = bench(images=True), bench(images=False)
    for bank in (with_, without):
        await spend(bank, 410_000)
    (text, [_]), (bare, files) = await asked(with_), await asked(without)
    assert files == ()
    assert text == bare


async def test_no_picture_comes_where_nothing_was_spent() -> None:
    text, files = await asked(bench(images=True))
    assert "0 %  0.00 of 1.00 a day" in text
    assert files == ()


class Broken:
    """Charts that cannot be drawn."""

    async def spending(self, series: DaySeries) -> bytes:
        raise Permanent(f"no paint for {len(series.days)} days")


async def files_of(charts: Charts) -> tuple[OutFile, ...]:
    clock = ManualClock(T0)
    there = chat(images=True)
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    pictures = SpendingPictures(charts=charts, files=store.files, chats={there.platform: there})
    request = Request(id=InboxId("row"), thread=DM, sender=ANN, at=T0)
    shown = DaySeries(days=((DAY, 5),), limit=None, currency="USD")
    return await pictures.of(shown, request)


async def test_where_it_cannot_be_drawn_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await files_of(Broken()) == ()
    [record] = [one for one in caplog.records if one.getMessage() == "budget.no_picture"]
    assert vars(record)["why"] == "no paint for 1 days"
    assert len(await files_of(PillowCharts())) == 1


def test_the_days_are_those_of_the_team_and_those_without_cost_are_among_them() -> None:
    def of(stamp: str, spent: int) -> Balance:
        meter = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp=stamp)
        return Balance(meter=meter, spent=spent)

    found = [of("2026-11-21", 7), of("2026-11-08", 5), of("2026-11-07", 99)]
    here = replace(team(), zone="Europe/Berlin")
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    shown = series(found, 9, here, now=late)
    assert shown.days[0] == (date(2026, 11, 8), 5)
    assert shown.days[-1] == (date(2026, 11, 21), 7)
    assert [spent for _, spent in shown.days[1:-1]] == [0] * 12
    assert (shown.limit, shown.currency) == (9, "USD")
