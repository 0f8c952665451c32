"""The logs that are kept for the next turn, and no more of them than there is room for."""

from datetime import UTC, datetime

import pytest

from adapters.sql.recent import RecentLogs
from runtime.ids import ConversationId, TurnId
from runtime.model.conversation import Entry, Role

A, B, C = (ConversationId(name) for name in "abc")


def entry(text: str) -> Entry:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Entry(role=Role.USER, text=text, at=at, turn=TurnId("t"), seq=1)


def keep(recent: RecentLogs, conversation: ConversationId, text: str) -> None:
    """Let a turn begin often enough for its log to be kept."""
    for _ in range(2):
        recent.keep(conversation, (entry(text),))


def test_a_log_is_kept_from_its_second_turn_on() -> None:
    recent = RecentLogs()
    recent.keep(A, (entry("x"),))
    assert recent.get(A) == ()

    recent.keep(A, (entry("y"),))

    assert recent.get(A) == (entry("y"),)
    assert recent.get(B) == ()


def test_a_turn_long_ago_does_not_count() -> None:
    recent = RecentLogs()
    recent.keep(A, (entry("x"),))
    for number in range(1_000):
        recent.keep(ConversationId(str(number)), (entry("x"),))

    recent.keep(A, (entry("x"),))

    assert recent.get(A) == ()


def test_the_log_not_kept_for_the_longest_goes_first() -> None:
    recent = RecentLogs(most=2_500)
    for conversation in (A, B, A, C):
        keep(recent, conversation, "x" * 600)

    assert recent.get(A)
    assert not recent.get(B)
    assert recent.get(C)


def test_a_log_larger_than_the_room_is_not_kept() -> None:
    recent = RecentLogs(most=1_000)

    keep(recent, A, "x" * 1_000)
    keep(recent, B, "x")

    assert not recent.get(A)
    assert recent.get(B)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 2_000, True),
        ("\N{CYRILLIC SMALL LETTER ZHE}" * 2_000, False),
        ("x" * 2_000 + "\N{GRINNING FACE}", False),
    ],
)
def test_a_text_counts_as_what_it_takes_in_memory(text: str, *, kept: bool) -> None:
    recent = RecentLogs(most=3_000)

    keep(recent, A, text)

    assert bool(recent.get(A)) == kept


def test_a_log_takes_the_place_of_its_older_self() -> None:
    recent = RecentLogs(most=1_500)
    for _ in range(10):
        keep(recent, A, "x" * 500)

    assert recent.get(A)


def test_what_a_log_grew_by_counts_and_what_it_forgot_does_not() -> None:
    recent = RecentLogs(most=3_500)
    log = tuple(entry("x" * 600) for _ in range(4))
    for end in (1, 1, 2, 3):
        recent.keep(A, log[:end])
        assert end == 1 or recent.get(A) == log[:end]

    recent.keep(A, (entry("a summary"), log[3]))
    keep(recent, B, "x" * 600)
    assert recent.get(A)

    recent.keep(A, log)
    assert not recent.get(A)


@pytest.mark.parametrize("changed", [(0,), (1,), (0, 1)])
def test_a_log_that_begins_otherwise_than_before_is_counted_whole(changed: tuple[int, ...]) -> None:
    recent = RecentLogs(most=2_500)
    before = (entry("x"), entry("y"))
    for _ in range(2):
        recent.keep(A, before)
    assert recent.get(A) == before

    now = [entry("x" * 2_000) if place in changed else old for place, old in enumerate(before)]
    recent.keep(A, (*now, entry("z")))

    assert not recent.get(A)


def test_what_is_not_in_the_log_yet_is_not_kept() -> None:
    recent = RecentLogs()
    for _ in range(2):
        recent.keep(A, (entry("said"), entry("asked")), but=1)

    assert recent.get(A) == (entry("said"),)
