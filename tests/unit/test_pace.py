"""How fast a platform is sent to."""

from gateway.pace import Pace
from runtime.model.address import ChannelRef, ThreadRef
from runtime.ports import ChatLimits
from tests.support.build import DM, OPS, TERMINAL, outbox_item
from tests.support.clock import ManualClock


def pace(clock: ManualClock, *, per_channel: float = 1.0, overall: float = 50.0) -> Pace:
    """One platform with those limits and no burst."""
    limits = ChatLimits(per_channel=per_channel, overall=overall)
    return Pace({TERMINAL: limits}, clock)


async def test_the_second_message_of_a_channel_waits_a_second() -> None:
    clock = ManualClock()
    subject = pace(clock)
    assert subject.wait(outbox_item(key="1")) == 0
    assert subject.wait(outbox_item(key="2")) == 1.0


async def test_a_message_keeps_its_place_while_it_waits() -> None:
    clock = ManualClock()
    subject = pace(clock)
    subject.wait(outbox_item(key="1"))
    subject.wait(outbox_item(key="2"))
    await clock.advance(0.4)
    assert round(subject.wait(outbox_item(key="2")), 6) == 0.6
    await clock.advance(0.6)
    assert subject.wait(outbox_item(key="2")) == 0
    assert round(subject.wait(outbox_item(key="3")), 6) == 1.0


async def test_channels_do_not_wait_for_each_other() -> None:
    subject = pace(ManualClock(), overall=1000.0)
    assert subject.wait(outbox_item(key="1", thread=DM)) == 0
    assert subject.wait(outbox_item(key="2", thread=OPS)) <= 0.001


async def test_the_platform_s_own_limit_spreads_many_channels() -> None:
    subject = pace(ManualClock(), overall=10.0)
    waits = [
        subject.wait(outbox_item(key=str(n), thread=ThreadRef(ChannelRef(TERMINAL, "w", str(n)))))
        for n in range(11)
    ]
    assert round(waits[-1], 6) == 0.9


async def test_nothing_goes_to_a_channel_before_the_platform_allows_it_again() -> None:
    clock = ManualClock()
    subject = pace(clock)
    subject.wait(outbox_item(key="1"))
    subject.hold(outbox_item(key="1"), 30.0)
    assert subject.wait(outbox_item(key="1")) == 30.0
    assert subject.wait(outbox_item(key="2", thread=OPS)) < 1.0
