"""Markdown as Telegram may show it, and how it is cut."""

import pytest

from adapters.telegram.message import keyboard
from adapters.telegram.render import (
    EMPTY,
    MOST_SPANS,
    TEXT_LIMIT,
    Span,
    growing,
    pieces,
    shown,
    units,
)
from runtime.errors import Permanent
from runtime.ids import FileId
from runtime.model.files import OutFile
from runtime.model.messages import Button, Content


def looks(text: str) -> tuple[str, list[tuple[str, str]]]:
    found = shown(text)
    raw = found.text.encode("utf-16-le")
    return found.text, [
        (s.kind, raw[2 * s.offset : 2 * (s.offset + s.length)].decode("utf-16-le"))
        for s in found.spans
    ]


@pytest.mark.parametrize(
    ("text", "said", "spans"),
    [
        ("a **b** _c_ ~~d~~ `e`", "a b c d e", [("bold", "b"), ("italic", "c"), ("strikethrough", "d"), ("code", "e")]),
        ("# T\n\n## U", "T\n\nU", [("bold", "T"), ("underline", "T"), ("bold", "U")]),
        ("> a\n> > b", "a\nb", [("blockquote", "a\nb")]),
        ("- a\n  - b\n- c", "• a\n  • b\n• c", []),
        ("3. a\n4. b", "3. a\n4. b", []),
        ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
        ("👍🏽 **b**", "👍🏽 b", [("bold", "b")]),
        ("a\n\n***\n\nb", "a\n\n⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯\n\nb", []),
        ("[x](https://e.org)", "x (https://e.org)", []),
        ("![x](https://e.org/i.png)", "x (https://e.org/i.png)", []),
        ("<b>x</b>", "<b>x</b>", []),
        ("**`@x`**", "@x", [("code", "@x")]),
        ("| a | b |\n|---|--:|\n| 1 | 22 |", "a   b\n─  ──\n1  22", [("pre", "a   b\n─  ──\n1  22")]),
        ("", EMPTY, []),
        ("\u202e\x07", EMPTY, []),
        ("  a  ", "a", []),
    ],
)  # fmt: skip
def test_a_construct_is_shown(text: str, said: str, spans: list[tuple[str, str]]) -> None:
    assert looks(text) == (said, spans)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@ada", "@\u200bada"),
        ("@**ada**", "@\u200bada"),
        ("@@ada", "@@\u200bada"),
        ("(@ada)", "(@\u200bada)"),
        ("a@b.org", "a@b.org"),
        ("[@ada](https://e.org)", "@\u200bada (https://e.org)"),
    ],
)
def test_nobody_is_mentioned(text: str, said: str) -> None:
    assert looks(text)[0] == said


def test_code_keeps_its_language_and_nothing_else() -> None:
    assert shown("```c++ {1}\nx\n```").spans == (Span("pre", 0, 1, "c++"),)


def test_no_more_entities_are_made_than_telegram_keeps() -> None:
    assert len(shown("**a** b " * 200).spans) == MOST_SPANS


def test_code_that_loses_its_looks_mentions_nobody_either() -> None:
    assert shown("`@ada` " * 99).text.count("\u200b") == 0
    assert shown("`@ada` " * 101).text.count("@\u200bada") == 101


def test_a_short_text_is_one_message() -> None:
    content = Content("hi", (Button("a", "b", "c"),))
    assert pieces(content) == (content,)


@pytest.mark.parametrize(
    "text",
    [
        "word **bold** `code` " * 1_000,
        "👨‍👩‍👧‍👦" * 1_500,
        "```py\n" + "x = '👍'\n" * 1_200 + "```",
        "| a | b |\n|--|--|\n" + "| 1 | 2 |\n" * 600 + f"| {'w' * 200} | 2 |\n",
        "@a " * 3_000,
        "a" * 20_000,
        "> quote\n" * 2_000,
        "\t- deep\n" * 2_000,
    ],
    ids=lambda text: text[:5].encode("unicode_escape").decode(),
)
def test_a_long_text_is_cut_into_messages_that_fit(text: str) -> None:
    button = (Button("a", "b", "c"),)
    parts = pieces(Content(text, button))
    assert len(parts) > 1
    assert all(units(shown(part.text).text) <= TEXT_LIMIT for part in parts)
    assert [part.buttons for part in parts] == [()] * (len(parts) - 1) + [button]


def test_one_file_takes_a_short_text_along_and_others_follow_it() -> None:
    file = OutFile(id=FileId("f"), name="a.csv", media_type="text/csv", size=1)
    button = (Button("a", "b", "c"),)
    assert pieces(Content("see", button, (file,))) == (Content("see", button, (file,)),)
    assert pieces(Content("see", button, (file, file))) == (
        Content("see"),
        Content("", files=(file,)),
        Content("", button, (file,)),
    )
    long = pieces(Content("x" * 1_100, files=(file,)))
    assert [len(part.files) for part in long] == [0, 1]
    assert pieces(Content("", files=(file, file))) == (Content("", files=(file,)),) * 2


def test_a_growing_answer_shows_whole_words_of_its_first_message() -> None:
    assert growing("one two thr").text == "one two"
    assert growing("one").text == "one"
    assert units(growing("word " * 3_000).text) <= TEXT_LIMIT


def test_short_buttons_stand_side_by_side_and_long_ones_below_each_other() -> None:
    short = keyboard([Button(label, "a", "1") for label in ("Yes", "No", "Later", "Never")])
    assert short is not None
    assert [len(row) for row in short.inline_keyboard] == [3, 1]
    long = keyboard([Button("x" * 80, "a", "1"), Button("No", "a", "2")])
    assert long is not None
    assert [len(row) for row in long.inline_keyboard] == [1, 1]
    assert len(long.inline_keyboard[0][0].text) == 64


def test_a_button_that_carries_too_much_is_a_clear_error() -> None:
    assert keyboard([Button("x", "a" * 23, "b" * 40)]) is not None
    with pytest.raises(Permanent, match="65 bytes"):
        keyboard([Button("x", "a" * 24, "b" * 40)])


@pytest.mark.parametrize(
    "unseen", ["\u2028", "\u202e", "\x0b", "\ud800", "\u2029\u202a", "\u030a", "\u0333", "\u033f"]
)
def test_what_is_taken_out_of_a_text_does_not_make_a_mention_of_the_rest(unseen: str) -> None:
    assert shown(f"ask @{unseen}ada").text == "ask @\u200bada"
    assert shown(f"**a{unseen}@{unseen}ada**").text == "a@ada"
