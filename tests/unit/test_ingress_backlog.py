"""What an earlier life left is handed over page by page, before what comes in meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.memory.store import MemoryStore
from gateway.bindings import Bindings
from gateway.commands.grammar import cannot_wait
from gateway.ingress import Ingress
from gateway.notices import OwnerNotices
from gateway.strangers import Strangers
from gateway.urgent import Urgent
from runtime.activity import Activity
from runtime.ids import ConversationId, InboxId, MessageId, TimeOrderedIds
from runtime.model.events import Command, Lane, Received
from runtime.outbox import whole
from tests.support.build import OPS, inbound, team
from tests.support.clock import ManualClock, settle

PAGE = 500


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


class Bench:
    """An ingress over a store in memory that counts the pages read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock()
        self.ids = TimeOrderedIds(self.clock)
        self.store = MemoryStore(clock=self.clock, ids=self.ids)
        self.dispatch = Recorder()
        self.activity = Activity()
        self.pages = 0
        outbox = self.store.outbox
        notices = OwnerNotices(outbox, {}, team=team, split=whole, clock=self.clock)
        self.ingress = Ingress(
            self.store,
            Bindings(self.store.conversations, alone=True),
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
        pending = self.store.inbox.pending

        async def counted(*, after: InboxId | None = None, limit: int = 500) -> list[Received]:
            self.pages += 1
            return await pending(after=after, limit=limit)

        monkeypatch.setattr(self.store.inbox, "pending", counted)

    async def leave(self, count: int) -> list[InboxId]:
        """Let an earlier life have accepted so many events, each in a thread of its own."""
        rows = [
            Received(
                id=InboxId(self.ids.new()),
                lane=Lane.COMMAND,
                inbound=inbound(
                    key=f"old{number}",
                    thread=OPS.under(MessageId(f"old{number}")),
                    body=Command(text="help"),
                ),
                received_at=self.clock.now(),
            )
            for number in range(count)
        ]
        for row in rows:
            assert await self.store.inbox.append(row)
        return [row.id for row in rows]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.ingress.run())
            yield
            task.cancel()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_a_big_backlog_is_read_a_page_at_a_time(bench: Bench) -> None:
    old = await bench.leave(4 * PAGE + 1)
    assert await bench.ingress.recover() == PAGE
    async with bench.running():
        await settle()
        assert bench.pages <= 3  # the page under way, and the one that is looked at meanwhile
        bench.dispatch.lets.set()
        await bench.activity.idle()
    assert bench.dispatch.posted == old
    assert bench.pages == 6


async def test_what_comes_in_meanwhile_comes_after_it_and_once(bench: Bench) -> None:
    old = await bench.leave(3 * PAGE)
    await bench.ingress.recover()
    async with bench.running():
        await settle()
        for number in range(3):
            await bench.ingress(inbound(key=f"new{number}", body=Command(text="help")))
        assert await bench.ingress.recover() == 0
        bench.dispatch.lets.set()
        await bench.activity.idle()
    assert bench.dispatch.posted[: len(old)] == old
    assert len(bench.dispatch.posted) == len(set(bench.dispatch.posted)) == len(old) + 3


async def test_an_id_from_a_clock_that_was_ahead_is_handed_over_too(bench: Bench) -> None:
    """The clock was set back over the restart; an id says nothing about which life it is of."""
    await bench.clock.advance(3600.0)
    [old] = await bench.leave(1)
    bench.ids = TimeOrderedIds(ManualClock())
    await bench.ingress.recover()
    bench.dispatch.lets.set()
    async with bench.running():
        await bench.activity.idle()
    assert bench.dispatch.posted == [old]
