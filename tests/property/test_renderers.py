"""What every chat platform's rendering keeps, whatever a model writes.

Nothing is cut that belongs together, everything fits, no word is lost, and it ends soon: while a
long text is read, nobody else is served.
"""

import gc
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord import render as discord
from adapters.markup.blocks import CodeBlock
from adapters.markup.parse import parse
from adapters.slack import render as slack
from adapters.telegram import render as telegram
from runtime.model.messages import Button, Content
from tests.support.adapters import pigeon

SECONDS = 2.0
"""Of the processor, for cutting and showing 11,000 characters of the worst kind; a second each."""


@dataclass(frozen=True)
class Renderer:
    """How a platform cuts and shows.

    Attributes:
        name: the platform.
        pieces: cuts into messages.
        show: what the platform is sent.
        growing: what it is sent of an answer that grows.
        limit: how much a message holds.
        measure: as the platform counts.
        code: the code blocks in what it is sent; None where it has none.
    """

    name: str
    pieces: Callable[[Content], tuple[Content, ...]]
    show: Callable[[str], str]
    growing: Callable[[str], str]
    limit: int
    measure: Callable[[str], int]
    code: Callable[[str], list[str]] | None

    def shown(self, text: str) -> list[str]:
        """The messages, as the platform is sent them."""
        return [self.show(piece.text) for piece in self.pieces(Content(text))]


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fenced(text: str) -> list[str]:
    """The code of each block that is closed; of Markdown and of what is near to it."""
    assert len(re.findall(r"^(?:```|~~~)", text, re.MULTILINE)) % 2 == 0
    return [block.text for block in parse(text) if isinstance(block, CodeBlock)]


def spans(text: str) -> list[str]:
    """The same for Telegram, where code is a span beside the text."""
    shown = telegram.shown(text)
    raw = shown.text.encode("utf-16-le")
    return [
        raw[2 * span.offset : 2 * (span.offset + span.length)].decode("utf-16-le")
        for span in shown.spans
        if span.kind == "pre"
    ]


RENDERERS = [
    Renderer("slack", slack.pieces, slack.markdown, slack.growing, 12_000, len, fenced),
    Renderer("telegram", telegram.pieces, lambda t: telegram.shown(t).text, lambda t: telegram.growing(t).text, 4_096, utf16, spans),
    Renderer("discord", discord.pieces, discord.markdown, discord.growing, 2_000, utf16, fenced),
    Renderer("pigeon", pigeon.pieces, pigeon.shown, pigeon.shown, pigeon.LIMIT, len, None),
]  # fmt: skip
every = pytest.mark.parametrize("renderer", RENDERERS, ids=lambda renderer: renderer.name)
few = settings(max_examples=25)
"""For long texts: each example cuts and reads some pages."""
codes = pytest.mark.parametrize(
    "renderer", [each for each in RENDERERS if each.code], ids=lambda renderer: renderer.name
)

FAMILY, FLAG, THUMB, ACCENT = "👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301"
ATOMS = [
    "word ", "sentence. ", "\n", "\n\n", "x" * 90, "# Title\n", "- item\n", "1. item\n", "> quoted\n", "**bold** ",
    "*", "_", "~~gone~~ ", "`code` ", "``a`b`` ", "```python\ncode()\n```\n", "```\n", "~~~\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "[a link](https://e.org/x(y)z) ", "https://example.org/aaaaaaaa ", "<b>", "&amp; ", "@everyone ", "<@1> ", "\t",
    FAMILY, FLAG, THUMB, ACCENT, "\u202e",
]  # fmt: skip
anything = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join)


@every
@few
@given(text=anything, times=st.integers(1, 30))
def test_every_message_fits(renderer: Renderer, text: str, times: int) -> None:
    for message in renderer.shown((text * times)[:6_000]):
        assert renderer.measure(message) <= renderer.limit


@codes
@few
@given(text=anything)
def test_what_grows_fits(renderer: Renderer, text: str) -> None:
    shown = renderer.growing((text * 30)[:6_000])
    assert renderer.measure(shown) <= renderer.limit


