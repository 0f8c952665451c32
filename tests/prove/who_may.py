"""P6: every kind of event, from everybody there can be, on every platform, through the whole core."""

import asyncio

from runtime.ids import Platform
from tests.prove.report import Check, Outcome
from tests.support.who_may import PLATFORMS, ROWS, STANDINGS, Cell, missing
from tests.support.who_may import every_cell as cells_of
from tests.support.who_may_change import undescribed

_NOTHING = Cell(turn=False, decided=False, seen=False)


def every_cell() -> Outcome:
    """The matrix of `tests.support.who_may`, cell by cell."""
    cells = breaches = other = 0
    notes: list[str] = []
    for platform in PLATFORMS:
        for name, role, cell, expected in asyncio.run(_on(platform)):
            cells += 1
            if cell == expected:
                continue
            # Whoever changes or decides what their role may not breaches, too.
            breached = (
                (not role and cell != _NOTHING)
                or (cell.changed and not expected.changed)
                or (cell.decided and not expected.decided)
            )
            breaches += breached
            other += not breached
            notes.append(f"{platform}, {name}: {cell}, not {expected}")
    return Outcome(
        tried=f"{cells:,} cells: {len(ROWS)} kinds of event x {len(STANDINGS)} people x "
        f"{len(PLATFORMS)} platforms",
        checks=(
            Check(what="breaches", value=breaches),
            Check(what="other differences", value=other),
            Check(what="kinds without a row", value=len(missing())),
            Check(what="commands of unknown effect", value=len(undescribed())),
        ),
        notes=notes,
    )


async def _on(platform: Platform) -> list[tuple[str, str, Cell, Cell]]:
    found = []
    async for row, standing, cell in cells_of(platform):
        name = f"{row.name}, {standing.name}"
        found.append((name, standing.role, cell, row.expected(standing.role)))
    return found
