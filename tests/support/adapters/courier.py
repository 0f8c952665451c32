"""The real dispatcher over an outbox in memory, sending through the adapter under test."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from adapters.memory.store import MemoryStore
from gateway.outbound.dispatcher import Dispatcher
from runtime.activity import Activity
from runtime.ids import AgentName, MessageId, ModelName, OutboxId, TimeOrderedIds
from runtime.model.outbox import OutboxItem, OutboxState, is_final
from runtime.model.team import Agent, ChannelRule, Team
from tests.support.adapters.harness import Harness
from tests.support.clock import ManualClock, settle

PATIENCE = timedelta(minutes=10)
"""How long a message is waited for, by the clock of the test."""

_OWNER = "all-0"
_HANGS_AFTER = 60.0
"""Seconds of real time after which what is on the line is taken to hang."""


class Courier:
    """An outbox and what empties it; it outlives the adapter's restarts."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._clock: ManualClock = harness.clock
        self._ids = TimeOrderedIds(self._clock)
        self.store = MemoryStore(clock=self._clock, ids=self._ids)

    async def deliver(self, *items: OutboxItem, patience: timedelta = PATIENCE) -> list[OutboxItem]:
        """Put the messages into the outbox and send until all have ended; how they ended."""
        for item in items:
            if item.binds is not None:
                await self.store.conversations.create(item.binds, AgentName("desk"))
        await self.store.outbox.enqueue(items)
        return await self.go_on([item.id for item in items], patience=patience)

    async def claim(self, item: OutboxItem) -> OutboxItem:
        """Take the message out to be sent, as a process does that dies before it says so."""
        await self.store.outbox.enqueue([item])
        [claimed] = await self.store.outbox.claim(
            now=self._clock.now(), owner=_OWNER, limit=1, platforms=[self._harness.platform]
        )
        return claimed

    async def go_on(
        self, items: Sequence[OutboxId], *, patience: timedelta = PATIENCE
    ) -> list[OutboxItem]:
        """Send, as a process does that has just begun, until the messages have ended."""
        activity = Activity()
        dispatcher = self._dispatcher(activity)
        await dispatcher.reconcile(owner=_OWNER)
        deadline = self._clock.now() + patience
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(dispatcher.run())
            while not await self._over(items) and self._clock.now() < deadline:
                await self._under_way(activity)
                await self._clock.advance(0.5)
            task.cancel()
        return [await self._row(item) for item in items]

    async def _under_way(self, activity: Activity) -> None:
        """Give what is on the line the time that it takes: no send waits for the clock."""
        await settle()
        async with asyncio.timeout(_HANGS_AFTER):
            await activity.idle()

    async def _over(self, items: Sequence[OutboxId]) -> bool:
        return all([is_final((await self._row(item)).state) for item in items])

    async def _row(self, item: OutboxId) -> OutboxItem:
        row = await self.store.outbox.get(item)
        assert row is not None
        return row

    def _dispatcher(self, activity: Activity) -> Dispatcher:
        chat, channel = self._harness.chat, self._harness.channel.channel
        team = Team(
            name="Night shift",
            zone="UTC",
            members=(),
            channels=(ChannelRule(ref=channel, name="ops", proactive=True),),
            agents=(Agent(name=AgentName("desk"), model=ModelName("none"), instructions=""),),
        )
        return Dispatcher(
            self.store.outbox,
            {chat.platform: chat},
            self.store.trust,
            team=lambda: team,
            clock=self._clock,
            ids=self._ids,
            owner=_OWNER,
            alone=True,
            activity=activity,
            settled=_noted,
        )


async def _noted(item: OutboxItem, state: OutboxState, why: str, message: MessageId | None) -> None:
    """Nobody is told."""
