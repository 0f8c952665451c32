"""How long a model is waited for: what counts as a sign of life, and when it is enough."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from aiohttp import web

from adapters.models.deadline import LONGEST_CALL
from adapters.models.factory import Client, ModelConfig, OpenModel
from runtime.errors import ModelError, ModelTimeout
from runtime.model.completion import Finished
from runtime.money.spending import HELD_FOR
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually
from tests.support.fake_openai import chunk, event
from tests.support.models import finished_of, request
from tests.support.opened import opened

PING = b": ping\n\n"
THOUGHT = event({"reasoning_content": "Let me see."})
THOUGHT_ELSEWHERE = event({"reasoning": "Let me see."})
WORD = event({"content": "Hello."})
STOP = event({}, "stop") + b"data: [DONE]\n\n"
TIMEOUT = 60.0


class DrippingServer:
    """Sends one piece whenever it is told to, and tells whether its listener has gone."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.asked = False
        self.sent = 0
        self.base_url = ""

    async def send(self, piece: bytes) -> None:
        """Send it; returns once it is on its way."""
        before = self.sent
        self._pieces.put_nowait(piece)
        await eventually(lambda: self.sent > before, "the piece")
        await settle(100)

    async def handle(self, asked: web.Request) -> web.StreamResponse:
        await asked.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(asked)
        self.asked = True
        piece = b""
        while piece != STOP:
            piece = await self._pieces.get()
            await response.write(piece)
            self.sent += 1
        return response


@pytest.fixture
async def server() -> AsyncIterator[DrippingServer]:
    dripping, app = DrippingServer(), web.Application()
    app.router.add_post("/v1/chat/completions", dripping.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    dripping.base_url = f"http://{host}:{port}/v1"
    yield dripping
    await runner.cleanup()


@pytest.fixture(params=Client)
async def model(
    server: DrippingServer, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[OpenModel]:
    config = ModelConfig(
        name="m",
        model="openai/m",
        base_url=server.base_url,
        timeout_seconds=TIMEOUT,
        client=request.param,
    )
    async with opened(config, clock) as made:
        yield made


async def _end_of(model: OpenModel) -> Finished | ModelError:
    try:
        return await finished_of(model, request("hello"))
    except ModelError as error:
        return error


async def _fed(
    server: DrippingServer,
    model: OpenModel,
    clock: ManualClock,
    drip: Callable[[int], bytes],
    *,
    every: float,
    times: int,
) -> tuple[Finished | ModelError, float]:
    """How the call ends to which that many pieces come, and after how many seconds."""
    began = clock.monotonic()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_end_of(model))
        await eventually(lambda: server.asked and clock.sleeping, "the call")
        for number in range(times):
            await server.send(drip(number))
            await clock.advance(every)
            if task.done():
                break
        took = clock.monotonic() - began
        if drip(number) == STOP:
            await eventually(task.done, "the end")
        task.cancel()
    return task.result(), took


async def test_comments_do_not_keep_a_call_alive_that_says_nothing_more(
    server: DrippingServer, model: OpenModel, clock: ManualClock
) -> None:
    end, took = await _fed(
        server, model, clock, lambda number: PING if number else WORD, every=20.0, times=12
    )
    assert isinstance(end, ModelTimeout)
    assert took <= 3 * TIMEOUT


@pytest.mark.parametrize("piece", [WORD, chunk({"choices": []})], ids=["words", "empty chunks"])
async def test_no_call_takes_longer_than_its_money_is_held(
    piece: bytes, server: DrippingServer, model: OpenModel, clock: ManualClock
) -> None:
    end, took = await _fed(
        server, model, clock, lambda number: piece if number else WORD, every=25.0, times=70
    )
    assert isinstance(end, ModelTimeout)
    assert LONGEST_CALL <= took < HELD_FOR.total_seconds()


def test_the_longest_call_leaves_time_to_settle_it() -> None:
    assert timedelta(seconds=LONGEST_CALL + 2 * TIMEOUT) < HELD_FOR


@pytest.mark.parametrize("thought", [THOUGHT, THOUGHT_ELSEWHERE], ids=["content", "openrouter"])
async def test_a_model_that_thinks_aloud_is_not_cut_off_before_its_first_word(
    thought: bytes, server: DrippingServer, model: OpenModel, clock: ManualClock
) -> None:
    pieces = [*[thought] * 10, WORD, STOP]
    end, took = await _fed(server, model, clock, pieces.__getitem__, every=30.0, times=len(pieces))
    assert isinstance(end, Finished), end
    assert end.text == "Hello."
    assert took > 3 * TIMEOUT


async def test_a_model_that_stops_thinking_aloud_is_waited_for_no_longer_than_any(
    server: DrippingServer, model: OpenModel, clock: ManualClock
) -> None:
    end, took = await _fed(
        server, model, clock, lambda number: PING if number else THOUGHT, every=20.0, times=12
    )
    assert isinstance(end, ModelTimeout)
    assert TIMEOUT <= took <= 3 * TIMEOUT
