"""The fake Slack's HTTP: the Web API, answer addresses, files, Socket Mode, and its own controls.

In an event loop: `async with FakeSlack() as slack`. By itself it has JSON controls at
`/_/messages`, `/_/calls`, `/_/violations` (GET) and `/_/faults` (POST, a list of `Fault` fields).
"""

import asyncio
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Self

from aiohttp import web

from bot.selftest.slack import rules
from bot.selftest.slack.names import APP_TOKEN, SCOPES, TOKEN
from bot.selftest.slack.sockets import Sockets
from bot.selftest.slack.workspace import Answer, SlackSays, Workspace
from runtime.model.value import value

ANSWERS = 5
"""How often Slack takes an answer at the address of one command."""
_MESSAGES = frozenset({"chat.postMessage", "chat.postEphemeral", "chat.update"})
"""The methods that Slack limits by the channel."""
_NOTHING_DONE = frozenset({"rate", "status", "error", "garbage", "lost_request"})

Check = Callable[[str, rules.Args, bool], Iterable[str]]
"""Says what is wrong with a call: the method, its arguments, whether they came as text."""


@value()
class Fault:
    """One call that goes wrong.

    Attributes:
        method: which method; empty for any.
        kind: `error` (Slack's word in `error`), `status` (an HTTP status), `rate` (429),
            `garbage` (200, of the content type in `error`, and no answer of Slack's),
            `lost_request` (cut before anything was done), `lost_answer` (done, then cut),
            `slow` (done, answered after `seconds`).
    """

    kind: str
    method: str = ""
    error: str = ""
    status: int = 500
    retry_after: int = 7
    seconds: float = 0.0


@value()
class MessageRates:
    """How fast messages are taken; some more at once, where the channel was quiet before.

    https://docs.slack.dev/apis/web-api/rate-limits

    Attributes:
        per_channel: messages a second in one channel.
        overall: messages a second in the workspace.
        burst: messages in one channel at once.
    """

    per_channel: float = 1.0
    overall: float = 50.0
    burst: float = 4.0


@value()
class Call:
    """A request as it came."""

    method: str
    args: dict[str, Any]


