"""A server that speaks OpenAI's chat completions, answers by script and is strict about requests."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from runtime.model.tools import Json

JsonObject = dict[str, Json]


@dataclass(frozen=True)
class Says:
    """Stream these pieces of text, then the end, then the usage where there is one."""

    pieces: tuple[str, ...]
    usage: Mapping[str, Json] | None = field(
        default_factory=lambda: {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    )
    finish: str | None = "stop"


@dataclass(frozen=True)
class Calls:
    """Stream tool calls, each cut into the given deltas of `tool_calls`."""

    deltas: tuple[JsonObject, ...]
    finish: str = "tool_calls"


@dataclass(frozen=True)
class Refuses:
    """Answer with that status and error."""

    status: int
    error: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


class Hang:
    """Send nothing more, and keep the connection open."""


class Cut:
    """Close the connection in the middle of the body."""


@dataclass(frozen=True)
class Sends:
    """Send these bytes, hang or cut, under status 200."""

    parts: "tuple[Part, ...]"
    content_type: str = "text/event-stream"


Part = bytes | Hang | Cut
Reply = Says | Calls | Refuses | Sends


def event(delta: JsonObject, finish: str | None = None) -> bytes:
    """One chunk as a server-sent event."""
    choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": finish}
    return chunk({"choices": [choice]})


def call_delta(
    place: int = 0, *, id_: str | None = None, name: str | None = None, arguments: str = ""
) -> JsonObject:
    """One delta of a tool call; the first one has the id and the name."""
    function: JsonObject = {"arguments": arguments}
    delta: JsonObject = {"index": place, "function": function}
    if name is not None:
        function["name"] = name
    if id_ is not None:
        delta.update(id=id_, type="function")
    return delta


@dataclass(frozen=True)
class SeenRequest:
    """A request that came."""

    path: str
    body: JsonObject
    authorization: str


class FakeOpenAI:
    """The server.

    Attributes:
        asked: every request, in order.
        problems: what was wrong with them, by the provider's rules; a test expects none.
        abandoned: how many answers the client closed before their end.
        hanging: how many answers it goes on with no more.
    """

    def __init__(self) -> None:
        self.asked: list[SeenRequest] = []
        self.problems: list[str] = []
        self.abandoned = 0
        self.hanging = 0
        self.base_url = ""
        self._replies: list[Reply] = []
        self._otherwise: Callable[[FakeOpenAI], Reply] | None = None

    def will(self, *replies: Reply) -> None:
        """Answer the next requests like this, in order."""
        self._replies.extend(replies)

    def falls_back_to(self, reply: "Callable[[FakeOpenAI], Reply]") -> None:
        """Answer like this where nothing is left of `will`."""
        self._otherwise = reply

    @property
    def last(self) -> JsonObject:
        return self.asked[-1].body

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(SeenRequest(request.path, body, request.headers.get("Authorization", "")))
        self.problems.extend(problems_of(body))
        if self._replies or self._otherwise is None:
            reply = self._replies.pop(0)
        else:
            reply = self._otherwise(self)
        if isinstance(reply, Refuses):
            return web.json_response(
                {"error": reply.error}, status=reply.status, headers=dict(reply.headers)
            )
        sends = reply if isinstance(reply, Sends) else Sends(tuple(_events(reply)))
        response = web.StreamResponse(headers={"Content-Type": sends.content_type})
        await response.prepare(request)
        try:
            for part in sends.parts:
                self.hanging += isinstance(part, Hang)
                await _send(request, response, part)
        except (asyncio.CancelledError, ConnectionError):
            self.abandoned += 1
            self.hanging = 0
            raise
        return response


async def _send(request: web.Request, response: web.StreamResponse, part: Part) -> None:
    if isinstance(part, Hang):
        await asyncio.Event().wait()
    elif isinstance(part, Cut):
        assert request.transport is not None
        request.transport.close()
    else:
        await response.write(part)


@asynccontextmanager
async def fake_openai() -> AsyncIterator[FakeOpenAI]:
    """The server on a port of loopback, while the context lasts."""
    fake = FakeOpenAI()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", fake._handle)
    app.router.add_post("/elsewhere", fake._handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    fake.base_url = f"http://{host}:{port}/v1"
    try:
        yield fake
    finally:
        await runner.cleanup()


def problems_of(body: JsonObject) -> list[str]:
    """What the provider would refuse in the request."""
    found = []
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return ["no messages"]
    if body.get("stream") is not True:
        found.append("the request does not stream")
    if any(not isinstance(message, dict) for message in messages):
        return ["a message is no object"]
    listed = [message for message in messages if isinstance(message, dict)]
    found += _pairing(listed)
    found += [
        f"content is missing in {message}"
        for message in listed
        if not isinstance(message.get("content"), str)
    ]
    if [m for m in listed[1:] if m.get("role") == "system"]:
        found.append("a system message that is not the first")
    names = [str(_at(tool, "function", "name")) for tool in _list(body.get("tools"))]
    names += [
        str(_at(call, "function", "name"))
        for message in listed
        for call in _list(message.get("tool_calls"))
    ]
    found += [
        f"tool name {name!r}" for name in names if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)
    ]
    return found


def _pairing(messages: Sequence[JsonObject]) -> list[str]:
    """Every tool call has its result directly after it, and every result its call before it."""
    found: list[str] = []
    open_calls: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            call = str(message.get("tool_call_id"))
            if call in open_calls:
                open_calls.remove(call)
            else:
                found.append(f"a result without a call: {call}")
            continue
        found += [f"a call without a result: {call}" for call in open_calls]
        open_calls = [str(_at(call, "id")) for call in _list(message.get("tool_calls"))]
    return found + [f"a call without a result: {call}" for call in open_calls]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _at(value: Json, *path: str) -> Json:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _events(reply: Says | Calls) -> list[bytes]:
    events = [event({"role": "assistant", "content": ""})]
    usage: Mapping[str, Json] | None = {
        "prompt_tokens": 20,
        "completion_tokens": 8,
        "total_tokens": 28,
    }
    if isinstance(reply, Says):
        events += [event({"content": piece}) for piece in reply.pieces]
        usage = reply.usage
    else:
        events += [event({"tool_calls": [delta]}) for delta in reply.deltas]
    if reply.finish is not None:
        events.append(event({}, reply.finish))
    if usage is not None:
        events.append(chunk({"choices": [], "usage": dict(usage)}))
    return [*events, b"data: [DONE]\n\n"]


def chunk(content: JsonObject) -> bytes:
    """A chunk with that content as a server-sent event."""
    whole: JsonObject = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_767_600_000,
        "model": "fake-model-2026",
        **content,
    }
    return b"data: " + json.dumps(whole).encode() + b"\n\n"
