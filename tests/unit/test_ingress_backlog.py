"""What an earlier life left is handed over page by page, before what comes in meanwhile."""

import pytest

from runtime.ids import InboxId, MessageId, TimeOrderedIds
from runtime.model.events import Command, Lane, Received
from tests.support.build import OPS, inbound
from tests.support.clock import ManualClock, settle
from tests.support.intake import Intake

PAGE = 500


class Bench(Intake):
    """An ingress over a store in memory that counts the pages read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.pages = 0
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
