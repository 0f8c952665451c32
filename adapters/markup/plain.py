"""The pieces of plain text that every renderer needs: a link in words, a table in columns."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, zip_longest

from adapters.markup.blocks import Align, Inline, Run, Table

GAP = "  "
"""Between two columns."""


def without_links(runs: Inline) -> Inline:
    """The line without links: the address stands beside a link's words, so that all see it.

    The words alone where there is no address, or where they are the address.
    """
    shown: list[Run] = []
    for link, group in groupby(runs, key=lambda run: run.link):
        plain = [replace(run, link="") for run in group]
        said = "".join(run.text for run in plain).strip()
        if not link or said in {link, link.removeprefix("mailto:")}:
            shown += plain
        else:
            shown += [*plain, Run(text=f" ({link})")] if said else [Run(text=link)]
    return tuple(shown)


def words(runs: Inline) -> str:
    """A line without its looks, in one line."""
    return "".join(run.text for run in without_links(runs)).replace("\n", " ")


def columns(table: Table) -> list[str]:
    """The table in lines of even columns for a monospaced font, its heading and a rule first."""
    rows = [[words(cell) for cell in row] for row in (table.head, *table.rows)]
    wide = [max(map(width, column)) for column in zip_longest(*rows, fillvalue="")]
    aligns = [*table.aligns, *[Align.LEFT] * (len(wide) - len(table.aligns))]
    head, *body = [_line(row, wide, aligns) for row in rows]
    return [head, GAP.join("─" * max(1, size) for size in wide), *body]


def width(text: str) -> int:
    """How many columns of a monospaced font the text takes."""
    return sum(
        0
        if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Me"}
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _line(row: Sequence[str], wide: Sequence[int], aligns: Sequence[Align]) -> str:
    cells = zip_longest(row, wide, aligns, fillvalue="")
    return GAP.join(_cell(str(text), int(size), Align(a)) for text, size, a in cells).rstrip()


def _cell(text: str, size: int, align: Align) -> str:
    room = size - width(text)
    before = {Align.LEFT: 0, Align.CENTER: room // 2, Align.RIGHT: room}[align]
    return " " * before + text + " " * (room - before)
