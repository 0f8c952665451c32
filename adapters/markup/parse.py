"""CommonMark with tables and strikethrough, read into blocks.

Every text has a reading, and no word of it is dropped, with one exception: the title of a link,
which no platform shows. HTML is text. Reference links (`[word][1]`, `[1]: address`) are text too:
else one long address, named a thousand times, would grow into a message of megabytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from adapters.markup.blocks import (
    Align,
    Block,
    CodeBlock,
    Heading,
    Inline,
    Listing,
    Paragraph,
    Quote,
    Rule,
    Run,
    Table,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

DEEPEST = 60
"""Levels of lists and quotations. The parser drops what is deeper: such a text is one paragraph."""

_ENDS = {"strong_close", "em_close", "s_close", "link_close"}
_PLAIN = Run(text="")


def parse(text: str) -> tuple[Block, ...]:
    """The text in blocks. Any text can be read; it raises nothing."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    tokens = _parser().parse(text)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        return (Paragraph((Run(text=text),)),)
    return _Reader(tokens, text.split("\n")).blocks("")


def load() -> None:
    """Load the parser, which takes some 30 ms, and which the first text would wait for."""
    _parser()


@cache
def _parser() -> "MarkdownIt":
    """CommonMark's parser, which is loaded with the first text."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - sixty modules, kept out of the start

    return (
        MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
        .enable(["table", "strikethrough"])
        .disable("reference")
    )


@dataclass(slots=True)
class _Reader:
    """Reads the parser's tokens, one after the other.

    Attributes:
        tokens: the tokens.
        lines: the lines of the text.
        at: the next token.
    """

    tokens: "Sequence[Token]"
    lines: Sequence[str]
    at: int = 0

    def blocks(self, end: str) -> tuple[Block, ...]:
        """The blocks up to the token of that type, which is passed."""
        found: list[Block] = []
        while (token := self._next()) is not None and token.type != end:
            found.append(self._block(token))
        return tuple(found)

    def _block(self, token: "Token") -> Block:
        match token.type:
            case "heading_open":
                return Heading(int(token.tag[1:]), self._inline_until("heading_close"))
            case "fence" | "code_block":
                return CodeBlock(token.content.removesuffix("\n"), token.info.strip())
            case "blockquote_open":
                return Quote(self.blocks("blockquote_close"))
            case "bullet_list_open":
                return self._listing("bullet_list_close", None)
            case "ordered_list_open":
                return self._listing("ordered_list_close", int(token.attrs.get("start", 1)))
            case "table_open":
                return self._table()
            case "hr":
                return Rule()
            case _:
                return Paragraph(self._inline_until("paragraph_close"))

    def _listing(self, end: str, start: int | None) -> Listing:
        begun = self.at
        items = []
        while (token := self._next()) is not None and token.type != end:
            items.append(self.blocks("list_item_close"))
        level = self.tokens[begun].level + 1
        own = (token for token in self.tokens[begun : self.at] if token.level == level)
        loose = any(token.type == "paragraph_open" and not token.hidden for token in own)
        return Listing(tuple(items), start, tight=not loose)

    def _table(self) -> Table:
        rows: list[tuple[Inline, ...]] = []
        aligns: list[Align] = []
        while (token := self._next()) is not None and token.type != "table_close":
            if token.type == "tr_open":
                cells, beside = self._row()
                aligns = aligns or beside
                rows.append((*cells, *self._surplus(token, len(aligns))))
        return Table(rows[0], tuple(rows[1:]), tuple(aligns))

    def _row(self) -> tuple[list[Inline], list[Align]]:
        cells, aligns = [], []
        while (token := self._next()) is not None and token.type != "tr_close":
            aligns.append(_align(token))
            cells.append(self._inline_until(token.type.replace("open", "close")))
        return cells, aligns

    def _surplus(self, row: "Token", columns: int) -> Iterator[Inline]:
        """The cells beyond the heading's, which the parser drops."""
        if row.map is None:
            return
        from markdown_it.rules_block.table import escapedSplit  # noqa: PLC0415 - as the parser

        cells = escapedSplit(self.lines[row.map[0]].strip())
        cells = cells[1:] if cells and not cells[0].strip() else cells
        cells = cells[:-1] if cells and not cells[-1].strip() else cells
        for cell in cells[columns:]:
            yield _runs(_parser().parseInline(cell.strip())[0].children or ())

    def _inline_until(self, end: str) -> Inline:
        runs: Inline = ()
        while (token := self._next()) is not None and token.type != end:
            runs += _runs(token.children or ())
        return runs

    def _next(self) -> "Token | None":
        if self.at >= len(self.tokens):
            return None
        self.at += 1
        return self.tokens[self.at - 1]


def _align(cell: "Token") -> Align:
    style = str(cell.attrs.get("style", ""))
    return Align(style.removeprefix("text-align:")) if style else Align.LEFT


def _runs(tokens: "Sequence[Token]") -> Inline:
    """The runs of a line, neighbours that look the same joined."""
    looks = [_PLAIN]
    runs: list[Run] = []
    for token in tokens:
        look = looks[-1]
        if token.type in _ENDS:
            looks.pop()
            if look.link != looks[-1].link and not (runs and runs[-1].link == look.link):
                runs.append(replace(look, text=look.link))  # a link without words
        elif token.type.endswith("_open"):
            looks.append(_within(look, token))
        elif token.type == "image":
            runs.append(_image(look, token))
        elif text := _text(token):
            runs.append(replace(look, text=text, code=token.type == "code_inline"))
    return _joined(runs)


def _within(look: Run, token: "Token") -> Run:
    """How what stands inside looks."""
    match token.type:
        case "strong_open":
            return replace(look, bold=True)
        case "em_open":
            return replace(look, italic=True)
        case "s_open":
            return replace(look, strike=True)
        case _:
            return replace(look, link=str(token.attrs.get("href", "")))


def _image(look: Run, token: "Token") -> Run:
    """An image's description, which leads to it; inside of a link the address is words."""
    words, source = _words(token.children or ()), str(token.attrs.get("src", ""))
    if look.link:
        return replace(look, text=f"{words} ({source})")
    return replace(look, text=words, link=source)


def _joined(runs: Sequence[Run]) -> Inline:
    joined: list[Run] = []
    for run in runs:
        if joined and replace(joined[-1], text="") == replace(run, text=""):
            joined[-1] = replace(run, text=joined[-1].text + run.text)
        else:
            joined.append(run)
    return tuple(joined)


def _words(tokens: "Sequence[Token]") -> str:
    """What an image's description says."""
    return "".join(
        _words(token.children or ()) if token.type == "image" else _text(token) for token in tokens
    )


def _text(token: "Token") -> str:
    return "\n" if token.type in {"softbreak", "hardbreak"} else token.content
