"""What `gateway.http.express` knows of aiohttp's inside, held against the aiohttp that is installed."""

import ast
import asyncio
import inspect
from collections.abc import Iterator

import aiohttp
import pytest
from aiohttp import web

from gateway.http.express import INSIDE, ExpressServer
from tests.architecture import source
from tests.support.clock import settle

ADVICE = (
    f"aiohttp {aiohttp.__version__} is not as gateway/http/express.py knows it: {{}}. Read how "
    "web_protocol.RequestHandler does it now, put gateway/http/express.py and its INSIDE right, and only "
    "then take that version; without the short way (serve by web.Server) everything goes on, slower."
)
OVERRIDDEN = ("connection_made", "data_received", "shutdown")
PUBLIC = ("keepalive_timeout", "transport")
"""What else is used of it, which its documentation or asyncio's promises."""

REQUEST = b"GET / HTTP/1.1\r\nHost: desk.example.com\r\n\r\n"


def _express() -> ast.ClassDef:
    [module] = [module for module in source.modules() if module.path == "gateway/http/express.py"]
    return next(
        node
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and node.name == "_Connection"
    )


def _used(node: ast.ClassDef) -> Iterator[str]:
    """The attributes of `self` that the class uses, but for its own."""
    own = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    slots = next(item for item in node.body if isinstance(item, ast.Assign))
    own |= set(ast.literal_eval(slots.value))
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Attribute)
            and isinstance(part.value, ast.Name)
            and part.value.id == "self"
            and part.attr not in own
        ):
            yield part.attr


def test_everything_that_is_used_of_its_inside_is_named() -> None:
    assert set(_used(_express())) - set(PUBLIC) == set(INSIDE)


@pytest.mark.parametrize("name", INSIDE)
def test_what_is_used_of_its_inside_is_there(name: str) -> None:
    assert hasattr(web.RequestHandler, name), ADVICE.format(f"a connection has no {name} any more")


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_still_called_so(name: str) -> None:
    assert name in vars(web.RequestHandler), ADVICE.format(f"a connection has no {name} any more")


def test_a_connection_is_made_with_the_settings_that_it_is_given_today() -> None:
    making = inspect.signature(web.RequestHandler).parameters
    assert {"manager", "loop", "access_log", "keepalive_timeout"} <= set(making), ADVICE.format(
        "a connection is made with other arguments"
    )


class Line(asyncio.Transport):
    """A line that notes what is written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_its_inside_means_what_we_take_it_to_mean() -> None:
    """The states that the short way asks about, on a connection that it never takes anything of."""
    answering = asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        await answering.wait()
        return web.Response()

    server, line = ExpressServer(answer, {}, access_log=None, keepalive_timeout=75.0), Line()
    connection = server()

    def seen() -> tuple[bool, bool, object, object]:
        get = connection.__getattribute__
        waits, waiting = get("_waiter") is not None, bool(get("_messages"))
        return waits, waiting, get("_close"), get("_force_close")

    connection.connection_made(line)
    await settle()
    assert seen() == (True, False, False, False), ADVICE.format("a new connection does not wait")
    web.RequestHandler.data_received(connection, REQUEST)
    assert seen()[1], ADVICE.format("a request that came is not in _messages")
    await settle()
    assert seen() == (False, False, False, False), ADVICE.format("_waiter is set while it answers")
    web.RequestHandler.data_received(connection, REQUEST)
    assert seen()[1], ADVICE.format("a request that came behind another is not in _messages")
    answering.set()
    await settle()
    assert line.written.count(b"HTTP/1.1 200 OK") == 2
    assert seen() == (True, False, False, False), ADVICE.format("it does not wait after an answer")
    now = asyncio.get_running_loop().time()
    ends = connection.__getattribute__("_next_keepalive_close_time")
    assert now < ends <= now + 75.0, ADVICE.format("the end of an idle line is not noted so")
    connection.close()
    assert seen()[2], ADVICE.format("close() does not set _close")
    connection.force_close()
    assert seen()[3], ADVICE.format("force_close() does not set _force_close")
    connection.connection_lost(None)
    await server.shutdown(0.0)
    await settle()
