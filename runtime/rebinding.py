"""Threads that people bind to another conversation: a fresh one, or an earlier one of theirs."""

from collections.abc import Callable

from runtime.ids import AgentName, ConversationId, derived
from runtime.model.address import ThreadRef
from runtime.model.conversation import Conversation
from runtime.ports import Store

_ALL = 10_000
"""More than any thread has: somebody wrote `/new` for each."""


class ConversationControl:
    """What a person can do to a thread's conversation from outside of it."""

    def __init__(
        self,
        store: Store,
        *,
        drain: Callable[[ConversationId], None],
        forget_binding: Callable[[ThreadRef], None],
    ) -> None:
        """Control conversations.

        Args:
            store: the database.
            drain: has what waits in the conversation worked.
            forget_binding: is told that a thread was bound anew.
        """
        self._store = store
        self._drain = drain
        self._forget_binding = forget_binding

    async def new(self, thread: ThreadRef, agent: AgentName, *, key: str) -> ConversationId:
        """Bind the thread to a fresh conversation; the same `key` makes the same one."""
        conversation = ConversationId(derived("new", key))
        await self._store.conversations.create(conversation, agent)
        await self._bind(thread, conversation)
        return conversation

    async def earlier(self, thread: ThreadRef) -> list[Conversation]:
        """Conversations that the thread had, latest first, the present one included."""
        return await self._store.conversations.earlier(thread, limit=_ALL)

    async def resume(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread to an earlier conversation of it again."""
        await self._bind(thread, conversation)

    async def _bind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        await self._store.conversations.rebind(thread, conversation)
        self.bound(thread, conversation)

    def bound(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """The thread was bound to the conversation: what waits in it is that one's now."""
        self._forget_binding(thread)
        # What was written before and not begun belongs to this conversation now.
        self._drain(conversation)
