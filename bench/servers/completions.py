"""A server that streams completions from memory, one small write for each piece."""

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from bench.child import live, obey, say
from bench.machine import LOAD_CORE

_PAUSE = 0.002
"""Seconds between two pieces: a model takes longer, and without it several arrive as one."""
_PIECE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767600000,'
    b'"model":"m","choices":[{"index":0,"delta":{"content":" word %d"},"finish_reason":null}]}\n\n'
)
"""Numbered, because LiteLLM, left as it is, takes a hundred equal ones for a model gone mad."""
_END = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767600000,'
    b'"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767600000,'
    b'"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9,'
    b'"total_tokens":18}}\n\ndata: [DONE]\n\n'
)


async def _complete(request: web.Request) -> web.StreamResponse:
    """Stream as many pieces as the model's name says."""
    asked = await request.json()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    last = int(asked["model"])
    for number in range(1, last):
        await response.write(_PIECE % number)
        await asyncio.sleep(_PAUSE)
    await response.write(_PIECE % last + _END)
    return response


async def _live(_arguments: Sequence[str]) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")

    async def nothing(_: msgspec.Raw) -> object:
        return None

    await obey({"nothing": nothing})
    await runner.cleanup()


if __name__ == "__main__":
    live(_live, core=LOAD_CORE)
