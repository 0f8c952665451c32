"""Markdown in blocks: what each construct becomes."""

import pytest

from adapters.markup.blocks import (
    Align,
    Block,
    CodeBlock,
    Heading,
    Listing,
    Paragraph,
    Quote,
    Rule,
    Run,
    Table,
)
from adapters.markup.parse import DEEPEST, parse
from adapters.markup.plain import columns, width, without_links, words


def said(text: str) -> Paragraph:
    return Paragraph((Run(text=text),))


def test_emphasis_nests() -> None:
    assert parse("a **b *c* ~~d~~** `e*`") == (
        Paragraph(
            (
                Run(text="a "),
                Run(text="b ", bold=True),
                Run(text="c", bold=True, italic=True),
                Run(text=" ", bold=True),
                Run(text="d", bold=True, strike=True),
                Run(text=" "),
                Run(text="e*", code=True),
            )
        ),
    )


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("## T", Heading(2, (Run(text="T"),))),
        ("T\n===", Heading(1, (Run(text="T"),))),
        ("```py x\na\n\nb\n```", CodeBlock("a\n\nb", "py x")),
        ("    a\n    b", CodeBlock("a\nb")),
        ("> a\n> > b", Quote((said("a"), Quote((said("b"),))))),
        ("- a\n- b", Listing(((said("a"),), (said("b"),)))),
        ("3. a\n4. b", Listing(((said("a"),), (said("b"),)), start=3)),
        ("- a\n\n- b", Listing(((said("a"),), (said("b"),)), tight=False)),
        ("- a\n  - b", Listing(((said("a"), Listing(((said("b"),),))),))),
        ("***", Rule()),
        ("a\nb  \nc", said("a\nb\nc")),
        ("a\r\nb\rc", said("a\nb\nc")),
        ("<b>x</b> <!-- y -->", said("<b>x</b> <!-- y -->")),
        ("<div>\n*x*", Paragraph((Run(text="<div>\n"), Run(text="x", italic=True)))),
        ("&lt;b&gt; \\*x\\*", said("<b> *x*")),
    ],
)
def test_a_construct_becomes_a_block(text: str, block: Block) -> None:
    assert parse(text) == (block,)


def test_a_list_in_a_loose_one_has_a_tightness_of_its_own() -> None:
    (outer,) = parse("- a\n\n  - b\n  - c\n\n- d")
    assert isinstance(outer, Listing)
    assert not outer.tight
    inner = outer.items[0][1]
    assert isinstance(inner, Listing)
    assert inner.tight


def test_an_empty_text_has_no_blocks() -> None:
    assert parse("") == ()
    assert parse(" \n\n") == ()


def test_a_table_keeps_its_alignment_and_the_cells_beyond_its_heading() -> None:
    (table,) = parse("| a | b |\n|:-:|--:|\n| 1 | **2** | 3\\|4 |\n| 5 |")
    assert table == Table(
        ((Run(text="a"),), (Run(text="b"),)),
        (
            ((Run(text="1"),), (Run(text="2", bold=True),), (Run(text="3|4"),)),
            ((Run(text="5"),), ()),
        ),
        (Align.CENTER, Align.RIGHT),
    )


def test_a_table_is_laid_out_in_columns_as_wide_as_they_are_shown() -> None:
    (table,) = parse("| name | n |\n|---|--:|\n| 日本 | 5 |\n| e\u0301 | 1000 | x |")
    assert isinstance(table, Table)
    assert columns(table) == [
        "name     n",
        "────  ────  ─",
        "日本     5",
        "e\u0301     1000  x",
    ]


def test_an_image_is_its_description_and_its_address() -> None:
    assert parse("![a *b*](https://e.org/i.png)") == (
        Paragraph((Run(text="a b", link="https://e.org/i.png"),)),
    )
    (block,) = parse("[![a](https://e.org/i)](https://e.org)")
    assert isinstance(block, Paragraph)
    assert words(block.runs) == "a (https://e.org/i) (https://e.org)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a **b** c](https://e.org)", "a b c (https://e.org)"),
        ("[https://good.example](https://evil.example)", "https://good.example (https://evil.example)"),
        ("<https://e.org>", "https://e.org"),
        ("<a@e.org>", "a@e.org"),
        ("a[](https://e.org)", "ahttps://e.org"),
        ("![](https://e.org)", "https://e.org"),
        ("[x]()", "x"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[a](https://e.org)b[c](https://e.org)", "a (https://e.org)bc (https://e.org)"),
    ],
)  # fmt: skip
def test_a_link_shows_where_it_leads(text: str, shown: str) -> None:
    (block,) = parse(text)
    assert isinstance(block, Paragraph)
    assert "".join(run.text for run in without_links(block.runs)) == shown
    assert not any(run.link for run in without_links(block.runs))


def test_a_reference_link_is_text_and_cannot_make_a_message_grow() -> None:
    text = "[a][1] [1]\n\n[1]: https://e.org/" + "x" * 1_000
    assert sum(len(words(b.runs)) for b in parse(text) if isinstance(b, Paragraph)) <= len(text)
    assert parse("[1]: https://e.org") == (said("[1]: https://e.org"),)


@pytest.mark.parametrize("mark", ["> ", "- ", "1. "])
def test_nesting_deeper_than_is_read_is_kept_as_text(mark: str) -> None:
    text = mark * (DEEPEST + 5) + "deep"
    assert parse(text) == (said(text),)
    assert "deep" in str(parse(mark * 10 + "deep"))


def test_signs_that_are_not_seen_take_no_column() -> None:
    assert width("e\u0301\u200b") == 1
    assert width("👍日") == 4
