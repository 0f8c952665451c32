"""The logs that are kept for the next turn, and no more of them than there is room for."""

from datetime import UTC, datetime

from adapters.sql.recent import RecentLogs
from runtime.ids import ConversationId, TurnId
from runtime.model.conversation import Entry, Role

A, B, C = (ConversationId(name) for name in "abc")


def entry(text: str) -> Entry:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Entry(role=Role.USER, text=text, at=at, turn=TurnId("t"), seq=1)


def test_a_log_that_was_kept_is_known() -> None:
    recent = RecentLogs()
    recent.keep(A, (entry("x"),))

    assert recent.get(A) == (entry("x"),)
    assert recent.get(B) == ()


def test_the_log_not_kept_for_the_longest_goes_first() -> None:
    recent = RecentLogs(most=2_500)
    for conversation in (A, B, A, C):
        recent.keep(conversation, (entry("x" * 600),))

    assert recent.get(A)
    assert not recent.get(B)
    assert recent.get(C)


def test_a_log_larger_than_the_room_is_not_kept() -> None:
    recent = RecentLogs(most=1_000)

    recent.keep(A, (entry("x" * 1_000),))
    recent.keep(B, (entry("x"),))

    assert not recent.get(A)
    assert recent.get(B)


def test_a_log_takes_the_place_of_its_older_self() -> None:
    recent = RecentLogs(most=1_500)
    for _ in range(10):
        recent.keep(A, (entry("x" * 500),))

    assert recent.get(A)
