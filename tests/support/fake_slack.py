"""A strict Slack on loopback: it keeps channels, threads, streams and metadata, and names every breach.

In a test it lives in the event loop (`async with FakeSlack() as slack`). For suites that kill the
program it runs by itself: `python -m tests.support.fake_slack --port 8123`, with a JSON control at
`/_/messages`, `/_/calls`, `/_/violations` (GET) and `/_/faults` (POST, a list of `Fault` fields).
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.support import fake_slack_rules as rules

TEAM = "T0TEAM"
BOT = "U0BOT"
APP = "A0APP"
TOKEN = "xoxb-test-token"
CHANNEL = "C0OPS"
DIRECT = "D0ADA"
SCOPES = "app_mentions:read,assistant:write,channels:history,chat:write,commands,im:write"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came."""

    method: str
    args: dict[str, Any]


@dataclass(slots=True)
class Posted:
    """A message that the fake keeps."""

    channel: str
    ts: str
    text: str = ""
    markdown: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None
    streaming: bool = False
    only_for: str | None = None
    user: str = BOT

    @property
    def id(self) -> str | None:
        """The outbox id that it carries."""
        payload: dict[str, str] = (self.metadata or {}).get("event_payload", {})
        return payload.get("id")

    def json(self, *, metadata: bool) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": self.text,
        }
        if self.thread_ts:
            found["thread_ts"] = self.thread_ts
        if metadata and self.metadata:
            found["metadata"] = self.metadata
        return found


class SlackSays(Exception):
    """An answer of `ok: false`."""


Method = Callable[[dict[str, Any]], dict[str, Any]]


