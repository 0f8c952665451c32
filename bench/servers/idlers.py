"""Nightdesk with ten thousand conversations that everybody has left."""

import gc
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.memory.durable import MemoryDurable
from bench.child import live, obey, say
from bench.desk import InstantChat, opened
from bench.machine import SERVER_CORE, own_usage
from bench.talk import People, store_conversations, thread_of
from bot.running.lifecycle import working
from bot.wiring.desk import wire
from runtime.clock import SystemClock

WARM_UP = 1_000
"""Conversations in which somebody talks first, so that every cache is as full as it gets."""


async def _live(arguments: Sequence[str]) -> None:
    folder, idle = Path(arguments[0]), int(arguments[1])
    chat, durable = InstantChat(), MemoryDurable(SystemClock())
    async with opened(folder, chat=chat, durable=durable) as own:
        desk = wire(own.parts)
        async with working(desk, own):
            people = People(desk, chat)
            say(_memory())
            await store_conversations(desk, WARM_UP + idle)

            async def talk(argument: msgspec.Raw) -> float:
                first, count = msgspec.json.decode(argument, type=tuple[int, int])
                await people.talk([thread_of(n) for n in range(first, first + count)])
                return _memory()

            await obey({"talk": talk})


def _memory() -> float:
    """Megabytes that are in use once what is garbage has been collected."""
    gc.collect()
    return own_usage().rss


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
