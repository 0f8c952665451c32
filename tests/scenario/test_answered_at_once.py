"""Answers that are sent from where they were written, whatever happens in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import StorageUnavailable
from runtime.ids import Platform
from runtime.model.address import ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import ChatLimits
from tests.support.build import DM, TERMINAL, outbox_item
from tests.support.chat import MemoryChat
from tests.support.clock import settle
from tests.support.desk import DeskUnderTest, passing, running_desk


async def _never(**_: object) -> list[OutboxItem]:
    return []


async def _states(desk: DeskUnderTest, *states: OutboxState) -> list[int]:
    return [await desk.desk.parts.store.outbox.count(state) for state in states]


async def test_nobody_has_to_look_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path) as desk:
        monkeypatch.setattr(desk.desk.parts.store.outbox, "claim", _never)
        assert await desk.ask("hello") == "Fine."
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]


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


async def test_where_nobody_hears_that_it_was_stored_it_is_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the commit, and before anybody is told of it."""
    async with running_desk(tmp_path) as desk:
        turns = desk.desk.parts.store.turns
        finish, tries = turns.finish, 0

        async def unheard(*given: Any, **named: Any) -> list[OutboxItem]:
            nonlocal tries
            tries += 1
            done = await finish(*given, **named)
            if tries == 1:
                raise StorageUnavailable
            return done

        monkeypatch.setattr(turns, "finish", unheard)
        await desk.say("hello")
        await passing(desk, 1.0, lambda: tries == 2 and desk.chat.texts)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]
        assert await _states(desk, OutboxState.SENT, OutboxState.SENDING) == [1, 0]


async def test_where_the_turn_is_broken_off_while_it_is_stored_it_is_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path) as desk:
        turns, stored = desk.desk.parts.store.turns, asyncio.Event()
        finish = turns.finish

        async def endless(*given: Any, **named: Any) -> list[OutboxItem]:
            await finish(*given, **named)
            stored.set()
            await asyncio.Event().wait()
            return []

        monkeypatch.setattr(turns, "finish", endless)
        await desk.say("hello")
        async with asyncio.timeout(45):
            await stored.wait()
        conversation = await desk.desk.parts.store.conversations.bound(DM)
        assert conversation is not None
        assert desk.desk.mailboxes.interrupt(conversation)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]
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
