"""An ingress over a store in memory, and a dispatch that notes what it is given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.memory.store import MemoryStore
from gateway.commands.grammar import cannot_wait
from gateway.inbound.bindings import Bindings
from gateway.inbound.ingress import Ingress
from gateway.inbound.strangers import Strangers
from gateway.inbound.urgent import Urgent
from gateway.notices import OwnerNotices
from runtime.activity import Activity
from runtime.ids import ConversationId, InboxId, TimeOrderedIds
from runtime.model.events import Received
from runtime.outbox import whole
from tests.support.build import team
from tests.support.clock import ManualClock


@dataclass
class Recorder:
    """A `runtime.ports.Dispatch` that notes what it is given, when it may.

    Attributes:
        posted: the rows, in order.
        lets: set while it takes any.
    """

    posted: list[InboxId] = field(default_factory=list)
    lets: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, conversation: ConversationId, received: Received) -> None:
        del conversation
        await self.lets.wait()
        self.posted.append(received.id)


class Intake:
    """The ingress of Ann's team, and all that it has to do with."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ids = TimeOrderedIds(self.clock)
        self.store = MemoryStore(clock=self.clock, ids=self.ids)
        self.dispatch = Recorder()
        self.activity = Activity()
        outbox = self.store.outbox
        notices = OwnerNotices(
            outbox, {}, team=team, split=whole, clock=self.clock, wake_outbox=lambda: None
        )
        self.bindings = Bindings(self.store.conversations, alone=True)
        self.ingress = Ingress(
            self.store,
            self.bindings,
            self.dispatch,
            team=team,
            is_command=lambda _: False,
            strangers=Strangers(
                outbox,
                notices,
                team=team,
                split=whole,
                clock=self.clock,
                wake_outbox=lambda: None,
            ),
            clock=self.clock,
            ids=self.ids,
            activity=self.activity,
            urgent=Urgent(cannot_wait, activity=self.activity),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hand over what is accepted while the block runs."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.ingress.run())
            yield
            task.cancel()
