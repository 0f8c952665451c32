"""Markdown, perhaps a model's, in Discord's dialect: no pings, no images, no hidden addresses.

The text is read once by `adapters.markup`; what is written here was escaped by us, so nothing in it
means anything to Discord that it does not mean in the text. Discord's dialect has no tables, no
images and three levels of headings (https://support.discord.com, "Markdown Text 101").
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from adapters.discord.inbound import EPHEMERAL, SEPARATOR, SUPPRESS_EMBEDS
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
from runtime.model.address import Principal
from runtime.model.files import OutFile
from runtime.model.messages import Button, Content
from runtime.text import clipped, split_shown

LIMIT = 2_000
"""Characters in a message. Counted here as UTF-16 does, which never counts fewer."""
LABEL_LIMIT = 80
CUSTOM_ID_LIMIT = 100
BUTTONS_PER_ROW = 5
BUTTONS = 25
FILES = 10
FILE_LIMIT = 10 * 2**20
"""Bytes of a file. Servers with boosts take more."""
GROWING = " ▌"
"""Stands behind an answer that still grows, and so tells a draft from a message."""

Json = dict[str, object]

_HIDDEN = "\u200b"
_MARKS = re.compile(r"[\\*_~`|\[\]<]")
_SHOUT = re.compile(r"@(?=everyone|here)")
_ADDRESS = re.compile(r"https?://(?:(?!@everyone|@here)[^\s<>`])+")
_AFTER_ADDRESS = ".,;:!?'\"*_~|`]\\"
_LINE_MARK = re.compile(
    r"^([^\S\n]*+)(#{1,3}(?=\s)|-#?(?=\s)|[+](?=\s)|>|\d++(?=[.)]\s))", re.MULTILINE
)
_FENCE = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,20}")
_MORE_THAN_ONE = 2
"""Times the limit: so much of a text is more than its first message."""
_BIGGEST_HEADING = 3
_SECONDARY = 2


def markdown(text: str) -> str:
    """The text in Discord's dialect."""
    return "\n\n".join(_blocks(parse(_clean(text)))).strip("\n")


def escape(text: str) -> str:
    """Words as Discord shows them letter by letter; addresses stay links, without a preview."""
    shown, at = [], 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_AFTER_ADDRESS)
        if address.endswith(")") and "(" not in address:
            address = address.rstrip(_AFTER_ADDRESS + ")")
        end = found.start() + len(address)
        shown += [_words(text[at : found.start()]), f"<{address}>"]
        at = end
    return "".join([*shown, _words(text[at:])])


def pieces(content: Content) -> tuple[Content, ...]:
    """The content in messages; the buttons and the files under the last."""
    text, files = _sendable(content)
    *first, last = _cut(text)
    rest = [content.buttons[at : at + BUTTONS] for at in range(0, len(content.buttons), BUTTONS)]
    more = [files[at : at + FILES] for at in range(0, len(files), FILES)]
    made = [*(Content(piece) for piece in first)]
    for number in range(max(1, len(rest), len(more))):
        buttons = rest[number] if number < len(rest) else ()
        sent = more[number] if number < len(more) else ()
        made.append(Content(last if number == 0 else "", buttons, sent))
    return tuple(made)


def growing(text: str) -> str:
    """A growing answer as it is shown: what fits its first message, and the mark behind it."""
    first = _cut(text[: _MORE_THAN_ONE * LIMIT])[0]
    shown = markdown(first)
    while length(shown + GROWING) > LIMIT:
        shown = shown[: -len(GROWING)]
    return shown + GROWING


def is_growing(text: str) -> bool:
    """Whether a message of ours is a draft that has not become a message."""
    return text.endswith(GROWING)


def message(content: Content, *, mention: Principal | None, private: bool = False) -> Json:
    """The body of a message, new or edited."""
    text = markdown(content.text)
    if text.endswith(GROWING):
        text += _HIDDEN  # only a draft may look like one
    if not text and not content.files:
        text = "…"
    flags = SUPPRESS_EMBEDS | (EPHEMERAL if private else 0)
    return {
        "content": text,
        "flags": flags,
        "allowed_mentions": mentions(mention),
        "components": rows(content.buttons),
    }


def mentions(who: Principal | None) -> Json:
    """Whom a message may ping: the person it is for, and nobody else whatever it says."""
    users = [who.user] if who is not None else []
    return {"parse": [], "users": users, "replied_user": False}


def rows(buttons: Sequence[Button]) -> list[Json]:
    """The buttons, five in a row. Two that are the same are one: Discord demands it."""
    unlike = {custom_id(button): button for button in buttons[:BUTTONS]}
    made: list[Json] = [
        {"type": 2, "style": _SECONDARY, "label": _label(button.label), "custom_id": name}
        for name, button in unlike.items()
    ]
    return [
        {"type": 1, "components": made[at : at + BUTTONS_PER_ROW]}
        for at in range(0, len(made), BUTTONS_PER_ROW)
    ]


def custom_id(button: Button) -> str:
    """What comes back when the button is pressed; all that is needed to know what it means."""
    return f"{button.action}{SEPARATOR}{button.value}"[:CUSTOM_ID_LIMIT]


