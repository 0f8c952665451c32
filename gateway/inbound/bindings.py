"""Which thread belongs to which conversation, remembered so that it need not be asked each time."""

from collections import OrderedDict
from collections.abc import Collection

from runtime.ids import AgentName, ConversationId
from runtime.model.address import ThreadRef
from runtime.ports import Conversations

_REMEMBERED = 10_000
"""Threads remembered at once, about 3 MB; the least recently used is forgotten."""
_PLENTY = _REMEMBERED // 2
"""While fewer are remembered, nobody keeps account of who was used lately."""


class Bindings:
    """Answers for a thread, from memory where it can.

    Only a process that has the database to itself remembers: another one could bind a thread
    to another conversation, and this one would not hear of it.
    """

    def __init__(self, conversations: Conversations, *, alone: bool) -> None:
        """Answer from `conversations`; `alone` says that no other process writes there."""
        self._conversations = conversations
        self.alone = alone
        self._known: OrderedDict[ThreadRef, ConversationId] = OrderedDict()
        self._forgotten = 0

    async def conversation(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        """The thread's conversation, made now with that agent if it has none."""
        known = self.recall(thread)
        if known is not None:
            return known
        forgotten = self._forgotten
        found = await self._conversations.bind(thread, agent)
        self._remember(thread, found, forgotten)
        return found

    async def is_bound(self, thread: ThreadRef) -> bool:
        """Whether the thread has a conversation."""
        if self.recall(thread) is not None:
            return True
        forgotten = self._forgotten
        found = await self._conversations.bound(thread)
        if found is None:
            return False
        self._remember(thread, found, forgotten)
        return True

    async def bound_among(self, threads: Collection[ThreadRef]) -> set[ThreadRef]:
        """Those of the threads that have a conversation."""
        unknown = [thread for thread in threads if not self.recalls(thread)]
        bound = set(threads).difference(unknown)
        if unknown:
            forgotten = self._forgotten
            found = await self._conversations.bound_among(unknown)
            for thread, conversation in found.items():
                self._remember(thread, conversation, forgotten)
            bound.update(found)
        return bound

    def recalls(self, thread: ThreadRef) -> bool:
        """Whether the thread is known, without asking, to have a conversation."""
        return thread in self._known

    def forget(self, thread: ThreadRef) -> None:
        """The thread was bound to another conversation."""
        self._known.pop(thread, None)
        self._forgotten += 1

    def recall(self, thread: ThreadRef) -> ConversationId | None:
        """The thread's conversation, where it is remembered."""
        known = self._known.get(thread)
        if known is not None and len(self._known) > _PLENTY:
            self._known.move_to_end(thread)
        return known

    def _remember(self, thread: ThreadRef, conversation: ConversationId, forgotten: int) -> None:
        # What was read while a thread was bound anew may be of before that.
        if not self.alone or forgotten != self._forgotten:
            return
        self._known[thread] = conversation
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
