"""What a person does to a thread's conversation from outside of it."""

from adapters.memory.store import MemoryStore
from runtime.ids import AgentName, TimeOrderedIds
from runtime.rebinding import ConversationControl
from tests.support.build import DM
from tests.support.clock import ManualClock


async def test_a_thread_knows_all_the_conversations_that_it_had(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    control = ConversationControl(store, drain=lambda _: None, forget_binding=lambda _: None)

    made = [await control.new(DM, AgentName("desk"), key=str(number)) for number in range(12)]

    assert [one.id for one in await control.earlier(DM)] == made[::-1]
