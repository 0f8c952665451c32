"""Which failures mean that the provider did nothing, so that nothing was spent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.models.factory import Client, ModelConfig, build_model
from runtime.errors import ModelError, ModelKeyRefused, ModelRateLimited, ModelUnavailable
from tests.support.clock import ManualClock
from tests.support.fake_openai import Refuses, fake_openai
from tests.support.models import finished_of, request


async def _failure(base_url: str, client: Client, clock: ManualClock) -> ModelError:
    config = ModelConfig(name="m", model="openai/m", base_url=base_url, client=client)
    model = build_model(config, clock=clock, allow_spending=False)
    try:
        with pytest.raises(ModelError) as failed:
            await finished_of(model, request("hello"))
    finally:
        await model.aclose()
    return failed.value


@asynccontextmanager
async def _hangs_up() -> AsyncIterator[str]:
    """A server that reads the request and closes the connection; yields its address."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("status", [307, 400, 401, 402, 403, 404, 429, 503, 529])
async def test_a_clear_refusal_means_that_nothing_was_done(
    status: int, client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server:
        server.will(Refuses(status, {"message": "no"}))
        error = await _failure(server.base_url, client, clock)
    assert isinstance(error, ModelUnavailable)
    assert error.undone


@pytest.mark.parametrize("client", Client)
@pytest.mark.parametrize("status", [500, 502])
async def test_a_server_that_failed_may_have_done_it(
    status: int, client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server:
        server.will(Refuses(status, {"message": "boom"}))
        error = await _failure(server.base_url, client, clock)
    assert isinstance(error, ModelUnavailable)
    assert not error.undone


@pytest.mark.parametrize("client", Client)
async def test_a_server_that_is_not_reached_does_nothing(
    client: Client, clock: ManualClock
) -> None:
    async with fake_openai() as server:
        gone = server.base_url
    error = await _failure(gone, client, clock)
    assert isinstance(error, ModelUnavailable)
    assert error.undone


@pytest.mark.parametrize("client", Client)
async def test_a_connection_that_breaks_after_the_request_may_have_been_paid(
    client: Client, clock: ManualClock
) -> None:
    async with _hangs_up() as url:
        error = await _failure(url, client, clock)
    assert not getattr(error, "undone", False), error


def test_what_says_nothing_about_it_counts_as_done_but_refusals() -> None:
    assert not ModelUnavailable("it failed").undone
    assert ModelRateLimited("slow down", after=3.0).undone
    assert ModelKeyRefused("no").undone
