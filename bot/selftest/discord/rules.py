"""What Discord demands of a request, and what we demand of ourselves: each breach is named."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Args = Mapping[str, Any]

MESSAGE_LIMIT = 2_000
LABEL_LIMIT = 80
CUSTOM_ID_LIMIT = 100
CHOICES = 25
SUPPRESS_EMBEDS = 1 << 2

_MESSAGES = frozenset(
    {
        "POST /channels/{channel_id}/messages",
        "PATCH /channels/{channel_id}/messages/{message_id}",
        "POST /webhooks/{webhook_id}/{webhook_token}",
        "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original",
    }
)
_NONCED = "POST /channels/{channel_id}/messages"
_COMMANDS = "PUT /applications/{application_id}/commands"
_SHOUT = re.compile(r"@(?:everyone|here)\b")
_MASKED = re.compile(r"\[[^\]\n]+\]\(\s*<?https?:", re.IGNORECASE)
# From left to right, as Discord reads: an escaped character, or code.
_CODE = re.compile(r"\\.|```.*?```|``.*?``|`[^`]*`", re.DOTALL)
_COMMAND_NAME = re.compile(r"[-_a-z0-9]{1,32}")


def breaches(route: str, args: Args) -> Iterator[str]:
    """What is wrong with the arguments of a request."""
    if route in _MESSAGES:
        yield from (f"{route}: {why}" for why in _message(args))
    if route == _NONCED:
        nonce = args.get("nonce")
        if nonce is None:
            yield f"{route}: a message without a nonce can be made twice"
        if nonce is not None and (args.get("enforce_nonce") is not True or len(str(nonce)) > 25):
            yield f"{route}: a nonce has at most 25 characters, and is to be enforced"
    if route == _COMMANDS:
        yield from (f"{route}: {why}" for why in _commands(args.get("commands", ())))
    if route == "callback":
        yield from (f"{route}: {why}" for why in _callback(args))


def _message(args: Args) -> Iterator[str]:
    """PLATFORMS.md: previews off, mentions off, nothing longer than Discord takes."""
    content = str(args.get("content") or "")
    if length(content) > MESSAGE_LIMIT:
        yield f"{length(content)} characters"
    if not content and not args.get("attachments"):
        yield "an empty message"
    yield from _mentions(args)
    if not int(args.get("flags") or 0) & SUPPRESS_EMBEDS:
        yield "previews are to be suppressed"
    if args.get("embeds"):
        yield "an embed can show an image and hide an address"
    prose = _CODE.sub("", content)
    if _SHOUT.search(prose):
        yield f"pings: {content[:80]!r}"
    if _MASKED.search(prose):
        yield f"hides an address behind a link: {content[:80]!r}"
    if "```" in prose:
        yield f"a code fence is left open: {content[-80:]!r}"
    yield from _components(args.get("components") or ())


def _mentions(args: Args) -> Iterator[str]:
    allowed = args.get("allowed_mentions")
    if not isinstance(allowed, dict) or allowed.get("parse") != []:
        yield "mentions are to be off: allowed_mentions.parse must be empty"
    elif allowed.get("roles") or allowed.get("replied_user") or len(allowed.get("users", ())) > 1:
        yield "at most the requester may be mentioned"


def _components(rows: Any) -> Iterator[str]:
    if len(rows) > 5:
        yield "more than 5 rows"
    buttons = [button for row in rows for button in row["components"]]
    names = [button["custom_id"] for button in buttons]
    if len(set(names)) != len(names):
        yield "two buttons with one custom_id"
    for row in rows:
        if row["type"] != 1 or not 1 <= len(row["components"]) <= 5:
            yield "a row has 1 to 5 buttons"
    for button in buttons:
        if button["type"] != 2 or not 1 <= len(button.get("label", "")) <= LABEL_LIMIT:
            yield f"bad button {button}"
        if not 1 <= len(button["custom_id"]) <= CUSTOM_ID_LIMIT:
            yield f"bad custom_id {button['custom_id']!r}"


def _callback(args: Args) -> Iterator[str]:
    data = args.get("data") or {}
    match args.get("type"):
        case 1 | 6:
            if data:
                yield "there is nothing to say with it"
        case 4:
            yield from _message(data)
        case 5:
            yield from _mentions(data)
        case 8:
            if len(data["choices"]) > CHOICES:
                yield "more than 25 choices"
        case 9:
            if not 1 <= len(data["components"]) <= 5 or len(data["title"]) > 45:
                yield "a form has 1 to 5 fields and a short title"
        case other:
            yield f"unknown type {other}"


def _commands(commands: Any) -> Iterator[str]:
    if len(commands) > 100:
        yield "more than 100 commands"
    names = [command["name"] for command in commands]
    if len(set(names)) != len(names):
        yield "two commands of one name"
    for command in commands:
        yield from _named(command)
        if len(json.dumps(command)) > 8_000:
            yield f"{command['name']} is larger than Discord takes"


def _named(made: Args) -> Iterator[str]:
    if not _COMMAND_NAME.fullmatch(made["name"]):
        yield f"bad name {made['name']!r}"
    if not 1 <= len(made["description"]) <= 100:
        yield f"{made['name']}: a description has 1 to 100 characters"
    options = made.get("options") or []
    if len(options) > 25:
        yield f"{made['name']}: more than 25 options"
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        yield f"{made['name']}: required options come first"
    for option in options:
        yield from _named(option)


def length(text: str) -> int:
    """Characters as UTF-16 counts them."""
    return len(text.encode("utf-16-le")) // 2
