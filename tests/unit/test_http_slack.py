"""Slack's three addresses as they are served: real sockets, real signatures, and 3,000 forgeries."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from adapters.slack.inbound import SlackInbound
from gateway.http.server import WebhookRoute, build_app, serve
from gateway.http.sources import RequestLimits
from gateway.verify.slack import SlackVerifier
from runtime.model.events import ButtonPress, Command, Inbound, Message
from tests.property.test_verifier_slack import forge
from tests.support.clock import ManualClock
from tests.support.fake_slack_events import SECRET, Signed, SlackSender
from tests.unit.test_http import Fit

OPEN = RequestLimits(burst=10**6, per_second=10**6)
FORGERIES = 3_000


@dataclass(slots=True)
class Desk:
    base: str
    session: aiohttp.ClientSession
    sender: SlackSender
    accepted: list[Inbound] = field(default_factory=list)

    async def accept(self, inbound: Inbound) -> None:
        self.accepted.append(inbound)

    async def post(self, signed: Signed) -> tuple[int, str]:
        return await signed.post(self.base, self.session)


@pytest.fixture
async def desk(clock: ManualClock) -> AsyncIterator[Desk]:
    verify, inbound = SlackVerifier([SECRET, "previous-" + SECRET], clock), SlackInbound()
    async with aiohttp.ClientSession() as session:
        made = Desk("", session, SlackSender(lambda: clock.now().timestamp()))
        paths = {
            "/slack/events": inbound.parse_event,
            "/slack/commands": inbound.parse_command,
            "/slack/interactivity": inbound.parse_interaction,
        }
        routes = [
            WebhookRoute(path=path, verify=verify, parse=parse, accept=made.accept)
            for path, parse in paths.items()
        ]
        app = build_app(routes, Fit(), clock=clock, limits=OPEN)
        async with serve(app, "127.0.0.1", 0) as port:
            made.base = f"http://127.0.0.1:{port}"
            yield made


async def test_each_address_takes_what_slack_posts_to_it(desk: Desk) -> None:
    assert await desk.post(desk.sender.signed_event("hi")) == (200, "")
    assert await desk.post(desk.sender.command("help", reply_url="")) == (200, "")
    assert await desk.post(desk.sender.press("go#0", "v", message_ts="1767600000.1")) == (200, "")
    kinds = [type(inbound.body) for inbound in desk.accepted]
    assert kinds == [Message, Command, ButtonPress]


async def test_the_handshake_needs_a_signature(desk: Desk) -> None:
    handshake = desk.sender.json({"type": "url_verification", "challenge": "3eZbrw1a"})
    assert await desk.post(handshake) == (200, "3eZbrw1a")
    unsigned = Signed(handshake.path, handshake.body, {"Content-Type": "application/json"})
    assert await desk.post(unsigned) == (401, "")


async def test_a_replay_is_taken_for_five_minutes_with_the_same_keys_and_then_refused(
    desk: Desk, clock: ManualClock
) -> None:
    signed = desk.sender.signed_event("hi")
    assert await desk.post(signed) == (200, "")
    await clock.advance(299)
    assert await desk.post(signed.again()) == (200, "")
    first, second = desk.accepted
    assert first == second
    await clock.advance(2)
    assert await desk.post(signed.again(2)) == (401, "")
    assert len(desk.accepted) == 2


async def test_a_signed_request_at_another_address_is_malformed_not_an_error(desk: Desk) -> None:
    event = desk.sender.signed_event("hi")
    command = desk.sender.command("help", reply_url="")
    for path in ("/slack/commands", "/slack/interactivity"):
        assert await desk.post(Signed(path, event.body, event.headers)) == (400, "")
    assert await desk.post(Signed("/slack/events", command.body, command.headers)) == (400, "")
    assert desk.accepted == []


async def test_forgeries_get_one_constant_refusal_and_no_error(
    desk: Desk, clock: ManualClock
) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    answers: Counter[tuple[int, str]] = Counter()

    async def attack(number: int) -> None:
        for _ in range(FORGERIES // 8):
            forged = forge(chance)
            headers = {n: v for n, v in forged.headers.items() if _sendable(v)}
            path = chance.choice(["/slack/events", "/slack/commands", "/slack/interactivity"])
            answers[await desk.post(Signed(path, forged.body, headers))] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(attack(number))
    assert answers == {(401, ""): FORGERIES}, seed
    assert desk.accepted == []


async def test_whatever_slack_signs_is_no_server_error(desk: Desk) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    genuine = [
        desk.sender.signed_event("hi <@U0BOT> &amp; <https://e.org|you>", files=[{"name": "f"}]),
        desk.sender.command("schedule list", reply_url="https://hooks.slack.com/x"),
        desk.sender.press("go#0", "v", message_ts="1767600000.1"),
    ]
    for number in range(1_500):
        signed = chance.choice(genuine)
        body = bytearray(signed.body)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(body))
            body[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        content_type = signed.headers["Content-Type"]
        status, text = await desk.post(desk.sender.sign(signed.path, bytes(body), content_type))
        assert status in {200, 400}, (seed, number, bytes(body))
        assert status == 200 or text == ""


def _sendable(value: str) -> bool:
    """Whether it arrives as it is: HTTP takes no controls, and no white space around a value."""
    return value.isprintable() and value.isascii() and value == value.strip()
