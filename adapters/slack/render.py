"""Markdown, perhaps a model's, as Slack may show it: no pings, no images, no hidden addresses.

Slack renders Markdown itself in a `markdown` block; what it must not see is taken out before. A
character that nobody sees (U+200B) stands where text would otherwise be a mention.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from runtime.model.messages import Button, Content
from runtime.text import clipped, fences, split_shown

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MARKDOWN_LIMIT = 11_000
"""Characters in a message. Slack takes 12,000 in a `markdown` block and some 13,000 in all."""
FALLBACK_LIMIT = 3_000
"""Characters of the text for notifications and screen readers."""
BUTTONS_PER_BLOCK = 25
LABEL_LIMIT = 75

Block = dict[str, object]

_HIDDEN = "\u200b"
_LESS_THAN = r"<|&lt;|&#0*60;|&#x0*3c;"
_AT = r"@|&#0*64;|&#x0*40;|&commat;"
_WRITTEN = r"&(?:#|[a-z][a-z0-9]*+;)"
"""Any character, by its number or name. `Vec<&str>` and `3<&0` have none."""
_MENTION = re.compile(rf"({_LESS_THAN})(\\*+)(?=[!@#]|{_WRITTEN})", re.IGNORECASE)
_SHOUT = re.compile(rf"({_AT})(?=(?:channel|here|everyone|group)\b|\w*+{_WRITTEN})", re.IGNORECASE)
# What is possessive or bounded here is so for time: a model writes any number of brackets, and an
# open one before twenty links would be tried in a million ways.
_NODE = re.compile(
    r"""
      (?P<code>(?<!`)(?P<ticks>`+)(?!`)[^`]{1,4000}(?P=ticks)(?!`))
    | !?\[(?P<label>(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.){0,999}+\](?:\([^\s()]*+\))?){0,999}+)\]
      \(\s*+(?P<address><[^<>\n]*>|[^\s()<>\[\]]*(?:\([^\s()<>\[\]]*\)[^\s()<>\[\]]*)*)
      (?:\s++(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*+\)
    | <(?P<native>[a-z][a-z0-9+.-]*:[^<>|\s]+)\|(?P<word>[^<>\n]*)>
    | ^(?P<before>[ \t>*+\-0-9.)]*)\[(?P<name>(?:[^\[\]\\]|\\.){1,999})\]:
    | (?P<loose>\]\()
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_CLOSED = re.compile(
    r"""
      (?P<ticks>`+)(?!`)[^`]+(?P=ticks)(?!`)              # a code span
    | !?\[[^\[\]]*\](?!\()                               # brackets that are no link
    | !?\[[^\[\]]*\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)  # a link
    | <[^<>]*>
    | [^`\[<!]+
    | !(?!\[)
    """,
    re.VERBOSE,
)


def markdown(text: str) -> str:
    """The Markdown with its pings defused and every link beside its address."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _may_link(text):
        return quiet(text)
    shown, at = [], 0
    for start, end in _code(text):
        shown += [_prose(text[at:start]), text[start:end]]
        at = end
    return quiet("".join([*shown, _prose(text[at:])]))


def _may_link(text: str) -> bool:
    return "](" in text or "]:" in text or "|" in text


def quiet(text: str) -> str:
    """The text without anything that Slack would make a mention of, in code too."""
    return _SHOUT.sub(rf"\1{_HIDDEN}", _MENTION.sub(rf"\1\2{_HIDDEN}", text))


def plain(text: str) -> str:
    """The text for a notification: no markup, escaped as Slack asks, not too long."""
    parts = [_words(token) for token in _parser().parse(markdown(text[: 2 * FALLBACK_LIMIT]))]
    words = quiet("\n".join(part.strip("\n") for part in parts if part.strip()))
    return escape(clipped(words, FALLBACK_LIMIT)) or "…"


def escape(text: str) -> str:
    """The text with Slack's three control characters escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pieces(content: Content) -> tuple[Content, ...]:
    """The content in messages; the buttons under the last."""
    *first, last = _parts(content.text)
    if not first and last == content.text and not content.ours:
        return (content,)  # as most are
    return (*(Content(text) for text in first), Content(last, content.buttons, content.files))


def _parts(text: str) -> list[str]:
    # Most answers are short; each character gets at most one hidden one.
    if 2 * len(text) <= MARKDOWN_LIMIT and not _may_link(text):
        return [text.strip("\n") if text.strip() else ""]
    return split_shown(text, MARKDOWN_LIMIT, estimate=_estimate, measure=_shown_length)


def growing(text: str) -> str:
    """So much of a growing answer as can be shown now and will stay as it is.

    Whole words of its first message; a link or code span that is still open is held back. What is
    shown later nearly always begins with what was shown before.
    """
    if len(text) > MARKDOWN_LIMIT // 2:
        text = _parts(text[: 2 * MARKDOWN_LIMIT])[0]
    words = re.sub(r"(?<!\S)\S*+\Z", "", text)
    return markdown(words[: _settled(words)]).strip()


def blocks(content: Content) -> list[Block]:
    """The content in Block Kit: the text, then its buttons."""
    shown = markdown(content.text) or "…"
    return [{"type": "markdown", "text": shown}, *buttons(content.buttons)]


def buttons(row: Sequence[Button]) -> list[Block]:
    """The buttons in Block Kit, 25 in a row at the most."""
    made = [
        {
            "type": "button",
            # A number keeps it unique in its message, as Slack demands.
            "action_id": f"{button.action}#{number}",
            "text": {"type": "plain_text", "text": _label(button.label), "emoji": False},
            "value": button.value,
        }
        for number, button in enumerate(row)
    ]
    return [
        {"type": "actions", "elements": made[at : at + BUTTONS_PER_BLOCK]}
        for at in range(0, len(made), BUTTONS_PER_BLOCK)
    ]


def _label(text: str) -> str:
    return clipped(quiet(text), LABEL_LIMIT)


def _settled(text: str) -> int:
    """Where the last paragraph has its first construct that is still open; else the end."""
    code = fences(text)[-1:]
    if code and code[0][1] == len(text):
        return len(text)
    at = max([text.rfind("\n\n") + 1, *(end for _, end in code)])
    while closed := _CLOSED.match(text, at):
        at = closed.end()
    return at


def _estimate(text: str) -> int:
    """About how long the text is when it is shown: hidden characters, addresses beside links."""
    return len(text) + text.count("<") + text.count("&") + text.count("@") + 3 * text.count("](")


@lru_cache(maxsize=64)
def _shown_length(text: str) -> int:
    return len(markdown(text))


def _code(text: str) -> list[tuple[int, int]]:
    """Where the code blocks are, by CommonMark's rules."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    return [
        (starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)])
        for token in _parser().parse(text)
        if token.type in {"fence", "code_block"} and token.map
    ]


