"""Servers that answer in one piece (`streaming = false`), by whatever they are called with."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from adapters.models.factory import Client, ModelConfig, OpenModel
from runtime.errors import (
    ModelError,
    ModelKeyRefused,
    ModelOutputUnusable,
    ModelTimeout,
    ModelUnavailable,
)
from runtime.model.completion import StopReason, Usage
from runtime.model.tools import Json
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.fake_openai import (
    Cut,
    FakeOpenAI,
    Hang,
    JsonObject,
    Refuses,
    Reply,
    Sends,
    fake_openai,
)
from tests.support.models import TOOLS, finished_of, request
from tests.support.opened import opened

TIMEOUT = 30.0


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as running:
        yield running


@pytest.fixture(params=Client)
async def model(
    server: FakeOpenAI, clock: ManualClock, request: pytest.FixtureRequest
) -> AsyncIterator[OpenModel]:
    config = ModelConfig(
        name="fake",
        model="openai/fake-model",
        base_url=server.base_url,
        streaming=False,
        timeout_seconds=TIMEOUT,
        client=request.param,
    )
    async with opened(config, clock) as made:
        yield made


def whole(message: JsonObject, finish: str = "stop", *, more: JsonObject | None = None) -> Sends:
    said: Json = {"message": {"role": "assistant", **message}, "finish_reason": finish}
    body = json.dumps({"model": "fake-2026", "choices": [said], **(more or {})}).encode()
    return Sends((body[:40], body[40:]), "application/json")


def body(text: str, *more: Cut) -> Sends:
    return Sends((text.encode(), *more), "application/json")


def a_call(id_: str, name: str) -> Json:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": "{}"}}


async def test_it_is_asked_and_heard_so(server: FakeOpenAI, model: OpenModel) -> None:
    used: Json = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    server.will(whole({"content": "Hello."}, more={"usage": used}))
    finished = await finished_of(model, request("hello"))
    assert (finished.text, finished.model) == ("Hello.", "fake-2026")
    assert finished.usage == Usage(9, 2, 3)
    assert server.last["stream"] is False
    assert "stream_options" not in server.last


async def test_its_tool_calls_are_told_apart_by_their_order(
    server: FakeOpenAI, model: OpenModel
) -> None:
    calls: Json = [a_call("c1", "desk_facts"), a_call("c2", "schedule_create")]
    server.will(whole({"content": None, "tool_calls": calls}, "tool_calls"))
    finished = await finished_of(model, request("go", tools=TOOLS))
    said = [(call.id, call.name) for call in finished.tool_calls]
    assert said == [("c1", "desk.facts"), ("c2", "schedule.create")]
    assert finished.reason is StopReason.TOOL_CALLS


@pytest.mark.parametrize(
    "used",
    [
        {},
        {"usage": None},
        {"usage": {"prompt_tokens": -3, "completion_tokens": -1, "total_tokens": -4}},
        {"usage": {"prompt_tokens": 10**12, "completion_tokens": 10**12, "total_tokens": 1}},
    ],
    ids=["missing", "null", "negative", "absurd"],
)
async def test_usage_that_cannot_be_true_is_unknown(
    used: JsonObject, server: FakeOpenAI, model: OpenModel
) -> None:
    server.will(whole({"content": "Hello."}, more=used))
    assert (await finished_of(model, request("hello"))).usage == Usage(None, None)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (whole({"content": ""}), ModelOutputUnusable),
        (whole({"content": "Half"}, "content_filter"), ModelOutputUnusable),
        (body('{"choices": []}'), ModelOutputUnusable),
        (body("<html>Welcome</html>"), ModelOutputUnusable),
        (body('{"choices": [{"mess', Cut()), ModelOutputUnusable),
        (body('{"error": {"message": "boom", "code": 500}}'), ModelUnavailable),
        (Refuses(401, {"message": "no"}), ModelKeyRefused),
        (Refuses(500, {"message": "boom"}), ModelUnavailable),
    ],
    ids=["empty", "filtered", "no choices", "web page", "cut", "error", "key", "server error"],
)
async def test_what_is_no_answer_is_the_error_that_the_port_promises(
    reply: Reply, error: type[ModelError], server: FakeOpenAI, model: OpenModel
) -> None:
    server.will(reply, whole({"content": "Fine."}))
    with pytest.raises(ModelError) as raised:
        await finished_of(model, request("hello"))
    assert type(raised.value) is error, repr(raised.value)
    assert len(server.asked) == 1, "it went on"
    assert (await finished_of(model, request("hello"))).text == "Fine."


async def test_it_has_as_long_for_the_whole_answer_as_others_for_the_first_word(
    server: FakeOpenAI, model: OpenModel, clock: ManualClock
) -> None:
    server.will(Sends((b'{"choices": [', Hang()), "application/json"))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_error(model))
        await eventually(lambda: server.hanging and clock.sleeping, "the call")
        await clock.advance(TIMEOUT)
        await eventually(task.done, "the end")
    assert type(task.result()) is ModelTimeout
    await eventually(lambda: server.abandoned == 1, "the server noticing")


async def _error(model: OpenModel) -> ModelError:
    with pytest.raises(ModelError) as raised:
        await finished_of(model, request("hello"))
    return raised.value
