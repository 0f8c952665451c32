"""What becomes of a call: python-telegram-bot's methods over requests that fail in each way."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from adapters.telegram import transport
from adapters.telegram.api import Bot, BotApi
from adapters.telegram.faults import OtherListener, Refusal, Told
from adapters.telegram.transport import Polls, Request
from runtime.errors import Ambiguous, NightdeskError, Retryable
from tests.support.fake_telegram import TOKEN, FakeTelegram

OK = {"ok": True, "result": {"message_id": 7, "date": 1, "chat": {"id": 1, "type": "private"}}}
TLS = ssl.create_default_context()
Answer = Callable[[httpx.Request], httpx.Response]


class Mocked(Request):
    """Requests that a function answers."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        super().__init__(TLS)

    def _build_client(self) -> httpx.AsyncClient:
        mocked = {"transport": httpx.MockTransport(self._answer)}
        return httpx.AsyncClient(**self._client_kwargs | mocked)


async def became(answer: Answer) -> NightdeskError:
    """What a message becomes that is sent by the library."""
    request = Mocked(answer)
    bot = Bot(TOKEN, base_url="https://api.example.org/bot", request=request)
    with pytest.raises(Told) as caught:
        await bot.send_message(1, "hello")
    await request.shutdown()
    told = caught.value
    assert TOKEN not in repr((told, told.__cause__, told.became, told.became.__cause__))
    return told.became


def failing(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(error, httpx.RequestError):
            error.request = request
        raise error

    return answer


def saying(status: int, body: object) -> Answer:
    return lambda _: (
        httpx.Response(status, content=body)
        if isinstance(body, bytes)
        else httpx.Response(status, json=body)
    )


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("https://x/bot" + TOKEN),
        httpx.ConnectTimeout(""),
        httpx.PoolTimeout(""),
        httpx.UnsupportedProtocol(""),
    ],
)
async def test_what_was_never_written_can_be_sent_again(error: Exception) -> None:
    found = await became(failing(error))
    assert isinstance(found, Retryable)
    assert "cannot be reached" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("https://x/bot" + TOKEN),
        httpx.WriteTimeout(""),
        httpx.ReadError(""),
        httpx.WriteError(""),
        httpx.CloseError(""),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
async def test_what_broke_off_later_was_perhaps_sent(error: Exception) -> None:
    found = await became(failing(error))
    assert isinstance(found, Ambiguous)
    assert "did not answer" in str(found)


async def test_an_answer_that_comes_in_drops_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dripping(Request):
        def _build_client(self) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.MockTransport(drip))

    async def drip(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.0)
    request = Dripping(TLS)
    with pytest.raises(Told) as caught:
        await request.do_request("https://api.example.org", "POST", read_timeout=0.01)
    assert isinstance(caught.value.became, Ambiguous)
    await request.shutdown()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"<html>", {"ok": False, "description": "Internal"}])
async def test_a_server_that_fails_has_perhaps_done_it(status: int, body: object) -> None:
    found = await became(saying(status, body))
    assert isinstance(found, Ambiguous)
    assert str(status) in str(found)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"ok":false}', b'{"ok":1,"result":{}}', b'{"ok":true,"x":NaN}'],
)
async def test_an_answer_that_does_not_say_ok_was_perhaps_done(body: bytes) -> None:
    assert isinstance(await became(saying(200, body)), Ambiguous)


async def test_who_is_too_fast_is_told_for_how_long() -> None:
    said: dict[str, Any] = {"ok": False, "description": "Too Many Requests"}
    found = await became(saying(429, said | {"parameters": {"retry_after": 17}}))
    assert isinstance(found, Retryable)
    assert found.after == 17
    found = await became(saying(429, said))
    assert isinstance(found, Retryable)
    assert found.after == 5


@pytest.mark.parametrize(
    ("status", "said", "parameters", "moved_to"),
    [
        (400, "Bad Request: chat not found", {}, None),
        (400, "Bad Request: group chat was upgraded", {"migrate_to_chat_id": -100_7}, -100_7),
        (401, "Unauthorized", {}, None),
        (403, "Forbidden: bot was blocked by the user", {}, None),
        (404, "Not Found", {}, None),
    ],
)
async def test_a_refusal_keeps_what_was_said(
    status: int, said: str, parameters: dict[str, int], moved_to: int | None
) -> None:
    body = {"ok": False, "description": said, "parameters": parameters}
    found = await became(saying(status, body))
    assert isinstance(found, Refusal)
    assert (found.status, found.said, found.moved_to) == (status, said.lower(), moved_to)


async def test_another_program_that_listens_is_no_failure_of_the_network() -> None:
    body = {"ok": False, "description": "Conflict: terminated by other getUpdates request"}
    assert isinstance(await became(saying(409, body)), OtherListener)


async def test_no_cookie_is_sent_back_and_no_redirect_followed() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=OK, headers={"Set-Cookie": "a=b"})

    request = Mocked(answer)
    bot = Bot(TOKEN, request=request)
    for _ in range(2):
        await bot.send_message(1, "hello")
    assert [each.headers.get("cookie") for each in asked] == [None, None]
    await request.shutdown()
    found = await became(lambda _: httpx.Response(302, headers={"Location": "https://e.org"}))
    assert isinstance(found, Ambiguous)


# ------------------------------------------------------------------------------ the Bot API


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    made = BotApi(TOKEN)
    await made.open()
    yield made
    await made.close()


async def test_a_result_of_another_shape_was_perhaps_done(api: BotApi) -> None:
    for result in (b"7", b'{"message_id":7}', b'"x"', b"null"):
        request = Mocked(saying(200, b'{"ok":true,"result":' + result + b"}"))
        with api.calling() as bot:
            _swap(bot, request)
        with pytest.raises(Ambiguous, match="cannot be read"), api.calling() as bot:
            (await bot.send_message(1, "hello")).message_id  # noqa: B018 - what the callers read
        with pytest.raises(Retryable, match="cannot be read"), api.asking() as bot:
            await bot.get_webhook_info()
        await request.shutdown()


def _swap(bot: Bot, request: Request) -> None:
    with bot._unfrozen():
        bot._request = (bot._request[0], request)


async def test_the_library_cannot_say_what_stands_in_an_address(api: BotApi) -> None:
    with api.calling() as bot:
        _swap(bot, Mocked(failing(RuntimeError(f"https://x/bot{TOKEN}/"))))
    with pytest.raises(Ambiguous) as caught, api.calling() as bot:
        await bot.get_me()
    assert TOKEN not in repr((caught.value, caught.value.__cause__))


async def test_the_token_is_in_no_representation(api: BotApi) -> None:
    with api.calling() as bot:
        assert TOKEN not in repr((api, bot))


async def test_updates_are_kept_as_they_came_and_the_library_reads_none() -> None:
    odd = {"update_id": 5, "message": {"message_id": "no number"}}

    class Mine(Polls):
        def _build_client(self) -> httpx.AsyncClient:
            answer = saying(200, {"ok": True, "result": [odd]})
            return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    polls = Mine(TLS)
    bot = Bot(TOKEN, get_updates_request=polls)
    assert await bot.get_updates() == ()
    assert polls.found == [odd]
    await polls.shutdown()


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with FakeTelegram() as telegram:
        made = BotApi(TOKEN, base_url=telegram.url)
        await made.open()
        with made.asking() as bot:
            assert (await bot.get_me()).is_bot
        await made.close()
