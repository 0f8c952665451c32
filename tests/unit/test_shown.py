"""What a person agrees to shows everything that is in it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.shown import is_plain, reveal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git push origin main", "git push origin main"),
        ("Grüße, Übergrößenträger: 5 €", "Grüße, Übergrößenträger: 5 €"),
        ("Привет, мир", "Привет, мир"),
        ("日本語のテキスト", "日本語のテキスト"),
        ("line\n\tindented", "line\n\tindented"),
        ("safe\u202egpj.exe", "safe⟨U+202E⟩gpj.exe"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("\x1b[2Kok", "⟨U+001B⟩[2Kok"),
        ("rm -rf /\r# safe", "rm -rf /⟨U+000D⟩# safe"),
        ("p\u0430ypal.com", "p⟨U+0430⟩ypal.com"),
        ("\uff47oogle", "⟨U+FF47⟩oogle"),
        ("a\ufe0f", "a⟨U+FE0F⟩"),
        ("end  \nnext", "end⟨U+0020⟩⟨U+0020⟩\nnext"),
        ("\u3164", "⟨U+3164⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_what_an_eye_would_miss_is_written_out(text: str, shown: str) -> None:
    assert reveal(text) == shown
    assert is_plain(text) is (text == shown)


@given(st.text(max_size=200))
def test_two_texts_never_look_the_same_by_hidden_characters(text: str) -> None:
    shown = reveal(text)
    hidden = [
        c for c in shown if unicodedata.category(c) in {"Cf", "Co", "Cs", "Cn"} and c not in "\n\t"
    ]
    assert hidden == []
    assert all(c in "\n\t" or unicodedata.category(c) != "Cc" for c in shown)


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_texts_are_shown_differently(one: str, other: str) -> None:
    assert (reveal(one) == reveal(other)) is (one == other)
