"""Slack as it posts to a bot: signed requests, written out in full before they are sent."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from urllib.parse import urlencode

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
BOT_TOKEN = "xoxb-bench-token"
TEAM_ID = "T0BENCH"
BOT_USER = "U0DESK"
PERSON = "U0ANN"
CHANNEL = "C0OPS"
HOST = "127.0.0.1"

EVENTS = "/slack/events"
COMMANDS = "/slack/commands"

_THREADS = 997
"""Threads that the messages are spread over, the same in every window: an ordinary message belongs
to a conversation that there is already. A prime, so that no two cycles meet."""


def events(count: int, *, first: int) -> Iterator[bytes]:
    """Mentions of the bot, each with ids of its own, about 1 kB each.

    Args:
        count: how many.
        first: the number of the first one; the same number makes the same event.
    """
    now = int(time.time())
    body = json.dumps(_EVENT)
    for number in range(first, first + count):
        # Not in order: a real event id is random, and sorted keys are kinder to an index.
        key = hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest()[:10].upper()
        text = (
            body.replace("@EVENT@", key)
            .replace("@TS@", f"{now}.{number % 1_000_000:06d}")
            .replace("@ROOT@", f"1796000000.{number % _THREADS:06d}")
        )
        yield _signed(EVENTS, text.encode(), "application/json", now)


def commands(count: int, *, first: int, path: str = COMMANDS) -> Iterator[bytes]:
    """Slash commands, each with ids of its own; arguments as for `events`."""
    now = int(time.time())
    for number in range(first, first + count):
        form = urlencode(_COMMAND | {"trigger_id": f"{number}.{now}.8fbdcd0e7d65ef5c"})
        yield _signed(path, form.encode(), "application/x-www-form-urlencoded", now)


def _signed(path: str, body: bytes, content_type: str, now: int) -> bytes:
    signature = hmac.digest(SIGNING_SECRET.encode(), b"v0:%d:%b" % (now, body), "sha256").hex()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: desk.example.com\r\n"
        f"User-Agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\nAccept: */*\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"X-Slack-Signature: v0={signature}\r\nX-Slack-Request-Timestamp: {now}\r\n\r\n"
    )
    return head.encode() + body


_EVENT = {
    "token": "XXYYZZ-the-legacy-token",
    "team_id": TEAM_ID,
    "api_app_id": "A0BENCH",
    "event": {
        "client_msg_id": "6c2a1d7e-6a0e-4a9e-9c57-0d9a7a1b2c3d",
        "type": "app_mention",
        "user": PERSON,
        "text": f"<@{BOT_USER}> what did the deploy of the billing service do tonight, and is "
        "anything left to do before the morning?",
        "ts": "@TS@",
        "thread_ts": "@ROOT@",
        "parent_user_id": PERSON,
        "team": TEAM_ID,
        "channel": CHANNEL,
        "event_ts": "@TS@",
        "blocks": [
            {
                "type": "rich_text",
                "block_id": "6hJq",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "user", "user_id": BOT_USER},
                            {"type": "text", "text": " what did the deploy do tonight?"},
                        ],
                    }
                ],
            }
        ],
    },
    "type": "event_callback",
    "event_id": "Ev@EVENT@",
    "event_time": 1796083200,
    "authorizations": [
        {
            "enterprise_id": None,
            "team_id": TEAM_ID,
            "user_id": BOT_USER,
            "is_bot": True,
            "is_enterprise_install": False,
        }
    ],
    "is_ext_shared_channel": False,
    "event_context": "4-eyJldCI6ImFwcF9tZW50aW9uIiwidGlkIjoiVDBCRU5DSCJ9",
}

_COMMAND = {
    "token": "XXYYZZ-the-legacy-token",
    "team_id": TEAM_ID,
    "team_domain": "nightshift",
    "channel_id": CHANNEL,
    "channel_name": "ops",
    "user_id": PERSON,
    "user_name": "ann",
    "command": "/nightdesk",
    "text": "schedule create every weekday at 8:30 tell us what ran tonight",
    "api_app_id": "A0BENCH",
    "is_enterprise_install": "false",
    "response_url": "https://hooks.slack.com/commands/T0BENCH/1234567890/AbCdEfGhIjKlMnOp",
}
