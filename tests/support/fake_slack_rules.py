"""What Slack demands of a request, and what we demand of ourselves: each breach is named."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from markdown_it import MarkdownIt

from tests.support import specs

Args = Mapping[str, Any]

# Arguments that the published schema (2021) does not know yet, from the vendor's SDK of 2026.
_BLOCKS = {"blocks": "array"}
_SINCE: dict[str, dict[str, str]] = {
    "chat.postMessage": {**_BLOCKS, "metadata": "object", "markdown_text": "string"},
    # The schema calls link_names of chat.update a string, the documentation and SDK a boolean.
    "chat.update": {
        **_BLOCKS,
        "metadata": "object",
        "markdown_text": "string",
        "link_names": "boolean",
    },
    "chat.postEphemeral": {**_BLOCKS, "markdown_text": "string"},
    "conversations.replies": {"include_all_metadata": "boolean"},
    "conversations.history": {"include_all_metadata": "boolean"},
}
# Methods that it does not know at all.
_NEW: dict[str, dict[str, str]] = {
    "chat.startStream": {
        "channel": "string!",
        "thread_ts": "string!",
        "markdown_text": "string",
        "recipient_user_id": "string",
        "recipient_team_id": "string",
        "chunks": "array",
        "task_display_mode": "string",
    },
    "chat.appendStream": {
        "channel": "string!",
        "ts": "string!",
        "markdown_text": "string",
        "chunks": "array",
    },
    "chat.stopStream": {
        "channel": "string!",
        "ts": "string!",
        "markdown_text": "string",
        "chunks": "array",
        "blocks": "array",
        "metadata": "object",
        "session_status": "string",
    },
    # What is posted to the address that comes with a command or a button.
    "response_url": {
        "response_type": "string!",
        "replace_original": "boolean!",
        "text": "string!",
        "blocks": "array",
        "thread_ts": "string",
        "unfurl_links": "boolean",
        "unfurl_media": "boolean",
    },
    "assistant.threads.setStatus": {
        "channel_id": "string!",
        "thread_ts": "string!",
        "status": "string!",
        "loading_messages": "array",
    },
}
_MUST_BE_FALSE = {
    "chat.postMessage": ("unfurl_links", "unfurl_media", "link_names"),
    "response_url": ("unfurl_links", "unfurl_media"),
}
_PYTHON = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "array": list,
    "object": dict,
    "number": str,  # times: Slack's are text with a point
}

_COMMONMARK = MarkdownIt("commonmark")
_PING = re.compile(r"<[!@#]|@(?:channel|here|everyone|group)\b", re.IGNORECASE)
_UNESCAPED = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")
_ROW = {"header", "section", "actions", "markdown", "context", "divider"}


def signature(method: str) -> dict[str, str] | None:
    """The arguments of a method and their types, `!` behind the required ones; None if unknown."""
    if method in _NEW:
        return _NEW[method]
    schema = specs.load("slack/web-api-openapi-v2.json")
    if schema is None:
        return None
    operations = schema["paths"].get(f"/{method}")
    if operations is None:
        return {}
    (operation,) = operations.values()
    known = {
        p["name"]: p["type"] + ("!" if p.get("required") else "")
        for p in operation["parameters"]
        if p["name"] != "token"
    }
    return known | _SINCE.get(method, {})


def breaches(method: str, args: Args, *, form: bool) -> Iterator[str]:
    """What is wrong with the arguments of a call."""
    known = signature(method)
    if known is not None:
        yield from _against(known, method, args, form=form)
    yield from _promises(method, args)


def _against(known: Mapping[str, str], method: str, args: Args, *, form: bool) -> Iterator[str]:
    if not known and method != "auth.test":
        yield f"{method}: Slack has no such method"
    for name, kind in known.items():
        if kind.endswith("!") and name not in args:
            yield f"{method}: {name} is missing"
    for name, value in args.items():
        kind = known.get(name, "").rstrip("!")
        if not kind:
            yield f"{method}: Slack knows no argument {name}"
        elif not form and not isinstance(value, _PYTHON[kind]):
            yield f"{method}: {name} is to be {kind}, not {value!r}"
        elif form and kind == "boolean" and value not in {"0", "1", "true", "false"}:
            yield f"{method}: {name} is to be a boolean, not {value!r}"


def _promises(method: str, args: Args) -> Iterator[str]:
    """PLATFORMS.md: previews off, mentions off, nothing longer than Slack takes."""
    for name in _MUST_BE_FALSE.get(method, ()):
        if args.get(name) is not False:
            yield f"{method}: {name} must be false"
    if args.get("link_names") not in {None, False} or args.get("parse", "none") != "none":
        yield f"{method}: names and links in the text would be turned into mentions"
    if "text" in args:
        yield from (f"{method}: text {why}" for why in _text(args["text"]))
    for text in markdown_of(args):
        yield from (f"{method}: markdown {why}" for why in _markdown(text))
    yield from (f"{method}: {why}" for why in _blocks(args.get("blocks") or []))
    metadata = args.get("metadata")
    if metadata is not None and not (
        isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    ):
        yield f"{method}: metadata needs event_type and event_payload"
    if method in {"chat.postMessage", "chat.update", "chat.postEphemeral"} and not args.get("text"):
        yield f"{method}: a message needs text for notifications"


def markdown_of(args: Args) -> list[str]:
    """Every Markdown text in a call."""
    texts = [args["markdown_text"]] if args.get("markdown_text") else []
    return texts + [b["text"] for b in args.get("blocks") or [] if b.get("type") == "markdown"]


def _text(text: str) -> Iterator[str]:
    if len(text) > 40_000:
        yield f"has {len(text)} characters"
    if _UNESCAPED.search(text):
        yield f"is not escaped: {text[:80]!r}"
    if _PING.search(text):
        yield f"pings: {text[:80]!r}"


def _markdown(text: str) -> Iterator[str]:
    if len(text) > 12_000:
        yield f"has {len(text)} characters"
    if _PING.search(text):
        yield f"pings: {_PING.search(text)}"
    for block in _COMMONMARK.parse(text):
        for node in block.children or ():
            if node.type == "image":
                yield f"shows an image: {text[:80]!r}"
            if node.type == "link_open" and node.markup != "autolink":
                yield f"hides an address behind a link: {text[:80]!r}"


def _blocks(blocks: list[dict[str, Any]]) -> Iterator[str]:
    if len(blocks) > 50:
        yield "more than 50 blocks"
    if sum(len(str(b.get("text", ""))) for b in blocks) > 13_000:
        yield "msg_blocks_too_long"
    buttons = [e for b in blocks if b["type"] == "actions" for e in b["elements"]]
    if len({e["action_id"] for e in buttons}) != len(buttons):
        yield "two buttons with one action_id"
    for block in blocks:
        if block["type"] not in _ROW:
            yield f"unknown block {block['type']}"
        if block["type"] == "actions" and not 1 <= len(block["elements"]) <= 25:
            yield "a row has 1 to 25 buttons"
    for button in buttons:
        label = button["text"]
        if label["type"] != "plain_text" or not 1 <= len(label["text"]) <= 75:
            yield f"bad label {label}"
        if len(button.get("value", "")) > 2_000 or not 1 <= len(button["action_id"]) <= 255:
            yield f"bad button {button['action_id']}"
