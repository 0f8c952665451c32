"""How commands are written on a platform that has one slash command for all of them."""

import re

from gateway.commands.forms import NOUNS
from runtime.model.address import ThreadRef
from runtime.ports import ChatLimits

_FENCE = re.compile(r"(^ {0,3}```.*?^ {0,3}```)", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(rf"(?<![^\s`(“])/(?=(?:{'|'.join(NOUNS)})(?:[\s`.,;:)”]|\Z))")


def spelled(text: str, limits: ChatLimits, thread: ThreadRef) -> str:
    """Our own words with each command as a person writes it there; fenced blocks stay as they are.

    Slash commands do not reach threads there, so in one they are written with `!`.
    """
    if not limits.command:
        return text
    prefix = "!" if thread.root else f"/{limits.command} "
    pieces = _FENCE.split(text)
    # Every other piece is a fence.
    return "".join(
        piece if number % 2 else _NAMED.sub(prefix, piece) for number, piece in enumerate(pieces)
    )
