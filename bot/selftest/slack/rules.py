"""What Slack demands of a request, and what we demand of ourselves: each breach is named."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from markdown_it import MarkdownIt

from bot.selftest.slack.arguments import ARGUMENTS

Args = Mapping[str, Any]

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
_MESSAGES = frozenset({"chat.postMessage", "chat.update", "chat.postEphemeral"})

_COMMONMARK = MarkdownIt("commonmark")
_PING = re.compile(r"<[!@#]|@(?:channel|here|everyone|group)\b", re.IGNORECASE)
_UNESCAPED = re.compile(r"[<>]|&(?!(?:amp|lt|gt);)")
_ROW = frozenset({"header", "section", "actions", "markdown", "context", "divider", "input"})
_TASK_STATES = frozenset({"pending", "in_progress", "complete", "error"})
_SESSION_STATES = frozenset({"active", "processing", "suspended", "closed"})

MESSAGE_LIMIT = 40_000
MARKDOWN_LIMIT = 12_000
BLOCKS_LIMIT = 13_000
FORM_TITLE = 24
FIELD_LABEL = 2_000
PLACEHOLDER = 150
TEXT_FIELD = 3_000
PROMPTS = 4
HOME_BLOCKS = 100


def breaches(method: str, args: Args, *, form: bool) -> Iterator[str]:
    """What is wrong with the arguments of a call; `form` says that they came as text."""
    known = ARGUMENTS.get(method)
    if known is None:
        yield f"{method}: Slack has no such method"
    else:
        yield from against(known, method, args, form=form)
    yield from _promises(method, args)


def against(known: Mapping[str, str], method: str, args: Args, *, form: bool) -> Iterator[str]:
    """What is wrong by a table of arguments."""
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
    """Previews off, mentions off, nothing longer than Slack takes."""
    for name in _MUST_BE_FALSE.get(method, ()):
        if args.get(name) is not False:
            yield f"{method}: {name} must be false"
    if args.get("link_names") not in {None, False} or args.get("parse", "none") != "none":
        yield f"{method}: names and links in the text would be turned into mentions"
    if "text" in args:
        yield from (f"{method}: text {why}" for why in text_breaches(args["text"]))
    for text in markdown_of(args):
        yield from (f"{method}: markdown {why}" for why in markdown(text))
    yield from (f"{method}: {why}" for why in _parts(args))
    session = args.get("status" if method == "agents.sessions.setStatus" else "session_status")
    if session is not None and session not in _SESSION_STATES:
        yield f"{method}: no session has the status {session!r}"
    if method in _MESSAGES and not args.get("text"):
        yield f"{method}: a message needs text for notifications"


def _parts(args: Args) -> Iterator[str]:
    yield from blocks(args.get("blocks") or [], most=50)
    yield from _metadata(args.get("metadata"))
    yield from _chunks(args.get("chunks") or [])
    if isinstance(args.get("view"), dict):
        yield from _view(args["view"])
    if "prompts" in args:
        yield from _prompts(args["prompts"])


def markdown_of(args: Args) -> list[str]:
    """Every Markdown text in a call."""
    texts = [args["markdown_text"]] if args.get("markdown_text") else []
    shown = list(args.get("blocks") or [])
    if isinstance(args.get("view"), dict):
        shown += args["view"].get("blocks") or []
    return texts + [b["text"] for b in shown if b.get("type") == "markdown"]


def text_breaches(text: str) -> Iterator[str]:
    """What is wrong with a text for notifications."""
    if len(text) > MESSAGE_LIMIT:
        yield f"has {len(text)} characters"
    if _UNESCAPED.search(text):
        yield f"is not escaped: {text[:80]!r}"
    if _PING.search(text):
        yield f"pings: {text[:80]!r}"


def markdown(text: str) -> Iterator[str]:
    """What is wrong with a Markdown text."""
    if len(text) > MARKDOWN_LIMIT:
        yield f"has {len(text)} characters"
    if _PING.search(text):
        yield f"pings: {_PING.search(text)}"
    for block in _COMMONMARK.parse(text):
        for node in block.children or ():
            if node.type == "image":
                yield f"shows an image: {text[:80]!r}"
            if node.type == "link_open" and node.markup != "autolink":
                yield f"hides an address behind a link: {text[:80]!r}"


def _metadata(metadata: Any) -> Iterator[str]:
    if metadata is not None and not (
        isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    ):
        yield "metadata needs event_type and event_payload"


def _chunks(chunks: list[dict[str, Any]]) -> Iterator[str]:
    for chunk in chunks:
        if chunk.get("type") != "task_update":
            yield f"unknown chunk {chunk.get('type')}"
        elif not chunk.get("id") or not chunk.get("title"):
            yield "a task needs an id and a title"
        elif chunk.get("status") not in _TASK_STATES:
            yield f"no task has the status {chunk.get('status')!r}"
        elif _PING.search(chunk["title"]):
            yield f"a task's title pings: {chunk['title']!r}"


def _prompts(prompts: Any) -> Iterator[str]:
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS:
        yield f"there are 1 to {PROMPTS} prompts"
        return
    for prompt in prompts:
        if set(prompt) != {"title", "message"} or not all(prompt.values()):
            yield f"a prompt has a title and a message, not {prompt}"


def _view(view: dict[str, Any]) -> Iterator[str]:
    kind = view.get("type")
    if kind not in {"home", "modal"}:
        yield f"no view is a {kind!r}"
    yield from blocks(view.get("blocks") or [], most=HOME_BLOCKS)
    if len(view.get("private_metadata", "")) > TEXT_FIELD:
        yield "private_metadata is too long"
    if kind != "modal":
        return
    for name in ("title", "submit", "close"):
        label = view.get(name)
        if label is None and name == "title":
            yield "a modal needs a title"
        elif label is not None and not _label(label, FORM_TITLE):
            yield f"bad {name} {label}"
    if len(view.get("callback_id", "")) > 255:
        yield "callback_id is too long"
    for block in view.get("blocks") or []:
        if block.get("type") == "input":
            yield from _input(block)


def _input(block: dict[str, Any]) -> Iterator[str]:
    element = block.get("element") or {}
    if not block.get("block_id") or not element.get("action_id"):
        yield "an input needs a block_id and an action_id"
    if not _label(block.get("label") or {}, FIELD_LABEL):
        yield f"bad label {block.get('label')}"
    if element.get("type") != "plain_text_input":
        yield f"unknown element {element.get('type')}"
    if not 1 <= element.get("max_length", 1) <= TEXT_FIELD:
        yield f"an answer has at most {TEXT_FIELD} characters"
    placeholder = element.get("placeholder")
    if placeholder is not None and not _label(placeholder, PLACEHOLDER):
        yield f"bad placeholder {placeholder}"


def _label(label: Mapping[str, Any], most: int) -> bool:
    return label.get("type") == "plain_text" and 1 <= len(label.get("text", "")) <= most


def blocks(shown: list[dict[str, Any]], *, most: int = 50) -> Iterator[str]:
    """What is wrong with blocks, of which there may be `most`."""
    if len(shown) > most:
        yield f"more than {most} blocks"
    if sum(len(str(b.get("text", ""))) for b in shown) > BLOCKS_LIMIT:
        yield "msg_blocks_too_long"
    buttons = [e for b in shown if b["type"] == "actions" for e in b["elements"]]
    if len({e["action_id"] for e in buttons}) != len(buttons):
        yield "two buttons with one action_id"
    for block in shown:
        if block["type"] not in _ROW:
            yield f"unknown block {block['type']}"
        if block["type"] == "actions" and not 1 <= len(block["elements"]) <= 25:
            yield "a row has 1 to 25 buttons"
        if block["type"] == "header" and not _label(block["text"], 150):
            yield f"bad header {block['text']}"
    yield from _buttons(buttons)


def _buttons(buttons: list[dict[str, Any]]) -> Iterator[str]:
    for button in buttons:
        if not _label(button["text"], 75):
            yield f"bad label {button['text']}"
        if len(button.get("value", "")) > 2_000 or not 1 <= len(button["action_id"]) <= 255:
            yield f"bad button {button['action_id']}"
