"""The fake Slack complains: a fake that takes everything proves nothing."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.architecture.source import ROOT
from tests.support import fake_slack_rules as rules
from tests.support import specs
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
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.chat_postMessage(**GOOD)
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
