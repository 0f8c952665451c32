"""Markdown, perhaps a model's, as an e-mail: words for any reader, and HTML that loads nothing.

Links show their address, images are links, and there is no other HTML than the one written here.
"""

from collections.abc import Iterable
from html import escape

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
from runtime.text import clipped

SUBJECT_LIMIT = 120
"""Characters of a subject: what mail programs show of one, and somewhat more."""
_HTML = "<!doctype html><html><body>{}</body></html>"
_SAFE = ("https://", "http://", "mailto:")


def subject(text: str) -> str:
    """The first words of the message, on one line."""
    return clipped(" ".join(_words(_first(parse(text))).split()), SUBJECT_LIMIT)


def html(text: str) -> str:
    """The message as HTML."""
    return _HTML.format("".join(map(_block, parse(text))))


def _first(blocks: Iterable[Block]) -> Inline:
    """What the first block with words says."""
    for block in blocks:
        match block:
            case Paragraph(runs) | Heading(_, runs):
                return runs
            case CodeBlock(code, _):
                return (Run(text=code.partition("\n")[0]),)
            case Quote(inner):
                return _first(inner)
            case Listing(items):
                return _first(inner for item in items for inner in item)
            case Table(head=head):
                return tuple(run for cell in head for run in (*cell, Run(text=" ")))
            case Rule():
                continue
    return ()


def _words(runs: Inline) -> str:
    return "".join(run.text for run in runs)


def _block(block: Block) -> str:
    match block:
        case Paragraph(runs):
            return f"<p>{_inline(runs)}</p>"
        case Heading(level, runs):
            return f"<h{level}>{_inline(runs)}</h{level}>"
        case CodeBlock(code, _):
            return f"<pre><code>{escape(code)}</code></pre>"
        case Quote(inner):
            return f"<blockquote>{''.join(map(_block, inner))}</blockquote>"
        case Listing(items, start, _):
            lines = "".join(f"<li>{''.join(map(_block, item))}</li>" for item in items)
            return f"<ul>{lines}</ul>" if start is None else f'<ol start="{start}">{lines}</ol>'
        case Table(head, rows, _):
            top = "".join(f"<th>{_inline(cell)}</th>" for cell in head)
            body = "".join(
                f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows
            )
            return f'<table border="1" cellpadding="4"><tr>{top}</tr>{body}</table>'
        case Rule():
            return "<hr>"


def _inline(runs: Inline) -> str:
    return "".join(map(_run, runs))


def _run(run: Run) -> str:
    shown = escape(run.text).replace("\n", "<br>")
    for on, tag in ((run.code, "code"), (run.strike, "s"), (run.italic, "i"), (run.bold, "b")):
        shown = f"<{tag}>{shown}</{tag}>" if on else shown
    if not run.link or run.link == run.text:
        return shown
    address = escape(run.link)
    if run.link.casefold().startswith(_SAFE):
        # The address stands beside the words: nobody has to hover over them to see where it leads.
        return f'{shown} (<a href="{address}" rel="noreferrer">{address}</a>)'
    return f"{shown} ({address})"
