"""The HTTP server: webhooks in the order that keeps strangers cheap, and two health answers.

Method and path; rate limit by source; length; encoding; header grammar; raw bytes; signature; and
only then parse, store, 200. Nothing before the store may be slow, and every refusal is an empty
answer that tells its reason by its status alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.sources import DEFAULT_LIMITS, Limits, SourceLimit, source_of
from runtime.clock import Clock
from runtime.errors import ConfigurationError, Malformed, Retryable
from runtime.ids import derived
from runtime.model.events import Challenge, Ignored, Inbound, Parsed, Wanted
from runtime.model.wire import RawRequest, VerifiedRequest
from runtime.ports import Accept

log = logging.getLogger("nightdesk.http")

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers a request."""


Suggest = Callable[[Wanted], Awaitable[str]]
"""Makes the body of the answer to what a person wants to choose from."""


class Verify(Protocol):
    """Vouches for a request, or does not. Never raises."""

    @property
    def headers(self) -> tuple[str, ...]:
        """The names, in lower case, of the headers it reads; no others are copied for it."""
        ...

    def plausible(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers have the right form; asked before the body is read."""
        ...

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        """The request, vouched for, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRoute:
    """One address that a platform posts to. A platform without its secret has none.

    Attributes:
        path: the path, `/slack/events`.
        verify: vouches for the request.
        parse: reads it; raises `Malformed`.
        accept: stores it; when it returns, the event may be acknowledged.
        suggest: makes the answer to a challenge that wants something looked up.
    """

    path: str
    verify: Verify
    parse: Callable[[VerifiedRequest], Parsed]
    accept: Accept
    suggest: Suggest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold for the program to be of use.

    Attributes:
        name: what was looked at: `database`, `outbox`, `clock`.
        ok: it is as it should be.
        age_seconds: how long ago it last went well, or None where that says nothing.
        detail: what was found, in words.
    """

    name: str
    ok: bool
    age_seconds: float | None = None
    detail: str = ""


class Health(Protocol):
    """Knows whether the program is of use, which is more than being alive."""

    async def readiness(self) -> Sequence[Check]:
        """Look at everything that readiness means. Never raises: a failure is a check."""
        ...


class _Acknowledgement(web.StreamResponse):
    """The answer to every event that was stored: 200 and nothing else, on a line that stays open.

    It is the same for all of them but for the time of day, so it is put together once a second:
    what aiohttp does for each answer of its own costs as much as reading the event.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._second = 0
        self._whole = b""

    @property
    def keep_alive(self) -> bool:
        """The line stays open."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it, in one piece."""
        second = int(self._clock.now().timestamp())
        if second != self._second:
            date = formatdate(second, usegmt=True)
            self._whole = f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: {date}\r\n\r\n".encode()
            self._second = second
        await request.writer.write(self._whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """It was written."""


class _Webhook:
    """The handler of one route."""

    def __init__(
        self,
        route: WebhookRoute,
        limits: Limits,
        sources: SourceLimit,
        acknowledgement: _Acknowledgement,
    ) -> None:
        self._route = route
        self._limits = limits
        self._sources = sources
        self._acknowledgement = acknowledgement

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse the request as early as it shows what it is, or process it."""
        source = source_of(request.remote)
        if not self._sources.take(source):
            return _answer(429, {"Retry-After": "1"})
        verify = self._route.verify
        headers = _chosen(request, verify.headers)
        status = self._objection(request) or (0 if verify.plausible(headers) else 401)
        if status:
            return _answer(status)
        try:
            body = await self._body(request)
        except TimeoutError:
            return _closing(408)
        except web.RequestPayloadError:
            return _closing(400)
        if body is None:
            return _closing(413)
        verified = verify(RawRequest(headers, body))
        if verified is None:
            return _answer(401)
        self._sources.give_back(source)
        refused = await self._deliver(verified)
        return self._acknowledge(request) if refused is None else refused

    def _acknowledge(self, request: web.BaseRequest) -> web.StreamResponse:
        kept_open = request.keep_alive and request.version == HttpVersion11
        return self._acknowledgement if kept_open else web.Response()

    def _objection(self, request: web.BaseRequest) -> int:
        """The status that the request line and the common headers deserve; 0 for none."""
        if (request.content_length or 0) > self._limits.body_bytes:
            return 413
        encoding = request.headers.get("Content-Encoding")
        return 415 if encoding and encoding.strip().lower() != "identity" else 0

    async def _body(self, request: web.BaseRequest) -> bytes | None:
        """The raw body; None where it is too long.

        Raises:
            TimeoutError: it did not come in time.
            RequestPayloadError: its framing is broken.
        """
        content, longest = request.content, self._limits.body_bytes
        if content.is_eof():  # the common case: it came with the head, so no timer is needed
            body = content.read_nowait()
            return body if len(body) <= longest else None
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # that was no part of the answer
        body = b""
        async with asyncio.timeout(self._limits.body_seconds):
            while not content.at_eof():
                body += await content.readany()
                if len(body) > longest:
                    return None
        return body

    async def _deliver(self, verified: VerifiedRequest) -> web.Response | None:
        """Process one delivery whatever happens; None where it was stored.

        A supervision point: nothing is swallowed.
        """
        try:
            parsed = self._route.parse(verified)
            if isinstance(parsed, Inbound):
                await self._route.accept(parsed)
                return _said(parsed.acknowledgement) if parsed.acknowledgement else None
            if isinstance(parsed, Challenge) and parsed.wants and self._route.suggest:
                return _said(await self._route.suggest(parsed.wants), parsed.media_type)
        except Malformed as error:
            log.warning("http.malformed", extra={"path": self._route.path, "why": str(error)})
            return _answer(400)
        except Retryable as error:
            log.error("http.not_stored", extra={"path": self._route.path, "why": str(error)})  # noqa: TRY400 - the cause is known and the trace says nothing
            return _answer(503, {"Retry-After": "30"})
        except Exception:
            # The same delivery has the same reference, however often the platform repeats it.
            reference = derived(self._route.path, verified.body.decode("latin-1"))[-8:]
            log.exception("http.failed", extra={"path": self._route.path, "reference": reference})
            return _answer(500)
        return self._without_event(parsed)

    def _without_event(self, parsed: Ignored | Challenge) -> web.Response:
        """The answer to a request that nothing is stored of."""
        if isinstance(parsed, Challenge):
            return _said(parsed.answer, parsed.media_type)
        log.debug("http.ignored", extra={"path": self._route.path, "reason": parsed.reason})
        return _answer(200)


class _Site:
    """Every address there is, by method and path.

    A dictionary, not the router, signals and middlewares of `web.Application`: nothing here needs
    them, and on the way of every event they cost as much as checking its signature.
    """

    def __init__(self, addresses: Mapping[tuple[str, str], Serve]) -> None:
        self._addresses = addresses

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hand the request to its address."""
        answer = self._addresses.get((request.method, request.path))
        if answer is None:
            return self._not_served(request.path)
        return await answer(request)

    def _not_served(self, path: str) -> web.Response:
        methods = [method for method, served in self._addresses if served == path]
        return _answer(405, {"Allow": ", ".join(methods)}) if methods else _answer(404)


def build_app(
    routes: Sequence[WebhookRoute],
    health: Health,
    *,
    clock: Clock,
    limits: Limits = DEFAULT_LIMITS,
) -> Serve:
    """The application: the routes, `/healthz` (alive) and `/readyz` (of use).

    Args:
        routes: the webhooks; none of a platform that has no secret.
        health: knows whether the program is ready.
        clock: times the rate limit.
        limits: what one source may ask.
    """
    sources = SourceLimit(limits, clock)

    async def alive(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="alive\n")

    async def ready(_: web.BaseRequest) -> web.StreamResponse:
        checks = await health.readiness()
        everything = all(check.ok for check in checks)
        return web.Response(
            status=200 if everything else 503,
            body=msgspec.json.encode({"ready": everything, "checks": list(checks)}),
            content_type="application/json",
        )

    addresses: dict[tuple[str, str], Serve] = {}
    for method in ("GET", "HEAD"):
        addresses |= {(method, "/healthz"): alive, (method, "/readyz"): ready}
    acknowledgement = _Acknowledgement(clock)
    for route in routes:
        hook = _Webhook(route, limits, sources, acknowledgement)
        addresses["POST", route.path] = hook.receive
    return _Site(addresses)


@asynccontextmanager
async def serve(
    app: Serve,
    host: str,
    port: int,
    *,
    drain_seconds: float = 10.0,
    linger_seconds: float = 1.0,
) -> AsyncIterator[int]:
    """Serve while the block runs; then take no more, and finish what is under way.

    Args:
        app: answers every request: see `build_app`.
        host: the address to listen on.
        port: the port; 0 for any free one.
        drain_seconds: how long requests under way may take to finish at the end.
        linger_seconds: how long the unwanted rest of a refused request is read, so that its
            sender hears the refusal, before the line is cut.

    Yields:
        The port that is listened on.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    server = web.Server(
        app,
        access_log=None,
        # The signature is over the bytes as they were sent.
        auto_decompress=False,
        lingering_time=linger_seconds,
        logger=_protocol_log(),
        keepalive_timeout=75.0,
    )
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=drain_seconds)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({error.strerror}): set NIGHTDESK_HTTP__HOST and "
                "NIGHTDESK_HTTP__PORT to an address of this machine and a free port"
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class _NoStrangers(logging.Filter):
    """Bytes that are no HTTP are a stranger's doing, and no error of ours with a stack trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _protocol_log() -> logging.Logger:
    logger = logging.getLogger("nightdesk.http.protocol")
    if not logger.filters:
        logger.addFilter(_NoStrangers())
    return logger


def _said(answer: str, media_type: str = "application/json") -> web.Response:
    return web.Response(text=answer, content_type=media_type)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)


def _closing(status: int) -> web.Response:
    """An answer after which the line is cut, because the rest of the body is not wanted."""
    response = web.Response(status=status)
    response.force_close()
    return response


def _chosen(request: web.BaseRequest, names: Sequence[str]) -> dict[str, str]:
    headers = request.headers
    return {name: ",".join(found) for name in names if (found := headers.getall(name, ()))}
