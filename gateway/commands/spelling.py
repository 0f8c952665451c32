"""How commands are written on a platform that has one slash command for all of them."""

import re

from gateway.commands.forms import NOUNS
from runtime.model.address import ThreadRef
from runtime.ports import ChatLimits
from runtime.text import unmarked

_QUOTED = re.compile(
    r"(^ {0,3}```.*?^ {0,3}```|^ *>[^\n]*|“[^“”]*”)",
    re.MULTILINE | re.DOTALL,
)
"""What is not ours: fenced blocks, quoted lines, and words in quotation marks."""
_NAMED = re.compile(rf"(?<![^\s`(])/(?=(?:{'|'.join(NOUNS)})(?:[\s`.,;:)”]|\Z))")


def spelled(text: str, limits: ChatLimits, thread: ThreadRef) -> str:
    """Our own words with each command as a person writes it there.

    What quotes somebody stays as it is: fences, quoted lines, words in “quotation marks”, and what
    `runtime.text.verbatim` marked. Slash commands do not reach threads there, so in one they are
    written with `!`.
    """
    if not limits.command:
        return unmarked(text)
    prefix = "!" if thread.root else f"/{limits.command} "
    pieces = _QUOTED.split(text)
    # Every other piece is a quote.
    written = [
        _NAMED.sub(prefix, piece) if at % 2 == 0 else piece for at, piece in enumerate(pieces)
    ]
    return unmarked("".join(written))
