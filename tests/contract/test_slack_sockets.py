"""Socket Mode on the wire: the SDK's own client against the fake Slack's sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.slack.inbound import SlackInbound
from adapters.slack.listener import SlackListener
from bot.selftest.slack.names import APP_TOKEN
from bot.selftest.slack.sender import SlackSender
from bot.selftest.slack.sockets import Envelope
from runtime.clock import SystemClock
from runtime.errors import ConfigurationError, StorageUnavailable
from runtime.model.events import Command, FormSubmit, Inbound, Message
from tests.support.eventually import eventually
from tests.support.fake_slack import CHANNEL, FakeSlack, Fault

PING = 0.1


@dataclass(slots=True)
class Desk:
    """Stores what it accepts, once, as the inbox does."""

    stored: dict[str, Inbound] = field(default_factory=dict)
    tries: int = 0
    fails: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def accept(self, inbound: Inbound) -> None:
        self.tries += 1
        await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise StorageUnavailable
        self.stored.setdefault(inbound.event_key, inbound)

    @property
    def texts(self) -> list[str]:
        bodies = [inbound.body for inbound in self.stored.values()]
        return [body.text for body in bodies if isinstance(body, Message | Command)]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake
        assert fake.violations == []
        assert fake.sockets.violations == []


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def sender(slack: FakeSlack) -> SlackSender:
    return SlackSender(slack.now)


@asynccontextmanager
async def hearing(
    slack: FakeSlack, desk: Desk, token: str = APP_TOKEN
) -> AsyncIterator[SlackListener]:
    listener = SlackListener(
        token,
        base_url=slack.url,
        inbound=SlackInbound(),
        clock=SystemClock(),
        ping_seconds=PING,
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listener.hear(desk.accept))
        try:
            await slack.sockets.connected()
            yield listener
        finally:
            task.cancel()


async def test_each_kind_of_envelope_is_stored_and_then_acknowledged(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    async with hearing(slack, desk):
        event = sender.signed_event("hello").envelope
        assert await slack.sockets.tell(event) is None
        command = sender.command("schedule list", reply_url=slack.response_url()).envelope
        assert await slack.sockets.tell(command) is None
        pressed = sender.press("go#0", "v", message_ts=sender.next_ts()).envelope
        assert await slack.sockets.tell(pressed) is None
        view = {
            "type": "modal",
            "callback_id": "schedule.create",
            "private_metadata": '{"w":"T0TEAM","c":"C0OPS"}',
            "blocks": [],
        }
        submitted = sender.submit(view, {}).envelope
        assert await slack.sockets.tell(submitted) == {"response_action": "clear"}
    assert desk.texts == ["hello", "schedule list"]
    assert isinstance([*desk.stored.values()][-1].body, FormSubmit)


async def test_hearing_leaves_our_own_log_as_it_is(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    before = logging.getLogger("nightdesk").level
    async with hearing(slack, desk):
        await slack.sockets.tell(sender.signed_event("hello").envelope)
        assert logging.getLogger("nightdesk").level == before
        assert logging.getLogger("nightdesk").filters == []


async def test_what_is_not_stored_is_not_acknowledged_and_comes_again(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    desk.fails = 1
    async with hearing(slack, desk):
        await slack.sockets.tell(sender.signed_event("hello").envelope, seconds=0.2)
    assert desk.texts == ["hello"]
    assert desk.tries == 2


async def test_nothing_is_acknowledged_before_it_is_stored(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    desk.gate.clear()
    async with hearing(slack, desk):
        name = await slack.sockets.deliver(sender.signed_event("hello").envelope)
        await eventually(lambda: desk.tries == 1, "the event is at the desk")
        assert slack.sockets.acks[name] == []
        desk.gate.set()
        await slack.sockets.answered(name)
    assert desk.texts == ["hello"]


async def test_a_lost_acknowledgement_makes_no_second_event(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    slack.sockets.lose_acks = 1
    async with hearing(slack, desk):
        await slack.sockets.tell(sender.signed_event("hello").envelope, seconds=0.2)
    assert desk.tries == 2
    assert desk.texts == ["hello"]


async def test_a_new_connection_is_open_before_the_old_one_is_closed(
    slack: FakeSlack, desk: Desk, sender: SlackSender
) -> None:
    async with hearing(slack, desk):
        [old] = slack.sockets.open
        desk.gate.clear()
        slow = await slack.sockets.deliver(sender.signed_event("slow").envelope, socket=old)
        await eventually(lambda: desk.tries == 1, "the event is at the desk")
        await slack.sockets.refresh()
        await slack.sockets.connected(2)
        [_, new] = slack.sockets.open
        quick = await slack.sockets.deliver(sender.signed_event("quick").envelope, socket=new)
        late = await slack.sockets.deliver(sender.signed_event("late").envelope, socket=old)
        await eventually(lambda: desk.tries == 3, "both connections are heard")
        desk.gate.set()
        for name in (slow, quick, late):
            await slack.sockets.answered(name)
        await slack.sockets.ended(old)
        assert slack.sockets.open == [new]
    assert sorted(desk.texts) == ["late", "quick", "slow"]


@pytest.mark.parametrize("how", ["abort", "close", "refresh"])
async def test_a_connection_that_ends_is_replaced_and_nothing_is_lost(
    slack: FakeSlack,
    desk: Desk,
    sender: SlackSender,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.slack.listener.FIRST_PAUSE", 0.01)
    async with hearing(slack, desk):
        for number in range(3):
            opened = slack.sockets.opened
            [socket] = slack.sockets.open
            if how == "abort":
                socket.abort()
            elif how == "close":
                await socket.ws.close()
            else:
                await slack.sockets.refresh("warning")
            await eventually(lambda: slack.sockets.opened > opened, "a new connection")  # noqa: B023
            await slack.sockets.ended(socket)
            await slack.sockets.tell(sender.signed_event(f"hello {number}").envelope)
    assert desk.texts == ["hello 0", "hello 1", "hello 2"]


async def test_a_socket_that_slack_lets_go_silently_is_seen_and_replaced(
    slack: FakeSlack, desk: Desk
) -> None:
    async with hearing(slack, desk) as listener:
        await eventually(lambda: listener.silence() is not None, "a ping is answered")
        silence = listener.silence()
        assert silence is not None
        assert silence.total_seconds() < 5


async def test_a_flood_is_stored_whole(slack: FakeSlack, desk: Desk, sender: SlackSender) -> None:
    count = 300
    async with hearing(slack, desk):
        names = [
            await slack.sockets.deliver(sender.signed_event(f"m{number}").envelope)
            for number in range(count)
        ]
        for name in names:
            await slack.sockets.answered(name, 10)
    assert len(desk.stored) == count


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope("events_api", {}),
        Envelope("events_api", {"type": "event_callback", "event": {"type": "message"}}),
        Envelope("slash_commands", {"text": "x"}),
        Envelope("interactive", {"type": "block_actions"}),
        Envelope("interactive", {"x": 1}),
        Envelope("strange", {"type": "x"}),
    ],
)
async def test_what_cannot_be_read_is_acknowledged_so_that_it_does_not_come_again(
    slack: FakeSlack, desk: Desk, sender: SlackSender, envelope: Envelope
) -> None:
    async with hearing(slack, desk):
        assert await slack.sockets.tell(envelope) is None
        await slack.sockets.open[0].ws.send_str("no envelope")
        await slack.sockets.open[0].ws.send_str('{"envelope_id": 7}')
        await slack.sockets.tell(sender.signed_event("after").envelope)
    assert desk.texts == ["after"]


async def test_a_token_that_slack_refuses_ends_the_start(slack: FakeSlack, desk: Desk) -> None:
    listener = SlackListener(
        "xapp-wrong", base_url=slack.url, inbound=SlackInbound(), clock=SystemClock()
    )
    with pytest.raises(ConfigurationError, match="NIGHTDESK_SLACK__APP_TOKEN"):
        await listener.hear(desk.accept)


async def test_slack_that_cannot_be_reached_is_tried_again(
    slack: FakeSlack, desk: Desk, sender: SlackSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.slack.listener.FIRST_PAUSE", 0.01)
    slack.faults += [
        Fault("status", "apps.connections.open", status=503),
        Fault("rate", "apps.connections.open"),
        Fault("error", "apps.connections.open", error="internal_error"),
    ]
    async with hearing(slack, desk):
        await slack.sockets.tell(sender.signed_event("hello").envelope)
    assert desk.texts == ["hello"]
    assert CHANNEL in {inbound.thread.channel.channel for inbound in desk.stored.values()}
