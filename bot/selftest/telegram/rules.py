"""What the Bot API demands of a call, and what PLATFORMS asks of us: pure judges.

Each is strict by itself. The published schema of the Bot API is a further judge, in tests.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Fields = Mapping[str, Any]

_ENTITIES = frozenset(
    {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "code",
        "pre",
    }
)
"""What we may send; links and mentions are not among them on purpose."""
_ALONE = frozenset({"code", "pre"})
_PLACE: dict[str, type] = {"chat_id": int, "message_thread_id": int, "reply_parameters": dict}
_TEXT: dict[str, type] = {
    "text": str,
    "entities": list,
    "link_preview_options": dict,
    "reply_markup": dict,
}
_CAPTION: dict[str, type] = {"caption": str, "caption_entities": list, "reply_markup": dict}
_QUIET: dict[str, type] = {"disable_notification": bool}

METHODS: dict[str, tuple[frozenset[str], dict[str, type]]] = {
    "getMe": (frozenset(), {}),
    "getWebhookInfo": (frozenset(), {}),
    "deleteWebhook": (frozenset(), {"drop_pending_updates": bool}),
    "setWebhook": (
        frozenset({"url"}),
        {
            "url": str,
            "secret_token": str,
            "allowed_updates": list,
            "max_connections": int,
            "drop_pending_updates": bool,
        },
    ),
    "getUpdates": (
        frozenset(),
        {"offset": int, "limit": int, "timeout": int, "allowed_updates": list},
    ),
    "sendMessage": (frozenset({"chat_id", "text"}), _PLACE | _TEXT | _QUIET),
    "sendMessageDraft": (
        frozenset({"chat_id", "draft_id"}),
        {"chat_id": int, "message_thread_id": int, "draft_id": int, "text": str, "entities": list},
    ),
    "sendChatAction": (
        frozenset({"chat_id", "action"}),
        {"chat_id": int, "action": str, "message_thread_id": int},
    ),
    "sendDocument": (
        frozenset({"chat_id", "document"}),
        _PLACE | _CAPTION | _QUIET | {"document": bytes},
    ),
    "sendPhoto": (frozenset({"chat_id", "photo"}), _PLACE | _CAPTION | _QUIET | {"photo": bytes}),
    "editMessageText": (
        frozenset({"chat_id", "message_id", "text"}),
        {"chat_id": int, "message_id": int} | _TEXT,
    ),
    "editMessageCaption": (
        frozenset({"chat_id", "message_id"}),
        {"chat_id": int, "message_id": int} | _CAPTION,
    ),
    "answerCallbackQuery": (
        frozenset({"callback_query_id"}),
        {"callback_query_id": str, "text": str, "show_alert": bool},
    ),
    "getMyCommands": (frozenset(), {"scope": dict}),
    "setMyCommands": (frozenset({"commands"}), {"commands": list, "scope": dict}),
    "getFile": (frozenset({"file_id"}), {"file_id": str}),
    "getChat": (frozenset({"chat_id"}), {"chat_id": int}),
    "getChatMember": (frozenset({"chat_id", "user_id"}), {"chat_id": int, "user_id": int}),
}
"""The methods that the fake has: what each must be given, and what it may be, by type."""

_MENTION = re.compile(r"(?<![A-Za-z0-9_])@[A-Za-z0-9_]{2,32}")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_MOST_TEXT, _MOST_CAPTION, _MOST_DATA, _MOST_ENTITIES = 4096, 1024, 64, 100


def breaches(method: str, fields: Fields) -> Iterator[str]:
    """What is wrong with the call; nothing where it is right."""
    if method not in METHODS:
        yield f"there is no method {method}"
        return
    needed, types = METHODS[method]
    yield from (f"{name} is missing" for name in needed - fields.keys())
    for name, value in fields.items():
        wanted = types.get(name)
        if wanted is None:
            yield f"{name} is no parameter of ours"
        elif not isinstance(value, wanted) or (isinstance(value, bool) and wanted is int):
            yield f"{name} is {type(value).__name__}, not {wanted.__name__}"
    if "text" in fields and method != "answerCallbackQuery":
        yield from _text(str(fields["text"]), fields.get("entities"), _MOST_TEXT)
    if "caption" in fields:
        yield from _text(str(fields["caption"]), fields.get("caption_entities"), _MOST_CAPTION)
    if method in {"sendMessage", "editMessageText"}:
        options = fields.get("link_preview_options")
        if not (isinstance(options, dict) and options.get("is_disabled") is True):
            yield "previews are on"
    yield from _keyboard(fields.get("reply_markup"))
    yield from _particular(method, fields)


def _particular(method: str, fields: Fields) -> Iterator[str]:
    if method == "setMyCommands":
        for command in fields.get("commands", ()):
            if not _COMMAND.fullmatch(command["command"]):
                yield f"{command['command']!r} is no name of a command"
            if not 1 <= len(command["description"]) <= 256:
                yield "a description has 1 to 256 characters"
    if method == "setWebhook" and not re.fullmatch(
        r"[A-Za-z0-9_-]{1,256}", str(fields.get("secret_token"))
    ):
        yield "the secret has other characters than it may have"
    if method == "sendMessageDraft" and not fields.get("draft_id"):
        yield "draft_id is 0"
    if fields.get("message_thread_id") == 1:
        yield "the General topic is named"


def units(text: str) -> int:
    """How long Telegram says that the text is: in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _text(text: str, entities: object, most: int) -> Iterator[str]:
    if not text.strip():
        yield "the text is empty"
    if text != text.strip():
        yield "there is space around the text, which Telegram takes off"
    if units(text) > most:
        yield f"the text has {units(text)} units, and {most} are allowed"
    found = entities if isinstance(entities, list) else []
    yield from _entities(text, found)
    for match in _MENTION.finditer(text):
        at = units(text[: match.start()])
        if not any(e["type"] in _ALONE and e["offset"] <= at < _end(e) for e in found):
            yield f"{match.group()} mentions somebody"


