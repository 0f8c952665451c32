"""Identifiers: in order where that matters, the same again where they must be."""

from runtime.ids import TimeOrderedIds, following
from tests.support.clock import ManualClock


def test_what_follows_from_rows_sorts_as_they_do() -> None:
    ids = TimeOrderedIds(ManualClock())
    rows = [ids.new() for _ in range(100)]

    turns = [following("turn", row) for row in rows]

    assert turns == sorted(turns)
    assert {len(turn) for turn in turns} == {26}


def test_what_follows_is_the_same_again_and_of_its_kind() -> None:
    row = TimeOrderedIds(ManualClock()).new()

    assert following("turn", row) == following("turn", row)
    assert following("turn", row) != following("answer", row)
    assert following("turn", row) != following("turn", row[:-1] + "#")