class FakeSlack:
    """The server. `url` is its Web API."""

    def __init__(
        self, *, now: Callable[[], float] = time.time, token: str = TOKEN, scopes: str = SCOPES
    ) -> None:
        self.now = now
        self.token = token
        self.scopes = scopes
        self.channels: set[str] = {CHANNEL, DIRECT}
        self.archived: set[str] = set()
        self.absent: set[str] = set()
        self.streams_in: Callable[[str], bool] = lambda _channel: True
        self.messages: list[Posted] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.statuses: dict[tuple[str, str], str] = {}
        self.answered: defaultdict[str, int] = defaultdict(int)
        self.port = 0
        self._peers: set[object] = set()
        self._last = 0
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._methods: dict[str, Method] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.open": self._open,
            "conversations.info": self._info,
            "assistant.threads.setStatus": self._set_status,
        }

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{id}", self._response_url)
        app.router.add_get("/_/{what}", self._shown)
        app.router.add_post("/_/faults", self._add_faults)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def connections(self) -> int:
        """How many connections the calls came over."""
        return len(self._peers)

    def response_url(self, name: str = "one") -> str:
        """An address for the answer to a command; it takes five answers."""
        return f"http://127.0.0.1:{self.port}/response/{name}"

    def say(self, text: str, *, channel: str = CHANNEL, thread_ts: str | None = None) -> Posted:
        """A person writes."""
        posted = Posted(channel, self.next_ts(), text, thread_ts=thread_ts, user="U0ADA")
        self.messages.append(posted)
        return posted

    def next_ts(self) -> str:
        self._last = max(self._last + 1, int(self.now() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def visible(self, channel: str | None = None) -> list[Posted]:
        """What the bot has posted, oldest first."""
        return [m for m in self.messages if m.user == BOT and channel in {None, m.channel}]

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of each call of a method."""
        return [call.args for call in self.calls if call.method == method]

    # --------------------------------------------------------------------------- requests

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self._peers.add(request.transport and request.transport.get_extra_info("peername"))
        args, form = await _arguments(request)
        self.calls.append(Call(method, args))
        self.violations.extend(rules.breaches(method, args, form=form))
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _no("invalid_auth")
        return await self._with_fault(request, method, args)

    async def _with_fault(
        self, request: web.Request, method: str, args: dict[str, Any]
    ) -> web.StreamResponse:
        fault = self._next_fault(method)
        if fault is not None and fault.kind in {
            "rate",
            "status",
            "error",
            "garbage",
            "lost_request",
        }:
            return _undone(request, fault)
        answer = self._done(method, args)
        if fault and fault.kind == "lost_answer":
            return _cut(request)
        if fault and fault.kind == "slow":
            await _first(self._stopping.wait(), asyncio.sleep(fault.seconds))
        return answer

    def _done(self, method: str, args: dict[str, Any]) -> web.Response:
        try:
            answer = self._methods[method](args) if method in self._methods else None
        except SlackSays as error:
            return _no(str(error))
        if answer is None:
            return _no("unknown_method")
        return web.json_response({"ok": True, **answer}, headers={"x-oauth-scopes": self.scopes})

    def _next_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {"", method}:
                self.faults.remove(fault)
                return fault
        return None

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["id"]
        args = await request.json()
        self.calls.append(Call("response_url", args))
        self.violations.extend(rules.breaches("response_url", args, form=False))
        fault = self._next_fault("response_url")
        if fault and fault.kind == "lost_request":
            return _cut(request)
        if fault:
            return web.Response(status=fault.status)
        self.answered[name] += 1
        if self.answered[name] > 5:
            return web.Response(status=404, text="used_url")
        private = args.get("response_type", "ephemeral") == "ephemeral"
        self._keep(args, channel=f"response:{name}", only_for="the person" if private else None)
        if fault and fault.kind == "lost_answer":
            return _cut(request)
        return web.Response(text="ok")

    # ---------------------------------------------------------------------------- methods

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "user_id": BOT,
            "team_id": TEAM,
            "bot_id": "B0BOT",
            "url": "https://example.slack.com/",
        }

    def _post(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        self._fit(args)
        posted = self._keep(args)
        return {"channel": posted.channel, "ts": posted.ts, "message": posted.json(metadata=True)}

    def _post_ephemeral(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        self._fit(args)
        return {"message_ts": self._keep(args, only_for=args["user"]).ts}

    def _update(self, args: dict[str, Any]) -> dict[str, Any]:
        posted = self._own(args)
        if posted.streaming:
            raise SlackSays("streaming_state_conflict")
        self._fit(args)
        posted.text = args.get("text", posted.text)
        posted.blocks = args.get("blocks", posted.blocks)
        posted.markdown = "\n".join(rules.markdown_of(args))
        posted.metadata = args.get("metadata", posted.metadata)
        return {"channel": posted.channel, "ts": posted.ts, "text": posted.text}

    def _start_stream(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        if not self.streams_in(args["channel"]):
            raise SlackSays("channel_type_not_supported")
        if not args.get("thread_ts"):
            raise SlackSays("invalid_thread_ts")
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args["channel"].startswith("D") and not args.get(name):
                raise SlackSays(f"missing_{name}")
        posted = self._keep(args)
        posted.streaming = True
        return {"channel": posted.channel, "ts": posted.ts}

    def _append_stream(self, args: dict[str, Any]) -> dict[str, Any]:
        posted = self._stream(args)
        posted.markdown += args.get("markdown_text", "")
        return {"channel": posted.channel, "ts": posted.ts}

    def _stop_stream(self, args: dict[str, Any]) -> dict[str, Any]:
        posted = self._stream(args)
        posted.markdown += args.get("markdown_text", "")
        posted.blocks = args.get("blocks", [])
        posted.metadata = args.get("metadata", posted.metadata)
        posted.streaming = False
        return {"channel": posted.channel, "ts": posted.ts}

    def _history(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        tops = [m for m in self.messages if m.thread_ts in {None, m.ts}]
        return self._listed(args, list(reversed(tops)))

    def _replies(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        thread = [m for m in self.messages if args["ts"] in {m.ts, m.thread_ts}]
        if not thread:
            raise SlackSays("thread_not_found")
        return self._listed(args, thread)

    def _listed(self, args: dict[str, Any], messages: list[Posted]) -> dict[str, Any]:
        oldest, latest = float(args.get("oldest", 0)), float(args.get("latest", "inf"))
        found = [
            m.json(metadata=args.get("include_all_metadata") == "1")
            for m in messages
            if m.channel == args["channel"] and m.only_for is None
            if oldest <= float(m.ts) <= latest
        ]
        at, size = int(args.get("cursor") or 0), int(args.get("limit", 100))
        more = str(at + size) if at + size < len(found) else ""
        return {"messages": found[at : at + size], "response_metadata": {"next_cursor": more}}

    def _open(self, args: dict[str, Any]) -> dict[str, Any]:
        if not args["users"].startswith("U"):
            raise SlackSays("user_not_found")
        channel = "D" + args["users"][1:]
        self.channels.add(channel)
        return {"channel": {"id": channel}}

    def _info(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel"])
        return {"channel": {"id": args["channel"], "is_member": True}}

    def _set_status(self, args: dict[str, Any]) -> dict[str, Any]:
        self._enter(args["channel_id"])
        self.statuses[args["channel_id"], args["thread_ts"]] = args["status"]
        return {}

    # ------------------------------------------------------------------------------ state

    def _enter(self, channel: str) -> None:
        if channel not in self.channels:
            raise SlackSays("channel_not_found")
        if channel in self.archived:
            raise SlackSays("is_archived")
        if channel in self.absent:
            raise SlackSays("not_in_channel")

    def _fit(self, args: dict[str, Any]) -> None:
        if sum(map(len, rules.markdown_of(args))) > 12_000 or len(args.get("text", "")) > 40_000:
            raise SlackSays("msg_too_long")

    def _keep(
        self, args: dict[str, Any], *, channel: str | None = None, only_for: str | None = None
    ) -> Posted:
        posted = Posted(
            channel or args["channel"],
            self.next_ts(),
            args.get("text", ""),
            "\n".join(rules.markdown_of(args)),
            args.get("blocks", []),
            args.get("thread_ts"),
            args.get("metadata"),
            only_for=only_for,
        )
        self.messages.append(posted)
        return posted

    def _own(self, args: dict[str, Any]) -> Posted:
        self._enter(args["channel"])
        for posted in self.messages:
            if (posted.channel, posted.ts) == (args["channel"], args["ts"]):
                if posted.user != BOT:
                    raise SlackSays("cant_update_message")
                return posted
        raise SlackSays("message_not_found")

    def _stream(self, args: dict[str, Any]) -> Posted:
        posted = self._own(args)
        if not posted.streaming:
            raise SlackSays("message_not_in_streaming_state")
        if len(posted.markdown) + len(args.get("markdown_text", "")) > 12_000:
            raise SlackSays("msg_too_long")
        return posted

    # ---------------------------------------------------------------------------- control

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
    args = {**request.query, **{name: str(value) for name, value in form.items()}}
    for name in ("blocks", "metadata"):
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


async def _main(port: int, channels: list[str]) -> None:
    slack = FakeSlack()
    slack.channels.update(channels)
    await slack.start(port)
    print(slack.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="A fake Slack for the crash suite.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--channel", action="append", default=[], help="more channels to know")
    given = options.parse_args()
    asyncio.run(_main(given.port, given.channel))
