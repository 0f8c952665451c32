"""What every server under measurement shares: listen on loopback, answer for its own CPU."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from bench.child import Order, obey, say
from bench.machine import own_usage
from bench.slack import HOST


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[int]:
    """Serve the application on loopback, as its own documentation does, without an access log."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def usage(_: msgspec.Raw) -> object:
    """The order for what this process has used so far."""
    return own_usage()


async def take_orders(where: object, orders: Mapping[str, Order] | None = None) -> None:
    """Say where we listen (a port, an address), then obey until the bench has enough."""
    say(where)
    await obey({"usage": usage, **(orders or {})})
