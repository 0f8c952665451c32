"""What a process that is alone keeps of limits and choices, when somebody changes one meanwhile."""

import asyncio
from datetime import datetime

from adapters.memory.audit import MemoryAudit
from adapters.memory.budgets import MemoryBudgets
from adapters.memory.modelbook import MemoryModelBook
from adapters.memory.tables import Tables
from runtime.ids import AgentName, ModelName
from runtime.model.budget import LimitChange
from runtime.model.choice import Chosen
from runtime.model.meter import Meter, Period, Scope
from runtime.money.limits import LimitBook
from runtime.routing.choices import Choices
from runtime.routing.providers import Providers
from tests.support.build import ANN, DM, team
from tests.support.clock import ManualClock

DAY = Meter(scope=Scope.ORGANISATION, subject="", period=Period.DAY, stamp="")


class SlowToAnswer:
    """Holds back what was read first until it may come, so that a change overtakes it."""

    def __init__(self) -> None:
        self.has_read = asyncio.Event()
        self.may_come = asyncio.Event()

    async def hold(self) -> None:
        """What was read first comes later."""
        if not self.has_read.is_set():
            self.has_read.set()
            await self.may_come.wait()


class SlowBudgets(MemoryBudgets):
    """Limits that were read before a change, and come after it."""

    def __init__(self, slow: SlowToAnswer) -> None:
        super().__init__(Tables(audit=MemoryAudit(ManualClock())), MemoryModelBook())
        self._slow = slow

    async def limits(self, *, since: datetime, limit: int = 5_000) -> list[LimitChange]:
        """See the port."""
        found = await super().limits(since=since, limit=limit)
        await self._slow.hold()
        return found


class SlowModelBook(MemoryModelBook):
    """Choices that were read before a change, and come after it."""

    def __init__(self, slow: SlowToAnswer) -> None:
        super().__init__()
        self._slow = slow

    async def every(self) -> list[Chosen]:
        """See the port."""
        found = await super().every()
        await self._slow.hold()
        return found


async def test_a_limit_that_was_read_before_a_change_is_not_kept() -> None:
    slow = SlowToAnswer()
    book = LimitBook(SlowBudgets(slow), team=team, clock=ManualClock(), alone=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(book.now())
        await slow.has_read.wait()
        await book.set(DAY, 100, ANN, key="lowered")
        slow.may_come.set()
    assert (await book.now()).of(DAY) == 100


async def test_a_choice_that_is_made_while_choices_are_read_is_not_lost() -> None:
    slow, clock = SlowToAnswer(), ManualClock()
    choices = Choices(
        SlowModelBook(slow),
        Providers(clock, lambda: 0.0),
        team=team,
        clock=clock,
        alone=True,
        tell_owners=_nobody,
    )
    desk = AgentName("desk")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(choices.for_call(DM, ANN, desk))
        await slow.has_read.wait()
        await choices.choose(DM, ModelName("small"), by=ANN)
        slow.may_come.set()
    assert [one.model for one in await choices.for_call(DM, ANN, desk)] == ["small"]
    await choices.forget(DM)
    assert await choices.for_call(DM, ANN, desk) == []


async def _nobody(_key: str, _text: str) -> bool:
    return False
