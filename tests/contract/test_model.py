"""The promise of `runtime.ports.ModelPort`, over every implementation."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from adapters.models.factory import Client, ModelConfig
from adapters.models.offline import OfflineModel
from adapters.models.scripted import BreakOff, Pause, ScriptedModel, Step, ToolCalls
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)
from runtime.model.completion import Chunk, Finished, ModelRequest, StopReason, TextDelta
from runtime.model.conversation import Role
from runtime.ports import ModelPort
from tests.support.clock import ManualClock, settle
from tests.support.eventually import eventually
from tests.support.fake_openai import (
    Calls,
    FakeOpenAI,
    Hang,
    Reply,
    Says,
    Sends,
    call_delta,
    event,
    fake_openai,
)
from tests.support.misbehaviours import KEY, MISBEHAVIOURS
from tests.support.models import TOOLS, called, entry, finished_of, request, said
from tests.support.opened import opened

QUESTION = "what is scheduled?"
"""A question that the offline assistant answers through a tool, and the others by script."""


def _by_the_log(asked: ModelRequest) -> Step:
    """Call a tool where one is offered and has not answered yet, else talk."""
    answered = any(item.role is Role.TOOL for item in asked.entries)
    return ToolCalls.of("desk.facts") if asked.tools and not answered else "Hello there, Anna."


@asynccontextmanager
async def _scripted(clock: ManualClock) -> AsyncIterator[ModelPort]:
    yield ScriptedModel(_by_the_log, clock=clock)


@asynccontextmanager
async def _offline(clock: ManualClock) -> AsyncIterator[ModelPort]:
    yield OfflineModel()


@asynccontextmanager
async def _litellm(clock: ManualClock) -> AsyncIterator[ModelPort]:
    async with _served(clock, Client.LITELLM) as model:
        yield model


@asynccontextmanager
async def _direct(clock: ManualClock) -> AsyncIterator[ModelPort]:
    async with _served(clock, Client.DIRECT) as model:
        yield model


@asynccontextmanager
async def _served(clock: ManualClock, client: Client) -> AsyncIterator[ModelPort]:
    async with fake_openai() as server:
        server.falls_back_to(_reply_by_the_log)
        async with opened(_config(server, client), clock) as model:
            yield model
        assert server.problems == []


def _reply_by_the_log(server: FakeOpenAI) -> Reply:
    messages = server.last["messages"]
    assert isinstance(messages, list)
    answered = any(isinstance(item, dict) and item["role"] == "tool" for item in messages)
    if "tools" in server.last and not answered:
        return Calls((call_delta(id_="c1", name="desk_facts"), call_delta(arguments="{}")))
    return Says(("Hel", "lo ", "there, ", "Anna."))


def _config(server: FakeOpenAI, client: Client, *, timeout: float = 60.0) -> ModelConfig:
    return ModelConfig(
        name="fake",
        model="openai/fake-model",
        base_url=server.base_url,
        api_key=KEY,
        timeout_seconds=timeout,
        client=client,
    )


@pytest.fixture(
    params=[_scripted, _offline, _litellm, _direct],
    ids=["scripted", "offline", "litellm", "direct"],
)
async def model(request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[ModelPort]:
    async with request.param(clock) as made:
        yield made


async def test_an_answer_comes_in_pieces_and_ends_with_exactly_one_finished(
    model: ModelPort,
) -> None:
    finished = await finished_of(model, request("hello"))
    assert finished.text.strip()
    assert finished.tool_calls == ()
    assert finished.reason is StopReason.COMPLETE
    assert finished.model


async def test_an_answer_streams_in_more_than_one_piece(model: ModelPort) -> None:
    pieces = [c async for c in model.stream(request("hello")) if isinstance(c, TextDelta)]
    assert len(pieces) > 1


async def test_usage_is_a_count_or_unknown_and_never_negative(model: ModelPort) -> None:
    usage = (await finished_of(model, request("hello"))).usage
    assert usage.prompt_tokens is None or usage.prompt_tokens >= 0
    assert usage.completion_tokens is None or usage.completion_tokens >= 0


async def test_a_tool_call_carries_an_id_our_name_and_a_json_object(model: ModelPort) -> None:
    finished = await finished_of(model, request(QUESTION, tools=TOOLS))
    assert finished.reason is StopReason.TOOL_CALLS
    (call,) = finished.tool_calls
    assert call.id
    assert call.name == "desk.facts"
    assert json.loads(call.arguments) == {}


async def test_after_the_tool_has_answered_the_model_answers_in_words(model: ModelPort) -> None:
    first = await finished_of(model, request(QUESTION, tools=TOOLS))
    log = (
        said(QUESTION),
        entry(Role.ASSISTANT, first.text, calls=first.tool_calls),
        entry(Role.EXECUTING, "desk.facts", call=first.tool_calls[0].id),
        entry(Role.TOOL, "the database is busy", call=first.tool_calls[0].id),
    )
    finished = await finished_of(model, request(*log, tools=TOOLS))
    assert finished.tool_calls == ()
    assert finished.text.strip()


async def test_a_second_tool_call_in_a_turn_has_an_id_of_its_own(model: ModelPort) -> None:
    first = await finished_of(model, request(QUESTION, tools=TOOLS))
    log = (
        said(QUESTION),
        entry(Role.ASSISTANT, "", calls=first.tool_calls),
        entry(Role.TOOL, "{}", call=first.tool_calls[0].id),
        entry(Role.ASSISTANT, "There is nothing."),
        said("what is next?"),
    )
    second = await finished_of(model, request(*log, tools=TOOLS))
    assert {call.id for call in second.tool_calls}.isdisjoint(c.id for c in first.tool_calls)


async def test_a_log_with_a_call_that_nobody_answered_can_still_be_asked(model: ModelPort) -> None:
    log = (
        said("hello"),
        entry(Role.ASSISTANT, "", calls=(called("lost", "desk.facts", "{not json"),)),
        entry(Role.EXECUTING, "desk.facts", call="lost"),
        said("hello?"),
        entry(Role.TOOL, "too late", call="stranger"),
    )
    assert (await finished_of(model, request(*log))).text.strip()


async def test_closing_early_stops_the_call(model: ModelPort) -> None:
    stream = cast("AsyncGenerator[Chunk, None]", model.stream(request("hello")))
    assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_two_answers_at_once_do_not_mix(model: ModelPort) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(finished_of(model, request("hello"))) for _ in range(5)]
    assert len({task.result().text for task in tasks}) == 1


# ------------------------------------------------------------------------------ what goes wrong


FAILURES: dict[str, tuple[list[Step], type[ModelError]]] = {
    "rate limit": ([ModelRateLimited()], ModelRateLimited),
    "key": ([ModelKeyRefused()], ModelKeyRefused),
    "server error": ([ModelUnavailable()], ModelUnavailable),
    "context": ([ContextTooLong()], ContextTooLong),
    "broken off": (["The disk is", BreakOff()], ModelOutputUnusable),
    "broken off at once": ([BreakOff()], ModelOutputUnusable),
    "an error in the stream": (["The disk is", ModelUnavailable()], ModelUnavailable),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_scripted_failure_is_the_error_that_the_port_promises(
    name: str, clock: ManualClock
) -> None:
    steps, expected = FAILURES[name]
    with pytest.raises(ModelError) as scripted:
        await finished_of(ScriptedModel(lambda _: steps, clock=clock), request("hello"))
    assert type(scripted.value) is expected


def test_there_are_enough_misbehaviours() -> None:
    assert len(MISBEHAVIOURS) >= 25


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_a_misbehaving_server_ends_as_the_port_promises(
    client: Client, name: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    case = MISBEHAVIOURS[name]
    async with fake_openai() as server, opened(_config(server, client), clock) as model:
        server.will(case.reply)
        asked = request("hello", tools=TOOLS)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_end_of(model, asked))
            await eventually(lambda: server.asked or task.done(), "the call", within=30.0)
            while not await _ends(task, server):
                await clock.advance(31.0)
        end = task.result()
        if isinstance(end, ModelError):
            assert type(end) is case.error, repr(end)
            assert KEY not in repr(end)
            assert getattr(end, "after", None) == case.after
        elif client is Client.LITELLM and case.litellm_takes:
            assert end.text == case.litellm_takes
        else:
            assert case.error is None, end
            assert (end.text, end.usage) == ("The disk is full.", case.usage)
        assert [asked.path for asked in server.asked] == ["/v1/chat/completions"], "it went on"
        server.will(Says(("Fine.",)))
        assert (await finished_of(model, request("hello"))).text == "Fine."
    assert KEY not in caplog.text


async def _end_of(model: ModelPort, asked: ModelRequest) -> Finished | ModelError:
    try:
        return await finished_of(model, asked)
    except ModelError as error:
        return error


async def _ends(task: "asyncio.Task[Finished | ModelError]", server: FakeOpenAI) -> bool:
    """Whether it ended; False where the server hangs, so that time has to pass."""
    await eventually(lambda: task.done() or server.hanging, "the end", within=30.0)
    await settle()
    return task.done()


@pytest.mark.parametrize("client", Client)
async def test_nobody_there_is_a_server_that_cannot_be_reached(
    client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server:
        config = _config(server, client)
    async with opened(config, clock) as model:
        end = await _end_of(model, request("hello"))
    assert type(end) is ModelNotRunning
    assert "cannot" in str(end).lower() or "connect" in str(end).lower()


HALF = event({"content": "The disk is"})


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("parts", [(Hang(),), (HALF, Hang())], ids=["at once", "in the middle"])
async def test_silence_stops_the_call_at_the_server(
    parts: tuple[bytes | Hang, ...], client: Client, clock: ManualClock
) -> None:
    async with (
        fake_openai() as server,
        opened(_config(server, client, timeout=30.0), clock) as model,
    ):
        server.will(Sends(parts))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_end_of(model, request("hello")))
            await eventually(lambda: server.asked and clock.sleeping, "the call", within=30.0)
            while not task.done():
                await clock.advance(31.0)
                await eventually(lambda: task.done() or clock.sleeping)
        assert isinstance(task.result(), ModelTimeout)
        await eventually(lambda: server.abandoned == 1, "the server noticing")


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("parts", [(Hang(),), (HALF, Hang())], ids=["before", "within"])
async def test_cancelling_whoever_listens_stops_the_call(
    parts: tuple[bytes | Hang, ...], client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server, opened(_config(server, client), clock) as model:
        server.will(Sends(parts))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(finished_of(model, request("hello")))
            await eventually(lambda: server.asked, "the call", within=30.0)
            task.cancel()
        await eventually(lambda: server.abandoned == 1, "the server noticing")


@pytest.mark.parametrize("client", Client)
async def test_closing_a_provider_s_answer_early_closes_its_connection(
    client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server, opened(_config(server, client), clock) as model:
        server.will(Sends((HALF, Hang())))
        stream = cast("AsyncGenerator[Chunk, None]", model.stream(request("hello")))
        assert await anext(stream) == TextDelta("The disk is")
        await stream.aclose()
        await eventually(lambda: server.abandoned == 1, "the server noticing")


async def test_a_scripted_pause_passes_by_the_clock(clock: ManualClock) -> None:
    model = ScriptedModel(lambda _: ["Hel", Pause(60.0), "lo"], clock=clock)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(finished_of(model, request("hello")))
        await clock.advance(59.0)
        assert not task.done()
        await clock.advance(1.0)
        assert task.done()
    assert task.result().text == "Hello"
