"""P6: nobody outside the list causes a turn or an approval or sees output, by any kind of event."""

import pytest

from runtime.ids import Platform
from runtime.model.events import Wanted
from runtime.model.team import MemberRole
from tests.support.who_may import PLATFORMS, PROGRAM, ROWS, STANDINGS, Cell, every_cell, missing
from tests.support.who_may_change import DEEDS, LOOKS, undescribed


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_every_cell(platform: Platform) -> None:
    wrong = []
    async for row, standing, cell in every_cell(platform):
        expected = row.expected(standing.role)
        if cell != expected:
            wrong.append(f"{row.name}, {standing.name}: {cell}, not {expected}")
    assert wrong == []


def test_every_kind_of_event_has_a_row() -> None:
    assert missing() == set()


def test_a_kind_without_a_row_is_found() -> None:
    without = [row for row in ROWS if not row.name.startswith("typing")]
    assert missing(without) == {Wanted}


def test_of_every_command_it_is_said_whether_it_changes_something() -> None:
    assert undescribed() == set()
    assert not LOOKS & set(DEEDS)


def test_every_role_has_a_column() -> None:
    assert {standing.role for standing in STANDINGS} == {*MemberRole, PROGRAM, ""}


def test_no_row_lets_anybody_without_a_role_do_anything() -> None:
    assert {row.expected("") for row in ROWS} == {Cell(turn=False, decided=False, seen=False)}
