"""The fakes' sockets when who connects is killed: that is no error of the fake."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.selftest.discord.gateway import Gateway
from bot.selftest.discord.world import World
from bot.selftest.slack.sockets import Envelope, Sockets

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
ENVELOPE = Envelope("events_api", {"type": "x"})


async def _serving(serve: Serve, *, cut: bool = False) -> TestServer:
    """A server whose only address is served like that, when the connection was cut before or not."""

    async def served(request: web.Request) -> web.StreamResponse:
        if cut and request.transport is not None:
            request.transport.abort()
        return await serve(request)

    app = web.Application()
    app.router.add_get("/", served)
    server = TestServer(app)
    await server.start_server()
    return server


@pytest.mark.parametrize("platform", ["slack", "discord"])
async def test_whoever_is_gone_before_the_handshake_is_over_is_no_error(
    platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    sockets, gateway = Sockets(lambda: 0.0), Gateway(World(now=lambda: 0.0), token="t")
    server = await _serving(sockets.serve if platform == "slack" else gateway.serve, cut=True)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(server.make_url("/").with_query(ticket=sockets.ticket()))
    await server.close()
    assert caplog.messages == []
    assert sockets.open == []


async def test_a_socket_that_was_cut_is_not_delivered_to_again() -> None:
    sockets = Sockets(lambda: 0.0)
    server = await _serving(sockets.serve)
    async with aiohttp.ClientSession() as session:
        address = server.make_url("/").with_query(ticket=sockets.ticket())
        connection = await session.ws_connect(address)
        await connection.receive_json()
        sockets.open[0].abort()
        with pytest.raises(ConnectionError):
            await sockets.deliver(ENVELOPE)
        assert sockets.open == []
    await server.close()


async def test_what_a_closed_socket_did_not_acknowledge_is_not_waited_for() -> None:
    sockets = Sockets(lambda: 0.0)
    server = await _serving(sockets.serve)
    async with aiohttp.ClientSession() as session:
        address = server.make_url("/").with_query(ticket=sockets.ticket())
        connection = await session.ws_connect(address)
        await connection.receive_json()
        name = await sockets.deliver(ENVELOPE)
        await connection.close()
        with pytest.raises(ConnectionError):
            await sockets.answered(name)
    await server.close()
