"""Reading Markdown: any text has a reading, it ends, and no word is lost."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.markup.blocks import (
    Block,
    CodeBlock,
    Heading,
    Inline,
    Listing,
    Paragraph,
    Quote,
    Rule,
    Table,
)
from adapters.markup.parse import parse
from adapters.markup.plain import columns, words

ATOMS = [
    "a", "b ", "c\n", "\n\n", "*", "**", "_", "~~", "`", "``", "```\n", "~~~", "[", "]", "](", ")", "(",
    "!", "#", "# ", "> ", "- ", "1. ", "7) ", "    ", "\t", "|", "|-|-|\n", "| d | e |\n", "\\", "\\|",
    "<f>", "<https://g>", "<h@i.org>", "[j]: k\n", "---\n", "***\n", "==\n", "\r", "é", "日", "👍🏽", "\0", "\ud800",
]  # fmt: skip
markdown = st.lists(st.sampled_from(ATOMS), max_size=60).map("".join)
anything = st.one_of(st.text(max_size=200), markdown)


def read(blocks: tuple[Block, ...]) -> str:
    """All that is said, in order."""
    return "\n".join(map(_read, blocks))


def _read(block: Block) -> str:
    match block:
        case Paragraph(runs) | Heading(_, runs):
            return words(runs)
        case CodeBlock(text, language):
            return f"{language}\n{text}"
        case Quote(blocks):
            return read(blocks)
        case Listing(items, start):
            return "\n".join([str(start or ""), *map(read, items)])
        case Table(head, rows):
            return "\n".join(words(cell) for row in (head, *rows) for cell in row)
        case Rule():
            return ""


def _lines(blocks: tuple[Block, ...]) -> list[Inline]:
    found: list[Inline] = []
    for block in blocks:
        match block:
            case Paragraph(runs) | Heading(_, runs):
                found.append(runs)
            case Quote(inner):
                found += _lines(inner)
            case Listing(items):
                found += [line for item in items for line in _lines(item)]
            case Table(head, rows):
                found += [cell for row in (head, *rows) for cell in row]
                assert columns(block)
            case CodeBlock() | Rule():
                pass
    return found


@given(text=anything)
def test_any_text_has_a_reading(text: str) -> None:
    for runs in _lines(parse(text)):
        for before, after in pairwise(runs):
            looks = [(r.bold, r.italic, r.strike, r.code, r.link) for r in (before, after)]
            assert looks[0] != looks[1]
        assert all(run.text or run.link for run in runs)


letters = st.text("ab *_`#>-+[]!|\n~\\1.:=< \t", max_size=120)


@given(text=letters)
def test_no_letter_is_lost_or_made_up(text: str) -> None:
    assert re.sub("[^ab]", "", read(parse(text))) == re.sub("[^ab]", "", text)


@given(text=st.text(st.characters(exclude_characters="_", exclude_categories=["Cs"]), max_size=80))
def test_plain_words_come_through_as_they_are(text: str) -> None:
    kept = re.sub(r"\W", "", text)
    assert re.sub(r"\W", "", read(parse(kept))) == kept


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000, "`" * 30_000, "[" * 8_000, "<" * 30_000, "[a\n" * 3_000, "|" * 30_000, "> " * 15_000,
        "[a](" * 10_000, "- ```\n" * 5_000, "|-|\n" * 8_000, "*a_ " * 8_000, "~~a" * 10_000, "![[" * 3_000,
        "- " * 15_000, "a**b" * 8_000, "[a](<b" * 6_000, "|a|b\n|-|-\n" + "|`|x\n" * 6_000, "\\" * 30_000,
        "&amp" * 8_000, "1. a\n" * 5_000, (">" * 50 + "\n") * 500,
    ],
    ids=lambda text: text[:6].encode("unicode_escape").decode(),
)  # fmt: skip
def test_hostile_text_ends_soon(text: str) -> None:
    began = time.thread_time()
    assert parse(text)
    assert time.thread_time() - began < 10  # seconds of this thread's, whatever else runs
