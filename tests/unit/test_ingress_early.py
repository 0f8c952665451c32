"""Replies that may be early, many at once: what they cost, and in which order they go on."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from gateway.inbound.early import HELD_FOR, LOOK_EVERY
from runtime.ids import AgentName, ConversationId, InboxId, MessageId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import Inbound
from tests.support.build import OPS, inbound
from tests.support.clock import settle
from tests.support.intake import Intake

MANY = 200


class Watched(Intake):
    """An intake that counts what the store is asked, and says what is being sent.

    Attributes:
        sending: a message that binds its thread is on its way to each channel.
        channels: the channels that were asked about.
        threads: the threads that were asked about, by question.
        dropped: how many rows were dropped, by request.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.sending = False
        self.channels: list[ChannelRef] = []
        self.threads: list[Collection[ThreadRef]] = []
        self.dropped: list[int] = []
        bound_among, drop = self.store.conversations.bound_among, self.store.inbox.drop

        async def binds_soon(channel: ChannelRef) -> bool:
            self.channels.append(channel)
            return self.sending

        async def asked(threads: Collection[ThreadRef]) -> dict[ThreadRef, ConversationId]:
            self.threads.append(threads)
            return await bound_among(threads)

        async def counted(rows: Collection[InboxId]) -> None:
            self.dropped.append(len(rows))
            await drop(list(rows))

        monkeypatch.setattr(self.store.outbox, "binds_soon", binds_soon)
        monkeypatch.setattr(self.store.conversations, "bound_among", asked)
        monkeypatch.setattr(self.store.inbox, "drop", counted)
        self.dispatch.lets.set()

    async def accept(self, *events: Inbound) -> list[InboxId]:
        """Accept events; the ids of their rows."""
        before = {row.id for row in await self.store.inbox.pending(limit=10_000)}
        for event in events:
            await self.ingress(event)
        after = await self.store.inbox.pending(limit=10_000)
        return [row.id for row in after if row.id not in before]


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def reply(number: int, *, root: str = "", mentioned: bool = True) -> Inbound:
    """A reply in #ops, in a thread of its own or in that one."""
    thread = OPS.under(MessageId(root or f"root{number}"))
    return inbound(key=f"reply{number}", thread=thread, direct=False, mentioned=mentioned)


async def test_many_threads_are_looked_at_in_one_go_and_their_channel_once(
    intake: Watched,
) -> None:
    rows = await intake.accept(*(reply(number) for number in range(MANY)))
    async with intake.running():
        await intake.activity.idle()

    assert intake.dispatch.posted == rows
    assert [len(threads) for threads in intake.threads] == [MANY]
    assert intake.channels == [OPS.channel]


async def test_a_burst_is_compared_with_itself_no_more_often_than_it_is_long(
    intake: Watched,
) -> None:
    compared = 0

    class Counting(ThreadRef):
        __slots__ = ()
        __hash__ = ThreadRef.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return ThreadRef.__eq__(self, other)

    for number in range(MANY):
        event = reply(number)
        thread = Counting(event.thread.channel, event.thread.root)
        await intake.ingress(replace(event, thread=thread))
    async with intake.running():
        await intake.activity.idle()

    assert len(intake.dispatch.posted) == MANY
    assert compared < 10 * MANY


async def test_what_is_not_ours_after_all_is_dropped_in_one_go(intake: Watched) -> None:
    intake.sending = True
    async with intake.running():
        await intake.accept(*(reply(number, mentioned=False) for number in range(MANY)))
        await settle()
        assert intake.dropped == []
        intake.sending = False
        await intake.clock.advance(LOOK_EVERY)
        await intake.activity.idle()

    assert intake.dropped == [MANY]
    assert await intake.store.inbox.pending() == []
    assert intake.dispatch.posted == []


async def test_what_comes_while_others_are_in_doubt_is_looked_at_alone(intake: Watched) -> None:
    intake.sending = True
    async with intake.running():
        for number in range(5):
            await intake.accept(reply(number))
            await settle()
        assert [len(threads) for threads in intake.threads] == [1] * 5
        await intake.clock.advance(LOOK_EVERY)
        assert len(intake.threads[-1]) == 5
        intake.sending = False
        await intake.clock.advance(LOOK_EVERY)
        await intake.activity.idle()


async def test_what_is_in_doubt_waits_no_longer_because_others_keep_coming(
    intake: Watched,
) -> None:
    intake.sending = True
    step = LOOK_EVERY / 2
    async with intake.running():
        [first] = await intake.accept(reply(0))
        for number in range(1, int(HELD_FOR / step)):
            await intake.clock.advance(step)
            await intake.accept(reply(number))
        assert intake.dispatch.posted == []
        await intake.clock.advance(LOOK_EVERY)
        await intake.accept(reply(1_000))
        await intake.clock.advance(LOOK_EVERY)
        assert intake.dispatch.posted[:1] == [first]
        intake.sending = False
        await intake.clock.advance(LOOK_EVERY)
        await intake.activity.idle()


async def test_the_replies_of_a_thread_stay_in_order(intake: Watched) -> None:
    intake.sending = True
    async with intake.running():
        rows = await intake.accept(reply(1, root="m1"), reply(2, root="m1"), reply(3, root="m2"))
        await intake.store.conversations.bind(OPS.under(MessageId("m1")), AgentName("desk"))
        intake.ingress.look()
        rows += await intake.accept(reply(4, root="m1"))
        await settle()
        assert intake.dispatch.posted == [rows[0], rows[1], rows[3]]
        intake.sending = False
        await intake.clock.advance(LOOK_EVERY)
        await intake.activity.idle()
    assert intake.dispatch.posted == [rows[0], rows[1], rows[3], rows[2]]
