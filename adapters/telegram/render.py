"""Markdown, perhaps a model's, as Telegram may show it: text and entities, never a parse mode.

Telegram finds mentions in any text by itself, so a character that nobody sees (U+200B) stands
behind each `@` that could begin one. A link's address stands beside its words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import takewhile

from adapters.markup.blocks import (
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
from adapters.markup.parse import parse
from adapters.markup.plain import columns, without_links
from runtime.model.messages import Content
from runtime.model.value import value
from runtime.text import split

TEXT_LIMIT = 4_096
"""UTF-16 units in a message."""
MOST_SPANS = 100
"""Entities that Telegram keeps of a message; it drops what comes behind."""
CAPTION_LIMIT = 1_024
"""UTF-16 units under a file."""
EMPTY = "…"
"""What stands for a text that shows nothing: Telegram takes no empty message."""

_ROOM = 64
"""Units that are kept free, so that the cheap measure need not be exact."""
_LEAST = 64
_SURELY = 3 * TEXT_LIMIT
_HIDDEN = "\u200b"
_MENTION = re.compile(r"(?<![A-Za-z0-9_])@(?=\w|\Z)")
"""An `@` at the end may be followed by a name that looks otherwise: `@**name**`."""
_RULE = "⎯" * 12
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\u030a\u0333\u033f\u2028-\u202e\ud800-\udfff]")
"""What Telegram takes out or refuses: control signs, the direction of writing, half characters, and
three marks on letters (TDLib's `clean_input_string`). Left in, one would hide a name behind an `@`
from us alone."""


@value()
class Span:
    """A part of a text that looks otherwise.

    Attributes:
        kind: as Telegram names it: `bold`, `pre`, `blockquote`, ...
        offset: where it begins, in UTF-16 units.
        length: how long it is, in UTF-16 units.
        language: of code, or empty.
    """

    kind: str
    offset: int
    length: int
    language: str = ""


@value()
class Shown:
    """A text as Telegram takes it."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(slots=True)
class _Writer:
    """Writes text and notes what looks otherwise.

    Attributes:
        parts: the text so far.
        at: its length in UTF-16 units.
        spans: what looks otherwise.
        indent: what stands before each further line.
        quoted: it writes a quotation, in which Telegram takes no second one.
        wary: code can lose its looks, so nothing in it may be taken for a mention either.
    """

    parts: list[str] = field(default_factory=list)
    at: int = 0
    spans: list[Span] = field(default_factory=list)
    indent: str = ""
    quoted: bool = False
    wary: bool = False

    def text(self, text: str, *kinds: str, language: str = "") -> None:
        text = _UNSEEN.sub("", text)
        if self.indent:
            text = text.replace("\n", "\n" + self.indent)
        size = units(text)
        self.spans += [Span(kind, self.at, size, language) for kind in kinds if text.strip()]
        self.parts.append(text)
        self.at += size

    def code(self, text: str, kind: str, language: str = "") -> None:
        self.text(quiet(text) if self.wary else text, kind, language=language)

    def runs(self, runs: Inline, *kinds: str) -> None:
        for run in without_links(runs):
            if run.code:
                self.code(run.text, "code")
            else:
                self.text(quiet(run.text), *kinds, *_looks(run, kinds))

    def blocks(self, blocks: Sequence[Block], *, between: str = "\n\n") -> None:
        for number, block in enumerate(blocks):
            if number:
                self.text(between)
            self._block(block)

    def _block(self, block: Block) -> None:
        match block:
            case Paragraph(runs):
                self.runs(runs)
            case Heading(level, runs):
                self.runs(runs, *(("bold", "underline") if level == 1 else ("bold",)))
            case CodeBlock(text, language):
                word = re.sub(r"[^\w+#.-].*", "", language)
                self.code(text or " ", "pre", language=word)
            case Table():
                self.code("\n".join(columns(block)), "pre")
            case Quote(blocks):
                self._quote(blocks)
            case Listing():
                self._listing(block)
            case Rule():
                self.text(_RULE)

    def _quote(self, blocks: Sequence[Block]) -> None:
        start, was = self.at, self.quoted
        self.quoted = True
        self.blocks(blocks, between="\n")
        self.quoted = was
        if not was and self.at > start:
            self.spans.append(Span("blockquote", start, self.at - start))

    def _listing(self, listing: Listing) -> None:
        was = self.indent
        for number, item in enumerate(listing.items):
            if number:
                self.text("\n" if listing.tight else "\n\n")
            self.text("• " if listing.start is None else f"{listing.start + number}. ")
            self.indent = was + "  "
            self.blocks(item, between="\n")
            self.indent = was


def shown(text: str) -> Shown:
    """The Markdown as a text with entities; never empty."""
    blocks = parse(text)
    writer = _Writer()
    writer.blocks(blocks)
    if len(writer.spans) > MOST_SPANS:
        writer = _Writer(wary=True)
        writer.blocks(blocks)
    return _trimmed("".join(writer.parts), writer.spans)


def quiet(text: str) -> str:
    """The text without anything that Telegram would make a mention of, or take out to make one."""
    return _MENTION.sub("@" + _HIDDEN, _UNSEEN.sub("", text))


def units(text: str) -> int:
    """How long Telegram says that the text is."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def pieces(content: Content) -> tuple[Content, ...]:
    """The content in messages: the text, then a file each; the buttons under the last.

    One file takes a short text along as its caption.
    """
    files = content.files
    if len(files) == 1 and _length(content.text) <= CAPTION_LIMIT:
        return (content,)
    texts = _cut(content.text) if content.text.strip() or not files else []
    made = [Content(text) for text in texts] + [Content("", files=(file,)) for file in files]
    return (*made[:-1], replace(made[-1], buttons=content.buttons))


def growing(text: str) -> Shown:
    """So much of a growing answer as fits its first message."""
    text = re.sub(r"(?<!\S)\S*+\Z", "", text) or text
    return shown(text if len(text) < TEXT_LIMIT // 2 else _cut(text)[0])


def _cut(text: str) -> list[str]:
    """The text in messages by a cheap measure; what is longer than that says is cut again."""
    return _halved(text, 2 * (TEXT_LIMIT - _ROOM))


def _halved(text: str, limit: int) -> list[str]:
    if limit < _LEAST:
        return split(text, TEXT_LIMIT, measure=_length)
    cheap = split(text, limit // 2, measure=_estimate)
    return [
        part
        for piece in cheap
        for part in ([piece] if _length(piece) <= TEXT_LIMIT else _halved(piece, limit // 2))
    ]


def _estimate(text: str) -> int:
    """About how long the text is when it is shown: markup shrinks, and a defused `@` grows."""
    return units(text) + text.count("@")


@lru_cache(maxsize=64)
def _length(text: str) -> int:
    return _SURELY if len(text) > _SURELY else units(shown(text).text)


def _looks(run: Run, beside: Sequence[str]) -> Iterator[str]:
    for kind, looks in (("bold", run.bold), ("italic", run.italic), ("strikethrough", run.strike)):
        if looks and kind not in beside:
            yield kind


def _trimmed(text: str, spans: Sequence[Span]) -> Shown:
    """The text without space around it, which Telegram would take off, and the spans moved."""
    before = sum(1 for _ in takewhile(str.isspace, text))
    if before == len(text):
        return Shown(EMPTY)
    text = text.strip()
    end = units(text)
    moved = []
    for span in spans:
        start = max(0, span.offset - before)
        length = min(span.offset - before + span.length, end) - start
        if length > 0:
            moved.append(replace(span, offset=start, length=length))
    return Shown(text, tuple(sorted(moved, key=lambda s: (s.offset, -s.length))[:MOST_SPANS]))
