"""The splitter: nothing is lost, everything fits, nothing is torn, and it ends."""

import re
import time
from collections.abc import Callable

import pytest
import regex  # type: ignore[import-untyped]  # it has no types of its own
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.graphemes import is_boundary
from runtime.text import clipped, cut, fences, split

ATOMS = [
    "word ", "sentence. ", "\n", "\n\n", "x" * 30, "# Title\n", "- item\n", "> quoted\n",
    "```python\n", "```\n", "~~~\n", "````\n", "- ```sh\n", "  ```\n", "`code span` ",
    "| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "[a link](https://e.org/x(y)z) ", "<@U123> ",
    "https://example.org/aaaaaaaaaaaaaaaa ", "\r\n", " ", "\t",
    "👨‍👩‍👧‍👦", "🇩🇪🇫🇷🇪", "é", "각", "क्ष", "👍🏽", "\u0600a", "\u0301",
]  # fmt: skip
markdown = st.lists(st.sampled_from(ATOMS), max_size=60).map("".join)
# What this Python's Unicode knows: the standard that the test asks may be a newer one.
known = st.characters(exclude_categories=["Cn", "Cs"])
texts = st.one_of(st.text(known, max_size=200), markdown)
limits = st.integers(1, 300)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(text=texts, limit=limits)
def test_the_parts_without_what_was_opened_again_are_the_text(text: str, limit: int) -> None:
    assert "".join(part.body for part in cut(text, limit)) == text


@given(text=texts, limit=limits)
def test_each_part_fits(text: str, limit: int) -> None:
    assert all(len(part) <= limit for part in split(text, limit))


@given(text=texts, limit=st.integers(2, 300))
def test_each_part_fits_as_the_platform_counts(text: str, limit: int) -> None:
    assert all(utf16(part) <= limit for part in split(text, limit, measure=utf16))


@given(text=texts, limit=st.integers(50, 300))
@example(text="🇩🇪" * 100, limit=50)
@example(text="e" + "\u0301" * 20 + "e" + "\u0301" * 48, limit=50)
def test_no_grapheme_is_torn(text: str, limit: int) -> None:
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    at = 0
    for part in cut(text, limit):
        longest = max((utf16(g) for g in regex.findall(r"\X", part.body)), default=0)
        at += len(part.body)
        assert at in ends or longest >= limit / 2


@pytest.mark.parametrize("measure", [len, utf16])
@given(text=texts, most=st.integers(0, 100))
@example(text="👨‍👩‍👧‍👦" * 20, most=60)
@example(text="e\u0301" * 60, most=61)
def test_a_clipped_text_fits_and_ends_with_a_whole_grapheme(
    measure: Callable[[str], int], text: str, most: int
) -> None:
    shown = clipped(text, most, measure=measure)
    assert measure(shown) <= most
    if measure(text) <= most:
        assert shown == text
    elif most:
        assert shown.endswith("…")
        at = len(shown) - 1
        assert text.startswith(shown[:at])
        ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
        longest = max(map(len, regex.findall(r"\X", text)))
        assert at in ends or text[at].isspace() or longest > 32


@given(text=st.text(known, max_size=60))
def test_a_boundary_is_one_by_the_standard(text: str) -> None:
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    assert {at for at in range(len(text) + 1) if is_boundary(text, at)} <= ends


@given(text=markdown, limit=st.integers(120, 400))
def test_every_fence_that_a_part_opens_it_closes(text: str, limit: int) -> None:
    closed = text + "\n```\n~~~\n````\n" if len(fences(text)) else text
    parts = cut(closed, limit)
    # What runs on to the end of the text has no closing line to begin with.
    for part in parts[:-1]:
        for start, end in fences(str(part)):
            block = str(part)[start:end].rstrip("\n").split("\n")
            marks = re.search(r"`{3,}|~{3,}", block[0])
            assert marks
            assert marks.group() in block[-1]
            assert len(block) > 1


@given(before=st.integers(0, 200), inside=st.integers(1, 60))
def test_a_link_that_fits_is_not_torn(before: int, inside: int) -> None:
    link = f"[{'label ' * 3}](https://example.org/{'x' * inside})"
    text = "y" * before + " " + link + " and more words behind it" * 5
    assert any(link in part for part in split(text, 120))


def test_a_fence_is_closed_and_opened_again_with_its_language() -> None:
    code = "".join(f"line {n}\n" for n in range(40))
    parts = split(f"Look:\n\n```python\n{code}```\n\nDone.", 120)
    assert len(parts) > 3
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert all("```python\n" in part for part in parts if "line" in part)
    lines = [line for part in parts for line in part.split("\n") if line.startswith("line")]
    assert lines == code.splitlines()


def test_a_table_goes_on_under_its_heading() -> None:
    rows = "".join(f"| {n} | value |\n" for n in range(30))
    parts = split(f"| n | v |\n|---|---|\n{rows}", 100)
    assert all(part.startswith("| n | v |\n|---|---|\n") for part in parts)
    shown = [line for part in parts for line in part.split("\n")[2:]]
    assert shown == rows.splitlines()


def test_a_table_or_fence_that_fits_one_message_is_not_cut() -> None:
    table = "| n | v |\n|---|---|\n" + "| 1 | 2 |\n" * 8
    fence = "```\n" + "code\n" * 15 + "```"
    parts = split(f"{'words ' * 5}\n\n{table}\n\n{fence}", 110)
    assert table.strip("\n") in parts
    assert fence in parts


def test_paragraphs_are_kept_together() -> None:
    paragraphs = [f"{letter * 8} " * 5 for letter in "abcdefgh"]
    parts = split("\n\n".join(paragraphs), 100)
    assert parts == ["\n\n".join(paragraphs[at : at + 2]) for at in range(0, 8, 2)]


@pytest.mark.parametrize("text", ["", "\n", " \n \n"])
def test_an_empty_text_is_one_empty_message(text: str) -> None:
    assert split(text, 10) == [""]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_nothing_fits_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least one character"):
        split("text", limit)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000, "`" * 30_000, "[" * 30_000, "<" * 30_000, "[a\n" * 10_000, "|" * 30_000,
        "```\n" + "x" * 30_000, "x\u0301" * 20_000, "🇩🇪" * 15_000, "> " * 15_000, "[a](" * 10_000,
        "https://" * 8_000, "- ```\n" * 5_000, "|-|\n" * 8_000, "\u0301" * 20_000,
    ],
    ids=lambda text: text[:6].encode("unicode_escape").decode(),
)  # fmt: skip
def test_hostile_text_ends_soon(text: str) -> None:
    began = time.thread_time()
    parts = split(text, 4_000)
    assert time.thread_time() - began < 5  # seconds of this thread's, whatever else runs
    assert all(len(part) <= 4_000 for part in parts)