def thread_name(text: str) -> str:
    """A name for the thread under a message: its first words, without markup."""
    words = " ".join(re.sub(r"<[@#:!&\w]+>|[*_~`|>#\[\]]", " ", text).split())
    return clipped(words, _NAME_LIMIT, measure=length) or "Nightdesk"


_NAME_LIMIT = 80


def length(text: str) -> int:
    """Characters as UTF-16 counts them."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str) -> list[str]:
    """The text in pieces that fit a message each when they are shown.

    Reading a page takes a millisecond and more, in which nobody else is served.
    """
    return split_shown(text, LIMIT, estimate=_estimate, measure=_shown_length)


def _estimate(text: str) -> int:
    """About how long the text is when it is shown: marks escaped, addresses held in brackets."""
    return length(text) + len(_MARKS.findall(text)) + 2 * text.count("://") + text.count("@")


@lru_cache(maxsize=64)
def _shown_length(text: str) -> int:
    return length(markdown(text))


def _sendable(content: Content) -> tuple[str, tuple[OutFile, ...]]:
    """The text with a word on each file that Discord does not take, and the files that it takes."""
    too_large = [file for file in content.files if file.size > FILE_LIMIT]
    words = [
        f"({file.name} has {file.size / 2**20:.1f} MiB, and Discord takes {FILE_LIMIT // 2**20})"
        for file in too_large
    ]
    kept = tuple(file for file in content.files if file not in too_large)
    return "\n\n".join([content.text, *words] if words else [content.text]), kept


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        yield from (_block(block),)


def _block(block: Block) -> str:
    match block:
        case Paragraph(runs=runs):
            return _line_starts(_inline(runs))
        case Heading(level=level, runs=runs):
            words = _inline(runs).replace("\n", " ")
            return f"{'#' * level} {words}" if level <= _BIGGEST_HEADING else f"**{words}**"
        case CodeBlock(text=text, language=language):
            return _fenced(text, language)
        case Quote(blocks=blocks):
            inner = "\n\n".join(_blocks(blocks))
            return "\n".join(f"> {line}".rstrip(" ") or ">" for line in inner.split("\n"))
        case Listing():
            return _listing(block)
        case Table():
            return _fenced("\n".join(columns(block)), "")
        case Rule():
            return "───"


def _listing(listing: Listing) -> str:
    shown = []
    for number, item in enumerate(listing.items):
        mark = "-" if listing.start is None else f"{listing.start + number}."
        inner = ("\n" if listing.tight else "\n\n").join(_blocks(item)) or _HIDDEN
        first, *rest = _indented(inner, " " * (len(mark) + 1))
        shown.append("\n".join([f"{mark} {first}", *rest]))
    return ("\n" if listing.tight else "\n\n").join(shown)


def _indented(text: str, by: str) -> list[str]:
    """The lines of an item below its first; code keeps its own columns."""
    lines, in_code = text.split("\n"), False
    first, *rest = lines
    in_code = first.startswith("```")
    shown = [f"\n{first}" if in_code else first]
    for line in rest:
        fence = line.startswith("```")
        shown.append(line if fence or in_code else f"{by}{line}" if line else line)
        in_code ^= fence
    return shown


def _fenced(text: str, language: str) -> str:
    # Nothing closes a fence early: Discord knows no longer ones.
    inside = _FENCE.sub(lambda marks: _HIDDEN.join(marks[0]), text)
    named = language if _LANGUAGE.fullmatch(language) else ""
    return f"```{named}\n{inside}\n```"


def _inline(runs: Inline) -> str:
    shown = ""
    for run in map(_run, without_links(runs)):
        # Two backticks that belong to two things would be one mark to Discord.
        apart = _HIDDEN if shown.endswith("`") and run.startswith("`") else ""
        shown += apart + run
    return shown


def _run(run: Run) -> str:
    if run.code:
        return _code(run.text)
    text = escape(run.text)
    inside = text.strip()
    if not inside:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    for wanted, mark in ((run.strike, "~~"), (run.italic, "*"), (run.bold, "**")):
        if wanted:
            inside = f"{mark}{inside}{mark}"
    return f"{before}{inside}{after}"


def _code(text: str) -> str:
    text = text.replace("\n", " ")
    if "`" not in text:
        return f"`{text}`" if text.strip() else ""
    return f"`` {re.sub('`{2,}', lambda marks: _HIDDEN.join(marks[0]), text)} ``"


def _words(text: str) -> str:
    return _SHOUT.sub(f"@{_HIDDEN}", _MARKS.sub(r"\\\g<0>", text))


def _line_starts(text: str) -> str:
    """The paragraph with nothing at the beginning of a line that begins a list or the like."""
    return _LINE_MARK.sub(lambda found: f"{found[1]}{_guarded(found[2])}", text)


def _guarded(mark: str) -> str:
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def _label(text: str) -> str:
    return clipped(text, LABEL_LIMIT, measure=length)


def _clean(text: str) -> str:
    """The text without halves of characters, which nothing could be sent with."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
