"""The answer as it grows: how often it is shown, and how often the store is asked whether to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from runtime.errors import Conflict, StorageUnavailable
from runtime.ids import MessageId
from runtime.model.address import ThreadRef
from runtime.model.step import Step, StepState
from runtime.ports import ChatLimits
from runtime.turns.live import LiveAnswer
from tests.support.build import ANN, DM
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock

SMOOTH = ChatLimits(per_channel=1e6, overall=1e6, draft_after=0.05, draft_every=0.05)
SLOW = ChatLimits(per_channel=1e6, overall=1e6)


class Growing:
    """A live answer, and what its store was asked.

    Attributes:
        kept: how often the draft was stored.
        trouble: raised by the store, where it is set.
    """

    def __init__(
        self, limits: ChatLimits, tasks: asyncio.TaskGroup, chat: MemoryChat | None = None
    ) -> None:
        self.clock = ManualClock()
        self.chat = chat or MemoryChat(takes_drafts=True, limits=limits)
        self.kept = 0
        self.trouble: Exception | None = None
        self.answer = LiveAnswer(
            self.chat,
            DM,
            ANN,
            aside=tasks.create_task,
            clock=self.clock,
            keep=self._keep,
            abandon=self._abandon,
            draft=None,
        )

    async def write(self, pieces: int, *, every: float) -> None:
        """Let the model write so many pieces at that pace."""
        for _ in range(pieces):
            await self.clock.advance(every)
            await self.answer.add("word ")

    async def _keep(self, draft: MessageId) -> None:
        del draft
        self.kept += 1
        if self.trouble is not None:
            raise self.trouble

    async def _abandon(self, draft: MessageId) -> None:
        del draft


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        yield group


async def test_an_answer_grows_as_often_as_the_platform_takes_it(
    tasks: asyncio.TaskGroup,
) -> None:
    smooth, slow = Growing(SMOOTH, tasks), Growing(SLOW, tasks)
    await smooth.write(300, every=0.01)
    await slow.write(300, every=0.01)
    assert 55 <= len(smooth.chat.drafts) <= 60
    assert 2 <= len(slow.chat.drafts) <= 3


async def test_the_store_is_asked_once_a_second_however_smoothly_an_answer_grows(
    tasks: asyncio.TaskGroup,
) -> None:
    growing = Growing(SMOOTH, tasks)
    await growing.write(300, every=0.01)
    assert growing.kept == 3


async def test_an_answer_that_is_no_longer_ours_stops_growing_within_a_second(
    tasks: asyncio.TaskGroup,
) -> None:
    growing = Growing(SMOOTH, tasks)
    await growing.write(10, every=0.05)
    shown = len(growing.chat.drafts)
    growing.trouble = Conflict("stopped")
    with pytest.raises(Conflict):
        await growing.write(30, every=0.05)
    assert len(growing.chat.drafts) - shown <= 20


async def test_a_draft_that_could_not_be_stored_does_not_grow_until_it_is(
    tasks: asyncio.TaskGroup,
) -> None:
    growing = Growing(SMOOTH, tasks)
    growing.trouble = StorageUnavailable()
    await growing.write(20, every=0.05)
    assert len(growing.chat.drafts) == 1
    growing.trouble = None
    await growing.write(20, every=0.05)
    assert len(growing.chat.drafts) > 15


class Stepping(MemoryChat):
    """A chat that shows steps."""

    def __init__(self) -> None:
        super().__init__(takes_drafts=True, limits=SLOW)
        self.steps: list[tuple[MessageId, StepState]] = []

    async def show_step(self, thread: ThreadRef, draft: MessageId, step: Step) -> None:
        self.steps.append((draft, step.state))


async def test_steps_are_shown_once_the_turn_takes_a_while(tasks: asyncio.TaskGroup) -> None:
    chat = Stepping()
    growing = Growing(SLOW, tasks, chat)
    step = Step(id="1", title="reads", state=StepState.RUNNING)
    await growing.answer.step(step)
    assert chat.steps == [], "a quick turn needs none"
    await growing.clock.advance(2)
    await growing.answer.step(step)
    await growing.answer.step(replace(step, state=StepState.DONE))
    [(draft, _)] = chat.drafts
    assert chat.steps == [(draft, StepState.RUNNING), (draft, StepState.DONE)]
    assert growing.answer.draft == draft


async def test_a_platform_without_steps_or_drafts_is_shown_none(tasks: asyncio.TaskGroup) -> None:
    step = Step(id="1", title="reads", state=StepState.RUNNING)
    plain = Growing(SLOW, tasks)
    await plain.clock.advance(2)
    await plain.answer.step(step)
    assert plain.chat.drafts == []
    chat = Stepping()
    chat.takes_drafts = False
    refusing = Growing(SLOW, tasks, chat)
    await refusing.clock.advance(2)
    await refusing.answer.step(step)
    assert chat.steps == []


async def test_a_turn_that_is_no_longer_ours_hears_of_it_at_a_later_step(
    tasks: asyncio.TaskGroup,
) -> None:
    growing = Growing(SLOW, tasks, Stepping())
    growing.trouble = Conflict("stopped")
    await growing.clock.advance(2)
    await growing.answer.step(Step(id="1", title="reads", state=StepState.RUNNING))
    assert growing.kept == 1
