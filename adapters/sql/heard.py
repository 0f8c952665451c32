"""Messages that this process stored a moment ago: the turns that they begin need not read them."""

from runtime.ids import InboxId
from runtime.model.events import Message, Received
from runtime.text import is_whole

MOST = 1_000
"""Messages that are kept; the oldest is forgotten, and read where its turn begins after all."""
LONGEST = 4_000
"""Characters of a message that is kept: a thousand of them take 16 MB at the very most."""


class Heard:
    """Keeps messages until their turns begin.

    A message that is stored never changes, so one that the database says is next may be taken from
    here, whoever else writes. What was stored by another process, or is a duplicate, is not here.
    """

    def __init__(self) -> None:
        self._kept: dict[InboxId, Received] = {}

    def keep(self, received: Received) -> None:
        """Keep it, if it is a message whose row says exactly what it says."""
        body = received.inbound.body
        if not isinstance(body, Message) or body.files or body.quoted or body.handed:
            return
        if len(body.text) > LONGEST or not is_whole(body.text):
            return
        self._kept[received.id] = received
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def take(self, row: InboxId) -> Received | None:
        """The message of that row, once; None where it has to be read."""
        return self._kept.pop(row, None)
