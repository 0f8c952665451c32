"""Events of a stream, many at once: each is stored once, unless a STOP takes it along."""

import asyncio
from collections.abc import Sequence

import pytest

from runtime.model.events import Command, Received
from tests.support.build import inbound
from tests.support.clock import settle
from tests.support.intake import Intake

MANY = 20


class Slow(Intake):
    """An intake whose store notes what it is given at once, and stores it when it may.

    Attributes:
        given: how many events it was given each time.
        lets: set while it stores any.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.given: list[int] = []
        self.lets = asyncio.Event()
        append_all = self.store.inbox.append_all

        async def noted(many: Sequence[Received]) -> Sequence[bool]:
            self.given.append(len(many))
            await self.lets.wait()
            return await append_all(many)

        monkeypatch.setattr(self.store.inbox, "append_all", noted)


async def test_what_comes_in_a_stream_side_by_side_is_stored_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(slow.ingress.in_stream(inbound(key=f"{number}")))
        await settle()
        slow.lets.set()
    assert slow.given == [1] * MANY
    assert len(await slow.store.inbox.pending()) == MANY


async def test_a_stop_takes_along_what_came_before_it_in_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(slow.ingress.in_stream(inbound(key=f"{number}")))
        await settle()
        tasks.create_task(slow.ingress.in_stream(inbound(key="stop", body=Command(text="stop"))))
        await settle()
        slow.lets.set()
    assert slow.given == [1] * MANY + [MANY + 1]
    assert len(await slow.store.inbox.pending()) == MANY + 1
