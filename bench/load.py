"""The load generator: a process of its own that posts prebuilt requests over kept connections.

Closed loop: each of the connections sends the next request as soon as it has its answer, which
measures throughput. Paced: requests go out at planned moments whether or not earlier ones were
answered, and a latency counts from the planned moment, so that a stall is seen by everybody who
would have met it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import cast

import msgspec

from bench import discord, slack, telegram
from bench.child import live, obey, say
from bench.machine import LOAD_CORE
from bench.spread import percentile

FASTEST = 25_000
"""Requests a second that a closed loop is prepared for: more than any server here answers."""
_FASTEST_OF = {"interaction": 20_000}
"""The same for what takes long to sign: more than the bare handler answers."""
_ANSWER_TIME = 30.0


class Window(msgspec.Struct, kw_only=True):
    """What to send.

    Attributes:
        port: where the server listens on loopback.
        kind: `event`, `command`, `update` of Telegram or `interaction` of Discord.
        path: where commands go.
        first: the number of the first request: no two windows share one.
        seconds: how long to go on sending.
        rate: requests a second, or 0 for a closed loop.
        connections: how many connections are open.
    """

    port: int
    kind: str
    path: str
    first: int
    seconds: float
    rate: float = 0.0
    connections: int = 64


class Answers(msgspec.Struct, kw_only=True):
    """What came back.

    Attributes:
        count: requests answered with 200.
        refused: requests answered with anything else.
        lost: requests without an answer.
        seconds: from the first request to the last answer.
        p50: the median latency in milliseconds.
        p99: its 99th percentile.
        longest: its maximum.
        cpu: seconds of CPU that the load generator itself used while sending.
        prepared: seconds of CPU that it used before, writing the requests out.
    """

    count: int
    refused: int
    lost: int
    seconds: float
    p50: float
    p99: float
    longest: float
    cpu: float
    prepared: float


class _Tally:
    """What the connections have seen so far."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.refused = 0
        self.under_way = 0
        self.idle = asyncio.Event()
        self.began = 0.0
        self.ended = 0.0

    def begin(self) -> None:
        self.began = self.began or time.perf_counter()
        self.under_way += 1
        self.idle.clear()

    def end(self, sent_at: float, *, good: bool) -> None:
        self.ended = time.perf_counter()
        self.latencies.append(self.ended - sent_at)
        self.refused += not good
        self.under_way -= 1
        if not self.under_way:
            self.idle.set()


class _Connection(asyncio.Protocol):
    """One kept connection with at most one request under way."""

    def __init__(self, tally: _Tally, free: Callable[["_Connection"], None]) -> None:
        self._tally = tally
        self._free = free
        self._transport: asyncio.WriteTransport | None = None
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by their class.
        self._transport = cast("asyncio.WriteTransport", transport)

    def send(self, request: bytes, sent_at: float) -> None:
        """Send a request whose latency counts from that moment."""
        assert self._transport
        self._sent_at = sent_at
        self._tally.begin()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        if not _complete(answer):
            self._answer = answer
            return
        self._answer = b""
        self._tally.end(self._sent_at, good=answer.startswith(b"HTTP/1.1 200 "))
        self._free(self)

    def close(self) -> None:
        assert self._transport
        self._transport.close()


def _complete(answer: bytes) -> bool:
    """Whether the head and the whole body are there; every server here tells the length."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, found, rest = head.lower().partition(b"content-length:")
    return not found or len(body) >= int(rest.partition(b"\r\n")[0])


async def _connect(
    window: Window, tally: _Tally, free: Callable[[_Connection], None]
) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Connection(tally, free), slack.HOST, window.port)
        for _ in range(window.connections)
    ]
    return [connection for _, connection in made]


def _requests(window: Window) -> list[bytes]:
    count = int((window.rate or _FASTEST_OF.get(window.kind, FASTEST)) * window.seconds)
    made: Iterator[bytes]
    match window.kind:
        case "event":
            made = slack.events(count, first=window.first)
        case "command":
            made = slack.commands(count, first=window.first, path=window.path)
        case "update":
            made = telegram.updates(count, first=window.first)
        case _:
            made = discord.interactions(count, first=window.first)
    return list(islice(made, count))


async def _closed_loop(window: Window, requests: Sequence[bytes], tally: _Tally) -> None:
    waiting = iter(requests)
    ends = time.perf_counter() + window.seconds

    def next_one(connection: _Connection) -> None:
        now = time.perf_counter()
        if now < ends and (request := next(waiting, None)) is not None:
            connection.send(request, now)

    connections = await _connect(window, tally, next_one)
    ends = time.perf_counter() + window.seconds
    for connection in connections:
        next_one(connection)
    await _finish(tally, connections, window.seconds)


async def _paced(window: Window, requests: Sequence[bytes], tally: _Tally) -> None:
    free: deque[_Connection] = deque()
    late: deque[tuple[bytes, float]] = deque()

    def freed(connection: _Connection) -> None:
        if late:
            connection.send(*late.popleft())
        else:
            free.append(connection)

    def send(request: bytes, planned: float) -> None:
        if free:
            free.popleft().send(request, planned)
        else:
            late.append((request, planned))

    connections = await _connect(window, tally, freed)
    free.extend(connections)
    start, loop = time.perf_counter(), asyncio.get_running_loop()
    skew = loop.time() - start
    for number, request in enumerate(requests):
        planned = start + number / window.rate
        loop.call_at(planned + skew, send, request, planned)
    await _finish(tally, connections, window.seconds)


async def _finish(tally: _Tally, connections: Sequence[_Connection], seconds: float) -> None:
    """Wait for the window to end and for what is under way then."""
    await asyncio.sleep(seconds)
    try:
        async with asyncio.timeout(_ANSWER_TIME):
            await tally.idle.wait()
    except TimeoutError:
        pass  # they are counted as lost
    for connection in connections:
        connection.close()


async def send(window: Window) -> Answers:
    """Send what the window asks for."""
    before = time.process_time()
    requests = _requests(window)
    tally = _Tally()
    work = _paced if window.rate else _closed_loop
    cpu = time.process_time()
    await work(window, requests, tally)
    milliseconds = [latency * 1000 for latency in tally.latencies]
    return Answers(
        count=len(tally.latencies) - tally.refused,
        refused=tally.refused,
        lost=tally.under_way,
        seconds=tally.ended - tally.began,
        p50=percentile(milliseconds, 0.5),
        p99=percentile(milliseconds, 0.99),
        longest=max(milliseconds, default=0.0),
        cpu=time.process_time() - cpu,
        prepared=cpu - before,
    )


async def _live(_: Sequence[str]) -> None:
    async def order(argument: msgspec.Raw) -> object:
        return await send(msgspec.json.decode(argument, type=Window))

    say("ready")
    await obey({"send": order})


if __name__ == "__main__":
    live(_live, core=LOAD_CORE)
