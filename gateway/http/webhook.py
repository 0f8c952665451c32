"""One address that a platform posts to, in the order that keeps strangers cheap.

Method and path; rate limit by source; length; encoding; header grammar; raw bytes; signature; and
only then parse, store, 200. Nothing before the store may be slow, and every refusal is an empty
answer that tells its reason by its status alone.

The rate is of forgeries, so a source that is over it is refused where its request proves to be
one, and not before: behind a proxy the platform has the same address as everybody (ADR 14).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import formatdate
from itertools import compress
from typing import Protocol, runtime_checkable

from aiohttp import HttpVersion11, web

from gateway.http.express import Asker
from gateway.http.sources import RequestLimits, SourceLimit, source_of
from runtime.clock import Clock
from runtime.errors import Malformed, Retryable
from runtime.ids import derived
from runtime.model.events import Challenge, Ignored, Inbound, Parsed, Wanted
from runtime.model.value import value
from runtime.model.wire import RawRequest, VerifiedRequest
from runtime.ports import Accept, Stored

log = logging.getLogger("nightdesk.http")

_JSON = "application/json; charset=utf-8"

Suggest = Callable[[Wanted], Awaitable[str]]
"""Makes the body of the answer to what a person wants to choose from."""


@runtime_checkable
class Offered(Protocol):
    """A `runtime.ports.Accept` that can also accept without being waited for."""

    def offer(self, events: Sequence[Inbound], stored: Stored, /) -> None:
        """Accept the events, in order, and tell of each once, now or later, if it is on disk.

        Of one that takes more than that: that it is not, at once, and nothing was done with it.
        Where this raises, nothing was done with any, and nobody was told.
        """
        ...


class Verify(Protocol):
    """Vouches for a request, or does not. Never raises."""

    @property
    def headers(self) -> tuple[str, ...]:
        """The names, in lower case, of the headers it reads; others need not be there for it."""
        ...

    def plausible(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers have the right form; asked before the body is read."""
        ...

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        """The request, vouched for; None also where its headers are not plausible."""
        ...

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        """The same for each of what came together."""
        ...


@value(kw_only=True)
class WebhookRoute:
    """One address that a platform posts to. A platform without its secret has none.

    Attributes:
        path: the path, `/slack/events`.
        verify: vouches for the request.
        parse: reads it; raises `Malformed`.
        accept: stores it; when it returns, the event may be acknowledged.
        suggest: makes the answer to a challenge that wants something looked up.
        load: brings in what `verify` takes, before the first request is verified.
    """

    path: str
    verify: Verify
    parse: Callable[[VerifiedRequest], Parsed]
    accept: Accept
    suggest: Suggest | None = None
    load: Callable[[], Awaitable[None]] | None = None


class _Headers(Protocol):
    """The headers of a request."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Every value of that name."""
        ...


