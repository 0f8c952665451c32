"""Events out of bytes, and the watchdog over a stream."""

import asyncio

import pytest

from adapters.models.answer import LONGEST_TEXT, MOST_CALLS, Answer, usage_of
from adapters.models.deadline import Watchdog
from adapters.models.sse import LONGEST_EVENT, Events
from adapters.models.wire import CallPiece, ToolNames
from runtime.errors import ModelOutputUnusable, ModelTimeout
from runtime.model.completion import Usage
from tests.support.clock import ManualClock


@pytest.mark.parametrize(
    ("sent", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b": comment\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"\n\n\n", []),
        (b"data\n\n", []),
        (b"data: a", []),
        (b"data: a\n", []),
    ],
)
def test_events_are_read_whatever_pieces_they_come_in(sent: bytes, events: list[bytes]) -> None:
    assert Events().feed(sent) == events
    single = Events()
    assert [e for byte in sent for e in single.feed(bytes([byte]))] == events


@pytest.mark.parametrize("sent", [b"data: a", b"data: a\n"])
def test_the_last_event_counts_without_an_empty_line_after_it(sent: bytes) -> None:
    events = Events()
    assert events.feed(sent) == []
    assert events.end() == [b"a"]
    assert events.end() == []


def test_no_more_is_held_back_than_an_event_may_have() -> None:
    one_line, many_lines = Events(), Events()
    with pytest.raises(ModelOutputUnusable):
        one_line.feed(b"x" * (LONGEST_EVENT + 1))
    for _ in range(4):
        many_lines.feed(b"data: " + b"x" * (LONGEST_EVENT // 4 - 6) + b"\n")
    with pytest.raises(ModelOutputUnusable):
        many_lines.feed(b"data: x\n")


def test_an_answer_has_an_end() -> None:
    text, calls = Answer(ToolNames(())), Answer(ToolNames(()))
    text.say("x" * LONGEST_TEXT)
    with pytest.raises(ModelOutputUnusable):
        text.say("x")
    for place in range(MOST_CALLS):
        calls.call(CallPiece(place=place, id=f"c{place}", name="f"))
    with pytest.raises(ModelOutputUnusable):
        calls.call(CallPiece(place=MOST_CALLS, id="more", name="f"))


@pytest.mark.parametrize(
    ("prompt", "completion", "cached", "usage"),
    [
        (11, 4, (), Usage(11, 4)),
        (11, 4, (0, 3), Usage(11, 4, 0, 3)),
        (11, 4, (12, -1), Usage(11, 4)),
        (True, False, (True,), Usage(None, None)),
        ("11", 4.5, (1,), Usage(None, None)),
        (10**30, -1, (5,), Usage(None, None)),
        (None, None, (None, None), Usage(None, None)),
    ],
)
def test_usage_is_what_can_be_true(
    prompt: object, completion: object, cached: tuple[object, ...], usage: Usage
) -> None:
    assert usage_of(prompt, completion, cached) == usage


async def test_the_watchdog_bites_once_a_wait_is_too_long(clock: ManualClock) -> None:
    bites: list[float] = []
    async with Watchdog(clock, every=10, bite=lambda: bites.append(clock.monotonic())) as dog:
        await clock.advance(25)  # nobody waits
        begun = clock.monotonic()
        dog.until = begun + 10
        await clock.advance(9)
        assert not bites
        dog.until = clock.monotonic() + 10
        await clock.advance(9)
        assert not bites
        await clock.advance(1)
        assert bites == [begun + 19]
        assert dog.bitten
    assert clock.sleeping == 0


async def test_the_watchdog_bites_in_time_where_a_wait_may_be_shorter_than_its_looks(
    clock: ManualClock,
) -> None:
    bites: list[float] = []
    async with Watchdog(clock, every=60, bite=lambda: bites.append(clock.monotonic())) as dog:
        await clock.advance(5)
        begun = clock.monotonic()
        dog.hurry(begun + 1)
        await clock.advance(60)
        assert bites == [begun + 1]
    assert clock.sleeping == 0


async def test_what_is_waited_for_under_guard_is_cancelled_once_it_takes_too_long(
    clock: ManualClock,
) -> None:
    seen: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_guarded(clock, seen))
        await clock.advance(24)
        assert seen == ["one"]
        await clock.advance(1)
        assert seen == ["one", "cancelled", "too long"]
    assert not task.cancelled()
    assert task.cancelling() == 0, "whoever waited goes on as if nothing had been"
    assert clock.sleeping == 0


@pytest.mark.parametrize("seconds", [10.0, 25.0], ids=["before", "in the same moment"])
async def test_who_is_cancelled_from_elsewhere_under_guard_is_cancelled(
    seconds: float, clock: ManualClock
) -> None:
    seen: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_guarded(clock, seen))
        tasks.create_task(_cancels_after(clock, seconds, task))
        await clock.advance(30)
    assert task.cancelled()
    assert "too long" not in seen
    assert clock.sleeping == 0


async def _guarded(clock: ManualClock, seen: list[str]) -> None:
    """Wait for one piece for 15 seconds, then for another, for 10, that never comes."""
    async with Watchdog(clock, every=10) as dog:
        await dog.guard(clock.sleep(15), until=clock.monotonic() + 20)
        seen.append("one")
        try:
            await dog.guard(_never(seen), until=clock.monotonic() + 10)
        except ModelTimeout:
            seen.append("too long")


async def _never(seen: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise


async def _cancels_after(clock: ManualClock, seconds: float, task: "asyncio.Task[None]") -> None:
    await clock.sleep(seconds)
    task.cancel()


async def test_the_watchdog_lets_errors_through_as_they_are_and_leaves_with_them(
    clock: ManualClock,
) -> None:
    with pytest.raises(ModelOutputUnusable):
        async with Watchdog(clock, every=10, bite=lambda: None):
            raise ModelOutputUnusable
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_watched(clock))
        await clock.advance(1)
        task.cancel()
    assert task.cancelled()
    assert clock.sleeping == 0


async def _watched(clock: ManualClock) -> None:
    async with Watchdog(clock, every=10, bite=lambda: None):
        await asyncio.Event().wait()
