"""Which conversation a thread belongs to, as a process remembers it."""

import pytest

from adapters.memory.store import MemoryStore
from gateway.inbound.bindings import Bindings
from runtime.ids import AgentName, ConversationId, TimeOrderedIds
from runtime.model.address import ThreadRef
from tests.support.build import DM
from tests.support.clock import ManualClock

DESK = AgentName("desk")


async def test_what_was_read_while_the_thread_was_bound_anew_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = ManualClock()
    conversations = MemoryStore(clock=clock, ids=TimeOrderedIds(clock)).conversations
    bindings = Bindings(conversations, alone=True)
    old, new = await conversations.bind(DM, DESK), ConversationId("new")
    await conversations.create(new, DESK)
    bound = conversations.bound

    async def overtaken(thread: ThreadRef) -> ConversationId | None:
        found = await bound(thread)
        await conversations.rebind(thread, new)
        bindings.forget(thread)
        return found

    monkeypatch.setattr(conversations, "bound", overtaken)
    assert await bindings.is_bound(DM)
    assert await bindings.conversation(DM, DESK) == new != old