class Acknowledgement(web.StreamResponse):
    """The answer to an event that was stored: 200 and most often nothing else, on an open line.

    Then it is the same for all of them but for the time of day, and put together once a second.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._until = float("-inf")
        self._date = ""
        self._whole = b""

    @property
    def keep_alive(self) -> bool:
        """The line stays open."""
        return True

    def now(self, said: str = "") -> bytes:
        """The whole of it, as it is this second; with that JSON, where the platform wants some."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._date = formatdate(self._clock.now().timestamp(), usegmt=True)
            self._whole = _ok(f"Content-Length: 0\r\nDate: {self._date}")
            self._until = now + 1.0
        if not said:
            return self._whole
        body = said.encode()
        head = f"Content-Type: {_JSON}\r\nContent-Length: {len(body)}\r\nDate: {self._date}"
        return _ok(head) + body

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it, in one piece."""
        await request.writer.write(self.now())

    async def write_eof(self, data: bytes = b"") -> None:
        """It was written."""


class Webhook:
    """The handler of one route."""

    def __init__(
        self,
        route: WebhookRoute,
        limits: RequestLimits,
        sources: SourceLimit,
        acknowledgement: Acknowledgement,
    ) -> None:
        self._route = route
        self._offered = route.accept if isinstance(route.accept, Offered) else None
        self._load = route.load
        self._limits = limits
        self._sources = sources
        self._acknowledgement = acknowledgement

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse the request as early as it shows what it is, or process it."""
        source = source_of(request.remote)
        spent = not self._sources.take(source)
        verify = self._route.verify
        headers = _chosen(request.headers, verify.headers)
        status = self._objection(request) or (0 if verify.plausible(headers) else 401)
        if status:
            return _refusal(status, spent=spent)
        try:
            body = await self._body(request)
        except TimeoutError:
            return _closing(408)
        except web.RequestPayloadError:
            return _closing(400)
        if body is None:
            return _closing(413)
        if self._load is not None:
            await self._load()
            self._load = None
        verified = verify(RawRequest(headers, body))
        if verified is None:
            return _refusal(401, spent=spent)
        if not spent:
            self._sources.give_back(source)
        refused = await self._deliver(verified)
        return self._acknowledge(request) if refused is None else refused

    def take(self, askers: Sequence[Asker]) -> None:
        """Process requests that came whole without waiting: see `gateway.http.express.Take`.

        The same steps as `receive`, which also gets whatever fails here, and says why. Each step is
        done with all of them before the next one.
        """
        verified = self._verified(askers)
        parsed = [None if request is None else self._event(request) for request in verified]
        going: list[Asker] = []
        events: list[Inbound] = []
        for asker, event in zip(askers, parsed, strict=True):
            if event is None:
                asker.done(None)
            else:
                going.append(asker)
                events.append(event)
        if events:
            self._offer(going, events)

    def _verified(self, askers: Sequence[Asker]) -> Sequence[VerifiedRequest | None]:
        """The requests, vouched for; None for one that is refused, or has to be waited for.

        `receive` judges those of the first kind again: those of a source that forges too often
        are left to it, so that each is judged once.
        """
        waits = self._offered is None or self._load is not None
        longest = -1 if waits else self._limits.body_bytes
        remotes = {asker.remote for asker in askers}
        heard = {remote for remote in remotes if self._sources.would_take(source_of(remote))}
        requests = [asker.request for asker in askers]
        fit = [
            asker.remote in heard and len(request.body) <= longest
            for asker, request in zip(askers, requests, strict=True)
        ]
        vouched = iter(self._route.verify.each(list(compress(requests, fit))))
        return [next(vouched) if fits else None for fits in fit]

    def _event(self, verified: VerifiedRequest) -> Inbound | None:
        """The event that it tells of; None where there is none."""
        try:
            parsed = self._route.parse(verified)
        except Exception:  # noqa: BLE001 - `_deliver` does it again, and logs it
            return None
        return parsed if isinstance(parsed, Inbound) else None

    def _offer(self, askers: Sequence[Asker], events: Sequence[Inbound]) -> None:
        """Accept the events without waiting, and answer each once it was stored.

        One that was not goes the ordinary way.
        """

        def stored(numbers: Sequence[int], good: bool) -> None:  # noqa: FBT001 - see the port
            answer = self._acknowledgement.now
            empty = answer() if good else None
            for number in numbers:
                said = events[number].acknowledgement
                askers[number].done(answer(said) if good and said else empty)

        try:
            if self._offered is not None:
                self._offered.offer(events, stored)
        except Exception:  # noqa: BLE001 - `_deliver` does it again, and logs it
            stored(range(len(events)), good=False)

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


def _ok(fields: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode()


def _said(answer: str, media_type: str = "application/json") -> web.Response:
    return web.Response(text=answer, content_type=media_type)


def _answer(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, headers=headers)


def _refusal(status: int, *, spent: bool) -> web.Response:
    """The answer to a forgery; of a source that forges too often, that it is to slow down."""
    return _answer(429, {"Retry-After": "1"}) if spent else _answer(status)


def _closing(status: int) -> web.Response:
    """An answer after which the line is cut, because the rest of the body is not wanted."""
    response = web.Response(status=status)
    response.force_close()
    return response


def _chosen(headers: _Headers, names: Sequence[str]) -> dict[str, str]:
    return {name: ",".join(found) for name in names if (found := headers.getall(name, ()))}
