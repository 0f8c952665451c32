"""What is kept of messages whose turns have not begun, and what has to be read."""

from dataclasses import replace

import pytest

from adapters.sql.heard import LONGEST, MOST, Heard
from runtime.ids import MessageId
from runtime.model.events import Command, Message, Received
from runtime.model.files import FileRef
from tests.support.clock import ManualClock
from tests.support.stores import Rows


@pytest.fixture
def rows() -> Rows:
    return Rows(ManualClock())


def test_a_message_is_taken_once(rows: Rows) -> None:
    heard, received = Heard(), rows.received("Wie geht's, Jürgen? 🙂")
    heard.keep(received)

    assert heard.take(received.id) is received
    assert heard.take(received.id) is None


def test_the_oldest_is_forgotten(rows: Rows) -> None:
    heard, first, second = Heard(), rows.received(), rows.received()
    heard.keep(first)
    heard.keep(second)
    for _ in range(MOST - 1):
        heard.keep(rows.received())

    assert heard.take(first.id) is None
    assert heard.take(second.id) is second


def _saying(rows: Rows, **other: object) -> Received:
    usual = Message(text="hello", message_id=MessageId("1"))
    return rows.received(body=replace(usual, **other))  # type: ignore[arg-type]


def test_what_is_stored_otherwise_than_it_was_said_is_read(rows: Rows) -> None:
    heard = Heard()
    odd = [
        _saying(rows, text="x" * (LONGEST + 1)),
        _saying(rows, text="half a pair: \ud800"),
        _saying(rows, quoted=("said by somebody else",)),
        _saying(rows, files=(FileRef(handle="F1"),)),
        rows.received(body=Command(text="schedule list")),
    ]
    for received in odd:
        heard.keep(received)

    assert [heard.take(received.id) for received in odd] == [None] * len(odd)
