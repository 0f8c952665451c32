"""Forks from one server process that has imported the program: a start costs its imports once."""

import asyncio
import multiprocessing
from multiprocessing.context import ForkServerProcess

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.crash_warm"])


async def readable(descriptor: int) -> None:
    """Wait until there is something to read, or the other end is closed."""
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_reader(descriptor, seen.set)
    try:
        await seen.wait()
    finally:
        loop.remove_reader(descriptor)


async def ended(process: ForkServerProcess) -> int:
    """Wait until it has ended; its exit code, negative for a signal."""
    await readable(process.sentinel)
    process.join()
    code = process.exitcode
    assert code is not None
    return code
