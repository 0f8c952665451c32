"""The way of an event from its platform to its answer."""

from collections.abc import Callable, Sequence
from typing import Protocol

from runtime.ids import ConversationId
from runtime.model.events import Inbound, Received
from runtime.model.messages import Content
from runtime.model.value import value


class Accept(Protocol):
    """Where a listener (a terminal, a socket, a polling loop) hands what it heard."""

    async def __call__(self, inbound: Inbound) -> None:
        """Judge, store and process the event. Durable when it returns; a duplicate is harmless.

        Raises:
            StorageFull: it was not stored; say so to the sender and let the platform retry.
        """
        ...


Stored = Callable[[Sequence[int], bool], None]
"""Is told of some of the events that were offered, by their numbers, whether they are on disk."""


@value()
class Answered:
    """What a command, a press or a form is answered with.

    Attributes:
        content: the answer; None for none.
        private: only the sender sees it, where the platform can do that.
        updates: what the message with the pressed button becomes; None to leave it as it is.
        did: which command, button or form it was, for the audit log; empty for none.
        refused: nothing was done.
    """

    content: Content | None
    private: bool = True
    updates: Content | None = None
    did: str = ""
    refused: bool = False


class Commands(Protocol):
    """Answers commands, button presses and forms; `gateway.commands` implements it."""

    async def answer(self, received: Received) -> Answered | None:
        """Carry out the command and return the answer; None where nothing is to be said.

        Carried out twice for the same row it has the effect of once. Never raises for what the
        person did wrong: that is an answer too.
        """
        ...


class Dispatch(Protocol):
    """Hands a conversation's mailbox to whoever works it: a task here, or a queue's worker."""

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Say that the row waits in its lane of the conversation. Saying it twice is harmless."""
        ...
