"""The picture of what was spent: each bar, the line of the limit, the amounts beside them."""

import io
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from PIL import Image

from adapters.charts.pillow import (
    BACKGROUND,
    BAR,
    BOTTOM,
    HEIGHT,
    LEFT,
    LIMIT,
    MOST_DAYS,
    RIGHT,
    TOP,
    WIDTH,
    PillowCharts,
    bar_of,
)
from adapters.charts.scale import HIGHEST, amount, scale_to
from runtime.errors import Permanent
from runtime.model.chart import DaySeries

FIRST = date(2026, 11, 8)
LARGEST = 100_000
"""Bytes of a picture, at most."""


def of(spent: Sequence[int], limit: int | None = None) -> DaySeries:
    days = tuple((FIRST + timedelta(days=number), each) for number, each in enumerate(spent))
    return DaySeries(days=days, limit=limit, currency="USD")


async def drawn(spent: Sequence[int], limit: int | None = None) -> Image.Image:
    """The picture, read back."""
    written = await PillowCharts().spending(of(spent, limit))
    assert len(written) < LARGEST
    image = Image.open(io.BytesIO(written))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (WIDTH, HEIGHT))
    return image


def height(image: Image.Image, number: int, count: int) -> int:
    """How many pixels of a bar there are in the middle of its place."""
    first, last = bar_of(number, count)
    return sum(image.getpixel(((first + last) // 2, row)) == BAR for row in range(HEIGHT))


def lines(image: Image.Image) -> list[int]:
    """The rows in which the limit is, from edge to edge."""
    rows = range(TOP - 5, BOTTOM + 5)
    across = range(LEFT, RIGHT)
    return [row for row in rows if all(image.getpixel((x, row)) == LIMIT for x in across)]


async def test_bars_are_as_high_as_what_was_spent() -> None:
    spent = [0, 250_000, 500_000, 1_000_000, 1]
    image = await drawn(spent)
    assert [height(image, number, 5) for number in range(5)] == [0, 75, 150, 300, 1]
    first, last = bar_of(3, 5)
    assert image.getpixel((first, BOTTOM - 1)) == image.getpixel((last, TOP)) == BAR
    assert image.getpixel((first - 2, BOTTOM - 10)) == BACKGROUND
    assert image.getpixel((last + 2, BOTTOM - 10)) == BACKGROUND
    assert lines(image) == []


async def test_the_limit_is_a_line_where_it_belongs_and_makes_room_for_itself() -> None:
    image = await drawn([400_000, 100_000], 800_000)
    assert height(image, 0, 2) == 150
    assert TOP in lines(image)
    image = await drawn([1_000_000] * 3, 500_000)
    assert (TOP + BOTTOM) // 2 in lines(image)
    assert len(lines(image)) == 2
    assert height(image, 1, 3) == 298, "the line is in front of the bar"


async def test_days_that_cost_nothing_are_drawn_without_bars() -> None:
    for limit, found in ((None, False), (0, True), (5, True)):
        image = await drawn([0] * 14, limit)
        assert [height(image, number, 14) for number in range(14)] == [0] * 14
        assert bool(lines(image)) is found
        assert (BOTTOM in lines(image)) is (limit == 0)


async def test_one_day_has_a_bar_of_bearable_width_in_the_middle() -> None:
    image = await drawn([1])
    row = (TOP + BOTTOM) // 2
    columns = [x for x in range(WIDTH) if image.getpixel((x, row)) == BAR]
    assert len(columns) == 48
    assert abs((columns[0] + columns[-1]) // 2 - (LEFT + RIGHT) // 2) <= 1


@pytest.mark.parametrize("count", [1, 2, 14, MOST_DAYS])
async def test_the_highest_amounts_stay_in_the_picture(count: int) -> None:
    image = await drawn([HIGHEST] * count, HIGHEST)
    assert height(image, count - 1, count) in range(297, 301)
    edge = {image.getpixel((x, y)) for x in (0, WIDTH - 1) for y in range(HEIGHT)}
    assert edge == {BACKGROUND}, "no word is cut off"


@pytest.mark.parametrize(
    "wrong", [of([]), of([1] * (MOST_DAYS + 1)), of([-1]), of([HIGHEST + 1]), of([1], HIGHEST + 1)]
)
async def test_what_has_no_room_is_refused(wrong: DaySeries) -> None:
    with pytest.raises(Permanent, match="a picture shows"):
        await PillowCharts().spending(wrong)


async def test_a_letter_that_the_font_does_not_have_breaks_nothing() -> None:
    series = DaySeries(days=((FIRST, 1),), limit=1, currency="\u5186\n\u202e" * 1000)
    assert await PillowCharts().spending(series)


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (1, "0.000000 0.000001"),
        (410_000, "0.0 0.1 0.2 0.3 0.4 0.5"),
        (1_000_000, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (7_300_000, "0 2 4 6 8"),
        (9_999_000_000, "0k 2k 4k 6k 8k 10k"),
        (4_900_000_000, "0 1,000 2,000 3,000 4,000 5,000"),
        (12_000_000_000, "0k 5k 10k 15k"),
        (HIGHEST, "0T 2T 4T 6T 8T 10T"),
    ],
)
def test_the_steps_are_round(most: int, labels: str) -> None:
    scale = scale_to(most)
    assert scale.top >= most
    assert scale.top % scale.step == 0
    assert " ".join(map(scale.label, range(0, scale.top + 1, scale.step))) == labels


@pytest.mark.parametrize("most", [10**power + more for power in range(19) for more in (-1, 0, 1)])
def test_every_amount_has_a_scale_that_fits_it(most: int) -> None:
    scale = scale_to(most)
    labels = [scale.label(each) for each in range(0, scale.top + 1, scale.step)]
    assert most <= scale.top <= max(2 * most, 1_000_000)
    assert len(set(labels)) == len(labels) <= 6
    assert max(map(len, labels)) <= 8


@pytest.mark.parametrize(
    ("micros", "said"),
    [(0, "0.00"), (1, "0.000001"), (250_000, "0.25"), (1_234_500_000, "1,234.50")],
)
def test_an_amount_is_told_in_full(micros: int, said: str) -> None:
    assert amount(micros) == said
