"""Pictures of figures, by Pillow, with the font that it ships.

Pillow is loaded in a thread when the first picture is asked for: most processes never draw one.
It only ever draws here. Nothing that came from outside is opened with it.
"""

import asyncio
import io
from typing import TYPE_CHECKING

from adapters.charts.scale import HIGHEST, Scale, amount, scale_to
from runtime.errors import Permanent
from runtime.model.chart import DaySeries

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Drawing
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

Color = tuple[int, int, int]

WIDTH, HEIGHT = 800, 400
LEFT, RIGHT, TOP, BOTTOM = 84, 784, 52, 352
"""The edges of the part with the bars, in pixels; a value of 0 is at the bottom."""
BACKGROUND: Color = (255, 255, 255)
BAR: Color = (46, 110, 184)
LIMIT: Color = (200, 40, 40)
_GRID: Color = (224, 224, 224)
_TEXT: Color = (48, 48, 48)

MOST_DAYS = 31
"""Days in a picture, at most."""
_WIDEST_BAR = 48
_LABELS = 14
"""Dates that can be read beside each other."""
_TITLE_SIZE, _LABEL_SIZE = 18, 13


class PillowCharts:
    """Draws with Pillow. Implements `runtime.ports.Charts`."""

    async def spending(self, series: DaySeries) -> bytes:
        """See `runtime.ports.Charts`."""
        if not 1 <= len(series.days) <= MOST_DAYS:
            raise Permanent(f"a picture shows 1 to {MOST_DAYS} days, not {len(series.days)}")
        figures = [spent for _, spent in series.days]
        if series.limit is not None:
            figures.append(series.limit)
        if min(figures) < 0 or max(figures) > HIGHEST:
            raise Permanent("a picture shows no amount below 0 or of more than 19 digits")
        try:
            return await asyncio.to_thread(_draw, series, scale_to(max(figures)))
        except (ImportError, OSError, ValueError) as error:
            raise Permanent(f"Pillow cannot draw it: {error}") from error


def bar_of(number: int, count: int) -> tuple[int, int]:
    """The first and the last column of a bar, in pixels; the earliest day has the number 0."""
    slot = (RIGHT - LEFT) / count
    wide = min(_WIDEST_BAR, int(slot * 0.7))
    first = LEFT + int(slot * number + (slot - wide) / 2)
    return first, first + wide - 1


def row_of(micros: int, scale: Scale) -> int:
    """The row of an amount, in pixels from the top of the picture."""
    return BOTTOM - (BOTTOM - TOP) * micros // scale.top


def _draw(series: DaySeries, scale: Scale) -> bytes:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - loaded when it is needed

    image = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    drawing = ImageDraw.Draw(image)
    label = ImageFont.load_default(_LABEL_SIZE)
    title = ImageFont.load_default(_TITLE_SIZE)
    said = f"Spent each day, in {series.currency[:3]}"
    drawing.text((LEFT, TOP // 2), said, font=title, fill=_TEXT, anchor="lm")
    _amounts(drawing, label, scale)
    _bars(drawing, label, series, scale)
    if series.limit is not None:
        row = row_of(series.limit, scale)
        drawing.line((LEFT, row, RIGHT, row), fill=LIMIT, width=2)
        limit = f"limit of a day: {amount(series.limit)}"
        drawing.text((RIGHT, TOP // 2), limit, font=label, fill=LIMIT, anchor="rm")
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def _amounts(drawing: "Drawing", font: "Font", scale: Scale) -> None:
    """A line and its amount for each step."""
    for micros in range(0, scale.top + 1, scale.step):
        row = row_of(micros, scale)
        drawing.line((LEFT, row, RIGHT, row), fill=_GRID)
        drawing.text((LEFT - 8, row), scale.label(micros), font=font, fill=_TEXT, anchor="rm")


def _bars(drawing: "Drawing", font: "Font", series: DaySeries, scale: Scale) -> None:
    """A bar for each day, and its date. What cost anything is a pixel high at least."""
    count = len(series.days)
    every = -(-count // _LABELS)
    for number, (day, spent) in enumerate(series.days):
        first, last = bar_of(number, count)
        if spent:
            row = min(row_of(spent, scale), BOTTOM - 1)
            drawing.rectangle((first, row, last, BOTTOM - 1), fill=BAR)
        if (count - 1 - number) % every == 0:
            middle = (first + last) // 2
            said = f"{day.day} {day:%b}"
            drawing.text((middle, BOTTOM + 16), said, font=font, fill=_TEXT, anchor="mm")
