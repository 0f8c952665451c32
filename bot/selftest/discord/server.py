"""The fake Discord's HTTP: the REST API, files, the gateway, and its own controls.

In an event loop: `async with FakeDiscord() as discord`. By itself it has JSON controls at
`/_/messages`, `/_/calls`, `/_/violations` (GET) and `/_/faults` (POST, a list of `Fault` fields).
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Self

from aiohttp import web

from bot.selftest.discord import rules
from bot.selftest.discord.content import Json, Posted
from bot.selftest.discord.gateway import Gateway
from bot.selftest.discord.limits import RateLimits
from bot.selftest.discord.methods import Methods
from bot.selftest.discord.names import TOKEN
from bot.selftest.discord.world import DiscordSays, World, refusal
from runtime.model.value import value

_NOTHING_DONE = frozenset({"rate", "status", "error", "garbage", "lost_request"})

Check = Callable[[str, Json], Iterable[str]]
"""Says what is wrong with a request: the method and path as Discord's specification has them, and
what it says."""


@value()
class Fault:
    """One request that goes wrong.

    Attributes:
        kind: `error` (refused with `status` and `code`), `status` (an HTTP status and no words of
            Discord's), `rate` (429), `garbage` (200 and no JSON), `lost_request` (cut before
            anything was done), `lost_answer` (done, then cut), `slow` (done, answered after
            `seconds`).
        method: which, `POST /channels/{channel_id}/messages`; empty for any.
    """

    kind: str
    method: str = ""
    status: int = 500
    code: int = 0
    retry_after: float = 7.0
    everywhere: bool = False
    seconds: float = 0.0


@value()
class Call:
    """A request as it came."""

    method: str
    path: str
    args: Json


class FakeDiscord(World):
    """The server. `url` is its REST API; what it finds wrong is in `violations`."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        token: str = TOKEN,
        heartbeat_ms: int = 41_250,
        checks: Iterable[Check] = (),
    ) -> None:
        """Be Discord.

        Args:
            now: the time, in seconds.
            token: the bot token that is good.
            heartbeat_ms: how often the gateway wants a sign of life.
            checks: further judges of each request.
        """
        super().__init__(now=now)
        self.token = token
        self.gateway = Gateway(self, token=token, heartbeat_ms=heartbeat_ms)
        self.limits = RateLimits(now)
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.files: dict[str, bytes] = {}
        self.port = 0
        self.heard = self._tell
        self._checks = tuple(checks)
        self._methods = Methods(self, self.gateway)
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._told: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self._teller: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback, on any free port unless one is given."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/attachments/{name}", self._file)
        app.router.add_get("/_/{what}", self._shown)
        app.router.add_post("/_/faults", self._add_faults)
        app.router.add_route("*", "/api/v10/{path:.*}", self._api)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = int(self._runner.addresses[0][1])
        self.gateway.url = f"ws://127.0.0.1:{self.port}/gateway"
        self._teller = asyncio.create_task(self._tell_all())

    async def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._teller is not None:
            self._teller.cancel()
            await asyncio.wait([self._teller])
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The address of the REST API."""
        return f"http://127.0.0.1:{self.port}/api/v10"

    def file_url(self, name: str, content: bytes) -> str:
        """Put a file there; its address."""
        self.files[name] = content
        return f"http://127.0.0.1:{self.port}/attachments/{name}"

    def called(self, method: str) -> list[Json]:
        """What each request to a method said."""
        return [call.args for call in self.calls if call.method == method]

    # ---- the gateway

    def _tell(self, kind: str, data: Json) -> None:
        self._told.put_nowait((kind, data))

    async def _tell_all(self) -> None:
        while True:
            kind, data = await self._told.get()
            await self.gateway.tell(kind, data)

    # ---- requests

    async def _api(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        found = self._methods.find(request.method, path)
        if found is None:
            self.violations.append(f"Discord has no {request.method} {path}")
            return _answer(404, {"code": 0, "message": "404: Not Found"})
        method, handle, ids = found
        args = await _arguments(request)
        self._judge(method, path, args)
        if not _open_to_all(path) and request.headers.get("Authorization") != f"Bot {self.token}":
            return _answer(401, {"code": 0, "message": "401: Unauthorized"})
        verdict = self.limits.ask(method, "/".join(ids[:1]))
        if verdict.wait > 0:
            return _slower(verdict.wait, verdict.headers, everywhere=verdict.everything)
        fault = self._next_fault(method)
        if fault is not None and fault.kind in _NOTHING_DONE:
            return _undone(request, fault)
        try:
            answer = handle(args, *ids)
            made = _answer(204 if answer is None else 200, answer, verdict.headers)
        except DiscordSays as says:
            made = _answer(*refusal(says), verdict.headers)
        if fault and fault.kind == "lost_answer":
            return _cut(request)
        if fault and fault.kind == "slow":
            await asyncio.wait([asyncio.create_task(self._stopping.wait())], timeout=fault.seconds)
        return made

    def _judge(self, method: str, path: str, args: Json) -> None:
        self.calls.append(Call(method, path, args))
        callback = method.endswith("/callback")
        self.violations.extend(rules.breaches("callback" if callback else method, args))
        for check in self._checks:
            self.violations.extend(check(method, args))

    def judge_answer(self, answer: Json) -> None:
        """Hold the answer to an interaction in an HTTP response to the rules of a callback."""
        self.violations.extend(rules.breaches("callback", answer))
        for check in self._checks:
            callback = "POST /interactions/{interaction_id}/{interaction_token}/callback"
            self.violations.extend(check(callback, answer))

    def _next_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {"", method}:
                self.faults.remove(fault)
                return fault
        return None

    # ---- files and controls

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["name"])
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content, content_type="application/octet-stream")

    async def _shown(self, request: web.Request) -> web.Response:
        match request.match_info["what"]:
            case "messages":
                return web.json_response([_plain(posted) for posted in self.messages])
            case "calls":
                return web.json_response([asdict(call) for call in self.calls])
            case "violations":
                return web.json_response([*self.violations, *self.gateway.problems])
            case _:
                raise web.HTTPNotFound

    async def _add_faults(self, request: web.Request) -> web.Response:
        self.faults.extend(Fault(**fault) for fault in await request.json())
        return web.json_response(len(self.faults))


def _plain(posted: Posted) -> Json:
    files = [name for name, _ in posted.files]
    return {**posted.json(), "seen_by": posted.seen_by, "edits": posted.edits, "files": files}


def _open_to_all(path: str) -> bool:
    """Whether the path has a secret of its own, or needs none."""
    return bool(re.match(r"/(webhooks|interactions)/", path))


async def _arguments(request: web.Request) -> Json:
    """What the request says; files under `files`, a bare list under `commands`."""
    if request.content_type.startswith("multipart/"):
        return await _with_files(request)
    body = await request.read()
    said = json.loads(body) if body else {}
    if isinstance(said, list):
        return {"commands": said}
    return {**dict(request.query), **said}


async def _with_files(request: web.Request) -> Json:
    form = await request.post()
    payload: Any = form["payload_json"]  # bytes, because its part has a type
    said: Json = json.loads(payload)
    said["files"] = [
        (field.filename, field.file.read())
        for name, field in form.items()
        if isinstance(field, web.FileField) and name.startswith("files[")
    ]
    return said


def _undone(request: web.Request, fault: Fault) -> web.Response:
    """The answer to a request of which nothing was done."""
    match fault.kind:
        case "rate":
            return _slower(fault.retry_after, {}, everywhere=fault.everywhere)
        case "status":
            return web.Response(status=fault.status, text="upstream", content_type="text/html")
        case "garbage":
            return web.Response(text="<hello>", content_type="text/html")
        case "error":
            return _answer(fault.status, {"code": fault.code, "message": "It was refused."})
        case _:
            return _cut(request)


def _slower(wait: float, headers: dict[str, str], *, everywhere: bool) -> web.Response:
    body = {"message": "You are being rate limited.", "retry_after": wait, "global": everywhere}
    scope = {"X-RateLimit-Scope": "global" if everywhere else "user"}
    return _answer(429, body, {**headers, **scope, "Retry-After": str(int(wait) + 1)})


def _answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> web.Response:
    if body is None:
        return web.Response(status=status, headers=headers)
    # discord.py compares the type with ==, so nothing may stand behind it.
    typed = {**(headers or {}), "Content-Type": "application/json"}
    return web.Response(status=status, body=json.dumps(body).encode(), headers=typed)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
