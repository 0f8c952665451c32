"""What the log says of an event: a full disk does not read as if platforms repeated themselves."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from runtime.errors import StorageFull
from runtime.ids import MessageId
from runtime.model.events import Inbound, Message, Received
from tests.support.build import DM, inbound
from tests.support.intake import Intake

REPEATED = "ingress.not_new"


@pytest.fixture
def bench() -> Intake:
    return Intake()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "nightdesk.ingress")
    return caplog


def event() -> Inbound:
    body = Message(text="hi", direct=True, message_id=MessageId("m"))
    return inbound(key="k", thread=DM, body=body)


async def offer(bench: Intake) -> bool:
    """Offer the event as a webhook does; whether it was stored."""
    stored = asyncio.get_running_loop().create_future()
    bench.ingress.offer([event()], lambda _, on_disk: stored.set_result(on_disk))
    return bool(await stored)


async def test_a_repeated_event_is_said_to_be(
    bench: Intake, said: pytest.LogCaptureFixture
) -> None:
    await bench.ingress(event())
    assert REPEATED not in said.messages
    await bench.ingress(event())
    assert said.messages == [REPEATED]


async def test_an_event_that_could_not_be_stored_is_no_repeated_one(
    bench: Intake, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Received) -> bool:
        raise StorageFull("the disk is full")

    monkeypatch.setattr(bench.store.inbox, "append", full)
    with pytest.raises(StorageFull):
        await bench.ingress(event())
    assert REPEATED not in said.messages


@pytest.mark.parametrize("full", [False, True])
async def test_the_same_holds_of_events_that_are_stored_together(
    bench: Intake, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, full: bool
) -> None:
    def append_all(many: Sequence[Received]) -> asyncio.Future[Sequence[bool]]:
        storing = asyncio.get_running_loop().create_future()
        if full:
            storing.set_exception(StorageFull("the disk is full"))
        else:
            storing.set_result([False] * len(many))
        return storing

    monkeypatch.setattr(bench.store.inbox, "append_all", append_all)
    assert await offer(bench) is not full
    assert said.messages == ([] if full else [REPEATED])
