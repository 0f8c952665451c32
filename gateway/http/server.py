"""The HTTP server: the addresses, and how they are served and let go of."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.health import Health
from gateway.http.express import ExpressServer, Take
from gateway.http.sources import DEFAULT_LIMITS, RequestLimits, SourceLimit
from gateway.http.webhook import Acknowledgement, Webhook, WebhookRoute
from runtime.clock import Clock
from runtime.errors import ConfigurationError

__all__ = ["Site", "WebhookRoute", "build_app", "serve"]

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers a request."""


class Site:
    """Every address there is, by method and path.

    A dictionary, not the router, signals and middlewares of `web.Application`: nothing here needs
    them, and on the way of every event they cost as much as checking its signature.
    """

    def __init__(
        self,
        addresses: Mapping[tuple[str, str], Serve],
        express: Mapping[tuple[str, str], Take],
        headers: Collection[str],
    ) -> None:
        """Serve `addresses`; those of them that have a short way are in `express`, too.

        `headers` are the names of those that are read on the short way.
        """
        self._addresses = addresses
        self.express = express
        self.headers = headers

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hand the request to its address."""
        answer = self._addresses.get((request.method, request.path))
        if answer is None:
            return self._not_served(request.path)
        return await answer(request)

    def _not_served(self, path: str) -> web.Response:
        methods = [method for method, served in self._addresses if served == path]
        if methods:
            return web.Response(status=405, headers={"Allow": ", ".join(methods)})
        return web.Response(status=404)


def build_app(
    routes: Sequence[WebhookRoute],
    health: Health,
    *,
    clock: Clock,
    limits: RequestLimits = DEFAULT_LIMITS,
) -> Site:
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
    acknowledgement = Acknowledgement(clock)
    express: dict[tuple[str, str], Take] = {}
    for route in routes:
        hook = Webhook(route, limits, sources, acknowledgement)
        addresses["POST", route.path] = hook.receive
        express["POST", route.path] = hook.take
    headers = {name for route in routes for name in route.verify.headers}
    return Site(addresses, express, headers)


@asynccontextmanager
async def serve(
    app: Site,
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
    server = ExpressServer(
        app,
        app.express,
        app.headers,
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
