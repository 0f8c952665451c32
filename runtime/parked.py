"""Which conversations wait for people, as far as this process knows: to tell who writes meanwhile.

Only for a word to people: what waits is in the database.
"""

from runtime.ids import ConversationId


class Parked:
    """The conversations of which a turn was parked."""

    def __init__(self) -> None:
        self._waiting: set[ConversationId] = set()

    def add(self, conversation: ConversationId) -> None:
        """Its turn waits."""
        self._waiting.add(conversation)

    def discard(self, conversation: ConversationId) -> None:
        """Its turn goes on, or was stopped: see `Mailboxes.interrupt`."""
        self._waiting.discard(conversation)

    def __contains__(self, conversation: object) -> bool:
        """Whether its turn waits."""
        return conversation in self._waiting
