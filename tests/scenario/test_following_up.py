"""A reply in a thread is heard from the moment the first message was accepted."""

import asyncio
from pathlib import Path

import pytest

from runtime.ids import AgentName, ConversationId, MessageId
from runtime.model.address import ThreadRef
from runtime.model.completion import ModelRequest
from tests.support.build import OPS
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import running_desk

THREAD = OPS.under(MessageId("1"))


def echo(request: ModelRequest) -> str:
    return request.entries[-1].text


async def test_who_follows_up_before_the_thread_has_its_conversation_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asyncio.Event()
    async with running_desk(tmp_path, echo) as desk:
        conversations = desk.desk.parts.store.conversations
        bind = conversations.bind

        async def slowly(thread: ThreadRef, agent: AgentName) -> ConversationId:
            await said.wait()
            return await bind(thread, agent)

        monkeypatch.setattr(conversations, "bind", slowly)
        await desk.say("one", thread=THREAD, mentioned=True)
        await desk.say("two", thread=THREAD)
        said.set()
        await desk.quiet()
        assert desk.chat.texts == ["one", "two"]


async def test_who_follows_up_on_what_an_earlier_life_accepted_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, clock = MemoryChat(), ManualClock()

    async def never(thread: ThreadRef, agent: AgentName) -> ConversationId:
        await asyncio.Event().wait()
        raise AssertionError

    async with running_desk(tmp_path, echo, chat=chat, clock=clock) as desk:
        monkeypatch.setattr(desk.desk.parts.store.conversations, "bind", never)
        await desk.say("one", thread=THREAD, mentioned=True)
    await clock.advance(1.0)
    async with running_desk(tmp_path, echo, chat=chat, clock=clock) as desk:
        await desk.say("two", thread=THREAD)
        await desk.quiet()
    assert chat.texts == ["one", "two"]


async def test_what_nobody_addressed_to_us_in_another_thread_is_not_heard(tmp_path: Path) -> None:
    async with running_desk(tmp_path, echo) as desk:
        await desk.say("one", thread=THREAD, mentioned=True)
        await desk.say("two", thread=OPS.under(MessageId("2")))
        await desk.quiet()
        await desk.say("three", thread=OPS.under(MessageId("3")))
        await desk.quiet()
        assert desk.chat.texts == ["one"]
