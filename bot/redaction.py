"""Taking secrets out of text before anybody reads it.

Known secrets are taken out by value; what looks like one is taken out by shape, because a secret
that we were never told of (pasted into a chat, echoed by a server) can reach a log line too.
"""

import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"

_SHORTEST = 4
"""A shorter "secret" would blank out ordinary text."""

_SHAPES = re.compile(
    r"(?P<keep>"
    # "Basic Information" is the page of Slack on which we tell people to find their secret.
    r"\bBearer\s+|\bBasic\s+(?!Information\b)|\bBot\s+(?=[\w-]{20,}\.)"
    # The user of an address; the password after it goes, but in what we say an address looks like.
    r"|(?<=://)[^/\s:@]*:(?!password@host/)(?=[^/\s@]+@)"
    r")[^\s\"',;@\\]+"
    r"|\bxox[a-z](?:\.xox[a-z])?-[\w-]+"  # Slack bot, user, refresh and rotating tokens
    r"|\bxapp-[\w-]+"
    r"|\bsk-[\w-]{8,}"  # OpenAI, Anthropic and who follow them
    r"|https://hooks\.slack\.com/[^\s\"'<>\\]+"  # an address that anybody may post to is a secret
    r"|(?<!\d)\d{8,12}:[\w-]{35}\b",  # Telegram bot tokens, behind "bot" in addresses
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Take out everything that has the shape of a secret."""
    return _SHAPES.sub(lambda match: (match["keep"] or "") + HIDDEN, text)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """What takes these secrets out of a text, as they are and as an address or JSON spells them.

    The longest goes first, so that one which begins another leaves no remainder.
    """
    known = {s for s in secrets if len(s) >= _SHORTEST}
    encoded = {quote(s, safe="") for s in known} | {json.dumps(s)[1:-1] for s in known}
    spellings = sorted(known | encoded, key=len, reverse=True)
    if not spellings:
        return redact
    values = re.compile("|".join(map(re.escape, spellings)))
    return lambda text: redact(values.sub(HIDDEN, text))
