"""The work on a text grows as the text does, whatever a model or a person writes.

While a text is read nobody else is served: what takes the square of its length stops the whole
process for seconds, what doubles with each link for ever, and again after a restart.
"""

import time
from collections.abc import Callable

import pytest

from adapters.slack import render as slack
from runtime.model.messages import Content

Path = Callable[[str], object]

LONGEST = 65_536
ENOUGH = 0.01
"""Seconds of the processor that can be told from chance."""
MOST = 9.0
"""Times the work for four times the text: 4 where it grows as the text does, 16 as its square."""

SHAPES = [
    ("", "a"), ("", "a "), ("", " "), ("a\n", "\n"), ("", "\t"), ("", "`"), ("`", "``a"), ("", "``` "), ("", "```\n"), ("- ", "~~~\n"),
    ("", "["), ("", "[\\"), ("", "]("), ("", "[a]("), ("[a](", " "), ("[a](", "\n"), ("[a](", "("), ("[x](a", "(b)"),
    ("", "[[a](b)"), ("", '[a](b "'), ("", "[a](b 'x' "), ("", "[a]:"), ("", "![["), ("[0, 1) ", "[link](https://example.com/1)\n"),
    ("[0, 1) ", "[[1]](https://example.com/1) "), ("", "- "), ("", "> "), ("", "1. "), ("", "- [a\n"),
    ("", "<"), ("", "<a:"), ("<", "a:"), ("", "<a:b|"), ("", "<!"), ("", "&lt;"), ("", "@"), ("", "@here "), ("", "**a "), ("", "*a_ "),
    ("", "~~a"), ("", "|"), ("", "|a|b\n|-|-|\n"), ("", "\\"), ("", "https://"), ("", "https://e.org/a "), ("", "x\u0301"),
]  # fmt: skip
PATHS: dict[str, Path] = {
    "slack.pieces": lambda text: slack.pieces(Content(text)),
    "slack.blocks": lambda text: slack.blocks(Content(text)),
    "slack.growing": slack.growing,
    "slack.plain": slack.plain,
}


@pytest.mark.parametrize("name", PATHS)
def test_the_work_does_not_double_with_a_few_characters_more(name: str) -> None:
    assert [shape for shape in SHAPES if _doubles(PATHS[name], *shape)] == []


@pytest.mark.parametrize("name", PATHS)
def test_the_work_grows_as_the_text_does(name: str) -> None:
    assert [shape for shape in SHAPES if _takes_the_square(PATHS[name], *shape)] == []


def _doubles(path: Path, head: str, unit: str) -> bool:
    """Whether the work does, found in small steps: with larger ones it would not end."""
    path(head + unit)  # what is loaded with the first text is no work on it
    costs = [ENOUGH]
    for size in range(64, 1_024, 64):
        costs.append(_cost(path, head, unit, size))
        if costs[-1] > MOST * max(ENOUGH, costs[len(costs) // 4]):
            return True
    return False


def _takes_the_square(path: Path, head: str, unit: str) -> bool:
    """Whether the work does, twice: once it may be that a longer text goes another way."""
    path(head + unit)
    size, cost = 1_024, 0.0
    while cost < ENOUGH and size < LONGEST:
        size *= 2
        cost = _cost(path, head, unit, size)
    for more in (4, 16):
        before, cost = max(cost, ENOUGH), _cost(path, head, unit, more * size)
        if cost <= MOST * before:
            return False
    return True


def _cost(path: Path, head: str, unit: str, size: int) -> float:
    """Seconds of this thread; of two tries the better, whatever else runs."""
    text = head + unit * max(1, (size - len(head)) // len(unit))
    return min(_seconds(path, text), _seconds(path, f"{text} "))


def _seconds(path: Path, text: str) -> float:
    began = time.thread_time()
    path(text)
    return time.thread_time() - began
