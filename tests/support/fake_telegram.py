"""The product's fake Telegram, which also holds each request to the published Bot API here.

For suites that kill the program it runs by itself:
`python -m tests.support.fake_telegram --port 8123`.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from bot.selftest.telegram import server
from bot.selftest.telegram.names import (
    ADA,
    BASIC,
    BOB,
    BOT,
    FORUM,
    GROUP,
    SECRET,
    TOKEN,
    TOPIC,
    USERNAME,
)
from bot.selftest.telegram.server import Call, Fault
from bot.selftest.telegram.world import Fields, Posted
from tests.support import specs

__all__ = [
    "ADA",
    "BASIC",
    "BOB",
    "BOT",
    "FORUM",
    "GROUP",
    "SECRET",
    "TOKEN",
    "TOPIC",
    "USERNAME",
    "Call",
    "FakeTelegram",
    "Fault",
    "Posted",
    "by_schema",
]

SCHEMA = "telegram/bot-api.json"
_SIMPLE: dict[str, type | tuple[type, ...]] = {
    "Integer": int,
    "String": str,
    "Boolean": bool,
    "Float": (int, float),
}


class FakeTelegram(server.FakeTelegram):
    """The product's fake, held to the schema where it is there."""

    def __init__(self, *, now: Callable[[], float] = time.time, **more: Any) -> None:
        super().__init__(now=now, checks=[by_schema], **more)


def by_schema(method: str, fields: Fields) -> Iterator[str]:
    """What the published schema has against a call; nothing where there is no schema here."""
    schema = specs.load(SCHEMA)
    if schema is None:
        return
    described = schema["methods"].get(method)
    if described is None:
        yield f"the schema has no method {method}"
        return
    yield from _object(schema, described.get("fields", []), fields, method)


def fits(type_name: str, value: object) -> list[str]:
    """What the schema has against a value of that type."""
    return list(_value(specs.required(SCHEMA), [type_name], value, type_name))


def _object(schema: Any, described: list[Fields], value: Fields, where: str) -> Iterator[str]:
    known = {field["name"]: field for field in described}
    yield from (f"{where}: no {name} in the schema" for name in value.keys() - known.keys())
    for name, field in known.items():
        if name in value:
            yield from _value(schema, field["types"], value[name], f"{where}.{name}")
        elif field["required"]:
            yield f"{where}: {name} is required by the schema"


def _value(schema: Any, types: list[str], value: object, where: str) -> Iterator[str]:
    objections = [list(_one(schema, name, value, where)) for name in types]
    if all(objections):
        yield from min(objections, key=len)


def _one(schema: Any, name: str, value: object, where: str) -> Iterator[str]:
    if name.startswith("Array of "):
        if not isinstance(value, list):
            yield f"{where} is no array"
            return
        for number, each in enumerate(value):
            yield from _value(schema, [name.removeprefix("Array of ")], each, f"{where}[{number}]")
    elif name in _SIMPLE:
        boolean = isinstance(value, bool) and name != "Boolean"
        if boolean or not isinstance(value, _SIMPLE[name]):
            yield f"{where} is {type(value).__name__}, not {name}"
    elif name == "InputFile":
        if not isinstance(value, bytes):
            yield f"{where} is no file"
    else:
        described = schema["types"][name]
        if not isinstance(value, dict):
            yield f"{where} is {type(value).__name__}, not {name}"
        elif described.get("subtypes"):
            yield from _value(schema, described["subtypes"], value, where)
        else:
            yield from _object(schema, described.get("fields", []), value, where)


async def _serve(port: int) -> None:
    fake = FakeTelegram(patience=50.0)
    await fake.listen(port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().port))
