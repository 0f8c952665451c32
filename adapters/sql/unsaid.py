"""What turns were asked that began here and have said nothing yet: their end need not read it."""

from collections.abc import Iterable

from adapters.sql.log import Asked
from runtime.ids import ConversationId, TurnId
from runtime.model.turn import Turn

MOST = 1_000
"""Turns of which it is noted; of the oldest it is forgotten, and read at its end after all."""
LONGEST = 4_000
"""Characters of what is noted, as it is stored: a thousand of them, which are kept twice, take
32 MB at the very most. What is longer is read from the turn's row."""


class Unsaid:
    """Keeps what turns were asked until they say the first thing, or are over."""

    def __init__(self) -> None:
        self._kept: dict[TurnId, tuple[ConversationId, Asked]] = {}

    def keep(self, turn: Turn, asked: Asked) -> None:
        """Note what the turn was asked, unless that is long."""
        if len(asked.body) > LONGEST:
            return
        self._kept[turn.id] = turn.conversation, asked
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def take(self, turn: TurnId) -> tuple[ConversationId, Asked] | None:
        """The turn's conversation and what it was asked, once; None where it has to be read."""
        return self._kept.pop(turn, None)

    def drop(self, turns: Iterable[TurnId]) -> None:
        """Forget turns that end elsewhere, or later: they were stopped or lost, or they wait."""
        for turn in turns:
            self._kept.pop(turn, None)
