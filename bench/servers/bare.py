"""The limit: an aiohttp handler that reads the body and says 200."""

from collections.abc import Sequence

from aiohttp import web

from bench import discord, telegram
from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import listening, take_orders
from bench.slack import COMMANDS, EVENTS


async def _read(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def _live(_: Sequence[str]) -> None:
    app = web.Application()
    app.router.add_post(EVENTS, _read)
    app.router.add_post(COMMANDS, _read)
    app.router.add_post(telegram.PATH, _read)
    app.router.add_post(discord.PATH, _read)
    async with listening(app) as port:
        await take_orders(port)


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
