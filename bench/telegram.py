"""Telegram as it posts to a bot: updates with the secret, written out before they are sent."""

import json
import time
from collections.abc import Iterator

from bot.selftest.telegram.names import ADA, BOT, GROUP, SECRET, TOKEN, USERNAME

PATH = "/telegram/webhook"
TEAM_FILE = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[members]]
name = "Ann"
role = "owner"
telegram = {ADA}

[[channels]]
platform = "telegram"
id = {GROUP}
name = "#ops"
listen = true

[[agents]]
name = "desk"
model = "offline"
"""

_THREADS = 997
_TEXT = (
    f"@{USERNAME} what did the deploy of the billing service do tonight, and is anything left "
    "to do before the morning?"
)
_CHAT = {"id": GROUP, "title": "Ops", "username": "ops_room", "type": "supergroup"}


def environment(url: str, base: str) -> dict[str, str]:
    """The variables that connect Telegram by webhook."""
    return {
        "NIGHTDESK_TELEGRAM__BOT_TOKEN": TOKEN,
        "NIGHTDESK_TELEGRAM__BASE_URL": url,
        "NIGHTDESK_TELEGRAM__WEBHOOK_URL": base,
        "NIGHTDESK_TELEGRAM__WEBHOOK_SECRET": SECRET,
    }


def updates(count: int, *, first: int) -> Iterator[bytes]:
    """Replies that name the bot in a thread of a group, each with ids of its own.

    Args:
        count: how many.
        first: the number of the first one; the same number makes the same update.
    """
    now = int(time.time())
    for number in range(first, first + count):
        root = 1 + number % _THREADS
        body = json.dumps(_update(number, root, now)).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: desk.example.com\r\nAccept-Encoding: gzip, deflate\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\r\n"
        )
        yield head.encode() + body


def _update(number: int, root: int, now: int) -> dict[str, object]:
    person = {
        "id": ADA,
        "is_bot": False,
        "first_name": "Ann",
        "last_name": "Example",
        "username": "ann_example",
        "language_code": "en",
    }
    answered = {
        "message_id": root,
        "from": {"id": BOT, "is_bot": True, "first_name": "Nightdesk", "username": USERNAME},
        "chat": _CHAT,
        "date": now - 60,
        "text": "The deploy of the billing service went out at 02:14 and is healthy.",
    }
    message = {
        "message_id": 10_000 + number,
        "from": person,
        "chat": _CHAT,
        "date": now,
        "message_thread_id": root,
        "reply_to_message": answered,
        "text": _TEXT,
        "entities": [{"type": "mention", "offset": 0, "length": len(USERNAME) + 1}],
    }
    return {"update_id": 100_000_000 + number, "message": message}
