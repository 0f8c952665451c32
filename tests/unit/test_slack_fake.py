"""The fake Slack complains: a fake that takes everything proves nothing."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.selftest.slack import server
from bot.selftest.slack.deliveries import BadDay
from bot.selftest.slack.sender import Signed, SlackSender
from bot.selftest.slack.sockets import Envelope
from tests.architecture.source import ROOT
from tests.support import fake_slack_rules as rules
from tests.support import specs
from tests.support.eventually import eventually
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Fault

GOOD: dict[str, Any] = {
    "channel": CHANNEL,
    "text": "all &lt;well&gt;",
    "blocks": [{"type": "markdown", "text": "all <well>"}],
    "unfurl_links": False,
    "unfurl_media": False,
    "link_names": False,
}


def complaints(method: str = "chat.postMessage", **change: Any) -> str:
    args = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    return "\n".join(rules.breaches(method, args, form=False))


def test_a_good_message_is_no_breach() -> None:
    assert complaints() == ""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"unfurl_links": None}, "unfurl_links must be false"),
        ({"unfurl_media": True}, "unfurl_media must be false"),
        ({"link_names": True}, "link_names must be false"),
        ({"parse": "full"}, "turned into mentions"),
        ({"text": "a < b"}, "not escaped"),
        ({"text": "a & b"}, "not escaped"),
        ({"text": "hi @here"}, "pings"),
        ({"text": "x" * 40_001}, "40001 characters"),
        ({"text": None}, "needs text"),
        ({"blocks": [{"type": "markdown", "text": "<!channel>"}]}, "pings"),
        ({"blocks": [{"type": "markdown", "text": "`<@U1>`"}]}, "pings"),
        ({"blocks": [{"type": "markdown", "text": "x" * 12_001}]}, "12001 characters"),
        ({"blocks": [{"type": "markdown", "text": "x" * 7_000}] * 2}, "msg_blocks_too_long"),
        ({"blocks": [{"type": "markdown", "text": "![a](b)"}]}, "shows an image"),
        ({"blocks": [{"type": "markdown", "text": "[a](b)"}]}, "hides an address"),
        ({"blocks": [{"type": "video"}]}, "unknown block"),
        ({"metadata": {"event_type": "x"}}, "event_payload"),
    ],
)
def test_each_breach_of_our_promises_is_named(change: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints(**change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"chanel": "C1"}, "knows no argument chanel"),
        ({"channel": None}, "channel is missing"),
        ({"channel": 7}, "to be string"),
        ({"thread_ts": 1.5}, "to be string"),
        ({"unfurl_links": "false"}, "to be boolean"),
        ({"method": "chat.scream"}, "no such method"),
    ],
)
def test_each_breach_of_the_published_schema_is_named(
    change: dict[str, Any], complaint: str
) -> None:
    specs.required("slack/web-api-openapi-v2.json")
    method = change.pop("method", "chat.postMessage")
    assert complaint in complaints(method, **change)


def test_buttons_with_the_same_id_are_a_breach() -> None:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "A"}}
    row = {"type": "actions", "elements": [button, button]}
    assert "one action_id" in complaints(blocks=[row])


@pytest.fixture
async def wire() -> AsyncIterator[tuple[FakeSlack, AsyncWebClient]]:
    async with FakeSlack() as slack, aiohttp.ClientSession() as session:
        yield slack, AsyncWebClient(TOKEN, base_url=slack.url, session=session, retry_handlers=[])


async def test_streams_follow_slacks_rules(wire: tuple[FakeSlack, AsyncWebClient]) -> None:
    slack, client = wire
    root = slack.say("hi").ts
    with pytest.raises(SlackApiError, match="missing_recipient_team_id"):
        await client.chat_startStream(channel=CHANNEL, thread_ts=root)
    started = await client.chat_startStream(
        channel=CHANNEL, thread_ts=root, recipient_team_id="T0TEAM", recipient_user_id="U0ADA"
    )
    ts = str(started["ts"])
    with pytest.raises(SlackApiError, match="streaming_state_conflict"):
        await client.chat_update(channel=CHANNEL, ts=ts, text="x")
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await client.chat_appendStream(channel=CHANNEL, ts=ts, markdown_text="x" * 12_001)
    await client.chat_stopStream(channel=CHANNEL, ts=ts)
    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_stopStream(channel=CHANNEL, ts=ts)
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel=CHANNEL, ts=root, text="x")


async def test_a_slow_answer_comes_late(wire: tuple[FakeSlack, AsyncWebClient]) -> None:
    slack, client = wire
    slack.faults.append(Fault("slow", seconds=60))
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(client.chat_postMessage(**GOOD))
        await eventually(lambda: slack.messages, "the message")
        assert not asked.done()
        asked.cancel()
    assert len(slack.messages) == 1


async def test_it_runs_by_itself_for_suites_that_kill_the_program() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.fake_slack",
        "--channel",
        "C0MORE",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        url = (await process.stdout.readline()).decode().strip()
        control = url.removesuffix("/api/") + "/_/"
        async with aiohttp.ClientSession() as session:
            client = AsyncWebClient(TOKEN, base_url=url, session=session, retry_handlers=[])
            faults = [{"kind": "error", "method": "chat.postMessage", "error": "is_archived"}]
            await session.post(control + "faults", json=faults)
            with pytest.raises(SlackApiError, match="is_archived"):
                await client.chat_postMessage(**GOOD)
            metadata = {"event_type": "nightdesk_message", "event_payload": {"id": "row1"}}
            await client.chat_postMessage(**{**GOOD, "channel": "C0MORE"}, metadata=metadata)
            await client.chat_postMessage(**{**GOOD, "link_names": True})
            shown = await _json(session, control + "messages")
            assert [(m["channel"], m["id"]) for m in shown] == [("C0MORE", "row1"), (CHANNEL, None)]
            assert len(await _json(session, control + "calls")) == 3
            assert "link_names" in (await _json(session, control + "violations"))[0]
    finally:
        process.kill()
        await process.wait()


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        return json.loads(await answer.text())


@pytest.mark.parametrize(
    ("method", "args", "complaint"),
    [
        ("views.open", {"trigger_id": "1", "view": {"type": "page"}}, "no view is a 'page'"),
        ("views.open", {"trigger_id": "1", "view": {"type": "modal"}}, "a modal needs a title"),
        (
            "views.open",
            {
                "trigger_id": "1",
                "view": {"type": "modal", "title": {"type": "plain_text", "text": "x" * 25}},
            },
            "bad title",
        ),
        (
            "views.open",
            {
                "trigger_id": "1",
                "view": {
                    "type": "modal",
                    "title": {"type": "plain_text", "text": "x"},
                    "blocks": [{"type": "input", "label": {"type": "plain_text", "text": "x"}}],
                },
            },
            "needs a block_id",
        ),
        (
            "views.publish",
            {
                "user_id": "U1",
                "view": {"type": "home", "blocks": [{"type": "markdown", "text": "<!here>"}]},
            },
            "pings",
        ),
        (
            "views.publish",
            {"user_id": "U1", "view": {"type": "home", "blocks": [{"type": "divider"}] * 101}},
            "more than 100 blocks",
        ),
        (
            "assistant.threads.setSuggestedPrompts",
            {"channel_id": "D1", "prompts": [{"title": "a", "message": "b"}] * 5},
            "1 to 4 prompts",
        ),
        (
            "assistant.threads.setSuggestedPrompts",
            {"channel_id": "D1", "prompts": [{"title": "a", "message": "b"}], "thread_ts": "1.2"},
            "knows no argument thread_ts",
        ),
        (
            "agents.sessions.setStatus",
            {"channel_id": "C1", "status": "busy"},
            "no session has the status 'busy'",
        ),
        (
            "chat.appendStream",
            {
                "channel": "C1",
                "ts": "1.2",
                "chunks": [{"type": "task_update", "id": "1", "title": "x", "status": "on"}],
            },
            "no task has the status 'on'",
        ),
        (
            "chat.appendStream",
            {
                "channel": "C1",
                "ts": "1.2",
                "chunks": [{"type": "task_update", "id": "1", "status": "complete"}],
            },
            "an id and a title",
        ),
        ("chat.stopStream", {"channel": "C1", "ts": "1", "session_status": "x"}, "no session has"),
    ],
)
def test_each_breach_of_a_surface_is_named(
    method: str, args: dict[str, Any], complaint: str
) -> None:
    assert complaint in "\n".join(rules.breaches(method, args, form=False))


async def test_a_socket_needs_a_ticket_that_is_good_once(
    wire: tuple[FakeSlack, AsyncWebClient],
) -> None:
    slack, _ = wire
    async with aiohttp.ClientSession() as session:
        for address in (f"{slack.base}/link", f"{slack.base}/link?ticket=made-up"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(address)
        address = f"{slack.base}/link?ticket={slack.sockets.ticket()}"
        socket = await session.ws_connect(address)
        assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address)
        await socket.send_str('{"envelope_id": "unknown"}')
        await socket.send_str("no JSON")
        await eventually(lambda: len(slack.sockets.violations) == 2, "both are named")
        await socket.close()


async def test_an_envelope_is_delivered_again_and_again_and_then_given_up(
    wire: tuple[FakeSlack, AsyncWebClient],
) -> None:
    slack, _ = wire
    async with aiohttp.ClientSession() as session:
        address = f"{slack.base}/link?ticket={slack.sockets.ticket()}"
        socket = await session.ws_connect(address)
        await socket.receive_json()
        with pytest.raises(TimeoutError):
            await slack.sockets.tell(Envelope("events_api", {"type": "x"}), seconds=0.01)
        tries = [(await socket.receive_json())["retry_attempt"] for _ in range(4)]
        assert tries == [0, 1, 2, 3]
        await socket.close()


async def test_messages_that_come_too_fast_are_refused_for_as_long_as_it_says() -> None:
    time = 1_796_083_200.0
    slack = server.FakeSlack(now=lambda: time, limits=server.MessageRates())
    async with slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(TOKEN, base_url=slack.url, session=session, retry_handlers=[])
        for _ in range(4):
            await client.chat_postMessage(**GOOD)
        with pytest.raises(SlackApiError, match="ratelimited") as caught:
            await client.chat_postMessage(**GOOD)
        assert slack.refused == 1
        slack.channels.add("C0MORE")
        await client.chat_postMessage(**{**GOOD, "channel": "C0MORE"})
        time += float(caught.value.response.headers["Retry-After"])
        await client.chat_postMessage(**GOOD)
        assert len(slack.messages) == 6


async def test_a_bad_day_delivers_everything_and_some_of_it_twice() -> None:
    sender = SlackSender(lambda: 1_796_083_200.0)
    requests = [sender.signed_event(f"m{number}") for number in range(100)]
    seen: list[bytes] = []
    fails = 30

    async def deliver(request: Signed) -> bool:
        nonlocal fails
        fails -= 1
        seen.append(request.body)
        return fails < 0

    day = BadDay(random.Random(7), doubled=0.2, lost=0.2)
    assert await day.deliver(requests, deliver) == 0
    assert set(seen) == {request.body for request in requests}
    assert sum(day.tries) == len(seen) > 130
    assert list(dict.fromkeys(seen)) != [request.body for request in requests]
