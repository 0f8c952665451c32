"""Markdown for people who look at a terminal. Imports rich: import this module late."""

import re
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from adapters.terminal.screen import Said
from adapters.terminal.text import one_line, visible

_WIDEST = 100
_INDENT = 2
_BLANKS_AT_THE_END = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


class _PlainHeading(Heading):
    """A heading as a bold line: a box in the middle of the screen is too loud for a chat."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The heading's text, at the left."""
        self.text.justify = "left"
        self.text.stylize("bold")
        yield self.text


class _Code(CodeBlock):
    """Code between the lines around it, without the empty ones that rich frames it with."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The code, its colours those of the terminal."""
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, padding=(0, 1))


class _ChatMarkdown(Markdown):
    """Untrusted CommonMark: HTML is text, links show where they lead, images are not loaded."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _PlainHeading,
        "fence": _Code,
        "code_block": _Code,
    }

    def __init__(self, text: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
        self.parsed = [_made_safe(token) for token in parser.parse(visible(text))]


def _made_safe(token: Token) -> Token:
    """The token as a chat shows it."""
    # Entities were decoded by the parser, so control characters may be back: written out again.
    content = visible(token.content)
    if token.type == "image":
        alt = one_line(token.content) or "image"
        return Token("text", "", 0, content=f"{alt} ({one_line(str(token.attrs.get('src', '')))})")
    kind = "hardbreak" if token.type == "softbreak" else token.type
    children = None if token.children is None else [_made_safe(c) for c in token.children]
    attributes = {
        name: one_line(str(v)) if name == "href" else v for name, v in token.attrs.items()
    }
    return token.copy(type=kind, content=content, children=children, attrs=attributes)


def painter(*, colour: bool) -> Callable[[RenderableType, int], str]:
    """What turns what rich can draw, and a width, into text for the terminal, escapes included."""

    def paint(drawn: RenderableType, width: int) -> str:
        console = Console(
            file=StringIO(),
            force_terminal=True,
            color_system="standard" if colour else None,
            width=max(20, min(width, _WIDEST)),
            highlight=False,
            emoji=False,
            markup=False,
        )
        with console.capture() as capture:
            console.print(drawn)
        # rich fills each line up; in a window made narrower the blanks would wrap.
        return _BLANKS_AT_THE_END.sub(r"\1", capture.get())

    return paint


def message(said: Said, *, local: Callable[[datetime], str]) -> RenderableType:
    """A message under a line that says who, where and when."""
    heading = Text(one_line(said.speaker), style="bold" if said.mine else "bold cyan")
    heading.append(f" · {said.place}", style="not bold dim")
    if said.at is not None:
        heading.append(f" · {local(said.at)}", style="not bold dim")
    if said.private:
        heading.append(" · only you see this", style="not bold dim italic")
    body: RenderableType = Text(visible(said.text)) if said.mine else _ChatMarkdown(said.text)
    parts: list[RenderableType] = [heading, Padding(body, (0, 0, 0, _INDENT))]
    if said.buttons:
        parts.append(Padding(_buttons(said.buttons), (0, 0, 0, _INDENT)))
    return Group(*parts, Text())


def note(lines: tuple[str, ...], *, style: str = "dim") -> RenderableType:
    """What the terminal itself says."""
    return Group(*(Text(one_line(line), style=style) for line in lines), Text())


def greeting(lines: tuple[str, ...]) -> RenderableType:
    """What the terminal says first."""
    first, *rest = lines
    return Group(Text(one_line(first), style="bold"), note(tuple(rest), style="none"))


def _buttons(buttons: tuple[tuple[int, str], ...]) -> Text:
    row = Text()
    for number, label in buttons:
        row.append(f"[{number}]", style="bold yellow")
        row.append(f" {one_line(label)}   ")
    row.rstrip()
    return row
