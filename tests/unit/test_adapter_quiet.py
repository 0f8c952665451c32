"""The judge of the contract suite against pings and previews: that it can say no."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.support.adapters import quiet

Judge = Callable[[str, Mapping[str, Any]], Iterator[str]]

SLACK = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none", "mrkdwn": False}  # fmt: skip
TELEGRAM = {"chat_id": 1, "link_preview_options": {"is_disabled": True}}
DISCORD = {"flags": 4, "allowed_mentions": {"parse": [], "users": ["1"], "replied_user": False}}
POST = "POST /channels/{channel_id}/messages"


def block(text: str) -> list[dict[str, str]]:
    return [{"type": "markdown", "text": text}]


@pytest.mark.parametrize(
    ("judge", "name", "said"),
    [
        (quiet.slack, "chat.postMessage", {**SLACK, "text": "hi @\u200bhere"}),
        (quiet.slack, "chat.postMessage", {**SLACK, "text": "hi", "blocks": block("<\u200b!here> <https://e.org>")}),
        (quiet.slack, "conversations.history", {"channel": "C1"}),
        (quiet.telegram, "sendMessage", {**TELEGRAM, "text": "hi @\u200bada"}),
        (quiet.telegram, "sendMessage", {**TELEGRAM, "text": "a 👍 @ada", "entities": [{"type": "code", "offset": 5, "length": 4}]}),
        (quiet.telegram, "sendChatAction", {"chat_id": 1, "action": "typing"}),
        (quiet.discord, POST, {**DISCORD, "content": "hi @\u200beveryone \\<@1> `@here`"}),
        (quiet.discord, "POST /channels/{channel_id}/typing", {}),
        (quiet.terminal, "printed", {"text": "hi\n\tthere"}),
    ],
)  # fmt: skip
def test_what_is_quiet_passes(judge: Judge, name: str, said: Mapping[str, Any]) -> None:
    assert list(judge(name, said)) == []


@pytest.mark.parametrize(
    ("judge", "name", "said"),
    [
        *((quiet.slack, "chat.postMessage", {**{k: v for k, v in SLACK.items() if k != name}, "text": "hi"}) for name in SLACK),
        (quiet.slack, "chat.update", {"link_names": True, "parse": "none", "text": "hi"}),
        (quiet.slack, "response_url", {"unfurl_links": False, "text": "hi"}),
        (quiet.slack, "chat.appendStream", {"markdown_text": "hi <!channel>"}),
        (quiet.slack, "chat.appendStream", {"chunks": [{"type": "task_update", "title": "<@U1>"}]}),
        (quiet.slack, "chat.postMessage", {**SLACK, "text": "hi", "blocks": block("@everyone")}),
        (quiet.slack, "chat.postMessage", {**SLACK, "text": "hi", "blocks": block("![x](https://e.org)")}),
        (quiet.slack, "chat.postMessage", {**SLACK, "text": "hi", "blocks": [{"type": "image"}]}),
        (quiet.telegram, "sendMessage", {"chat_id": 1, "text": "hi"}),
        (quiet.telegram, "sendMessage", {**TELEGRAM, "text": "hi", "parse_mode": "HTML"}),
        (quiet.telegram, "editMessageText", {**TELEGRAM, "text": "hi @ada"}),
        (quiet.telegram, "sendPhoto", {"chat_id": 1, "caption": "hi @ada"}),
        (quiet.telegram, "sendMessage", {**TELEGRAM, "text": "x", "entities": [{"type": "text_link", "offset": 0, "length": 1}]}),
        (quiet.discord, POST, {"flags": 4, "content": "hi"}),
        (quiet.discord, POST, {**DISCORD, "flags": 0, "content": "hi"}),
        (quiet.discord, POST, {**DISCORD, "content": "hi", "embeds": [{}]}),
        (quiet.discord, POST, {**DISCORD, "content": "hi @everyone"}),
        (quiet.discord, POST, {**DISCORD, "content": "hi <@1>"}),
        (quiet.discord, POST, {**DISCORD, "content": "[hi](<https://evil.example>)"}),
        (quiet.discord, POST, {**DISCORD, "content": "hi", "allowed_mentions": {"parse": ["users"]}}),
        (quiet.discord, POST, {**DISCORD, "content": "hi", "allowed_mentions": {"parse": [], "users": ["1", "2"], "replied_user": False}}),
        (quiet.discord, "POST /interactions/{interaction_id}/{interaction_token}/callback", {"type": 4, "data": {"content": "hi"}}),
        (quiet.terminal, "printed", {"text": "\x1b]8;;https://evil.example\x07hi"}),
    ],
)  # fmt: skip
def test_what_is_not_is_named(judge: Judge, name: str, said: Mapping[str, Any]) -> None:
    assert list(judge(name, said))