class FakeSlack(Workspace):
    """The server. `url` is its Web API; what it finds wrong is in `violations`."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        token: str = TOKEN,
        scopes: str = SCOPES,
        app_token: str = APP_TOKEN,
        limits: MessageRates | None = None,
        checks: Iterable[Check] = (),
    ) -> None:
        """Be a workspace.

        Args:
            now: the time, in seconds.
            token: the bot token that is good.
            scopes: what it allows.
            app_token: the app-level token that is good.
            limits: how fast messages are taken; None for as fast as they come.
            checks: further judges of each call.
        """
        super().__init__(now=now, scopes=scopes)
        self.token = token
        self.app_token = app_token
        self.sockets = Sockets(now)
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.answered: defaultdict[str, int] = defaultdict(int)
        self.port = 0
        self.refused = 0
        """How many calls came too fast."""
        self._limits = limits
        self._buckets: dict[str, tuple[float, float]] = {}
        self._checks = tuple(checks)
        self._peers: set[object] = set()
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._methods = self.methods()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback, on any free port unless one is given."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{id}", self._response_url)
        app.router.add_post("/upload/{id}", self._uploaded)
        app.router.add_get("/files/{id}", self._download)
        app.router.add_get("/link", self.sockets.serve)
        app.router.add_get("/_/{what}", self._shown)
        app.router.add_post("/_/faults", self._add_faults)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = int(self._runner.addresses[0][1])
        self.base = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address of the Web API."""
        return f"{self.base}/api/"

    @property
    def connections(self) -> int:
        """How many connections the calls came over."""
        return len(self._peers)

    def response_url(self, name: str = "one") -> str:
        """An address for the answer to a command; it takes five answers."""
        return f"{self.base}/response/{name}"

    def file_url(self, file: str) -> str:
        """Where the bytes of a file are, for who has the token."""
        return f"{self.base}/files/{file}"

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method."""
        return [call.args for call in self.calls if call.method == method]

    # ---- requests

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self._peers.add(request.transport and request.transport.get_extra_info("peername"))
        args, form = await _arguments(request)
        self._judge(method, args, form=form)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if method == "apps.connections.open":
            return await self._with_fault(request, method, args, allowed=bearer == self.app_token)
        return await self._with_fault(request, method, args, allowed=bearer == self.token)

    def _judge(self, method: str, args: dict[str, Any], *, form: bool) -> None:
        self.calls.append(Call(method, args))
        self.violations.extend(rules.breaches(method, args, form=form))
        for check in self._checks:
            self.violations.extend(check(method, args, form))

    async def _with_fault(
        self, request: web.Request, method: str, args: dict[str, Any], *, allowed: bool
    ) -> web.StreamResponse:
        if not allowed:
            return _no("invalid_auth")
        fault = self._too_fast(method, args) or self._next_fault(method)
        if fault is not None and fault.kind in _NOTHING_DONE:
            return _undone(request, fault)
        answer = self._done(method, args)
        if fault and fault.kind == "lost_answer":
            return _cut(request)
        if fault and fault.kind == "slow":
            await _first(self._stopping.wait(), asyncio.sleep(fault.seconds))
        return answer

    def _done(self, method: str, args: dict[str, Any]) -> web.Response:
        try:
            answer = self._do(method, args)
        except SlackSays as error:
            return _no(str(error))
        return web.json_response({"ok": True, **answer}, headers={"x-oauth-scopes": self.scopes})

    def _do(self, method: str, args: dict[str, Any]) -> Answer:
        if method == "apps.connections.open":
            return {"url": f"ws://127.0.0.1:{self.port}/link?ticket={self.sockets.ticket()}"}
        if method not in self._methods:
            raise SlackSays("unknown_method")
        return self._methods[method](args)

    def _too_fast(self, method: str, args: dict[str, Any]) -> Fault | None:
        """A refusal where the channel, or all of them, get more messages than Slack takes."""
        if self._limits is None or method not in _MESSAGES:
            return None
        waits = [
            self._wait(str(args.get("channel")), self._limits.per_channel, self._limits.burst),
            self._wait("", self._limits.overall, self._limits.overall),
        ]
        if max(waits) <= 0:
            return None
        self.refused += 1
        return Fault("rate", retry_after=max(1, math.ceil(max(waits))))

    def _wait(self, bucket: str, rate: float, burst: float) -> float:
        """Take one from a bucket that fills at that rate; how long it is empty still, else 0."""
        now = self.now()
        left, at = self._buckets.get(bucket, (burst, now))
        left = min(burst, left + (now - at) * rate)
        if left < 1:
            self._buckets[bucket] = left, now
            return (1 - left) / rate
        self._buckets[bucket] = left - 1, now
        return 0.0

    def _next_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {"", method}:
                self.faults.remove(fault)
                return fault
        return None

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        args = await request.json()
        self._judge("response_url", args, form=False)
        fault = self._next_fault("response_url")
        if fault and fault.kind == "lost_request":
            return _cut(request)
        if fault and fault.kind == "rate":
            return _undone(request, fault)
        if fault and fault.kind != "lost_answer":
            return web.Response(status=fault.status)
        self.answered[name] += 1
        if self.answered[name] > ANSWERS:
            return web.Response(status=404, text="used_url")
        private = args.get("response_type", "ephemeral") == "ephemeral"
        self.keep(args, channel=f"response:{name}", only_for="the person" if private else None)
        if fault and fault.kind == "lost_answer":
            return _cut(request)
        return web.Response(text="ok")

    async def _uploaded(self, request: web.Request) -> web.Response:
        upload = self.files.get(request.match_info["id"])
        data = await request.read()
        if upload is None or len(data) != upload.length:
            return web.Response(status=400)
        upload.data = data
        return web.Response(text=f"OK - {len(data)}")

    async def _download(self, request: web.Request) -> web.Response:
        upload = self.files.get(request.match_info["id"])
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            # Slack shows its sign-in page, with a status that says all is well.
            return web.Response(text="<!DOCTYPE html><html>", content_type="text/html")
        if upload is None or upload.data is None:
            return web.Response(status=404)
        return web.Response(body=upload.data, content_type="application/octet-stream")

    # ---- control

    async def _shown(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if what == "messages":
            return web.json_response([{**asdict(m), "id": m.id} for m in self.messages])
        if what == "calls":
            return web.json_response([asdict(call) for call in self.calls])
        if what == "violations":
            return web.json_response(self.violations)
        raise web.HTTPNotFound

    async def _add_faults(self, request: web.Request) -> web.Response:
        self.faults.extend(Fault(**fault) for fault in await request.json())
        return web.json_response(len(self.faults))


async def _arguments(request: web.Request) -> tuple[dict[str, Any], bool]:
    """The arguments, and whether they came as text, from a query or a form."""
    if request.content_type == "application/json":
        body: dict[str, Any] = await request.json()
        return {**request.query, **body}, False
    form = await request.post()
    args: dict[str, Any] = {**request.query, **{name: str(v) for name, v in form.items()}}
    for name in ("blocks", "metadata", "files"):
        if name in args:
            args[name] = json.loads(args[name])
    return args, True


async def _first(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _undone(request: web.Request, fault: Fault) -> web.Response:
    """The answer to a call of which nothing was done."""
    if fault.kind == "rate":
        headers = {"Retry-After": str(fault.retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    if fault.kind == "status":
        return web.Response(status=fault.status, text="upstream", content_type="text/html")
    if fault.kind == "garbage":
        return web.Response(text="<hello>", content_type=fault.error)
    return _no(fault.error) if fault.kind == "error" else _cut(request)


def _no(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
