"""A line that is cut shows whole characters, wherever it is shown."""

from collections.abc import Callable

import pytest

from adapters.discord import render as discord
from adapters.email.render import SUBJECT_LIMIT, subject
from adapters.models import briefing
from adapters.slack import render as slack
from adapters.slack.render import FALLBACK_LIMIT, LABEL_LIMIT
from adapters.telegram.render import units
from bot.configuration.problems import shown
from runtime.model.messages import Button
from runtime.text import clipped

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}\u200d\N{BOY}"
ACCENT = "e\N{COMBINING ACUTE ACCENT}"
FLAG = "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}"


def _slack_label(text: str) -> str:
    [row] = slack.buttons([Button(label=text, action="go", value="1")])
    return str(row["elements"][0]["text"]["text"])  # type: ignore[index]


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert clipped("", 0) == clipped("", 5) == ""
    assert clipped("a b  ", 5) == "a b  "


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("one two", 6, "one t…"),
        ("one two", 5, "one…"),
        (f"abc{FAMILY}", 9, "abc…"),
        (f"ab{ACCENT}d", 4, "ab…"),
        (f"a{FLAG}{FLAG}", 4, f"a{FLAG}…"),
        (f"a{FLAG}{FLAG}", 3, "a…"),
        (FAMILY, 3, "…"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
        ("ab", -3, ""),
    ],
)
def test_a_long_one_ends_in_front_of_what_is_not_whole(text: str, most: int, expected: str) -> None:
    assert clipped(text, most) == expected


def test_marks_without_end_do_not_take_the_whole_line() -> None:
    """Somebody who piles them up would have a card say nothing else."""
    text = "deploy e" + "\N{COMBINING ACUTE ACCENT}" * 200
    assert clipped(text, 100) == text[:99] + "…"


def test_a_platform_may_count_otherwise() -> None:
    assert clipped("\N{BOY}" * 4, 4) == "\N{BOY}" * 4
    assert clipped("\N{BOY}" * 4, 4, measure=units) == "\N{BOY}…"


@pytest.mark.parametrize(
    ("cut", "most"),
    [
        (subject, SUBJECT_LIMIT),
        (slack.plain, FALLBACK_LIMIT),
        (_slack_label, LABEL_LIMIT),
        (discord.thread_name, 80),
        (lambda text: briefing.cut(text, 60), 60),
        (lambda text: shown(text)[1:], 59),
    ],
)
def test_whoever_cuts_a_line_cuts_no_character(cut: Callable[[str], str], most: int) -> None:
    for text in (ACCENT * most, "x" + ACCENT * most):
        said = cut(text)
        assert said.endswith(f"{ACCENT}…")
        assert len(said) >= most - 2
