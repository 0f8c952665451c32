"""A database that goes away around a send: no message is shown twice for it, and none is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from adapters.memory.store import MemoryStore
from runtime.errors import Ambiguous, Permanent, Retryable, StorageUnavailable
from runtime.ids import MessageId, OutboxId, TimeOrderedIds
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import ChatLimits
from runtime.storing import STORE_PAUSE
from tests.support.build import OPS, TERMINAL, outbox_item
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.desk import DeskUnderTest, running_desk

AWAY = 3
"""So often the database takes nothing."""
FREE = ChatLimits(per_channel=1e6, overall=1e6, burst=1000)


@dataclass(slots=True)
class Untold(MemoryChat):
    """A platform that never says whether it has a message, as Telegram."""

    asked: list[OutboxId] = field(default_factory=list)

    async def find(self, item: OutboxItem) -> MessageId | None:
        self.asked.append(item.id)
        raise Permanent("not to be asked")


def away(method: Callable[..., Awaitable[Any]], *, stored: bool) -> Callable[..., Awaitable[Any]]:
    """The method while the database is away; `stored` is what only was not heard of."""
    left = AWAY

    async def call(*given: Any, **named: Any) -> Any:
        nonlocal left
        if not left:
            return await method(*given, **named)
        left -= 1
        if stored:
            await method(*given, **named)
        raise StorageUnavailable

    return call


async def until_ended(desk: DeskUnderTest, item: OutboxItem) -> OutboxItem:
    outbox = desk.desk.parts.store.outbox
    desk.desk.dispatcher.wake()
    for _ in range(10 * AWAY):
        await settle(100)
        await desk.clock.advance(STORE_PAUSE)
    await desk.quiet()
    ended = await outbox.get(item.id)
    assert ended is not None
    return ended


def opened(*, repeats: bool = False) -> tuple[MemoryStore, Untold, ManualClock]:
    clock = ManualClock()
    chat = Untold(limits=replace(FREE, may_repeat=repeats))
    return MemoryStore(clock=clock, ids=TimeOrderedIds(clock)), chat, clock


@pytest.mark.parametrize("repeats", [False, True], ids=["once", "may repeat"])
@pytest.mark.parametrize("stored", [False, True], ids=["lost", "unheard"])
@pytest.mark.parametrize(
    ("method", "fault"),
    [("sent", None), ("holds", None), ("postpone", Retryable("slow down", after=1.0))],
)
async def test_it_is_sent_once(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    fault: Exception | None,
    *,
    stored: bool,
    repeats: bool,
) -> None:
    store, chat, clock = opened(repeats=repeats)
    chat.faults += [fault] if fault else []
    monkeypatch.setattr(store.outbox, method, away(getattr(store.outbox, method), stored=stored))
    await store.outbox.enqueue([item := outbox_item("the news", at=clock.now())])
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        ended = await until_ended(desk, item)
    assert (chat.texts, ended.state) == (["the news"], OutboxState.SENT)
    assert not chat.asked, "its answer to the send was heard"


async def test_it_is_sent_once_where_the_rate_makes_it_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened()
    chat.limits = ChatLimits(per_channel=0.1, overall=100.0)
    monkeypatch.setattr(store.outbox, "postpone", away(store.outbox.postpone, stored=False))
    await store.outbox.enqueue([outbox_item("first", key="1", at=clock.now())])
    await store.outbox.enqueue([item := outbox_item("second", key="2", at=clock.now())])
    async with running_desk(store, chat=chat, clock=clock) as desk:
        ended = await until_ended(desk, item)
    assert (chat.texts, ended.state) == (["first", "second"], OutboxState.SENT)


async def test_what_nobody_asked_for_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, chat, clock = opened()
    monkeypatch.setattr(store.trust, "of", away(store.trust.of, stored=False))
    item = outbox_item("the news", at=clock.now(), thread=OPS, proactive=True)
    await store.outbox.enqueue([item])
    async with running_desk(store, chat=chat, clock=clock) as desk:
        ended = await until_ended(desk, item)
    assert (chat.texts, ended.state) == (["the news"], OutboxState.SENT)


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "unheard"])
async def test_what_the_platform_refused_is_set_aside_for_its_reason(
    monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    store, chat, clock = opened()
    chat.faults += [Permanent("the bot is not in the channel")]
    monkeypatch.setattr(store.outbox, "settle", away(store.outbox.settle, stored=stored))
    await store.outbox.enqueue([item := outbox_item("the news", at=clock.now())])
    async with running_desk(store, chat=chat, clock=clock) as desk:
        ended = await until_ended(desk, item)
    assert (ended.state, ended.error) == (OutboxState.DEAD, "the bot is not in the channel")
    [told] = chat.texts
    assert "could not be sent and was set aside" in told


async def test_what_is_stopped_meanwhile_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    store, chat, clock = opened()
    monkeypatch.setattr(store.outbox, "holds", away(store.outbox.holds, stored=False))
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await desk.say("hello")
        await settle(500)
        await desk.say("stop")
        await desk.quiet()
        for _ in range(2 * AWAY):
            await clock.advance(STORE_PAUSE)
            await desk.quiet()
    assert "Fine." not in chat.texts
    assert await store.outbox.count(OutboxState.WITHHELD) == 1


async def test_a_claim_that_is_lost_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store, chat, clock = opened()
    async with running_desk(store, chat=chat, clock=clock) as desk:
        await settle()
        monkeypatch.setattr(store.outbox, "claim", away(store.outbox.claim, stored=False))
        await store.outbox.enqueue([item := outbox_item("the news", at=clock.now())])
        ended = await until_ended(desk, item)
        assert await desk.ask("hello") == "Fine."
    assert (chat.texts, ended.error) == (["the news", "Fine."], "")


@pytest.mark.parametrize("method", ["claim", "take_on"])
@pytest.mark.parametrize("ours", [True, False], ids=["still ours", "at the next start"])
async def test_what_is_taken_up_with_nobody_hearing_of_it_is_sent_once_it_is_known_to_be_ours(
    monkeypatch: pytest.MonkeyPatch, method: str, *, ours: bool
) -> None:
    store, chat, clock = opened(repeats=True)
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        await store.outbox.enqueue([item := outbox_item("the news", at=clock.now())])
        if method == "take_on":
            await store.outbox.claim(now=clock.now(), owner="gone", platforms=[TERMINAL])
        with monkeypatch.context() as outage:
            outage.setattr(store.outbox, method, away(getattr(store.outbox, method), stored=True))
            if method == "take_on":
                with pytest.raises(StorageUnavailable):
                    await desk.desk.dispatcher.reconcile(owner="gone")
            ended = await until_ended(desk, item)
        assert (chat.texts, ended.state) == ([], OutboxState.SENDING)
        if ours:
            desk.desk.dispatcher.still_ours()
            ended = await until_ended(desk, item)
    if not ours:
        async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
            ended = await until_ended(desk, item)
    assert (chat.texts, ended.state) == (["the news"], OutboxState.SENT)


async def test_what_is_under_way_is_not_taken_for_what_nobody_heard_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened(repeats=True)
    held, taken_on = asyncio.Event(), []
    send, take_on = MemoryChat.send, store.outbox.take_on

    async def slowly(self: MemoryChat, item: OutboxItem) -> MessageId:
        if item.id == slow.id:
            await held.wait()
        return await send(self, item)

    async def noted(**given: Any) -> list[OutboxItem]:
        taken_on.extend(items := await take_on(**given))
        return items

    monkeypatch.setattr(MemoryChat, "send", slowly)
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        monkeypatch.setattr(store.outbox, "take_on", noted)
        await store.outbox.enqueue([lost := outbox_item("lost", key="1", at=clock.now())])
        with monkeypatch.context() as outage:
            outage.setattr(store.outbox, "claim", away(store.outbox.claim, stored=True))
            await until_ended(desk, lost)
        await store.outbox.enqueue(
            [slow := outbox_item("slow", key="2", at=clock.now(), thread=OPS)]
        )
        desk.desk.dispatcher.wake()
        await settle(100)
        desk.desk.dispatcher.still_ours()
        await settle(100)
        assert (chat.texts, taken_on) == ([], [])
        held.set()
        await settle(100)
        desk.desk.dispatcher.still_ours()
        await until_ended(desk, lost)
    assert chat.texts == ["slow", "lost"]
    assert [item.id for item in taken_on] == [lost.id]


async def test_what_is_written_while_the_unheard_is_looked_for_is_sent_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened(repeats=True)
    looking, go_on = asyncio.Event(), asyncio.Event()
    take_on = store.outbox.take_on

    async def slowly(**given: Any) -> list[OutboxItem]:
        looking.set()
        await go_on.wait()
        return await take_on(**given)

    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        await store.outbox.enqueue([lost := outbox_item("lost", key="1", at=clock.now())])
        with monkeypatch.context() as outage:
            outage.setattr(store.outbox, "claim", away(store.outbox.claim, stored=True))
            await until_ended(desk, lost)
        monkeypatch.setattr(store.outbox, "take_on", slowly)
        desk.desk.dispatcher.still_ours()
        await looking.wait()
        # An answer is claimed as it is written, and handed to the dispatcher right behind that.
        await store.outbox.enqueue([outbox_item("answer", key="2", at=clock.now(), thread=OPS)])
        slot = desk.desk.parts.slot
        desk.desk.dispatcher.take(
            await store.outbox.claim(now=clock.now(), owner=slot, platforms=[TERMINAL])
        )
        await settle(100)
        assert chat.texts == []
        go_on.set()
        await until_ended(desk, lost)
    assert sorted(chat.texts) == ["answer", "lost"]


async def test_what_was_said_to_be_ours_before_an_outage_is_not_taken_on_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened(repeats=True)
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        await store.outbox.enqueue([lost := outbox_item("lost", key="1", at=clock.now())])
        monkeypatch.setattr(store.outbox, "claim", away(store.outbox.claim, stored=True))
        desk.desk.dispatcher.wake()
        await settle(100)
        desk.desk.dispatcher.still_ours()
        ended = await until_ended(desk, lost)
        assert (chat.texts, ended.state) == ([], OutboxState.SENDING)
        desk.desk.dispatcher.still_ours()
        await until_ended(desk, lost)
    assert chat.texts == ["lost"]


async def test_what_is_in_doubt_stays_so_when_the_unheard_is_taken_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened()

    async def later(self: Untold, item: OutboxItem) -> None:
        self.asked.append(item.id)
        raise Retryable("not now", after=3600.0)

    monkeypatch.setattr(Untold, "find", later)
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        chat.faults.append(Ambiguous("broke off"))
        await store.outbox.enqueue([shown := outbox_item("shown", key="1", at=clock.now())])
        desk.desk.dispatcher.wake()
        await settle(100)
        await store.outbox.enqueue(
            [lost := outbox_item("lost", key="2", at=clock.now(), thread=OPS)]
        )
        with monkeypatch.context() as outage:
            outage.setattr(store.outbox, "claim", away(store.outbox.claim, stored=True))
            await until_ended(desk, lost)
        desk.desk.dispatcher.still_ours()
        await until_ended(desk, lost)
        assert chat.asked == [shown.id, lost.id]
        monkeypatch.setattr(Untold, "find", MemoryChat.find)
        await clock.advance(3600.0)
        await until_ended(desk, lost)
        ended = [await store.outbox.get(item.id) for item in (shown, lost)]
    assert [item.state for item in ended if item] == [OutboxState.SENT] * 2
    assert chat.texts == ["shown", "lost"]


async def test_what_the_next_life_of_the_slot_sends_meanwhile_is_sent_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, chat, clock = opened(repeats=True)
    claim = store.outbox.claim
    async with running_desk(store, chat=chat, clock=clock, alone=False) as desk:
        await settle()
        monkeypatch.setattr(store.outbox, "claim", away(claim, stored=False))
        desk.desk.dispatcher.wake()
        await settle(100)
        await store.outbox.enqueue([item := outbox_item("the news", at=clock.now())])
        slot = desk.desk.parts.slot
        [theirs] = await claim(now=clock.now(), owner=slot, platforms=[TERMINAL])
        assert (await until_ended(desk, item)).state is OutboxState.SENDING
        assert await store.outbox.holds(theirs.id, theirs.attempts)
    assert not chat.texts


@pytest.mark.parametrize("stored", [False, True], ids=["lost", "unheard"])
async def test_the_message_behind_a_turn_whose_end_nobody_heard_of_is_answered(
    monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    store, chat, clock = opened()
    async with running_desk(
        store, lambda asked: asked.entries[-1].text, chat=chat, clock=clock
    ) as desk:
        monkeypatch.setattr(store.turns, "finish", away(store.turns.finish, stored=stored))
        await desk.say("one")
        await desk.say("two")
        for _ in range(4 * AWAY):
            await settle(250)
            await desk.clock.advance(STORE_PAUSE)
        await desk.quiet()
    assert [text for text in chat.texts if "_I could not" not in text] == ["one", "two"]
