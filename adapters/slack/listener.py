"""Socket Mode: hears Slack without a public address, over the SDK's own client and Bolt's app.

Each connection is one client of the SDK. When Slack asks for a new one, or the old one goes deaf,
the new one is open before the old one is closed, so that there is no moment in which nobody
listens. An envelope is acknowledged over the connection that it came by, once it is stored; one
that is not acknowledged comes again, and is known then.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import aiohttp
import msgspec
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import wire
from adapters.slack.bolt import STORED, Bolt
from adapters.slack.faults import Refusal, read
from adapters.slack.inbound import SlackInbound
from adapters.strictjson import refuse_loose
from runtime.clock import Clock
from runtime.errors import ConfigurationError, Malformed, Retryable
from runtime.model.events import Ignored, Parsed
from runtime.ports import Accept

log = logging.getLogger("nightdesk.slack")

PING_SECONDS: Final = 5.0
"""Between two pings of ours; four without an answer, and the connection is replaced."""
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 3.0
"""How long what came by a connection may take before the connection is closed under it."""
FIRST_PAUSE: Final = 1.0
"""Seconds before a try to connect after one that failed; doubled for each further one."""
LONGEST_PAUSE: Final = 30.0
STEADY_SECONDS: Final = 10.0
"""A connection that held that long counts as one that worked."""
_MOST_COUNTED: Final = 20


class _Envelope(msgspec.Struct, frozen=True):
    """What comes over the socket."""

    type: str = ""
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")


_DECODER = msgspec.json.Decoder(_Envelope)


class _Connection(SocketModeClient):
    """One connection. Where the SDK would replace it by itself, it says so and we do."""

    def __init__(self, client: AsyncWebClient, url: str, *, ping_seconds: float) -> None:
        super().__init__(
            app_token="",  # the address is there already
            web_client=client,
            logger=_logger(),
            ping_interval=ping_seconds,
        )
        self.wss_uri = url
        self.greeted = asyncio.Event()
        self.to_replace = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the SDK's signature
        """Ask to be replaced."""
        self.to_replace.set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the block as something that came by this connection and is not acknowledged."""
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def end(self) -> None:
        """Close the connection, when what came by it is acknowledged, or soon."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
                await self.close()  # type: ignore[no-untyped-call]
        except TimeoutError:
            log.warning("slack.socket_closed_late")
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        """End what the SDK began, which it does not wait for."""
        self.closed = True
        tasks = [self.message_processor, self.message_receiver, self.current_session_monitor]
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.aiohttp_client_session.close()


class SlackListener:
    """Hears one workspace over sockets."""

    def __init__(
        self,
        app_token: str,
        *,
        base_url: str,
        inbound: SlackInbound,
        clock: Clock,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        """Hear.

        Args:
            app_token: the app-level token, with the permission connections:write.
            base_url: where the Web API is; it says where the sockets are.
            inbound: reads what comes.
            clock: for pauses, and for when something was sent.
            ping_seconds: between two pings.
        """
        self._app_token = app_token
        self._client = AsyncWebClient(base_url=base_url, retry_handlers=[], logger=_logger())
        self._inbound = inbound
        self._clock = clock
        self._ping_seconds = ping_seconds
        self._held: _Connection | None = None
        self.hears = False
        """Somebody wants to hear: a process that does not need no socket."""

    def silence(self) -> timedelta | None:
        """How long ago Slack last answered a ping; None where no socket is open."""
        if self._held is None or self._held.last_ping_pong_time is None:
            return None
        return timedelta(
            seconds=max(0.0, self._clock.now().timestamp() - self._held.last_ping_pong_time)
        )

    async def hear(self, accept: Accept) -> None:
        """Hear until cancelled.

        Raises:
            ConfigurationError: Slack refuses the app-level token from the start.
        """
        self.hears = True
        await self._check()
        bolt = Bolt(self._client, read=self._read, accept=accept, logger=_logger())
        short = 0
        try:
            while True:
                pause = min(FIRST_PAUSE * 2 ** (short - 2), LONGEST_PAUSE) if short > 1 else 0.0
                fresh = await self._connection(bolt, pause)
                since = self._clock.monotonic()
                old, self._held = self._held, fresh
                if old is not None:
                    await old.end()
                log.info("slack.socket_open")
                await fresh.to_replace.wait()
                steady = self._clock.monotonic() - since >= STEADY_SECONDS
                short = 0 if steady else min(short + 1, _MOST_COUNTED)
        finally:
            if self._held is not None:
                held, self._held = self._held, None
                await held.end()

    async def _check(self) -> None:
        """Find a token that is not good at the start, where somebody looks."""
        try:
            await self._address()
        except Refusal as error:
            raise ConfigurationError(
                f"Slack refuses the app-level token ({error.code}): make one with the permission "
                "connections:write (Basic Information, App-Level Tokens), and set "
                "NIGHTDESK_SLACK__APP_TOKEN to it"
            ) from error
        except Retryable as error:
            log.warning("slack.unreachable", extra={"why": str(error)})

    async def _address(self) -> str:
        answer = await read(self._client.apps_connections_open(app_token=self._app_token))
        return str(answer["url"])

    async def _connection(self, bolt: Bolt, pause: float) -> _Connection:
        """A connection that Slack has greeted, however often it takes; first after a pause."""
        while True:
            if pause:
                await self._clock.sleep(pause)
            pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            try:
                address = await self._address()
            except (Retryable, Refusal) as error:
                log.warning("slack.socket_unreachable", extra={"why": str(error)})
                continue
            opened = await self._opened(bolt, address)
            if opened is not None:
                return opened

    async def _opened(self, bolt: Bolt, address: str) -> _Connection | None:
        connection = _Connection(self._client, address, ping_seconds=self._ping_seconds)

        async def heard(_: object, __: object, raw: str | None) -> None:
            await self._heard(connection, bolt, raw or "")

        connection.message_listeners.append(heard)
        greeted = False
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
                await connection.greeted.wait()
            greeted = True
        except TimeoutError:
            log.warning("slack.socket_unreachable", extra={"why": "no greeting in time"})
        finally:
            if not greeted:
                await connection.end()
        return connection if greeted else None

    async def _heard(self, connection: _Connection, bolt: Bolt, raw: str) -> None:
        """Read one envelope, have Bolt's app store it, acknowledge it."""
        try:
            envelope = _DECODER.decode(raw)
        except msgspec.DecodeError:
            log.warning("slack.socket_unreadable")
            return
        if envelope.type == "hello":
            connection.greeted.set()
        if not envelope.envelope_id:
            return
        with connection.working():
            raw_payload = bytes(envelope.payload)
            answer = await bolt.dispatch(envelope.type, _object(raw_payload), raw_payload)
            if answer.status == STORED:  # else Slack delivers it again
                await _acknowledge(connection, envelope.envelope_id, answer.body)

    def _read(self, kind: str, body: bytes) -> Parsed:
        """What the envelope says. What cannot be read now cannot be read later either."""
        now = self._clock.now()
        try:
            match kind:
                case "events_api":
                    return self._inbound.event(body, now)
                case "slash_commands":
                    return self._inbound.command(wire.fields_of(body), now)
                case "interactive":
                    refuse_loose(body, deepest=wire.MAX_DEPTH)
                    return self._inbound.interaction(body, now)
                case _:
                    return Ignored(reason="unknown_kind")
        except Malformed as error:
            log.warning("slack.socket_malformed", extra={"why": str(error)})
            return Ignored(reason="malformed")


def _object(payload: bytes) -> dict[str, object]:
    """The payload as Bolt wants it; empty where it is no object, which our own reader tells."""
    try:
        return msgspec.json.decode(payload, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return {}


async def _acknowledge(connection: _Connection, envelope_id: str, words: str) -> None:
    answer = SocketModeResponse(envelope_id, json.loads(words) if words else None)
    try:
        await connection.send_socket_mode_response(answer)
    except (ConnectionError, aiohttp.ClientError) as error:
        # Slack delivers it again, by another connection, and it is known then.
        log.info("slack.socket_not_acknowledged", extra={"why": type(error).__name__})


class _Untold(logging.Filter):
    """Drops what we log ourselves, without a trace of the SDK's inner life."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Failed to connect")


def _logger() -> logging.Logger:
    """The SDK's log without the level at which it writes down what people say."""
    logger = logging.getLogger("nightdesk.slack.socket")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(_Untold())
    return logger
