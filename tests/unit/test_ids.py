"""Identifiers: in order where that matters, the same again where they must be."""

from datetime import timedelta

from runtime.ids import TimeOrderedIds, derived_at, following
from tests.support.build import T0
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


def test_what_is_derived_at_a_moment_sorts_by_it_and_beside_what_was_made_then() -> None:
    clock = ManualClock(T0)
    ids = TimeOrderedIds(clock)
    moments = [T0 + timedelta(milliseconds=7 * number) for number in range(-50, 50)]

    runs = [derived_at(moment, "run", str(-number)) for number, moment in enumerate(moments)]

    assert runs == sorted(runs)
    assert {len(run) for run in runs} == {26}
    assert runs[49] < ids.new() < runs[51]


def test_what_is_derived_at_a_moment_is_the_same_again_and_of_its_parts() -> None:
    assert derived_at(T0, "run", "a") == derived_at(T0, "run", "a")
    assert len({derived_at(T0, "run", str(number)) for number in range(1_000)}) == 1_000
    assert derived_at(T0, "a", "bc") != derived_at(T0, "ab", "c")
