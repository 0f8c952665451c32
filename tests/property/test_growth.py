"""The work on a text grows as the text does, whatever a model or a person writes.

While a text is read nobody else is served: what takes the square of its length stops the whole
process for seconds, what doubles with each link for ever, and again after a restart.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from adapters.discord import quoted
from adapters.discord import render as discord
from adapters.models import intents
from adapters.slack import inbound
from adapters.slack import render as slack
from adapters.strictjson import refuse_loose
from adapters.telegram import render as telegram
from adapters.timing.timetable import CronsimTimetable
from bot.redaction import redact
from gateway.commands import grammar
from gateway.commands.spelling import spelled
from runtime.approvals.shown import reveal
from runtime.asking import split_sentence
from runtime.errors import Malformed, Refused
from runtime.model.messages import Content
from runtime.ports import ChatLimits
from runtime.text import fences
from tests.support.build import OPS

Path = Callable[[str], object]

LONGEST = 8_192
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
WORDS = [
    ("x", " "), ("every day at 9 ", "\t"), ("remind me to x", "\n"), ("ask before you x", " "), ("hand this to ops: x", " "), ("", "on "),
    ("schedule ", "on "), ("", "next "), ("say x ", "monday, "), ("every day at 9", ", 9am"), ("", "at 9 "), ("", "in 2 hours "),
    ("", "and "), ("", "to the "), ("", "please "), ("", "hi "), ("", "thanks "), ("", "again "), ("", "what model "), ("", "tell me about "),
    ("", ", "), ("x", "."), ("", "9"), ("", "*/5 "), ("/stop ", "--a"), ("/schedule create ", "\u201e"), ("", "/"), ("", "'"), ("", "a/b"),
    ('"', '\\"'), ("", '"\\'), ("", '"'),
]  # fmt: skip
"""What the offline model, the timetable and the commands read, each before a word that spoils it."""


def read_time(text: str) -> None:
    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    for read in (CronsimTimetable().read, _split):
        with suppress(Refused):
            read(text, now=now, zone="UTC")


def _split(text: str, *, now: datetime, zone: str) -> object:
    return split_sentence(text, CronsimTimetable(), now=now, zone=zone)


def read_json(text: str) -> None:
    with suppress(Malformed):
        refuse_loose(f"[[{text}".encode(), deepest=1)


def read_command(text: str) -> None:
    grammar.looks_like_command(text)
    grammar.parse(text)
    spelled(text, ChatLimits(per_channel=1.0, overall=1.0, command="nightdesk"), OPS)


MARKUP: dict[str, Path] = {
    "slack.pieces": lambda text: slack.pieces(Content(text)),
    "slack.blocks": lambda text: slack.blocks(Content(text)),
    "slack.growing": slack.growing,
    "slack.plain": slack.plain,
    "slack.readable": lambda text: inbound._without("U0BOT", inbound.readable(text)),
    "discord.pieces": lambda text: discord.pieces(Content(text)),
    "discord.escape": lambda text: discord._line_starts(discord.escape(text)),
    "discord.growing": discord.growing,
    "discord.readable": lambda text: discord.thread_name(quoted.readable(text)),
    "telegram.pieces": lambda text: telegram.pieces(Content(text)),
    "telegram.growing": telegram.growing,
    "telegram.quiet": telegram.quiet,
    "text.fences": fences,
    "approvals.reveal": reveal,
    "redact": redact,
}
SPOKEN: dict[str, Path] = {
    "offline message": lambda text: intents.of_message(f"{text}x"),
    "offline instruction": lambda text: intents.of_instruction(f"{text}x"),
    "time": lambda text: read_time(f"{text}x"),
    "command": read_command,
    "json": read_json,
}
PATHS = MARKUP | SPOKEN


@pytest.fixture(autouse=True)
def nothing_is_collected() -> Iterator[None]:
    """A look for garbage takes a tenth of a second here, and is no work on the text."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", PATHS)
def test_the_work_does_not_double_with_a_few_characters_more(name: str) -> None:
    assert [shape for shape in _shapes(name) if _doubles(PATHS[name], *shape)] == []


@pytest.mark.parametrize("name", PATHS)
def test_the_work_grows_as_the_text_does(name: str) -> None:
    explode = [shape for shape in _shapes(name) if _takes_the_square(PATHS[name], *shape)]
    assert explode == []


def _shapes(name: str) -> list[tuple[str, str]]:
    return SHAPES if name in MARKUP else WORDS


def _doubles(path: Path, head: str, unit: str) -> bool:
    """Whether the work does, found in small steps: with larger ones it would not end."""
    path(head + unit)  # what is loaded with the first text is no work on it
    costs = [ENOUGH]
    for size in range(64, 1_024, 64):
        costs.append(_cost(path, head, unit, size))
        if costs[-1] > MOST**2 * max(ENOUGH / MOST, costs[len(costs) // 4]):
            return True
    return False


def _takes_the_square(path: Path, head: str, unit: str) -> bool:
    """Whether the work does, twice: once it may be that a longer text goes another way."""
    path(head + unit)
    size, cost = 256, 0.0
    while cost < ENOUGH and size < LONGEST:
        size *= 2
        cost = _cost(path, head, unit, size)
    for more in (4, 16):
        before, cost = max(cost, ENOUGH), _cost(path, head, unit, more * size)
        if cost <= MOST * before:
            return False
    return True


def _cost(path: Path, head: str, unit: str, size: int) -> float:
    """Seconds of this thread, whatever else runs."""
    text = head + unit * max(1, (size - len(head)) // len(unit))
    began = time.thread_time()
    path(text)
    return time.thread_time() - began
