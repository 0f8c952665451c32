"""Answers that are sent from where they were written, whatever happens in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import StorageUnavailable
from runtime.ids import Platform
from runtime.model.address import ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import ChatLimits, Store
from runtime.storing import STORE_PAUSE
from tests.support.build import DM, TERMINAL, outbox_item
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.eventually import eventually


async def _states(desk: DeskUnderTest, *states: OutboxState) -> list[int]:
    return [await desk.desk.parts.store.outbox.count(state) for state in states]


async def test_nobody_has_to_look_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []

    async def look(**said: object) -> list[OutboxItem]:
        looks.append(said)
        return []

    async with running_desk(tmp_path) as desk:
        await desk.quiet()
        monkeypatch.setattr(desk.desk.parts.store.outbox, "claim", look)
        assert await desk.ask("hello") == "Fine."
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]
        assert looks == []


async def test_an_answer_in_several_messages_arrives_in_order(tmp_path: Path) -> None:
    long = " ".join(f"word-{number}" for number in range(2_000))
    async with running_desk(tmp_path, lambda _: long) as desk:
        await desk.ask("tell me everything")
        assert len(desk.chat.texts) > 1
        assert "".join("".join(desk.chat.texts).split()) == "".join(long.split())


async def test_an_answer_waits_for_the_message_before_it_in_its_thread(tmp_path: Path) -> None:
    chat = MemoryChat(limits=ChatLimits(per_channel=0.1, overall=100.0))
    async with running_desk(tmp_path, chat=chat) as desk:
        outbox, now = desk.desk.parts.store.outbox, desk.clock.now()
        await outbox.enqueue([outbox_item(f"{n}", key=f"k{n}", at=now, thread=DM) for n in (1, 2)])
        desk.desk.dispatcher.wake()
        await desk.say("hello")
        await passing(desk, 1.0, lambda: len(chat.texts) == 3)
        assert chat.texts == ["1", "2", "Fine."]


async def test_an_answer_keeps_to_the_rate_limit(tmp_path: Path) -> None:
    chat = MemoryChat(limits=ChatLimits(per_channel=0.1, overall=100.0))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.ask("hello")
        sent_at = desk.clock.monotonic()
        await desk.say("hello again")
        await settle(250)
        assert len(chat.texts) == 1
        await passing(desk, 1.0, lambda: len(chat.texts) == 2)
        assert desk.clock.monotonic() - sent_at >= 9.0
        assert await desk.desk.parts.store.outbox.count(OutboxState.PENDING) == 0


@pytest.mark.parametrize("stored", [False, True])
async def test_while_the_store_is_away_an_answer_waits_and_then_is_sent_once(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    """Or only the connection broke after the commit, before anybody was told of it."""
    finish, hand_back, away = store.turns.finish, store.outbox.hand_back, True
    failed = handed_back = 0

    async def finish_if_there(*given: Any, **named: Any) -> list[OutboxItem]:
        nonlocal failed
        if not away:
            return await finish(*given, **named)
        if stored:
            await finish(*given, **named)
        failed += 1
        raise StorageUnavailable

    async def hand_back_if_there(*given: Any, **named: Any) -> int:
        nonlocal handed_back
        if away:
            raise StorageUnavailable
        handed_back += await hand_back(*given, **named)
        return handed_back

    monkeypatch.setattr(store.turns, "finish", finish_if_there)
    monkeypatch.setattr(store.outbox, "hand_back", hand_back_if_there)
    async with running_desk(store, clock=clock) as desk:
        await desk.say("hello")
        await eventually(lambda: failed)
        away = False
        await passing(desk, 1.0, lambda: desk.chat.texts)
        await desk.quiet()
        await clock.advance(2 * STORE_PAUSE)
        await settle(250)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]
        assert (failed, handed_back) == (1, int(stored))


@dataclass
class _Gate:
    """Where something has arrived, and waits to be let through."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


async def _broken_off(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> _Gate:
    """Break a turn off between the commit of its end and the news of it; where that is handed back."""
    turns, outbox = desk.desk.parts.store.turns, desk.desk.parts.store.outbox
    finish, hand_back, stored, gate = turns.finish, outbox.hand_back, _Gate(), _Gate()

    async def endless(*given: Any, **named: Any) -> list[OutboxItem]:
        done = await finish(*given, **named)
        await stored.passed()
        return done

    async def slowly(*given: Any, **named: Any) -> int:
        await gate.passed()
        return await hand_back(*given, **named)

    monkeypatch.setattr(turns, "finish", endless)
    monkeypatch.setattr(outbox, "hand_back", slowly)
    await desk.say("hello")
    async with asyncio.timeout(45):
        await stored.reached.wait()
        conversation = await desk.desk.parts.store.conversations.bound(DM)
        assert conversation is not None
        assert desk.desk.mailboxes.interrupt(conversation)
        await gate.reached.wait()
    return gate


async def test_where_the_turn_is_broken_off_while_it_is_stored_it_is_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path) as desk:
        gate = await _broken_off(desk, monkeypatch)
        await settle(250)
        assert await desk.desk.dispatcher.undelivered()
        assert not desk.desk.activity.quiet
        gate.opened.set()
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]


async def test_what_was_not_handed_back_before_the_end_the_next_life_sends_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, clock = MemoryChat(), ManualClock()
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await _broken_off(desk, monkeypatch)
    assert chat.texts == []
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await passing(desk, 1.0, lambda: chat.texts)
        await desk.quiet()
        assert chat.texts == ["Fine."]
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]


async def test_who_stood_still_between_writing_and_sending_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for dead meanwhile, and the other has the message now."""
    async with running_desk(tmp_path, alone=False) as desk:
        store = desk.desk.parts.store
        finish = store.turns.finish

        async def slowly(*given: Any, **named: Any) -> list[OutboxItem]:
            claimed = await finish(*given, **named)
            platforms: Sequence[Platform] = [TERMINAL]
            await store.outbox.take_on(owner="all-0", by="taker", platforms=platforms)
            return claimed

        monkeypatch.setattr(store.turns, "finish", slowly)
        await desk.say("hello")
        await desk.quiet()
        assert desk.chat.texts == []
        assert await store.outbox.count(OutboxState.SENDING) == 1


async def test_a_text_that_is_stored_otherwise_is_sent_as_it_is_stored(tmp_path: Path) -> None:
    def broken(_: ModelRequest) -> str:
        return "half a pair: \ud800"

    async with running_desk(tmp_path, broken) as desk:
        assert await desk.ask("hello") == "half a pair: \ufffd"


async def test_what_is_written_before_anybody_sends_waits(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        dispatcher = desk.desk.dispatcher
        assert not dispatcher.claims(DM)
        await settle()
        assert dispatcher.claims(DM)
        assert not dispatcher.claims(ThreadRef(replace(DM.channel, platform=Platform("else")), ""))
    assert not dispatcher.claims(DM)
