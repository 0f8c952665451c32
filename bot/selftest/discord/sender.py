"""What Discord posts to an app's address: interactions, signed; and what it makes of the answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.selftest.discord.content import Json, Posted
from bot.selftest.discord.names import PRIVATE_KEY
from bot.selftest.discord.server import FakeDiscord
from bot.selftest.discord.world import DiscordSays
from runtime.model.value import value

PATH = "/discord/interactions"


def signature(body: bytes, timestamp: str, key: str = PRIVATE_KEY) -> str:
    """Discord's signature of a body."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    return private.sign(timestamp.encode() + body).hex()


def public_key(key: str = PRIVATE_KEY) -> str:
    """The public key that belongs to a private one."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    return private.public_key().public_bytes_raw().hex()


@value()
class Signed:
    """A request ready to be posted."""

    body: bytes
    headers: Mapping[str, str]

    async def post(self, base: str, session: aiohttp.ClientSession) -> tuple[int, bytes]:
        """Post it; the status and the body of the answer."""
        async with session.post(base + PATH, data=self.body, headers=self.headers) as answer:
            return answer.status, await answer.read()


@dataclass(slots=True)
class DiscordSender:
    """Discord as it speaks to an app.

    Attributes:
        now: the time, in seconds.
        key: signs.
    """

    now: Callable[[], float]
    key: str = PRIVATE_KEY

    def signed(self, payload: Json) -> Signed:
        """A payload, signed now."""
        body, timestamp = json.dumps(payload).encode(), str(int(self.now()))
        headers = {
            "X-Signature-Ed25519": signature(body, timestamp, self.key),
            "X-Signature-Timestamp": timestamp,
            "Content-Type": "application/json",
            "User-Agent": "Discord-Interactions/1.0 (+https://discord.com)",
        }
        return Signed(body, headers)

    async def deliver(
        self, discord: FakeDiscord, payload: Json, base: str, session: aiohttp.ClientSession
    ) -> tuple[int, Json | None]:
        """Post an interaction, and do what its answer says, unless it came too late."""
        status, body = await self.signed(payload).post(base, session)
        answer: Json | None = json.loads(body) if status == 200 and body else None
        if answer is not None and answer["type"] != 1:
            discord.judge_answer(answer)
            try:
                discord.acknowledge(payload["token"], answer)
            except DiscordSays as says:
                discord.violations.append(f"the answer to an interaction: {says}")
        return status, answer


def command(name: str, *path: str, **options: object) -> Json:
    """The data of a command: `command("schedule", "show", number=3)`."""
    given: list[Json] = [
        {"name": option, "type": 4 if isinstance(value, int) else 3, "value": value}
        for option, value in options.items()
    ]
    if path:
        given = [{"name": path[0], "type": 1, "options": given}]
    return {"id": "1", "name": name, "type": 1, "options": given}


def press(posted: Posted, custom_id: str | None = None) -> Json:
    """The data of a button: the one named, or the first of the message."""
    return {"custom_id": custom_id or posted.buttons[0], "component_type": 2, "id": 2}


def submission(custom_id: str, **answers: str) -> Json:
    """The data of a form that was filled in."""
    fields = [
        {"type": 18, "id": number, "component": {"type": 4, "custom_id": name, "value": value}}
        for number, (name, value) in enumerate(answers.items())
    ]
    return {"custom_id": custom_id, "components": fields}