@every
@few
@given(gaps=st.lists(st.integers(0, 40), min_size=20, max_size=60), seed=st.sampled_from("a \n-"))
def test_no_grapheme_is_cut(renderer: Renderer, gaps: list[int], seed: str) -> None:
    parts = [f"{seed * gap}{(FAMILY, FLAG, THUMB, ACCENT)[n % 4]}" for n, gap in enumerate(gaps)]
    text = ("".join(parts) * 40)[: 3 * renderer.limit]
    text = text[: text.rindex(FLAG)]
    for message in renderer.shown(text):
        rest = re.sub(f"{FAMILY}|{FLAG}|{THUMB}|{ACCENT}", "", message)
        assert not re.search("[\u200d\u0301👨👩👧👦🏽👍\U0001f1e6-\U0001f1ff]", rest)


@codes
@few
@given(
    before=st.integers(0, 3_000), lines=st.integers(1, 900), width=st.integers(0, 30), mark=st.sampled_from(["```", "~~~", "````"])
)  # fmt: skip
def test_no_fence_is_cut_open(
    renderer: Renderer, before: int, lines: int, width: int, mark: str
) -> None:
    code = "\n".join(f"c{number:04} {'y' * width}" for number in range(lines))
    text = f"{'word ' * (before // 5)}\n\n{mark}python\n{code}\n{mark}\n\nDone."
    found: list[str] = []
    assert renderer.code is not None
    for piece in renderer.pieces(Content(text)):
        sent = piece.text if renderer.name == "telegram" else renderer.show(piece.text)
        inside = " ".join(renderer.code(sent))
        assert re.findall(r"c\d{4}", inside) == re.findall(r"c\d{4}", renderer.show(piece.text))
        found += re.findall(r"c\d{4}", inside)
    assert found == [f"c{number:04}" for number in range(lines)]


@given(text=anything, times=st.integers(1, 20))
def test_no_entity_of_telegram_is_cut(text: str, times: int) -> None:
    for piece in telegram.pieces(Content((text * times)[:9_000])):
        shown = telegram.shown(piece.text)
        raw = shown.text.encode("utf-16-le")
        for span in shown.spans:
            start, end = 2 * span.offset, 2 * (span.offset + span.length)
            assert 0 <= start < end <= len(raw)
            raw[start:end].decode("utf-16-le")  # half a character would raise


@given(text=anything, times=st.integers(1, 300))
def test_no_entity_of_slack_is_cut(text: str, times: int) -> None:
    notification = slack.plain((text * times)[:9_000])
    assert not re.search(r"&(?!(?:amp|lt|gt);)|[<>]", notification)


@every
@few
@given(atoms=st.lists(st.sampled_from(ATOMS[:8]), min_size=5, max_size=40))
def test_no_word_is_lost_or_out_of_order(renderer: Renderer, atoms: list[str]) -> None:
    words = [f"w{number:04}" for number in range(600)]
    text = "".join(f"{word} {atoms[number % len(atoms)]}" for number, word in enumerate(words))
    assert re.findall(r"w\d{4}", "\n".join(renderer.shown(text))) == words


@every
def test_the_buttons_stand_under_the_last_message(renderer: Renderer) -> None:
    buttons = (Button("Yes", "answer", "1"),)
    *first, last = renderer.pieces(Content("words and words " * 1_000, buttons))
    assert first
    assert [piece.buttons for piece in first] == [()] * len(first)
    assert last.buttons == buttons


HOSTILE = [
    "a", "a ", "`", "``` ", "```\n", "~~~\n", "~", "[", "](", "[a](", "![a](b", "[a](b)", "[[a](b)", "![[", "[a]: b\n",
    "<", "<a", "<!", "<U|a>", "@", "@a ", "@everyone ", "**a ", "*a_ ", "a*b*c ", "~~a", "|", "|a|b\n|-|-|\n",
    "| a | b |\n", "|`a", "`a", "``a`", "> ", ">" * 20 + "\n", "- ", "- ```\n", "1. a\n", "# a\n", "a\n=\n", "\\",
    "&amp;", "&#x3c;!", "https://", "https://e.org/a ", "\u0301", "x\u0301", FLAG, FAMILY, "\n", " \n", "\t", "\u202e",
]  # fmt: skip


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    """A look for garbage takes as long as these limits here, and is no work on the text."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@every
@pytest.mark.usefixtures("nothing_is_collected")
def test_eleven_thousand_characters_of_the_worst_kind_end_soon(renderer: Renderer) -> None:
    slow = {}
    for seed in HOSTILE:
        text = (seed * 11_000)[:11_000]
        began = time.thread_time()
        messages = renderer.shown(text)
        renderer.growing(text)
        took = time.thread_time() - began
        assert all(renderer.measure(message) <= renderer.limit for message in messages), seed
        if took > SECONDS:
            slow[seed] = took
    assert slow == {}
