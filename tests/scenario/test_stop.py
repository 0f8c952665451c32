"""Stopping a turn: what is stopped, what is said of it, and what goes on."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, Step
from runtime.errors import StorageUnavailable
from runtime.ids import MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.events import Command
from runtime.model.turn import TurnState
from tests.support.build import DM, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk, stopped
from tests.support.eventually import eventually
from tests.support.faults import failing_once, failing_times

NEVER = 3600.0


def slow_at_first(request: ModelRequest) -> list[Step]:
    """Take an hour for the first message of a conversation, and no time for the others."""
    return [Pause(NEVER), "late"] if len(request.entries) == 1 else ["Next."]


async def asked(desk: DeskUnderTest, text: str) -> None:
    """Let Ann ask something that takes long, and wait until the model works at it."""
    await desk.say(text)
    await eventually(lambda: desk.clock.sleeping >= 2)


async def test_a_stop_whose_answer_could_not_be_stored_at_once_is_still_said_to_have_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path, slow_at_first) as desk:
        await asked(desk, "hello")
        inbox = desk.desk.parts.store.inbox
        monkeypatch.setattr(inbox, "finish", failing_once(inbox.finish))
        await desk.say(body=Command(text="stop"))
        await passing(desk, 5.0, lambda: desk.chat.shown)
        assert desk.chat.texts == ["Stopped."]


async def test_a_turn_from_before_a_fresh_start_can_be_stopped(tmp_path: Path) -> None:
    async with running_desk(tmp_path, slow_at_first) as desk:
        await asked(desk, "hello")
        await desk.say(body=Command(text="new"))
        await eventually(lambda: desk.chat.shown)
        await desk.command("stop")
        assert desk.chat.texts[-1] == "Stopped."
        assert not await stopped(desk)


@dataclass(slots=True)
class Slow(MemoryChat):
    """A platform that takes its time to begin a draft.

    Attributes:
        begins: set while one is being begun.
        lets: let it go on.
    """

    takes_drafts: bool = True
    begins: asyncio.Event = field(default_factory=asyncio.Event)
    lets: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        self.begins.set()
        await self.lets.wait()
        return await MemoryChat.begin_draft(self, thread, requester=requester, text=text)


async def test_a_draft_that_was_being_begun_when_its_turn_was_stopped_is_closed(
    tmp_path: Path,
) -> None:
    chat = Slow()
    script: list[Step] = ["It ", Pause(1.5), "grows ", Pause(NEVER)]
    async with running_desk(tmp_path, lambda _: script, chat=chat) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, chat.begins.is_set)
        assert await stopped(desk)
        chat.lets.set()
        await eventually(lambda: chat.shown)
        assert [(shown.text, shown.message) for shown in chat.shown] == [("_Stopped._", "d1")]


async def test_a_draft_is_closed_by_the_next_life_where_this_one_ends_right_after_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, clock = MemoryChat(takes_drafts=True), ManualClock()
    script: list[Step] = ["It ", Pause(1.5), "grows ", Pause(1.5), "and ", Pause(NEVER)]
    async with running_desk(tmp_path, lambda _: script, chat=chat, clock=clock) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: len(chat.drafts) >= 2)
        store = desk.desk.parts.store
        # Nothing that comes after the mark reaches the disk any more.
        for part, method in ((store.outbox, "enqueue"), (store.outbox, "claim")):
            monkeypatch.setattr(part, method, failing_times(getattr(part, method), 1000))
        conversation = await store.conversations.bound(DM)
        assert conversation is not None
        with suppress(StorageUnavailable):
            await stopped(desk)
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert [(shown.text, shown.message) for shown in chat.shown] == [("_Stopped._", "d1")]


async def test_among_many_processes_a_stopped_turn_ends_and_the_next_message_is_answered(
    tmp_path: Path,
) -> None:
    chat = MemoryChat(takes_drafts=True)

    def slow(request: ModelRequest) -> list[Step]:
        if len(request.entries) > 1:
            return ["Next."]
        growing: list[Step] = ["on ", Pause(1.0)]
        return ["It ", Pause(1.5), "grows ", *growing * 100]

    async with running_desk(tmp_path, slow, chat=chat, alone=False) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: len(chat.drafts) >= 2)
        await desk.say("and then?")
        await desk.say(body=Command(text="stop"))
        await eventually(lambda: "_Stopped._" in chat.texts)
        grown = len(chat.drafts)
        await passing(desk, 0.5, lambda: "Next." in chat.texts)
        await desk.quiet()
        assert len(chat.drafts) == grown
        assert sorted(chat.texts) == ["Next.", "Stopped.", "_Stopped._"]


async def test_a_turn_that_another_process_took_up_is_left_to_it(tmp_path: Path) -> None:
    async with running_desk(tmp_path, slow_at_first, alone=False) as desk:
        await asked(desk, "hello")
        store = desk.desk.parts.store
        conversation = await store.conversations.bound(DM)
        assert conversation is not None
        taken = await store.turns.begin(conversation, owner="worker-9")
        assert taken is not None
        await passing(desk, 1.0, lambda: desk.desk.activity.quiet)
        await store.turns.finish(taken.turn.id, taken.turn.fence, state=TurnState.DONE)
        await desk.quiet()
        assert desk.chat.texts == []


async def test_a_message_of_somebody_who_left_meanwhile_meets_no_model(tmp_path: Path) -> None:
    asked_of: list[ModelRequest] = []

    def noting(request: ModelRequest) -> Step:
        asked_of.append(request)
        return "Fine."

    nobody = replace(team(), members=())
    async with running_desk(tmp_path, slow_at_first) as desk:
        await asked(desk, "hello")
    async with running_desk(tmp_path, noting, members=nobody) as desk:
        await desk.quiet()
        assert asked_of == []
        assert "no longer a member" in desk.chat.texts[0]
