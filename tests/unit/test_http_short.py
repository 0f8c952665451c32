"""The short way of a request: its answers in order, none lost, and the ordinary way behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web

from gateway.http.express import Asker, ExpressServer, Take
from gateway.http.server import WebhookRoute, build_app, serve
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Command, Inbound
from runtime.model.wire import RawRequest, VerifiedRequest
from runtime.ports import Stored
from tests.support.clock import ManualClock, settle

EVENT = Inbound(
    event_key="key",
    thread=ThreadRef(ChannelRef(Platform("test"), "w", "c")),
    sender=Principal(Platform("test"), "w", "u"),
    body=Command(text="help"),
    sent_at=datetime(2026, 1, 5, tzinfo=UTC),
)


@dataclass(slots=True)
class Desk:
    """Stores what it is told to when the test says so, and says which way everything came."""

    headers: tuple[str, ...] = ()
    offered: asyncio.Queue[Callable[[bool], None]] = field(default_factory=asyncio.Queue)
    waited_for: int = 0
    declines: bool = False

    def plausible(self, _: Mapping[str, str]) -> bool:
        return True

    def verify(self, request: RawRequest) -> VerifiedRequest | None:
        genuine = request.headers.get("x-key", "good") == "good"
        return VerifiedRequest("test", request.body, "text/plain") if genuine else None

    __call__ = verify

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        return [self.verify(request) for request in requests]

    async def nobody(self) -> tuple[()]:
        return ()

    readiness = nobody


@dataclass(slots=True)
class Ingress:
    desk: Desk

    async def __call__(self, inbound: Inbound) -> None:
        self.desk.waited_for += 1

    def offer(self, events: Sequence[Inbound], stored: Stored) -> None:
        for number in range(len(events)):
            if self.desk.declines:
                stored([number], False)
            else:
                self.desk.offered.put_nowait(one(stored, number))


def one(stored: Stored, number: int) -> Callable[[bool], None]:
    return lambda good: stored([number], good)


@dataclass(slots=True)
class Line:
    """A connection, with what the server said on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def post(self, body: bytes = b"hi", *, path: str = "/hook", more: str = "") -> None:
        self.writer.write(request(body, path=path, more=more))

    async def is_silent(self) -> bool:
        try:
            async with asyncio.timeout(0.05):
                return not await self.reader.read(1)
        except TimeoutError:
            return True

    async def status(self) -> int:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 45)
        lines = head.lower().split(b"\r\n")
        length = sum(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        await self.reader.readexactly(length)
        return int(head.split()[1])


def request(body: bytes, *, path: str = "/hook", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def serving(desk: Desk, clock: ManualClock, drain: float = 5.0) -> AsyncIterator[Line]:
    route = WebhookRoute(path="/hook", verify=desk, parse=lambda _: EVENT, accept=Ingress(desk))
    app = build_app([route], desk, clock=clock)
    async with serve(app, "127.0.0.1", 0, drain_seconds=drain) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield Line(reader, writer)
        writer.close()


@pytest.fixture
async def line(desk: Desk, clock: ManualClock) -> AsyncIterator[Line]:
    async with serving(desk, clock) as opened:
        yield opened


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_it_is_answered_when_it_is_stored_and_not_before(line: Line, desk: Desk) -> None:
    line.post()
    stored = await desk.offered.get()
    assert await line.is_silent()
    stored(True)
    assert await line.status() == 200
    assert desk.waited_for == 0


async def test_a_line_takes_one_after_the_other(line: Line, desk: Desk) -> None:
    for _ in range(3):
        line.post()
        stored = await desk.offered.get()
        stored(True)
        assert await line.status() == 200


async def test_a_forged_request_like_a_genuine_one_before_is_refused(
    clock: ManualClock, desk: Desk
) -> None:
    desk.headers = ("x-key",)
    async with serving(desk, clock) as line:
        for key, status in (("good", 200), ("good", 200), ("bad", 401), ("good", 200)):
            line.post(more=f"X-Key: {key}\r\n")
            if status == 200:
                (await desk.offered.get())(True)
            assert await line.status() == status
    assert desk.waited_for == 0


async def test_what_comes_early_waits_and_is_answered_in_order(line: Line, desk: Desk) -> None:
    line.post()
    stored = await desk.offered.get()
    line.post(path="/nowhere")
    line.post()
    assert await line.is_silent()
    stored(True)
    assert await line.status() == 200
    assert await line.status() == 404
    assert await line.status() == 200


async def test_several_in_one_piece_are_answered_one_after_the_other(
    line: Line, desk: Desk
) -> None:
    line.writer.write(request(b"1") + request(b"2") + request(b"3"))
    for _ in range(3):
        stored = await desk.offered.get()
        assert await line.is_silent()
        assert desk.offered.empty()
        stored(True)
        assert await line.status() == 200
    assert desk.waited_for == 0


@pytest.mark.parametrize("cut", [20, -4], ids=["in the head", "in the body"])
async def test_one_and_a_half_in_one_piece_are_both_answered(
    line: Line, desk: Desk, cut: int
) -> None:
    second = request(b"the second")
    line.writer.write(request(b"1") + second[:cut])
    stored = await desk.offered.get()
    line.writer.write(second[cut:])
    assert await line.is_silent()
    stored(True)
    assert await line.status() == 200
    stored = await desk.offered.get()
    stored(True)
    assert await line.status() == 200
    assert desk.waited_for == 0


async def test_after_a_request_in_two_pieces_the_next_goes_the_short_way(
    line: Line, desk: Desk
) -> None:
    first = request(b"the first")
    line.writer.write(first[:-4])
    assert await line.is_silent()
    line.writer.write(first[-4:] + request(b"the second"))
    assert [await line.status() for _ in range(2)] == [200, 200]
    assert (desk.offered.qsize(), desk.waited_for) == (0, 2)
    line.post()
    stored = await desk.offered.get()
    stored(True)
    assert await line.status() == 200


async def test_after_an_odd_request_a_line_goes_the_ordinary_way(line: Line, desk: Desk) -> None:
    line.post(more="X-Odd: \t\r\n")
    assert await line.status() == 200
    line.post()
    assert await line.status() == 200
    assert (desk.offered.qsize(), desk.waited_for) == (0, 2)


async def test_much_that_comes_early_is_not_held_in_memory(line: Line, desk: Desk) -> None:
    line.post()
    stored = await desk.offered.get()
    line.writer.write(request(b"x" * 200_000))
    await settle()
    stored(True)
    assert await line.status() == 200
    assert await line.status() == 200


async def test_what_could_not_be_stored_goes_the_ordinary_way(line: Line, desk: Desk) -> None:
    line.post()
    stored = await desk.offered.get()
    stored(False)
    assert await line.status() == 200
    assert desk.waited_for == 1


async def test_what_is_declined_goes_the_ordinary_way(line: Line, desk: Desk) -> None:
    desk.declines = True
    line.post()
    assert await line.status() == 200
    assert (desk.offered.qsize(), desk.waited_for) == (0, 1)


@pytest.mark.parametrize(
    "more",
    ["Connection: close\r\n", "Expect: 100-continue\r\n", "Content-Encoding: identity\r\n"],
)
async def test_what_is_not_simple_goes_the_ordinary_way(line: Line, desk: Desk, more: str) -> None:
    line.post(more=more)
    assert await line.status() == 200
    assert (desk.offered.qsize(), desk.waited_for) == (0, 1)


async def test_a_sender_that_left_harms_nobody(line: Line, desk: Desk) -> None:
    line.post()
    stored = await desk.offered.get()
    line.writer.close()
    await line.writer.wait_closed()
    await settle()
    stored(True)


async def test_at_the_end_what_is_under_way_is_answered(desk: Desk, clock: ManualClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        async with serving(desk, clock) as line:
            line.post()
            stored = await desk.offered.get()
            answered = tasks.create_task(line.status())
            asyncio.get_running_loop().call_later(0.05, stored, True)
            line.writer.close = lambda: None  # type: ignore[method-assign]
        assert await answered == 200
    line.writer.transport.abort()


async def test_the_end_is_not_held_up_for_ever(desk: Desk, clock: ManualClock) -> None:
    async with serving(desk, clock, drain=0.05) as line:
        line.post()
        stored = await desk.offered.get()
    stored(True)


async def test_however_many_come_at_once_each_is_answered(line: Line, desk: Desk) -> None:
    desk.declines = True
    line.writer.write(request(b"") * 2_000)
    assert [await line.status() for _ in range(2_000)] == [200] * 2_000


async def test_a_body_in_many_chunks_goes_on_once_its_beginning_was_read(
    line: Line, desk: Desk
) -> None:
    # aiohttp reads no more than it has room for, and asks for the rest by no bytes.
    head = b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    line.writer.write(head + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
    assert await line.status() == 200
    assert desk.waited_for == 1


class Wire(asyncio.Transport):
    """A line of which the test says what comes in, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_of_what_comes_together_each_is_seen_to_though_another_cannot_be_read() -> None:
    def take(askers: Sequence[Asker]) -> None:
        for asker in askers:
            asker.done(asker.request.body)

    def fail(askers: Sequence[Asker]) -> None:
        raise RuntimeError("cannot be read")

    async def ordinary(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=500)

    failed: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: failed.append(str(told["exception"])))
    takes: Mapping[tuple[str, str], Take] = {("POST", "/hook"): take, ("POST", "/bad"): fail}
    server = ExpressServer(ordinary, takes, access_log=None)
    wires = [Wire(), Wire(), Wire()]
    lines = [server() for _ in wires]
    for line, wire in zip(lines, wires, strict=True):
        line.connection_made(wire)
    await settle()
    for line, path in zip(lines, ("/hook", "/bad", "/hook"), strict=True):
        line.data_received(request(b"hi", path=path))
    assert not any(wire.written for wire in wires)
    await settle()
    assert [wire.written for wire in wires] == [b"hi", b"", b"hi"]
    assert [wire.closed for wire in wires] == [False, True, False]
    assert failed == ["cannot be read"]
    loop.set_exception_handler(None)
    for line in lines:
        line.connection_lost(None)
    await server.shutdown(0.0)
    await settle()
