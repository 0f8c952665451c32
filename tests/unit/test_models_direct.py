"""What our own client does beside the promise that every client keeps."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from adapters.models.catalogue import describe
from adapters.models.factory import Client, ModelConfig, OpenModel, build_model
from adapters.models.fuse import Fuse
from adapters.models.openai_compatible import TAIL_SECONDS, OpenAICompatibleModel
from runtime.errors import ModelUnavailable, SpendingForbidden
from runtime.model.completion import Chunk, Finished, TextDelta
from runtime.model.value import value
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually
from tests.support.fake_openai import FakeOpenAI, Hang, Says, Sends, call_delta, event, fake_openai
from tests.support.models import TOOLS, chunks_of, finished_of, request

KEY = "sk-made-up-0123456789"
DONE = b"data: [DONE]\n\n"


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as running:
        yield running


def _config(server: FakeOpenAI) -> ModelConfig:
    return ModelConfig(
        name="fake", model="openai/org/fake-model", base_url=server.base_url, api_key=KEY
    )


@pytest.fixture
async def model(server: FakeOpenAI, clock: ManualClock) -> AsyncIterator[OpenModel]:
    made = build_model(_config(server), clock=clock, allow_spending=False)
    assert isinstance(made, OpenAICompatibleModel)
    yield made
    await made.aclose()


async def test_the_server_gets_its_own_name_of_the_model(
    server: FakeOpenAI, model: OpenModel
) -> None:
    server.will(Says(("Hi.",)))
    await finished_of(model, request("hello"))
    assert server.last["model"] == "org/fake-model"
    assert server.problems == []


async def test_an_answer_that_names_no_model_is_the_one_that_was_asked(
    server: FakeOpenAI, model: OpenModel
) -> None:
    said = event({"content": "Hi."}).replace(b"fake-model-2026", b"")
    server.will(Sends((said, event({}, "stop").replace(b"fake-model-2026", b""), DONE)))
    assert (await finished_of(model, request("hello"))).model == "org/fake-model"


async def test_without_a_key_none_is_sent(server: FakeOpenAI, clock: ManualClock) -> None:
    made = build_model(replace(_config(server), api_key=None), clock=clock, allow_spending=False)
    server.will(Says(("Hi.",)))
    await finished_of(made, request("hello"))
    await made.aclose()
    assert server.asked[-1].authorization == ""


async def test_a_server_that_leaves_the_connection_open_costs_a_moment_and_no_answer(
    server: FakeOpenAI, model: OpenModel, clock: ManualClock
) -> None:
    # In one piece, so that nothing has to come any more once the word is there.
    whole = b"".join((event({"content": "Hi."}), event({}, "stop"), DONE))
    server.will(Sends((whole, Hang())))
    chunks = model.stream(request("hello"))
    assert await anext(chunks) == TextDelta("Hi.")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_next(chunks))
        await clock.advance(TAIL_SECONDS)
        assert task.done()
    end = task.result()
    assert isinstance(end, Finished)
    assert end.text == "Hi."
    await eventually(lambda: server.abandoned, "the connection's end")


async def _next(chunks: AsyncIterator[Chunk]) -> Chunk:
    return await anext(chunks)


class _CancelledAtTheFirstByte(OpenAICompatibleModel):
    """Whoever asks it is cancelled in the very moment in which the answer begins."""

    listener: asyncio.Task[object] | None = None

    async def _ask(self, body: bytes, came: list[aiohttp.ClientResponse]) -> None:
        await super()._ask(body, came)
        assert self.listener is not None
        self.listener.cancel()


async def test_cancelling_in_the_moment_in_which_the_answer_begins_stops_the_call(
    server: FakeOpenAI, clock: ManualClock
) -> None:
    config = _config(server)
    made = _CancelledAtTheFirstByte(
        describe(config),
        "m",
        api_key=None,
        base_url=server.base_url,
        timeout=60.0,
        idle_timeout=60.0,
        clock=clock,
        fuse=Fuse(allow_spending=False),
    )
    server.will(Sends((event({"content": "Hi."}), Hang())))
    async with asyncio.TaskGroup() as tasks:
        made.listener = tasks.create_task(finished_of(made, request("hello")))
    assert made.listener.cancelled()
    await eventually(lambda: server.abandoned == 1, "the server noticing")
    await made.aclose()


async def test_connections_are_used_again(server: FakeOpenAI, clock: ManualClock) -> None:
    peers: set[object] = set()

    async def note(asked: web.Request) -> web.StreamResponse:
        peers.add(asked.transport.get_extra_info("peername") if asked.transport else None)
        answer = await server._handle(asked)
        await settle(100)  # the end of the connection's answer comes a moment later
        return answer

    app = web.Application()
    app.router.add_post("/v1/chat/completions", note)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    made = build_model(replace(_config(server), base_url=url), clock=clock, allow_spending=False)
    for _ in range(3):
        server.will(Says(("Hi.",)))
        await finished_of(made, request("hello"))
    await made.aclose()
    await runner.cleanup()
    assert len(peers) == 1


async def test_text_is_handed_on_as_it_comes(server: FakeOpenAI, model: OpenModel) -> None:
    server.will(Sends((event({"content": "Hi "}), Hang())))
    stream = model.stream(request("hello"))
    assert (await anext(aiter(stream))) is not None
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("pieces", [1, 3, 10_000])
async def test_a_tool_call_in_however_many_pieces_is_whole(
    pieces: int, server: FakeOpenAI, model: OpenModel
) -> None:
    text = '{"when": "in 2 hours", "instruction": "' + "tea " * 2_500 + '"}'
    size = -(-len(text) // pieces)
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    head = event({"tool_calls": [call_delta(id_="c1", name="schedule_create")]})
    rest = b"".join(event({"tool_calls": [call_delta(arguments=part)]}) for part in parts)
    server.will(Sends((head, rest, event({}, "tool_calls"), DONE)))
    finished = await finished_of(model, request("remind me", tools=TOOLS))
    assert [call.arguments for call in finished.tool_calls] == [text]


# ---- money and secrets


async def test_an_address_off_this_machine_is_not_looked_up(clock: ManualClock) -> None:
    """Before there is a connection: a proxy on this machine would take it elsewhere."""
    config = ModelConfig(name="m", model="openai/m", base_url="http://192.0.2.1/v1", api_key=KEY)
    made = build_model(config, clock=clock, allow_spending=False)
    with pytest.raises(SpendingForbidden, match="spending is switched off"):
        await chunks_of(made, request("hello"))


@value()
class _AskedByAddressAlone(Fuse):
    """A fuse whose first lock is open, as where a name turned out to be another machine."""

    def check(self, model: str, base_url: str | None) -> None:
        """Let everything through."""


async def test_a_connection_off_this_machine_is_not_made(clock: ManualClock) -> None:
    config = ModelConfig(name="m", model="openai/m", base_url="http://192.0.2.1/v1", api_key=KEY)
    made = OpenAICompatibleModel(
        describe(config),
        "m",
        api_key=KEY,
        base_url="http://192.0.2.1/v1",
        timeout=9.0,
        idle_timeout=9.0,
        clock=clock,
        fuse=_AskedByAddressAlone(allow_spending=False),
    )
    with pytest.raises(SpendingForbidden):
        await chunks_of(made, request("hello"))
    await made.aclose()


async def test_the_key_is_in_no_log_and_no_error(
    server: FakeOpenAI, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        config = replace(_config(server), base_url=url, client=Client.DIRECT)
        made = build_model(config, clock=clock, allow_spending=False)
        with pytest.raises(ModelUnavailable) as raised:
            await chunks_of(made, request("hello"))
        await made.aclose()
    assert KEY not in caplog.text + repr(raised.value) + repr(config)
    assert raised.value.__cause__ is None
