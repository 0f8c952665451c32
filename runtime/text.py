"""Long text cut into messages: never inside a grapheme, a link or a code span if it can be helped.

A code fence that must be cut is closed and opened again, a table is continued under its heading.
Pure, and it ends for every input: each part takes at least one character.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from runtime.graphemes import is_boundary
from runtime.model.value import value

Measure = Callable[[str], int]

_MARK = "\ufdd0"
"""A noncharacter: nobody writes it, and no text of ours goes out with it."""

_LONGEST_GRAPHEME = 32
"""What no grapheme of any language is longer than: a text that joins more is cut anywhere."""

_LEAST = 64
"""An estimate for less than that says nothing."""

_FENCE = re.compile(
    r"(?P<indent>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(?P<marks>`{3,}|~{3,})(?P<info>.*)"
)
_TABLE_RULE = re.compile(r"[ \t>]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+")
_WHOLE = re.compile(
    r"""
      !?\[(?:[^\[\]\n]|\n(?!\s*\n))*\]                      # a link or an image: its label,
        \([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:[ ]"[^"\n]*")?\)  # its address and title
    | (?<!`)(?P<ticks>`++)[^`\n]{1,2000}(?P=ticks)(?!`)     # a code span
    | <[^<>\s]{1,2000}(?:\|[^<>\n]{0,2000})?>               # an address or mention in brackets
    | \b[a-z][a-z0-9+.-]{1,20}://[^\s<>]+                   # a bare address
    """,
    re.VERBOSE | re.IGNORECASE,
)


@value()
class Part:
    """One part of a cut text.

    Attributes:
        head: what opens again that the cut before closed; not in the text.
        body: a piece of the text; the bodies in order are the text.
        tail: what closes that the next part opens again; not in the text.
    """

    head: str
    body: str
    tail: str

    def __str__(self) -> str:
        return self.head + self.body + self.tail


@value()
class _Block:
    """A fence or a table: where it is, and how it is opened and closed.

    Attributes:
        start: where its first line begins.
        content: where the lines begin that it may be cut between.
        last: where its last line begins, before which it is not cut (an end alone shows nothing).
        end: behind its last line.
        head: its opening lines.
        tail: its closing line; empty for a table.
    """

    start: int
    content: int
    last: int
    end: int
    head: str
    tail: str


def verbatim(words: str) -> str:
    """People's words for a text of our own, of which no command is ours to write otherwise.

    A mark stands before each slash, which `unmarked` takes out again: whoever writes our commands
    as a platform takes them, and whoever keeps the text.
    """
    return words.replace("/", f"{_MARK}/")


def unmarked(text: str) -> str:
    """The text without the marks of `verbatim`."""
    return text.replace(_MARK, "")


def clipped(text: str, most: int, *, measure: Measure = len) -> str:
    """The text, or its beginning and an ellipsis: at most `most` as `measure` counts.

    No grapheme is torn, for half of one is another: a letter loses its accent, a family its child.
    `measure` counts one for an ellipsis, and no character as less.
    """
    if measure(text) <= most:
        return text
    end = max(most - 1, 0)
    while end and measure(text[:end]) >= most:
        end -= 1
    near = range(end, max(end - _LONGEST_GRAPHEME, 0) - 1, -1)
    end = next((at for at in near if is_boundary(text, at)), end)
    return f"{text[:end].rstrip()}…" if most > 0 else ""


def split(text: str, limit: int, *, measure: Measure = len) -> list[str]:
    """The text in messages of at most `limit` as `measure` counts; at least one, in order.

    Cuts between paragraphs where that leaves no message less than half full, then between lines,
    words, graphemes. A fence or a table that fits one message is not cut. Empty lines at a cut
    are dropped. A part can exceed the limit only where a single character does.
    """
    whole = [str(part) for part in cut(text, limit, measure=measure)]
    return [part.strip("\n") for part in whole if part.strip()] or [""]


def split_shown(text: str, limit: int, *, estimate: Measure, measure: Measure) -> list[str]:
    """The same where it is dear to measure: `measure` is asked about once for each message.

    Args:
        text: the text.
        limit: what a message holds.
        estimate: about what `measure` says, cheaply; where it says too little, that part is cut
            again, into smaller ones than need be.
        measure: how long a part is when it is shown.
    """
    if estimate(text) <= 2 * limit and measure(text) <= limit:
        return split(text, max(limit, len(text)))
    return _smaller(text, limit, limit, estimate, measure)


def _smaller(text: str, goal: int, limit: int, estimate: Measure, measure: Measure) -> list[str]:
    if goal < _LEAST:
        return split(text, limit, measure=measure)
    return [
        part
        for piece in split(text, goal, measure=estimate)
        for part in (
            [piece]
            if measure(piece) <= limit
            else _smaller(piece, goal // 2, limit, estimate, measure)
        )
    ]


def cut(text: str, limit: int, *, measure: Measure = len) -> list[Part]:
    """The same before the empty lines at the cuts are dropped: the bodies join to the text.

    Raises:
        ValueError: the limit is not positive.
    """
    if limit < 1:
        raise ValueError(f"a message holds at least one character, not {limit}")
    if measure(text) <= limit:
        return [Part("", text, "")]
    return list(_Cutter(text, limit, measure).parts())


def fences(text: str) -> list[tuple[int, int]]:
    """Where the fenced code blocks are, their marks included, in order."""
    blocks = _blocks(text, _line_starts(text))
    return [(block.start, block.end) for block in blocks if block.tail]


class _Cutter:
    """One text being cut."""

    def __init__(self, text: str, limit: int, measure: Measure) -> None:
        self._text = text
        self._limit = limit
        self._measure = measure
        self._lines = _line_starts(text)
        self._blocks = _blocks(text, self._lines)
        self._starts = [block.start for block in self._blocks]
        self._dear: dict[int, bool] = {}
        self._spans = _spans(text, self._blocks)
        self._span_starts = [start for start, _ in self._spans]

    def parts(self) -> Iterator[Part]:
        """Each part in order."""
        at = 0
        while True:
            part = self._next(at)
            yield part
            at += len(part.body)
            if at >= len(self._text):
                return

    def _next(self, at: int) -> Part:
        if self._fits(at, len(self._text)):
            return self._part(at, len(self._text))
        furthest = self._furthest(at)
        for end in self._choices(at, furthest):
            if at < end and self._fits(at, end):
                return self._part(at, end)
        return self._part(at, furthest)

    def _choices(self, at: int, furthest: int) -> Iterator[int]:
        """Where to end the part that begins at `at`, the best first."""
        block = self._around(furthest)
        if block is not None and at < block.start and self._fits(block.start, block.end):
            yield block.start
        reach = furthest - at
        lines = [line for line in self._ends(at, furthest) if not self._around(line)]
        yield from (line for line in lines[:200] if line >= at + reach / 2 and self._gap(line))
        yield from (line for line in lines[:1] if line >= at + reach / 4)
        if block is not None:
            yield from (
                line for line in self._ends(at, furthest) if block.content < line <= block.last
            )
        yield from lines[:1]
        yield from self._within(at, furthest)

    def _within(self, at: int, furthest: int) -> Iterator[int]:
        """Where to cut a line, the best first."""
        text, near = self._text, range(furthest, max(at, furthest - 2_000), -1)
        yield from (
            end
            for end in near
            if text[end - 1].isspace() and is_boundary(text, end) and not self._in_span(end)
        )
        yield from (end for end in near if not self._in_span(end) and is_boundary(text, end))
        yield from (end for end in near if is_boundary(text, end))

    def _furthest(self, at: int) -> int:
        """The largest end that fits, found as if more text always measured more."""
        low, high = at + 1, at + 2
        while high < len(self._text) and self._fits(at, high):
            low, high = high, at + 2 * (high - at)
        high = min(high, len(self._text))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(at, middle) else (low, middle)
        return low

    def _fits(self, at: int, end: int) -> bool:
        return self._measure(str(self._part(at, end))) <= self._limit

    def _part(self, at: int, end: int) -> Part:
        body = self._text[at:end]
        opened, left = self._around(at), self._around(end)
        head = self._head(opened, at)
        tail = self._tail(left, body)
        return Part(head, body, tail)

    def _head(self, block: _Block | None, at: int) -> str:
        if block is None or self._too_dear(block) or at < block.content:
            return ""
        # Under its heading a table goes on with a row, not with half of one.
        return block.head if block.tail or self._text[at - 1] == "\n" else ""

    def _tail(self, block: _Block | None, body: str) -> str:
        if block is None or not block.tail or self._too_dear(block):
            return ""
        return block.tail if body.endswith("\n") else "\n" + block.tail

    def _too_dear(self, block: _Block) -> bool:
        """Whether opening and closing would take more than half of every message."""
        known = self._dear.get(block.start)
        if known is None:
            known = self._measure(block.head + "\n" + block.tail) * 2 > self._limit
            self._dear[block.start] = known
        return known

    def _around(self, at: int) -> _Block | None:
        """The block that a cut here would cut."""
        index = bisect_left(self._starts, at) - 1
        if index < 0:
            return None
        block = self._blocks[index]
        return block if at < block.end else None

    def _in_span(self, at: int) -> bool:
        index = bisect_left(self._span_starts, at) - 1
        return index >= 0 and at < self._spans[index][1]

    def _ends(self, at: int, furthest: int) -> list[int]:
        """The ends of lines that a part may have, the last first."""
        first, last = bisect_right(self._lines, at), bisect_right(self._lines, furthest)
        return [line for line in reversed(self._lines[first:last]) if not self._in_span(line)]

    def _gap(self, at: int) -> bool:
        """Whether a paragraph ends here."""
        before = self._text[self._lines[bisect_left(self._lines, at) - 1] : at]
        return not before.strip() or self._text[at : at + 1] == "\n"


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _blocks(text: str, lines: Sequence[int]) -> list[_Block]:
    """The fences and the tables, in order."""
    found: list[_Block] = []
    index = 0
    while index < len(lines):
        block = _fence(text, lines, index) or _table(text, lines, index)
        if block is None:
            index += 1
        else:
            found.append(block)
            index = bisect_left(lines, block.end)
    return found


def _fence(text: str, lines: Sequence[int], index: int) -> _Block | None:
    opening = _FENCE.fullmatch(_line(text, lines, index))
    if opening is None or (opening["marks"][0] == "`" and "`" in opening["info"]):
        return None
    marks = opening["marks"]
    closing = re.compile(rf"[ \t>]*{re.escape(marks[0])}{{{len(marks)},}}[ \t\r]*")
    last = next(
        (i for i in range(index + 1, len(lines)) if closing.fullmatch(_line(text, lines, i))), None
    )
    # In a list the marks stand behind the bullet; what is opened again stands under it.
    indent = re.sub(r"[^\s>]", " ", opening["indent"])
    return _Block(
        start=lines[index],
        content=_start(text, lines, index + 1),
        last=len(text) if last is None else lines[last],
        end=len(text) if last is None else _start(text, lines, last + 1),
        head=f"{indent}{marks}{opening['info'].rstrip()}\n",
        tail=f"{indent}{marks}",
    )


def _table(text: str, lines: Sequence[int], index: int) -> _Block | None:
    rule = _line(text, lines, index + 1) if index + 1 < len(lines) else ""
    if "|" not in _line(text, lines, index) or "|" not in rule or not _TABLE_RULE.fullmatch(rule):
        return None
    rows = index + 2
    while rows < len(lines) and "|" in _line(text, lines, rows):
        rows += 1
    content = _start(text, lines, index + 2)
    return _Block(
        start=lines[index],
        content=content,
        last=lines[rows - 1],
        end=_start(text, lines, rows),
        head=text[lines[index] : content],
        tail="",
    )


def _line(text: str, lines: Sequence[int], index: int) -> str:
    return text[lines[index] : _start(text, lines, index + 1)].removesuffix("\n")


def _start(text: str, lines: Sequence[int], index: int) -> int:
    return lines[index] if index < len(lines) else len(text)


def _spans(text: str, blocks: Sequence[_Block]) -> list[tuple[int, int]]:
    """Links, code spans and addresses outside the fences, in order."""
    spans: list[tuple[int, int]] = []
    at = 0
    for start, end in [*((b.start, b.end) for b in blocks if b.tail), (len(text), len(text))]:
        spans += [match.span() for match in _WHOLE.finditer(text, at, start)]
        at = end
    return spans


def is_whole(text: str) -> bool:
    """Whether it has no half of a surrogate pair, and so is stored as it is."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
