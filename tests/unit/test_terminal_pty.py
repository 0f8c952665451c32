"""The terminal on a real pseudo-terminal, as a person meets it."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.pseudo_terminal import Window


@pytest.fixture
def window() -> Iterator[Window]:
    window = Window("tests.support.terminal_desk")
    window.until("dm > ")
    yield window
    window.close()


def test_a_person_asks_is_answered_and_leaves(window: Window) -> None:
    window.type("hello\r")
    window.until("desk · dm · ")
    window.until("And word number 59")
    window.type("/quit\r")
    assert window.ended() == 0
    assert window.restored
    assert "Traceback" not in window.seen


def test_a_briefing_is_drawn_and_its_thread_opened(window: Window) -> None:
    window.type("/brief\r")
    window.until("Done.")
    assert "#ops [1]" in window.seen
    window.type("/thread 1\r")
    window.until("You are in #ops [1] “Morning briefing”")
    window.until("#ops [1] > ")
    window.type("\x04")
    assert window.ended() == 0


def test_ctrl_c_twice_leaves(window: Window) -> None:
    window.type("half a thought\x03")
    window.until("Ctrl-C once more, or Ctrl-D, leaves.")
    window.type("\x03")
    assert window.ended() == 0
    assert window.restored


def test_a_closed_window_ends_it(window: Window) -> None:
    window.hang_up()
    assert window.process.wait(timeout=60) == 0


def test_an_interruption_from_outside_leaves_the_terminal_usable(window: Window) -> None:
    window.process.send_signal(signal.SIGINT)
    window.ended()
    assert window.restored
