"""What idle conversations are measured against: everything in memory, and an actor for each."""

import asyncio
import gc
from collections import deque
from collections.abc import Sequence

from bench.child import live, obey, say
from bench.machine import own_usage
from bench.spoken import HISTORY, SENTENCE


def _in_dictionaries(count: int) -> object:
    """Each conversation's messages as models take them."""
    return {
        number: [
            {"role": "user", "content": f"{SENTENCE}{number}.{place}"} for place in range(HISTORY)
        ]
        for number in range(count)
    }


class _Actor:
    """A conversation that waits for its next message."""

    def __init__(self) -> None:
        self.mailbox: asyncio.Queue[str] = asyncio.Queue()
        self.lock = asyncio.Lock()
        self.seen: deque[str] = deque(maxlen=1)

    async def live(self) -> None:
        while True:
            message = await self.mailbox.get()
            async with self.lock:
                self.seen.append(message)


async def _live(arguments: Sequence[str]) -> None:
    kind, count = arguments[0], int(arguments[1])
    before = own_usage().rss
    async with asyncio.TaskGroup() as tasks:
        kept: object = None
        actors = []
        if kind == "dictionaries":
            kept = _in_dictionaries(count)
        else:
            actors = [tasks.create_task(_Actor().live()) for _ in range(count)]
            await asyncio.sleep(0)
        gc.collect()
        say(own_usage().rss - before)
        await obey({})
        del kept
        for actor in actors:
            actor.cancel()


if __name__ == "__main__":
    live(_live, core=None)
