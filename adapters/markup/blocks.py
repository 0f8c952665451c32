"""What a text says and how it is laid out, apart from every platform's way to write it."""

from enum import StrEnum

from runtime.model.value import value


@value(kw_only=True)
class Run:
    """Characters that look the same.

    Attributes:
        text: what is read; a line break in it is a line break.
        bold: it is bold; likewise `italic` and `strike`.
        code: it is code, to be shown letter by letter.
        link: the address that it leads to, or empty. An image is its description, with this.
    """

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    link: str = ""


Inline = tuple[Run, ...]
"""A line or a paragraph."""


@value()
class Paragraph:
    """A paragraph."""

    runs: Inline


@value()
class Heading:
    """A heading.

    Attributes:
        level: 1 (the highest) to 6.
        runs: what it says.
    """

    level: int
    runs: Inline


@value()
class CodeBlock:
    """Lines of code.

    Attributes:
        text: the lines, without the line break at the end.
        language: what stands behind the fence's opening marks, or empty.
    """

    text: str
    language: str = ""


@value()
class Quote:
    """A quotation."""

    blocks: tuple["Block", ...]


@value()
class Listing:
    """A list.

    Attributes:
        items: its items.
        start: the number of the first, or None where they have bullets.
        tight: no empty lines stand between the items.
    """

    items: tuple[tuple["Block", ...], ...]
    start: int | None = None
    tight: bool = True


class Align(StrEnum):
    """How a column of a table is aligned."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@value()
class Table:
    """A table.

    Attributes:
        head: the cells of its heading.
        rows: the cells of each row; a row can have more cells than the heading, never fewer.
        aligns: one for each cell of the heading.
    """

    head: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    aligns: tuple[Align, ...]


@value()
class Rule:
    """A line across."""


Block = Paragraph | Heading | CodeBlock | Quote | Listing | Table | Rule
