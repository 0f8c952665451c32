"""No pings, no previews, no images: a judge of each request, apart from the fakes' own rules.

The fakes were written beside the adapters, so what one author overlooked both would. This was
written from the platforms' documentation for the suite alone.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

TEMPTING = (
    "@everyone @here @channel <!channel> <!here|here> <!subteam^S1> <@U0ADA> <#C0OPS> "
    "<@300000000000000001> <@&910000000000000001> @nightdesk_test_bot @ada "
    "http://example.org/preview https://example.org/a.png www.example.org "
    "![chart](https://example.org/chart.png) [hidden](https://evil.example/x) "
    "[**@everyone**](tg://user?id=1001) <https://example.org/auto> <img src=https://e.org/i.png> "
    "&lt;!here&gt; *@here* **@everyone** `@code` \x1b]8;;https://evil.example\x07here\x1b]8;;\x07\x1b[2J"
)
"""What a model may write to call people, to show a picture, or to take over a terminal."""

_SHOUTED = re.compile(r"@(?:everyone|here|channel|group)\b", re.IGNORECASE)
_SLACKS = re.compile(r"<[!@#]")
_IMAGE = re.compile(r"!\[[^\]]*\]\(")
_NAMES = re.compile(r"(?<![A-Za-z0-9_`])@[A-Za-z0-9_]{2,}")
_CODE = re.compile(r"\\.|```.*?```|``.*?``|`[^`]*`", re.DOTALL)


def slack(method: str, args: Mapping[str, Any]) -> Iterator[str]:
    """Slack: https://docs.slack.dev/reference/methods/chat.postMessage, "unfurling" and "parse"."""
    texts = list(_strings({key: args.get(key) for key in _SLACK_TEXTS}))
    if texts:
        wanted = _SLACK_SWITCHES.get(method, {}).items()
        yield from (f"{name} is not {value}" for name, value in wanted if args.get(name) != value)
    for text in texts:
        if _SHOUTED.search(text) or _SLACKS.search(text):
            yield f"mentions: {text[:80]!r}"
        if _IMAGE.search(text):
            yield f"shows an image: {text[:80]!r}"
    for block in args.get("blocks") or ():
        if block["type"] not in {"markdown", "actions"}:
            yield f"a block that may show more than text: {block['type']}"


_NO_NAMES = {"link_names": False, "parse": "none"}
_NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}
_SLACK_SWITCHES: dict[str, dict[str, object]] = {
    "chat.postMessage": {**_NO_NAMES, **_NO_PREVIEWS, "mrkdwn": False},
    "chat.update": {**_NO_NAMES},
    "chat.postEphemeral": {**_NO_NAMES},
    "response_url": {**_NO_PREVIEWS},
}
_SLACK_TEXTS = ("text", "markdown_text", "blocks", "status", "chunks", "prompts", "view")


def telegram(method: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """Telegram: https://core.telegram.org/bots/api, `LinkPreviewOptions` and "Formatting options"."""
    if "parse_mode" in fields:
        yield "a parse mode"
    if method in {"sendMessage", "editMessageText"}:
        options = fields.get("link_preview_options") or {}
        if options.get("is_disabled") is not True:
            yield "previews are on"
    for name, listed in (("text", "entities"), ("caption", "caption_entities")):
        text, entities = fields.get(name), fields.get(listed) or []
        if not isinstance(text, str):
            continue
        for entity in entities:
            if entity["type"] in {"text_link", "text_mention", "mention", "url", "custom_emoji"}:
                yield f"an entity {entity['type']}"
        if _NAMES.search(_outside(text, entities)):
            yield f"mentions: {text[:80]!r}"


def _outside(text: str, entities: list[Mapping[str, Any]]) -> str:
    """The text with blanks where it is code, in which Telegram finds no mentions."""
    units = text.encode("utf-16-le")
    for entity in entities:
        if entity["type"] in {"code", "pre"}:
            start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
            units = units[:start] + b" \0" * entity["length"] + units[end:]
    return units.decode("utf-16-le")


def discord(method: str, args: Mapping[str, Any]) -> Iterator[str]:
    """Discord: https://discord.com/developers/docs/resources/message, "allowed mentions"."""
    said = args.get("data") or {} if method.endswith("/callback") else args
    if "/messages" not in method and "/webhooks" not in method and not said.get("content"):
        return
    if "content" not in said:
        return
    allowed = said.get("allowed_mentions")
    if not isinstance(allowed, dict) or allowed.get("parse") != [] or allowed.get("roles"):
        yield "mentions are on"
    elif allowed.get("replied_user") is not False or len(allowed.get("users") or []) > 1:
        yield "more than the requester may be mentioned"
    if not int(said.get("flags") or 0) & 1 << 2:
        yield "previews are on"
    if said.get("embeds"):
        yield "an embed"
    prose = _CODE.sub("", str(said["content"]))
    if re.search(r"@(?:everyone|here)\b", prose) or re.search(r"(?<!\\)<(?:@|#)", prose):
        yield f"mentions: {said['content'][:80]!r}"
    if re.search(r"(?<!\\)\]\(", prose):
        yield f"hides an address: {said['content'][:80]!r}"


def terminal(_: str, said: Mapping[str, Any]) -> Iterator[str]:
    """A terminal: nothing that it would carry out, above all no bell and no hidden link (OSC 8)."""
    text = str(said["text"])
    if any(ord(character) < 0x20 and character not in "\n\t" for character in text):
        yield f"controls the terminal: {text[:80]!r}"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if key not in {"action_id", "block_id", "type", "value", "private_metadata"}:
                yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)
