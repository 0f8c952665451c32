"""The answer as it grows: how often it is shown, and how often the store is asked whether to."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime.errors import Conflict, StorageUnavailable
from runtime.ids import MessageId
from runtime.live import LiveAnswer
from runtime.ports import ChatLimits
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

    def __init__(self, limits: ChatLimits, tasks: asyncio.TaskGroup) -> None:
        self.clock = ManualClock()
        self.chat = MemoryChat(takes_drafts=True, limits=limits)
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
