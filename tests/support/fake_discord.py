"""The product's fake Discord, which also holds each request to the vendor's published schema here.

For suites that kill the program it runs by itself: `python -m tests.support.fake_discord --port 8123`.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from bot.selftest.discord import server
from bot.selftest.discord.content import Json
from bot.selftest.discord.names import TOKEN
from tests.support import specs

SPEC = "discord/openapi.json"


class FakeDiscord(server.FakeDiscord):
    """The server, with the schema beside its own rules."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        token: str = TOKEN,
        heartbeat_ms: int = 41_250,
    ) -> None:
        super().__init__(now=now, token=token, heartbeat_ms=heartbeat_ms, checks=[by_schema])


def by_schema(method: str, args: Json) -> Iterator[str]:
    """What is wrong with a request by Discord's own specification; nothing where it is absent."""
    schema = _validator(method)
    if schema is None:
        return
    said: Any = args["commands"] if "commands" in args else without_files(args)
    for error in schema.iter_errors(said):
        yield f"{method}: {error.json_path}: {error.message[:300]}"


def without_files(args: Json) -> Json:
    return {key: value for key, value in args.items() if key != "files"}


@cache
def _validator(method: str) -> Draft202012Validator | None:
    spec = specs.load(SPEC)
    if spec is None:
        return None
    verb, _, path = method.partition(" ")
    operation = spec["paths"][path][verb.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None
    schema = {**content["application/json"]["schema"], "components": spec["components"]}
    return Draft202012Validator(schema)


async def _main(port: int) -> None:
    discord = FakeDiscord()
    await discord.start(port)
    print(discord.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="A fake Discord for the crash suite.")
    options.add_argument("--port", type=int, default=0)
    asyncio.run(_main(options.parse_args().port))
