"""What Anthropic is told of the part of a prompt that it can cache, and what it says of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from adapters.models.catalogue import ModelConfig, describe
from adapters.models.fuse import Fuse
from adapters.models.litellm import LiteLLMModel
from runtime.model.completion import Usage
from runtime.model.tools import Json
from tests.support.clock import ManualClock
from tests.support.models import TOOLS, answered, finished_of, request

NAME = "anthropic/claude-sonnet-4-5"
MARK = {"type": "ephemeral"}
_EVENTS = (
    (
        b'{"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", '
        b'"model": "claude", "content": [], "stop_reason": null, "usage": {"input_tokens": 10, '
        b'"cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000, "output_tokens": 1}}}'
    ),
    b'{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}',
    b'{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}}',
    b'{"type": "content_block_stop", "index": 0}',
    (
        b'{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, '
        b'"usage": {"output_tokens": 7}}'
    ),
    b'{"type": "message_stop"}',
)


@dataclass
class FakeAnthropic:
    """A server that speaks Anthropic's messages, and keeps what it was asked."""

    asked: list[dict[str, Json]] = field(default_factory=list)
    url: str = ""

    async def answer(self, asked: web.Request) -> web.StreamResponse:
        self.asked.append(await asked.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(asked)
        for event in _EVENTS:
            kind = event.split(b'"')[3]
            await response.write(b"event: " + kind + b"\ndata: " + event + b"\n\n")
        return response


@asynccontextmanager
async def _fake() -> AsyncIterator[FakeAnthropic]:
    fake = FakeAnthropic()
    app = web.Application()
    app.router.add_post("/v1/messages", fake.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


async def _asked(clock: ManualClock, *, prompt_cache: bool) -> tuple[dict[str, Json], Usage]:
    async with _fake() as fake:
        config = ModelConfig(name="m", model=NAME, base_url=fake.url, api_key="sk-made-up")
        model = LiteLLMModel(
            replace(describe(config), prompt_cache=prompt_cache),
            NAME,
            api_key=config.api_key,
            base_url=fake.url,
            timeout=60.0,
            idle_timeout=60.0,
            clock=clock,
            fuse=Fuse(allow_spending=False),
        )
        asked = request("hello", answered("Hello."), "and now?", tools=TOOLS)
        finished = await finished_of(model, asked)
        await model.aclose()
        return fake.asked[0], finished.usage


async def test_the_beginning_is_marked_and_what_came_of_it_is_counted(clock: ManualClock) -> None:
    body, usage = await _asked(clock, prompt_cache=True)
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    messages = body["messages"]
    assert isinstance(messages, list)
    assert "cache_control" in str(messages[-1])
    assert "cache_control" not in str(messages[:-1])
    assert usage == Usage(3_210, 7, cached_tokens=3_000, cache_write_tokens=200)


async def test_without_a_word_in_the_catalogue_nothing_is_marked(clock: ManualClock) -> None:
    body, _ = await _asked(clock, prompt_cache=False)
    assert "cache_control" not in str(body)