def _entities(text: str, entities: list[Fields]) -> Iterator[str]:
    if len(entities) > _MOST_ENTITIES:
        yield f"{len(entities)} entities, and Telegram keeps {_MOST_ENTITIES}"
    raw, size = text.encode("utf-16-le"), units(text)
    for entity in entities:
        kind, start, end = entity["type"], entity["offset"], _end(entity)
        if kind not in _ENTITIES:
            yield f"an entity is a {kind}"
        if entity["length"] < 1 or start < 0 or end > size:
            yield f"the entity {kind} {start}-{end} is not within the text of {size}"
            continue
        for at in (start, end):
            if at < size and 0xDC <= raw[2 * at + 1] <= 0xDF:
                yield f"the entity {kind} {start}-{end} cuts a character"
    for first in entities:
        for second in entities:
            if first is not second:
                yield from _together(first, second)


def _together(outer: Fields, inner: Fields) -> Iterator[str]:
    """What is wrong with two entities, of which the first begins first."""
    begins, starts, ends = outer["offset"], inner["offset"], _end(outer)
    if not begins <= starts < ends:
        return
    if _end(inner) > ends and starts > begins:
        yield f"{outer['type']} and {inner['type']} overlap"
    kinds = {outer["type"], inner["type"]}
    if kinds & _ALONE and "blockquote" not in kinds:
        yield f"{outer['type']} and {inner['type']} in one place"
    if outer["type"] == inner["type"] == "blockquote":
        yield "a quotation in a quotation"


def _keyboard(markup: object) -> Iterator[str]:
    if not isinstance(markup, dict):
        return
    for row in markup.get("inline_keyboard", ()):
        if not 1 <= len(row) <= 8:
            yield f"a row of {len(row)} buttons"
        for button in row:
            if set(button) != {"text", "callback_data"} or not button["text"]:
                yield f"a button with {sorted(button)}"
            size = len(str(button.get("callback_data", "")).encode())
            if not 1 <= size <= _MOST_DATA:
                yield f"a button carries {size} bytes"


def _end(entity: Fields) -> int:
    return int(entity["offset"]) + int(entity["length"])
