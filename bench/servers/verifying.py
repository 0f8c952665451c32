"""The limit for Discord: a bare handler that checks the signature, which every app has to."""

from collections.abc import Sequence

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bench.child import live
from bench.discord import PATH
from bench.machine import SERVER_CORE
from bench.servers.common import listening, take_orders
from bot.selftest.discord.names import PUBLIC_KEY

_KEY = Ed25519PublicKey.from_public_bytes(bytes.fromhex(PUBLIC_KEY))


async def _read(request: web.Request) -> web.Response:
    body = await request.read()
    signed = request.headers["X-Signature-Timestamp"].encode() + body
    _KEY.verify(bytes.fromhex(request.headers["X-Signature-Ed25519"]), signed)
    return web.Response()


async def _live(_: Sequence[str]) -> None:
    app = web.Application()
    app.router.add_post(PATH, _read)
    async with listening(app) as port:
        await take_orders(port)


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
