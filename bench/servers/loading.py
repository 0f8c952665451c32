"""Nightdesk's gateway while LiteLLM is brought in, as it is before the first model call."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.models.loading import load
from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import take_orders
from bench.servers.gateway import serving
from bench.stall import StallProbe


class Loaded(msgspec.Struct, kw_only=True):
    """LiteLLM is there.

    Attributes:
        seconds: how long that took.
        stall: the longest that the event loop kept everybody waiting meanwhile, in milliseconds.
    """

    seconds: float
    stall: float


async def _load() -> Loaded:
    probe, began = StallProbe(), time.perf_counter()
    probe.start()
    await asyncio.to_thread(load)
    return Loaded(seconds=time.perf_counter() - began, stall=probe.stop())


async def _live(arguments: Sequence[str]) -> None:
    async with serving(Path(arguments[0])) as (port, _), asyncio.TaskGroup() as tasks:
        under_way: list[asyncio.Task[Loaded]] = []

        async def begin(_: msgspec.Raw) -> object:
            under_way.append(tasks.create_task(_load()))
            return None

        async def end(_: msgspec.Raw) -> object:
            return await under_way.pop()

        await take_orders(port, {"begin": begin, "end": end})


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
