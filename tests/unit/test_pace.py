"""How fast a platform is sent to."""

from dataclasses import replace

from gateway.outbound.pace import Pace
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.outbox import OutboxItem
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
    assert round(waits[-1], 2) == 0.9


async def test_nothing_goes_to_a_channel_before_the_platform_allows_it_again() -> None:
    clock = ManualClock()
    subject = pace(clock)
    subject.wait(outbox_item(key="1"))
    subject.hold(outbox_item(key="1"), 30.0)
    assert subject.wait(outbox_item(key="1")) == 30.0
    assert subject.wait(outbox_item(key="2", thread=OPS)) < 1.0


async def test_a_ban_holds_whatever_burst_the_channel_allows() -> None:
    clock = ManualClock()
    subject = Pace({TERMINAL: ChatLimits(per_channel=1.0, overall=50.0, burst=5)}, clock)
    subject.wait(outbox_item(key="1"))
    subject.hold(outbox_item(key="1"), 30.0)
    assert subject.wait(outbox_item(key="1")) == 30.0


def briefing(number: int) -> OutboxItem:
    """A message nobody asked for, to a channel of its own."""
    thread = ThreadRef(ChannelRef(TERMINAL, "w", f"c{number}"))
    return replace(outbox_item(key=f"b{number}", thread=thread), proactive=True)


async def test_an_answer_takes_the_next_place_of_a_long_briefing() -> None:
    clock = ManualClock()
    subject = pace(clock, overall=10.0)
    waits = [subject.wait(briefing(n)) for n in range(100)]
    assert waits[-1] > 9.0
    assert subject.wait(outbox_item(key="answer")) < 0.11


async def test_a_message_that_gave_way_goes_last_and_the_limit_holds() -> None:
    clock = ManualClock()
    subject = pace(clock, overall=10.0)
    waiting = [briefing(n) for n in range(50)]
    sent: list[tuple[float, OutboxItem]] = []
    for step in range(120):
        if step in {3, 10, 11, 12}:
            answer = outbox_item(
                key=f"a{step}", thread=ThreadRef(ChannelRef(TERMINAL, "a", f"{step}"))
            )
            waiting.append(answer)
        for item in list(waiting):
            if subject.wait(item) == 0:
                waiting.remove(item)
                sent.append((clock.monotonic(), item))
        await clock.advance(0.05)
    assert len(sent) == 54
    times = [at for at, _ in sent]
    assert all(sum(at <= other < at + 1.0 for other in times) <= 10 for at in times)
    answered = [at for at, item in sent if not item.proactive]
    began = times[0]
    assert all(
        at - began <= 0.05 * step + 0.2 for at, step in zip(answered, (3, 10, 11, 12), strict=True)
    ), "each answer goes within two places of the line"


async def test_an_answer_does_not_wait_behind_what_a_channel_gets_unasked() -> None:
    clock = ManualClock()
    subject = pace(clock)
    pieces = [replace(outbox_item(key=str(n)), proactive=True) for n in range(10)]
    assert [round(subject.wait(piece)) for piece in pieces] == list(range(10))
    assert round(subject.wait(outbox_item(key="answer"))) == 1
