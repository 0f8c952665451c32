"""Nothing in a text steers the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.terminal.text import one_line, visible


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "<U+009B>31m"),
        ("over\rwritten", "over␍written"),
        ("back\x08space", "back␈space"),
        ("\x7f", "␡"),
        ("\u202eevil", "<U+202E>evil"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("line\u2028separator", "line<U+2028>separator"),
        ("\ud800", "<U+D800>"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_written_out(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


@pytest.mark.parametrize("text", ["ünïcödé", "👩\u200d👩\u200d👧 ✈️", "a\tb\nc", "क्\u200dष"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_windows_line_ends_become_line_feeds() -> None:
    assert visible("a\r\nb") == "a\nb"


@given(st.text())
def test_no_text_leaves_a_control_character(text: str) -> None:
    assert {c for c in visible(text) if unicodedata.category(c) in {"Cc", "Cs"}} <= {"\n", "\t"}
    assert "\n" not in one_line(text)
