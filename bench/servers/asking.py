"""Model calls with 50 messages: through our own client, through LiteLLM, and by aiohttp alone."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import aiohttp
import msgspec

from adapters.models.factory import Client, ModelConfig, build_model
from bench.child import live, obey, say
from bench.machine import SERVER_CORE
from runtime.clock import SystemClock
from runtime.ids import TurnId
from runtime.model.completion import Finished, ModelRequest
from runtime.model.conversation import Entry, Role

MESSAGES = 50
"""Of a call, where nothing else is said."""
_SAID = "The nightly backup of the orders database took eleven minutes longer than last week. " * 3

Ask = Callable[[int, int], Awaitable[None]]
"""Asks once, with so many messages, for an answer of so many pieces."""


class Spent(msgspec.Struct, frozen=True):
    """What calls took: seconds of CPU, and how many there were."""

    cpu: float
    count: int


def _request(messages: int) -> ModelRequest:
    now = datetime.now(UTC)
    roles = (Role.USER, Role.ASSISTANT)
    entries = [
        Entry(role=roles[number % 2], text=_SAID, at=now, turn=TurnId("t"))
        for number in range(max(messages - 1, 1))
    ]
    return ModelRequest(instructions="Be brief.", entries=tuple(entries))


async def _ours(url: str, client: Client) -> Ask:
    requests: dict[int, ModelRequest] = {}

    async def ask(messages: int, pieces: int) -> None:
        model = models[pieces]
        asked = requests.setdefault(messages, _request(messages))
        finished = [chunk async for chunk in model.stream(asked) if isinstance(chunk, Finished)]
        assert len(finished) == 1

    models = {
        pieces: build_model(
            ModelConfig(name="m", model=f"openai/{pieces}", base_url=url, client=client),
            clock=SystemClock(),
            allow_spending=False,
        )
        for pieces in PIECES
    }
    return ask


async def _alone(url: str) -> Ask:
    """The least that a program does: one post, its lines read as JSON, no limit, no deadline."""
    session = aiohttp.ClientSession()
    every = [{"role": "system", "content": "Be brief."}]
    roles = ("user", "assistant")
    every += [{"role": roles[n % 2], "content": _SAID} for n in range(MESSAGES - 1)]

    async def ask(messages: int, pieces: int) -> None:
        body = {"model": str(pieces), "messages": every[:messages], "stream": True}
        text = ""
        async with session.post(f"{url}/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        text += choice["delta"].get("content") or ""
        assert text

    return ask


PIECES = (1, 401)
"""Pieces of a short answer, for what a call takes, and of a long one, for what a piece takes."""


async def _live(arguments: Sequence[str]) -> None:
    kind, url = arguments
    ask = await (_alone(url) if kind == "aiohttp" else _ours(url, Client(kind)))
    for pieces in PIECES:
        await ask(MESSAGES, pieces)

    async def calls(argument: msgspec.Raw) -> Spent:
        messages, pieces, count = msgspec.json.decode(argument, type=tuple[int, int, int])
        began = time.process_time()
        for _ in range(count):
            await ask(messages, pieces)
        return Spent(time.process_time() - began, count)

    say("ready")
    await obey({"calls": calls})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
