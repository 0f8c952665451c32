"""What is asked about the bot itself: what becomes of a question that fails in each way."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.telegram import account as module
from adapters.telegram.account import Account, Me, Webhook
from adapters.telegram.faults import OtherListener, Refusal
from runtime.errors import NightdeskError, Retryable
from tests.support.fake_telegram import BOT, TOKEN, USERNAME, FakeTelegram, Fault

Answer = Callable[[web.Request], web.Response]


@asynccontextmanager
async def answered(answer: Answer) -> AsyncIterator[Account]:
    """An account whose questions the function answers."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    account = Account(TOKEN, base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/")
    account.open()
    try:
        yield account
    finally:
        await account.close()
        await runner.cleanup()


def saying(status: int, body: object) -> Answer:
    if isinstance(body, bytes):
        return lambda _: web.Response(status=status, body=body)
    return lambda _: web.json_response(body, status=status)


async def became(status: int, body: object) -> NightdeskError:
    """What a question becomes that is answered so."""
    async with answered(saying(status, body)) as account:
        with pytest.raises(NightdeskError) as caught:
            await account.me()
    return caught.value


def refused(status: int, said: str, **parameters: Any) -> Mapping[str, object]:
    return {"ok": False, "error_code": status, "description": said, "parameters": parameters}


@pytest.mark.parametrize("kind", ["status", "garbage", "lost_request", "lost_answer"])
async def test_whatever_breaks_off_can_be_asked_again(kind: str) -> None:
    async with FakeTelegram() as telegram:
        account = Account(TOKEN, base_url=telegram.url)
        account.open()
        telegram.faults = [Fault(kind)]
        with pytest.raises(Retryable) as caught:
            await account.me()
        error = caught.value
        assert TOKEN not in repr((error, error.__cause__, account))
        assert await account.me() == Me(BOT, USERNAME, hears_all=False)
        await account.close()
        assert telegram.violations == []


async def test_without_a_connection_telegram_cannot_be_reached() -> None:
    account = Account(TOKEN, base_url="http://127.0.0.1:1")
    with pytest.raises(Retryable, match="is not open"):
        await account.me()
    account.open()
    with pytest.raises(Retryable, match="cannot be reached: ClientConnectorError"):
        await account.me()
    await account.close()
    with pytest.raises(Retryable, match="is not open"):
        await account.me()


async def test_an_answer_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.1)
    async with FakeTelegram(patience=60.0) as telegram:
        account = Account(TOKEN, base_url=telegram.url)
        account.open()
        monkeypatch.setattr(module, "_POLL_READ_SECONDS", -59.9)
        with pytest.raises(Retryable, match="did not answer: TimeoutError"):
            await account.updates(offset=None, seconds=60)
        await account.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"ok":1,"result":{"id":1}}',
        b'{"ok":true,"x":NaN}',
        b'{"ok":true}',
        b'{"ok":true,"result":7}',
        b'{"ok":true,"result":{"id":"one"}}',
    ],
)
async def test_an_answer_that_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    found = await became(200, body)
    assert isinstance(found, Retryable)
    assert str(found) == "Telegram's answer cannot be read"


async def test_who_is_too_fast_is_told_for_how_long() -> None:
    found = await became(429, refused(429, "Too Many Requests", retry_after=17))
    assert isinstance(found, Retryable)
    assert found.after == 17


async def test_a_refusal_keeps_what_was_said_and_another_program_is_none() -> None:
    found = await became(401, refused(401, "Unauthorized"))
    assert isinstance(found, Refusal)
    assert "NIGHTDESK_TELEGRAM__BOT_TOKEN" in str(found)
    found = await became(409, refused(409, "Conflict: terminated by other getUpdates request"))
    assert isinstance(found, OtherListener)


async def test_no_redirect_is_followed_and_no_cookie_sent_back() -> None:
    asked: list[web.Request] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request)
        response = web.json_response({"ok": True, "result": {"url": ""}})
        response.set_cookie("a", "b")
        return response

    async with answered(answer) as account:
        assert [await account.webhook() for _ in range(2)] == [Webhook("")] * 2
    assert [request.headers.get("Cookie") for request in asked] == [None, None]

    def elsewhere(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=302, headers={"Location": "/other"})

    asked.clear()
    async with answered(elsewhere) as account:
        with pytest.raises(Retryable):
            await account.me()
    assert len(asked) == 1


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with FakeTelegram() as telegram:
        account = Account(TOKEN, base_url=telegram.url)
        account.open()
        assert (await account.me()).id == BOT
        await account.close()


async def test_updates_come_as_they_are() -> None:
    odd = {"update_id": 5, "message": {"message_id": "no number"}}
    async with answered(saying(200, {"ok": True, "result": [odd]})) as account:
        assert await account.updates(offset=3, seconds=0) == [odd]
