"""The fake Telegram's HTTP: the Bot API, files, the calls of a webhook, and its own controls.

In an event loop: `async with FakeTelegram() as telegram`. By itself it has JSON controls at
`/_/messages`, `/_/calls`, `/_/violations` (GET), `/_/say` and `/_/faults` (POST).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Self

import aiohttp
from aiohttp import web

from bot.selftest.telegram import rules
from bot.selftest.telegram.limits import Flood
from bot.selftest.telegram.methods import Says, perform
from bot.selftest.telegram.names import TOKEN
from bot.selftest.telegram.sender import Sender
from bot.selftest.telegram.world import Fields, World
from runtime.model.value import value

_COUNTED = frozenset(
    {"sendMessage", "sendDocument", "sendPhoto", "editMessageText", "editMessageCaption"}
)
_NOTHING_DONE = frozenset({"rate", "status", "garbage", "lost_request", "error"})
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"

Check = Callable[[str, Fields], Iterable[str]]
"""Says what is wrong with a call: the method and its parameters."""


@value()
class Fault:
    """One call that goes wrong.

    Attributes:
        kind: `rate` (429), `status` (an HTTP status without a body of Telegram's), `error`
            (Telegram's words in `error`), `garbage` (200 and no answer of Telegram's),
            `lost_request` (cut before anything was done), `lost_answer` (done, then cut).
        method: which method; empty for any.
    """

    kind: str
    method: str = ""
    error: str = "Bad Request: made up"
    status: int = 502
    retry_after: int = 7


@value()
class Call:
    """A request as it came."""

    method: str
    fields: Fields


class FakeTelegram:
    """The server. `url` is its Bot API; what it finds wrong is in `violations`."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        token: str = TOKEN,
        checks: Iterable[Check] = (),
        patience: float = 0.05,
    ) -> None:
        """Be Telegram.

        Args:
            now: the time, in seconds.
            token: the token that is good.
            checks: further judges of each call.
            patience: seconds after which a poll that nothing answers is answered with nothing,
                whatever it asked for, so that tests need not wait.
        """
        self.world = World(now)
        self.token = token
        self.flood = Flood(now)
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.deaf = False
        self._found: list[str] = []
        self._checks = tuple(checks)
        self._patience = patience
        self._news = asyncio.Condition()
        self._poll: asyncio.Event | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.send = Sender(self.world)

    @property
    def violations(self) -> list[str]:
        """What was wrong with what came."""
        return [*self._found, *self.flood.breaches]

    def called(self, method: str) -> list[Fields]:
        """The parameters of each call of the method, in order."""
        return [call.fields for call in self.calls if call.method == method]

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        await self.listen(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.close()

    async def listen(self, port: int) -> None:
        """Listen on that port of loopback."""
        app = web.Application(client_max_size=64_000_000)
        app.router.add_post("/bot{token}/{method}", self._answer)
        app.router.add_get("/file/bot{token}/{path:.*}", self._give)
        app.router.add_get("/_/{what}", self._tell)
        app.router.add_post("/_/{what}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening."""
        if self._poll is not None:
            self._poll.set()
        await self.tell()
        if self._runner is not None:
            await self._runner.cleanup()

    async def tell(self) -> None:
        """Wake a poll that waits: something happened."""
        async with self._news:
            self._news.notify_all()

    # ---- the webhook

    async def post_updates(self, base: str = "", *, repeats: int = 1) -> list[int]:
        """Post what waits to the webhook, each until it is taken; the statuses, in order.

        Args:
            base: another address than the one that was set, its path included.
            repeats: how often each is posted though it was taken.
        """
        statuses = []
        async with aiohttp.ClientSession() as session:
            while self.world.updates:
                update = self.world.updates[0]
                statuses += [await self._post(session, base, update) for _ in range(repeats)]
                if not 200 <= statuses[-1] < 300:
                    break
                self.world.updates.popleft()
        return statuses

    async def _post(self, session: aiohttp.ClientSession, base: str, update: Fields) -> int:
        hook = self.world.webhook
        headers = {SECRET_HEADER: hook.secret}
        async with session.post(base or hook.url, json=update, headers=headers) as response:
            body = await response.read()
        if 200 <= response.status < 300:
            self._perform_answer(body)
        else:
            hook.failed_at = self.world.now()
            hook.failure = f"Wrong response from the webhook: {response.status}"
        return response.status

    def _perform_answer(self, body: bytes) -> None:
        """The answer to a webhook may be a call of a method."""
        if not body:
            return
        fields = json.loads(body)
        method = fields.pop("method")
        self._judge(method, fields)
        self.calls.append(Call(method, fields))
        try:
            perform(self.world, method, fields)
        except Says:
            return  # Telegram tells nobody

    # ---- the Bot API

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method, fields = request.match_info["method"], await _fields(request)
        if request.match_info["token"] != self.token:
            return _refusal(Says(401, "Unauthorized"))
        self._judge(method, fields)
        self.calls.append(Call(method, fields))
        fault = self._fault(method)
        if fault is not None and fault.kind in _NOTHING_DONE:
            return self._failed(request, fault, fields)
        try:
            if method in _COUNTED:
                self._count(fields)
            result = (
                await self._updates(fields)
                if method == "getUpdates"
                else perform(self.world, method, fields)
            )
        except Says as says:
            return _refusal(says)
        except KeyError:
            return _refusal(Says(404, "Not Found"))
        if fault is not None:
            return _cut(request)
        return web.json_response({"ok": True, "result": result})

    def _judge(self, method: str, fields: Fields) -> None:
        given = {name: value for name, value in fields.items() if name != "_name"}
        found = [*rules.breaches(method, given)]
        found += [words for check in self._checks for words in check(method, given)]
        self._found += [f"{method}: {words}" for words in found]

    def _count(self, fields: Fields) -> None:
        wait = self.flood.take(fields["chat_id"])
        if wait:
            raise Says(429, f"Too Many Requests: retry after {wait}", retry_after=wait)

    def _fault(self, method: str) -> Fault | None:
        found = next((f for f in self.faults if f.method in {"", method}), None)
        if found is not None:
            self.faults.remove(found)
        return found

    def _failed(self, request: web.Request, fault: Fault, fields: Fields) -> web.StreamResponse:
        match fault.kind:
            case "rate":
                self.flood.ban(int(fields.get("chat_id") or 0), fault.retry_after)
                words = f"Too Many Requests: retry after {fault.retry_after}"
                return _refusal(Says(429, words, retry_after=fault.retry_after))
            case "error":
                return _refusal(Says(fault.status, fault.error))
            case "garbage":
                return web.Response(text="<html>a proxy</html>", content_type="text/html")
            case "lost_request":
                return _cut(request)
            case _:
                return web.Response(status=fault.status, text="upstream")

    async def _updates(self, fields: Fields) -> list[Fields]:
        if self.world.webhook.url:
            raise Says(409, "Conflict: can't use getUpdates method while webhook is active")
        if self._poll is not None:
            self._poll.set()  # whoever asked before is told to go
        mine = self._poll = asyncio.Event()
        offset = fields.get("offset") or 0
        waiting = self.world.updates
        # An offset from before Telegram began to count anew lies in the future: it tells nothing.
        if waiting and offset <= waiting[-1]["update_id"] + 1:
            while waiting and waiting[0]["update_id"] < offset:
                waiting.popleft()
        try:
            await self._wait(fields.get("timeout") or 0, mine)
            if mine.is_set():
                raise Says(
                    409, "Conflict: terminated by other getUpdates request; make sure that only one"
                )
        finally:
            if self._poll is mine:
                self._poll = None
        wanted = fields.get("allowed_updates") or []
        kinds = [u for u in waiting if not wanted or any(kind in wanted for kind in u)]
        return [] if self.deaf else kinds[: fields.get("limit") or 100]

    async def _wait(self, seconds: int, gone: asyncio.Event) -> None:
        async with self._news:
            try:
                async with asyncio.timeout(min(seconds, self._patience)):
                    await self._news.wait_for(
                        lambda: (bool(self.world.updates) and not self.deaf) or gone.is_set()
                    )
            except TimeoutError:
                return

    async def _give(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"].removeprefix("documents/").removesuffix(".bin")
        if request.match_info["token"] != self.token or name not in self.world.files:
            return web.Response(status=404)
        return web.Response(body=self.world.files[name])

    # ---- controls of a server by itself

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        match request.match_info["what"]:
            case "messages":
                shown = [asdict(p) | {"content": len(p.content)} for p in self.world.posted]
                return web.json_response(shown)
            case "calls":
                return web.json_response([call.method for call in self.calls])
            case "violations":
                return web.json_response(self.violations)
            case _:
                return web.Response(status=404)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        given = await request.json()
        match request.match_info["what"]:
            case "faults":
                self.faults += [Fault(**fields) for fields in given]
            case "say":
                said = self.send.message(**given)
                await self.tell()
                return web.json_response(said)
            case _:
                return web.Response(status=404)
        return web.json_response({})


async def _fields(request: web.Request) -> Fields:
    """The parameters: JSON, or a form, in which all is text and perhaps a file."""
    if request.content_type == "application/json":
        found = await request.json()
        return dict(found)
    _, types = rules.METHODS.get(request.match_info["method"], (frozenset(), {}))
    fields: Fields = {}
    for name, given in (await request.post()).items():
        if isinstance(given, web.FileField):
            fields |= {name: given.file.read(), "_name": given.filename}
        else:
            text = str(given)
            fields[name] = text if types.get(name, str) is str else _decoded(text)
    return fields


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refusal(says: Says) -> web.Response:
    body: dict[str, Any] = {
        "ok": False,
        "error_code": says.status,
        "description": str(says),
    }
    if says.parameters:
        body["parameters"] = says.parameters
    return web.json_response(body, status=says.status)


def _cut(request: web.Request) -> web.StreamResponse:
    """Break the line off without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
