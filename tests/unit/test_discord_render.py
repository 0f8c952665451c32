"""Markdown in Discord's dialect: what is shown, what is defused, and how it is cut."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.render import (
    FILE_LIMIT,
    GROWING,
    LIMIT,
    growing,
    is_growing,
    length,
    markdown,
    message,
    pieces,
    rows,
    thread_name,
)
from bot.selftest.discord import rules
from runtime.graphemes import is_boundary
from runtime.ids import FileId
from runtime.model.files import OutFile
from runtime.model.messages import Button, Content

EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("**bold** *em* ***both*** ~~gone~~", "**bold** *em* ***both*** ~~gone~~"),
        ("`code` and ``a ` b``", "`code` and `` a ` b ``"),
        ("# One\n\n#### Four", "# One\n\n**Four**"),
        ("- a\n- b\n  - c", "- a\n- b\n  - c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("> quoted\n> more", "> quoted\n> more"),
        ("```py\nx = 1\n```", "```py\nx = 1\n```"),
        ("```rm -rf; x\nx\n```", "```\nx\n```"),
        ("| a | b |\n|---|--:|\n| 1 | 22 |", "```\na   b\n─  ──\n1  22\n```"),
        ("a\n\n---\n\nb", "a\n\n───\n\nb"),
        ("[words](https://x.example/a_b)", "words (<https://x.example/a_b>)"),
        ("<https://x.example>", "<https://x.example>"),
        ("see https://x.example/a_b_c.", "see <https://x.example/a_b_c>."),
        ("![a chart](https://x.example/c.png)", "a chart (<https://x.example/c.png>)"),
        ("[words](javascript:alert)", "\\[words\\](javascript:alert)"),
        ("snake\\_case 2 \\* 3", "snake\\_case 2 \\* 3"),
        ("||hidden|| __under__", "\\|\\|hidden\\|\\| **under**"),
        ("1\\. no list\n\\- nor this", "1\\. no list\n\\- nor this"),
        ("\\# no heading\n\\-# no small print", "\\# no heading\n\\-# no small print"),
        ("<b>html</b>", "\\<b>html\\</b>"),
        ("", ""),
    ],
)
def test_it_reads_as_it_was_meant(text: str, shown: str) -> None:
    assert markdown(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "**@here**",
        "<@300000000000000001>",
        "<@!1> <@&2> <#3>",
        "</cmd:1>",
        "<t:1767600000:R>",
        "[@everyone](https://evil.example)",
        "`@everyone`",
        "```\n@everyone\n```",
        "&#64;everyone",
    ],
)
def test_nothing_in_it_is_a_mention_or_a_command(text: str) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", markdown(text), flags=re.DOTALL)
    assert not re.search(r"@(everyone|here)|(?<!\\)<[@#t/]", prose)
    body = message(Content(text), mention=None)
    assert list(rules.breaches(EDIT, body)) == []


def test_a_fence_inside_of_code_closes_nothing() -> None:
    shown = markdown("````\n```\n@everyone\n````")
    assert shown.count("```") == 2


def test_a_finished_message_never_looks_like_a_draft() -> None:
    body = message(Content(f"the end{GROWING}"), mention=None)
    assert not is_growing(str(body["content"]))
    assert is_growing(growing("the beg"))


def test_an_empty_answer_is_something_to_see() -> None:
    assert message(Content(""), mention=None)["content"] == "…"


def test_a_long_answer_is_cut_between_paragraphs_and_buttons_stand_under_the_last() -> None:
    paragraph = "Some words of an answer that goes on. " * 20
    content = Content("\n\n".join([paragraph] * 8), (Button("Go", "a", "b"),))
    cut = pieces(content)
    assert len(cut) == 4
    assert [len(piece.buttons) for piece in cut] == [0, 0, 0, 1]
    assert all(length(markdown(piece.text)) <= LIMIT for piece in cut)


def test_a_fence_is_closed_and_opened_again_at_a_cut() -> None:
    code = "```py\n" + "\n".join(f"line_{number} = {number}" for number in range(300)) + "\n```"
    cut = pieces(Content(code))
    assert len(cut) > 2
    for piece in cut:
        shown = markdown(piece.text)
        assert shown.startswith("```py\n")
        assert shown.endswith("\n```")


def test_no_emoji_is_cut() -> None:
    family = "👨‍👩‍👧‍👦"
    cut = pieces(Content(family * 400))
    assert "".join(piece.text for piece in cut) == family * 400
    for piece in cut:
        assert piece.text.replace(family, "") == ""
        assert is_boundary(piece.text, len(piece.text))


def test_more_buttons_than_a_message_takes_go_into_the_next() -> None:
    buttons = tuple(Button(f"B{number}", "act", f"v{number}") for number in range(60))
    cut = pieces(Content("Choose", buttons))
    assert [len(piece.buttons) for piece in cut] == [25, 25, 10]
    for piece in cut:
        assert list(rules.breaches(EDIT, message(piece, mention=None))) == []


def test_two_buttons_that_are_the_same_are_one() -> None:
    [row] = rows([Button("A", "act", "v"), Button("B", "act", "v")])
    assert len(row["components"]) == 1  # type: ignore[arg-type] # a list of buttons


def test_a_file_that_discord_does_not_take_is_named_instead() -> None:
    small = OutFile(id=FileId("1"), name="a.csv", media_type="text/csv", size=10)
    large = OutFile(id=FileId("2"), name="b.mp4", media_type="video/mp4", size=FILE_LIMIT + 1)
    [piece] = pieces(Content("Here.", files=(small, large)))
    assert piece.files == (small,)
    assert "b.mp4 has 10.0 MiB" in piece.text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("what happened overnight?", "what happened overnight?"),
        ("<@123> **look** at `this`\nplease", "look at this please"),
        ("", "Nightdesk"),
        ("***", "Nightdesk"),
        ("word " * 40, "word " * 15 + "word…"),
    ],
)
def test_a_thread_is_named_after_the_question(text: str, name: str) -> None:
    assert thread_name(text) == name
    assert 1 <= len(thread_name(text)) <= 100


SCRAPS = [
    "**",
    "*",
    "_",
    "~~",
    "`",
    "``",
    "```",
    "```py\n",
    "\n",
    "\n\n",
    "- ",
    "1. ",
    "> ",
    "# ",
    "| a | b |\n|---|---|\n| c | d |\n",
    "[x](https://evil.example)",
    "![i](https://evil.example/i.png)",
    "@everyone",
    "<@1>",
    "](",
    "[",
    "||",
    "👨‍👩‍👧‍👦",
    "word ",
    "https://x.example/(a)_b_ ",
    "\\",
    "&#64;here ",
    "\ud800",
    "\0",
    "▌",
    "   ",
    "-# ",
]


def test_whatever_a_model_writes_keeps_the_rules() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for number in range(1_500):
        text = "".join(chance.choices(SCRAPS, k=chance.randrange(60)))
        for piece in pieces(Content(text)):
            broken = list(rules.breaches(EDIT, message(piece, mention=None)))
            assert broken == [], (seed, number, text)
        assert length(growing(text)) <= LIMIT


@given(st.text(max_size=300))
def test_words_are_never_lost(text: str) -> None:
    said = re.findall(r"[a-zA-Z]{4,}", text)
    shown = markdown(" ".join(said))
    assert re.findall(r"[a-zA-Z]{4,}", shown) == said
