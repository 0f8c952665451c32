"""Outgoing webhooks against a real server: signed, repeated with the same id, never inwards."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from adapters.webhook.addresses import PrivateAddress, PublicOnly, is_public
from adapters.webhook.outbound import WEBHOOK, WebhookChat
from runtime.errors import Permanent, Retryable
from runtime.ids import FileId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.files import OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from tests.support.clock import ManualClock
from tests.support.stores import Rows

SECRET = "a-secret-of-the-team"
REPORT = OutFile(id=FileId("report"), name="report.csv", media_type="text/csv", size=3)


@dataclass
class Receiver:
    """A server that takes webhooks."""

    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.read()))
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def csv(_file: OutFile) -> bytes:
    return b"a,b"


@asynccontextmanager
async def opened(clock: ManualClock, *, allow_private: bool = True) -> AsyncIterator[WebhookChat]:
    chat = WebhookChat(SECRET, allow_private=allow_private, clock=clock, read=csv)
    await chat.open()
    try:
        yield chat
    finally:
        await chat.close()


@pytest.fixture
async def chat(clock: ManualClock) -> AsyncIterator[WebhookChat]:
    async with opened(clock) as chat:
        yield chat


def item(rows: Rows, url: str) -> OutboxItem:
    return rows.item("All is well.", thread=ThreadRef(ChannelRef(WEBHOOK, "", url)), key="row1")


async def test_a_delivery_is_signed_over_its_time_and_its_bytes(
    chat: WebhookChat, receiver: Receiver, rows: Rows, clock: ManualClock
) -> None:
    assert await chat.send(item(rows, receiver.url)) == "row1"

    ((headers, body),) = receiver.requests
    stamp = headers["X-Nightdesk-Timestamp"]
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-Nightdesk-Signature"] == f"v1={expected}"
    assert headers["X-Nightdesk-Delivery"] == "row1"
    assert int(stamp) == int(clock.now().timestamp())
    assert json.loads(body) == {
        "id": "row1",
        "thread": "",
        "text": "All is well.",
        "sent_at": clock.now().isoformat(),
        "files": [],
    }


async def test_a_file_goes_with_it(chat: WebhookChat, receiver: Receiver, rows: Rows) -> None:
    row = replace(item(rows, receiver.url), content=Content("see", (), (REPORT,)))
    await chat.send(row)

    (file,) = json.loads(receiver.requests[0][1])["files"]
    assert file == {"name": "report.csv", "media_type": "text/csv", "content": "YSxi"}


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (web.Response(status=500), None),
        (web.Response(status=503, headers={"Retry-After": "7"}), 7.0),
        (web.Response(status=429, headers={"Retry-After": "999999"}), 3600.0),
        (web.Response(status=429, headers={"Retry-After": "soon"}), None),
    ],
)
async def test_what_may_go_well_later_is_tried_again_with_the_same_id(
    chat: WebhookChat, receiver: Receiver, rows: Rows, answer: web.Response, after: float | None
) -> None:
    receiver.answers = [answer]
    with pytest.raises(Retryable) as caught:
        await chat.send(item(rows, receiver.url))
    assert caught.value.after == after

    await chat.send(item(rows, receiver.url))
    assert [headers["X-Nightdesk-Delivery"] for headers, _ in receiver.requests] == ["row1"] * 2


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
async def test_what_stays_wrong_is_set_aside(
    chat: WebhookChat, receiver: Receiver, rows: Rows, status: int
) -> None:
    receiver.answers = [web.Response(status=status, headers={"Location": receiver.url})]
    with pytest.raises(Permanent, match=str(status)):
        await chat.send(item(rows, receiver.url))
    assert len(receiver.requests) == 1


async def test_nobody_there_is_tried_again(chat: WebhookChat, rows: Rows) -> None:
    with pytest.raises(Retryable, match="cannot be reached"):
        await chat.send(item(rows, "http://127.0.0.1:1/hook"))


async def test_a_private_address_is_not_called_unless_it_is_allowed(
    receiver: Receiver, rows: Rows, clock: ManualClock
) -> None:
    async with opened(clock, allow_private=False) as chat:
        for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.1.2.3"):
            url = receiver.url.replace("127.0.0.1", host)
            with pytest.raises(Permanent, match="NIGHTDESK_WEBHOOK__ALLOW_PRIVATE"):
                await chat.send(item(rows, url))
            (finding,) = await chat.probe(ChannelRef(WEBHOOK, "", url))
            assert not finding.ok
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_name_is_judged_by_where_it_leads() -> None:
    resolver = PublicOnly()
    with pytest.raises(PrivateAddress, match="localhost leads to"):
        await resolver.resolve("localhost", 80)
    await resolver.close()


async def test_the_probe_shows_no_path(chat: WebhookChat, receiver: Receiver) -> None:
    (finding,) = await chat.probe(ChannelRef(WEBHOOK, "", receiver.url + "?token=hush"))

    assert finding.ok
    assert "hush" not in finding.what
    assert "204" in finding.what
