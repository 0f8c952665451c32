"""What Python's garbage collector is told, and that it is told the contrary again."""

import gc

from bot.collector import (
    YOUNG_AT_ONCE,
    YOUNG_OF_A_START,
    collector_spared,
    keep,
    spare,
)


def test_what_is_there_is_left_out_of_collection_while_the_process_works() -> None:
    gc.set_threshold(700, 5, 5)
    gc.unfreeze()
    with collector_spared():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == YOUNG_AT_ONCE
    assert gc.get_threshold() == (700, 5, 5)
    assert gc.get_freeze_count() == 0


def test_what_came_since_can_be_left_out_too() -> None:
    with collector_spared():
        frozen = gc.get_freeze_count()
        came = [[number] for number in range(1_000)]
        keep()
        assert gc.get_freeze_count() >= frozen + len(came)


def test_a_start_looks_for_garbage_less_often_than_what_works_then() -> None:
    spare(YOUNG_OF_A_START)
    assert gc.get_threshold()[0] == YOUNG_OF_A_START > YOUNG_AT_ONCE
    with collector_spared():
        assert gc.get_threshold()[0] == YOUNG_AT_ONCE
