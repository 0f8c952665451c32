"""The HTTP server: each refusal in its order, and nothing acknowledged that is not stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from gateway.health import Check
from gateway.http.server import WebhookRoute, build_app, serve
from gateway.http.sources import RequestLimits, SourceLimit, source_of
from runtime.errors import ConfigurationError, Malformed, StorageFull
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Challenge, Command, Ignored, Inbound, Parsed
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
LIMITS = RequestLimits(body_bytes=1000, body_seconds=0.2, per_second=1, burst=50)
GENUINE = {"X-Key": "good"}


@dataclass(slots=True)
class Gate:
    """A platform that signs by the header `X-Key: good`, and remembers what it was asked."""

    headers: tuple[str, ...] = ("x-key",)
    judged: list[RawRequest] = field(default_factory=list)
    accepted: list[Inbound] = field(default_factory=list)
    parsed: Parsed = EVENT
    parse_error: Exception | None = None
    accept_error: Exception | None = None

    def plausible(self, headers: Mapping[str, str]) -> bool:
        return len(headers.get("x-key", "")) == 4

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        if not self.plausible(request.headers):
            return None
        self.judged.append(request)
        genuine = request.headers["x-key"] == "good"
        return VerifiedRequest("test", request.body, "text/plain") if genuine else None

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        return [self(request) for request in requests]

    def parse(self, _: VerifiedRequest) -> Parsed:
        if self.parse_error:
            raise self.parse_error
        return self.parsed

    async def accept(self, inbound: Inbound) -> None:
        if self.accept_error:
            raise self.accept_error
        self.accepted.append(inbound)


@dataclass(slots=True)
class Offering:
    """The same gate, for a server that need not wait for it."""

    gate: Gate

    async def __call__(self, inbound: Inbound) -> None:
        await self.gate.accept(inbound)

    def offer(self, events: Sequence[Inbound], stored: Stored) -> None:
        good = self.gate.accept_error is None
        if good:
            self.gate.accepted.extend(events)
        asyncio.get_running_loop().call_soon(stored, range(len(events)), good)


@dataclass(slots=True)
class Fit:
    checks: Sequence[Check] = ()

    async def readiness(self) -> Sequence[Check]:
        return self.checks


@dataclass(slots=True)
class Site:
    gate: Gate
    port: int
    session: aiohttp.ClientSession

    async def post(self, data: Any = b"hi", **options: Any) -> tuple[int, bytes]:
        options.setdefault("headers", GENUINE)
        url = f"http://127.0.0.1:{self.port}/hook"
        async with self.session.post(url, data=data, **options) as answer:
            return answer.status, await answer.read()

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()

    async def raw(self, request: bytes) -> bytes:
        """What the server says to these bytes until it closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), 45)
        finally:
            writer.close()


@asynccontextmanager
async def site(
    clock: ManualClock, *, health: Fit | None = None, mounted: bool = True, short: bool = False
) -> AsyncIterator[Site]:
    gate = Gate()
    accept = Offering(gate) if short else gate.accept
    route = WebhookRoute(path="/hook", verify=gate, parse=gate.parse, accept=accept)
    app = build_app([route] if mounted else [], health or Fit(), clock=clock, limits=LIMITS)
    serving = serve(app, "127.0.0.1", 0, linger_seconds=0.05)
    async with serving as port, aiohttp.ClientSession() as session:
        yield Site(gate, port, session)


