"""Nightdesk's turns: from an accepted message to its delivered answer, everything durable."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.memory.durable import MemoryDurable
from bench.child import live, obey, say
from bench.desk import InstantChat, opened
from bench.machine import SERVER_CORE, own_usage
from bench.spoken import Stretch, Turns, together
from bench.talk import People, store_conversations, thread_of
from bot.running.lifecycle import working
from bot.wiring.desk import wire
from runtime.clock import SystemClock

LATELY = 48
"""Conversations that go on: as many as the process remembers the logs of, and a few less."""


async def _live(arguments: Sequence[str]) -> None:
    folder, conversations = Path(arguments[0]), int(arguments[1])
    chat, durable = InstantChat(), MemoryDurable(SystemClock())
    async with opened(folder, chat=chat, durable=durable) as own:
        desk = wire(own.parts)
        async with working(desk, own):
            await store_conversations(desk, conversations)
            people = People(desk, chat)
            threads = [thread_of(number) for number in range(conversations)]

            async def turns(some: msgspec.Raw) -> Turns:
                stretch = msgspec.json.decode(some, type=Stretch)
                return await people.talk(threads[stretch.first : stretch.after])

            async def lately(_: msgspec.Raw) -> Turns:
                await people.talk(threads[:LATELY])
                return together([await people.talk(threads[:LATELY]) for _ in range(4)])

            async def usage(_: msgspec.Raw) -> object:
                return own_usage()

            say("ready")
            await obey({"turns": turns, "lately": lately, "usage": usage})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
