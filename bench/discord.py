"""Discord as it posts to an app: signed interactions, written out before they are sent."""

import json
import time
from collections.abc import Iterator

from bot.selftest.discord.names import ADA, APP, CHANNEL, GUILD, PUBLIC_KEY, TOKEN
from bot.selftest.discord.sender import PATH, signature

__all__ = ["PATH", "TEAM_FILE", "environment", "interactions"]

TEAM_FILE = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[discord]
guilds = ["{GUILD}"]
gateway = false

[[members]]
name = "Ann"
role = "owner"
discord = "{ADA}"

[[channels]]
platform = "discord"
id = "{CHANNEL}"
name = "#ops"
listen = true

[[agents]]
name = "desk"
model = "offline"
"""

_FIRST = 1_441_000_000_000_000_000
_USER = {"id": ADA, "username": "ann", "global_name": "Ann", "avatar": None, "discriminator": "0"}


def environment(url: str) -> dict[str, str]:
    """The variables that connect Discord by webhook."""
    return {
        "NIGHTDESK_DISCORD__BOT_TOKEN": TOKEN,
        "NIGHTDESK_DISCORD__PUBLIC_KEY": PUBLIC_KEY,
        "NIGHTDESK_DISCORD__BASE_URL": url,
    }


def interactions(count: int, *, first: int) -> Iterator[bytes]:
    """`/schedule show`, each with ids of its own; arguments as for `telegram.updates`."""
    timestamp = str(int(time.time()))
    for number in range(first, first + count):
        body = json.dumps(_interaction(number)).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: desk.example.com\r\n"
            "User-Agent: Discord-Interactions/1.0 (+https://discord.com)\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Signature-Ed25519: {signature(body, timestamp)}\r\n"
            f"X-Signature-Timestamp: {timestamp}\r\n\r\n"
        )
        yield head.encode() + body


def _interaction(number: int) -> dict[str, object]:
    option = {"type": 4, "name": "number", "value": 1 + number % 900}
    data = {
        "id": "1",
        "name": "schedule",
        "type": 1,
        "options": [{"type": 1, "name": "show", "options": [option]}],
    }
    member: dict[str, object] = {
        "user": _USER,
        "roles": [],
        "permissions": "2248473465835073",
        "nick": None,
    }
    return {
        "id": str(_FIRST + number),
        "application_id": APP,
        "type": 2,
        "token": f"aW50ZXJhY3Rpb246{_FIRST + number}",
        "version": 1,
        "guild_id": GUILD,
        "channel_id": CHANNEL,
        "channel": {"id": CHANNEL, "type": 0, "name": "ops", "guild_id": GUILD, "flags": 0},
        "member": member,
        "data": data,
        "locale": "en-US",
        "guild_locale": "en-US",
        "entitlements": [],
        "app_permissions": "2248473465835073",
        "context": 0,
        "authorizing_integration_owners": {"0": GUILD},
    }