@pytest.fixture(params=[False, True], ids=["ordinary", "short"])
async def server(clock: ManualClock, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """The server, where events are waited for, and where they need not be: it answers alike."""
    async with site(clock, short=request.param) as started:
        yield started


async def test_a_genuine_event_is_stored_and_then_acknowledged(server: Site) -> None:
    assert await server.post(b"\xff\x00 raw") == (200, b"")
    assert server.gate.accepted == [EVENT]
    [judged] = server.gate.judged
    assert (judged.headers["x-key"], judged.body) == ("good", b"\xff\x00 raw")


async def test_what_the_platform_wants_to_hear_goes_with_the_acknowledgement(server: Site) -> None:
    server.gate.parsed = replace(EVENT, acknowledgement='{"said": "\N{OWL}"}')
    async with server.session.post(
        f"http://127.0.0.1:{server.port}/hook", data=b"x", headers=GENUINE
    ) as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert answer.charset == "utf-8"
        assert await answer.json() == {"said": "\N{OWL}"}
    assert len(server.gate.accepted) == 1
    assert len(server.gate.judged) == 1


async def test_a_body_in_pieces_is_put_together(server: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece "
            await settle()

    assert await server.post(pieces()) == (200, b"")
    assert server.gate.judged[0].body == b"piece piece piece "


async def test_an_ignored_event_is_acknowledged_and_not_stored(server: Site) -> None:
    server.gate.parsed = Ignored(reason="bot")
    assert await server.post() == (200, b"")
    assert server.gate.accepted == []


async def test_a_challenge_is_answered_in_plain_text(server: Site) -> None:
    server.gate.parsed = Challenge(answer="<b>3eZbrw1a</b>")
    async with server.session.post(
        f"http://127.0.0.1:{server.port}/hook", data=b"x", headers=GENUINE
    ) as answer:
        assert answer.content_type == "text/plain"
        assert await answer.text() == "<b>3eZbrw1a</b>"


async def test_a_forgery_is_refused_after_its_body_was_judged(server: Site) -> None:
    assert await server.post(headers={"X-Key": "evil"}) == (401, b"")
    assert {judged.body for judged in server.gate.judged} == {b"hi"}
    assert server.gate.accepted == []


@pytest.mark.parametrize("headers", [{}, {"X-Key": "bad form"}])
async def test_headers_of_the_wrong_form_are_refused_before_the_body(
    server: Site, headers: dict[str, str]
) -> None:
    assert await server.post(headers=headers) == (401, b"")
    assert server.gate.judged == []


async def test_a_header_that_came_twice_is_joined(server: Site) -> None:
    answer = await server.raw(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: g\r\nX-Key: od\r\n"
        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 401")
    assert [dict(request.headers) for request in server.gate.judged] == [{"x-key": "g,od"}]


async def test_too_long_a_body_is_refused_by_its_announced_length(server: Site) -> None:
    answer = await server.raw(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nContent-Length: 1001\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert server.gate.judged == []


async def test_too_long_a_body_is_refused_while_it_streams(server: Site) -> None:
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    answer = await server.raw(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunk * 40
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert server.gate.judged == []


async def test_a_body_of_exactly_the_limit_is_taken(server: Site) -> None:
    assert (await server.post(b"x" * 1000))[0] == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "IDENTITY, gzip"])
async def test_a_compressed_body_is_refused(server: Site, encoding: str) -> None:
    headers = {**GENUINE, "Content-Encoding": encoding}
    assert await server.post(b"\x1f\x8b", headers=headers) == (415, b"")
    assert server.gate.judged == []


async def test_identity_is_no_compression(server: Site) -> None:
    assert (await server.post(headers={**GENUINE, "Content-Encoding": "Identity"}))[0] == 200


async def test_a_body_that_does_not_come_is_given_up(server: Site) -> None:
    answer = await server.raw(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nContent-Length: 10\r\n\r\nhalf"
    )
    assert answer.startswith(b"HTTP/1.1 408")
    assert server.gate.judged == []


async def test_a_sender_that_waits_for_leave_is_given_it(server: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nContent-Length: 5\r\n"
        b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"hello")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    await writer.wait_closed()
    assert server.gate.judged[0].body == b"hello"


async def test_an_acknowledgement_tells_the_time_and_leaves_the_line_open(
    clock: ManualClock, server: Site
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for time in (b"Mon, 05 Jan 2026 08:00:00 GMT", b"Mon, 05 Jan 2026 08:00:07 GMT"):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nContent-Length: 0\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: " + time + b"\r\n\r\n"
        await clock.advance(7)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "request_line", [b"POST /hook HTTP/1.0\r\n", b"POST /hook HTTP/1.1\r\nConnection: close\r\n"]
)
async def test_a_sender_that_wants_the_line_closed_gets_it_closed(
    server: Site, request_line: bytes
) -> None:
    answer = await server.raw(request_line + b"Host: h\r\nX-Key: good\r\nContent-Length: 0\r\n\r\n")
    assert answer.split(b" ", 1)[1].startswith(b"200 OK")
    assert len(server.gate.accepted) == 1


async def test_another_method_is_told_which_there_is(server: Site) -> None:
    answer = await server.raw(b"GET /hook HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"\r\nAllow: POST\r\n" in answer


async def test_broken_framing_is_no_server_error(
    server: Site, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await server.raw(
        b"POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: good\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"zz\r\nnonsense\r\n"
    )
    assert b" 400 " in answer.splitlines()[0]
    assert server.gate.judged == []
    assert caplog.records == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/hook", 405), ("PUT", "/hook", 405), ("POST", "/", 404)]
)
async def test_another_method_or_path_is_not_served(
    server: Site, method: str, path: str, status: int
) -> None:
    url = f"http://127.0.0.1:{server.port}{path}"
    async with server.session.request(method, url, headers=GENUINE) as answer:
        assert answer.status == status
    assert server.gate.judged == []


async def test_a_platform_without_a_secret_has_no_address(clock: ManualClock) -> None:
    async with site(clock, mounted=False) as bare:
        assert (await bare.post())[0] == 404


async def test_what_cannot_be_read_is_a_bad_request(server: Site) -> None:
    server.gate.parse_error = Malformed("no json")
    assert await server.post() == (400, b"")
    assert server.gate.accepted == []


async def test_a_full_disk_makes_the_platform_come_again(server: Site) -> None:
    server.gate.accept_error = StorageFull()
    assert await server.post() == (503, b"")


@pytest.mark.parametrize("where", ["parse_error", "accept_error"])
async def test_a_bug_shows_nothing_and_is_logged_with_a_reference(
    server: Site, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    setattr(server.gate, where, ZeroDivisionError("the token is xoxb-1"))
    assert await server.post() == (500, b"")
    assert await server.post() == (500, b"")
    first, second = (r for r in caplog.records if r.message == "http.failed")
    reference = vars(first)["reference"]
    assert len(reference) == 8
    assert vars(second)["reference"] == reference
    assert first.exc_info


async def test_a_source_that_only_forges_is_slowed_down(clock: ManualClock, server: Site) -> None:
    statuses = [(await server.post(headers={"X-Key": "evil"}))[0] for _ in range(52)]
    assert statuses == [401] * 50 + [429] * 2
    await clock.advance(1)
    statuses = [(await server.post(headers={"X-Key": "evil"}))[0] for _ in range(2)]
    assert statuses == [401, 429]


async def test_a_platform_is_heard_behind_a_proxy_that_also_passes_on_forgeries(
    clock: ManualClock, server: Site
) -> None:
    for _ in range(60):
        await server.post(headers={"X-Key": "evil"})
    statuses = [(await server.post())[0] for _ in range(60)]
    assert statuses == [200] * 60
    assert len(server.gate.accepted) == 60
    # And being heard gave nothing back that the forgeries had used up.
    assert (await server.post(headers={"X-Key": "evil"}))[0] == 429
    await clock.advance(1)
    statuses = [(await server.post(headers={"X-Key": "evil"}))[0] for _ in range(2)]
    assert statuses == [401, 429]


async def test_of_a_source_that_only_forges_no_body_is_read_that_its_head_condemns(
    server: Site,
) -> None:
    for _ in range(50):
        await server.post(headers={"X-Key": "evil"})
    server.gate.judged.clear()
    for headers in ({}, {"X-Key": "bad form"}, {**GENUINE, "Content-Encoding": "gzip"}):
        assert (await server.post(headers=headers))[0] == 429
    assert (await server.post(b"x" * 1001))[0] == 429
    assert server.gate.judged == []


async def test_a_platform_is_never_slowed_down_by_its_own_events(server: Site) -> None:
    assert {(await server.post())[0] for _ in range(120)} == {200}


async def test_the_memory_of_sources_is_bounded(clock: ManualClock) -> None:
    sources = SourceLimit(RequestLimits(sources=10, burst=1), clock)
    assert all(sources.take(str(number)) for number in range(1000))
    assert len(sources) == 10
    assert not sources.take("999")
    assert sources.take("0")


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "local"),
        ("no:address", "no:address"),
    ],
)
def test_a_source_is_an_address_or_a_customers_network(remote: str | None, source: str) -> None:
    assert source_of(remote) == source


async def test_alive_and_ready_are_two_things(clock: ManualClock) -> None:
    health = Fit([Check(name="database", ok=True, age_seconds=0.5), Check(name="slack", ok=True)])
    async with site(clock, health=health) as well:
        assert await well.get("/healthz") == (200, "alive\n")
        status, text = await well.get("/readyz")
        assert status == 200
        assert json.loads(text) == {
            "ready": True,
            "checks": [
                {"name": "database", "ok": True, "age_seconds": 0.5, "detail": ""},
                {"name": "slack", "ok": True, "age_seconds": None, "detail": ""},
            ],
        }
        health.checks = [Check(name="outbox", ok=False, age_seconds=400.0, detail="stuck")]
        status, text = await well.get("/readyz")
        assert status == 503
        assert json.loads(text)["ready"] is False
        assert (await well.get("/healthz"))[0] == 200


async def test_a_port_in_use_is_a_clear_error(clock: ManualClock, server: Site) -> None:
    app = build_app([], Fit(), clock=clock)
    with pytest.raises(ConfigurationError, match="NIGHTDESK_HTTP__PORT"):
        async with serve(app, "127.0.0.1", server.port):
            pass


async def test_at_the_end_requests_under_way_are_finished(clock: ManualClock) -> None:
    gate, entered, let_go = Gate(), asyncio.Event(), asyncio.Event()

    async def slowly(inbound: Inbound) -> None:
        entered.set()
        await let_go.wait()

    route = WebhookRoute(path="/hook", verify=gate, parse=gate.parse, accept=slowly)
    app = build_app([route], Fit(), clock=clock)
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        async with serve(app, "127.0.0.1", 0) as port:
            posted = group.create_task(Site(gate, port, session).post())
            await entered.wait()
            asyncio.get_running_loop().call_later(0.01, let_go.set)
        assert (await posted)[0] == 200


@pytest.mark.parametrize("short", [False, True])
async def test_what_verifying_takes_is_brought_in_once_and_before_it(
    clock: ManualClock, *, short: bool
) -> None:
    gate, loaded = Gate(), list[int]()

    async def load() -> None:
        await settle()
        loaded.append(len(gate.judged))

    accept = Offering(gate) if short else gate.accept
    route = WebhookRoute(path="/hook", verify=gate, parse=gate.parse, accept=accept, load=load)
    app = build_app([route], Fit(), clock=clock)
    async with serve(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        well = Site(gate, port, session)
        assert (await well.post(headers={"X-Key": "no key"}))[0] == 401
        assert loaded == []
        assert [(await well.post())[0] for _ in range(3)] == [200, 200, 200]
    assert loaded == [0]
    assert len(gate.judged) == 3