def _prose(text: str) -> str:
    """Text outside of code blocks, each link beside its address."""
    return _NODE.sub(_node, text)


def _node(match: re.Match[str]) -> str:
    if match["code"] is not None:
        # Whether backticks pair as we think is a parser's opinion; that no link is left is not.
        return match[0].replace("](", f"]{_HIDDEN}(")
    if match["loose"] is not None:
        return f"]{_HIDDEN}("
    if match["name"] is not None:
        return f"{match['before']}{match['name']}:"  # a definition, which would name a link later
    if match["native"] is not None:
        return _beside(match["word"], match["native"])
    return _beside(_prose(match["label"]), match["address"].strip("<>"))


def _beside(label: str, address: str) -> str:
    label = label.strip()
    if not address:
        return label
    shown = f"<{address}>" if re.match(r"https?://|mailto:", address) else address
    whole = shown if label in {"", address} else f"{label} ({shown})"
    whole = whole.replace("](", f"]{_HIDDEN}(")
    return whole + _HIDDEN if whole.endswith("]") else whole


@cache
def _parser() -> "MarkdownIt":
    """The parser, which is loaded with the first message."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - sixty modules, kept out of the start

    return MarkdownIt("commonmark", {"html": False})


def _words(token: "Token") -> str:
    """What a person reads of a block."""
    if token.type in {"fence", "code_block"}:
        return token.content
    if token.type != "inline":
        return ""
    return "".join(
        "\n" if child.type in {"softbreak", "hardbreak"} else child.content
        for child in token.children or ()
    )
