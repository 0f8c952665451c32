"""Turns that the database lets down: who is told, and what does not count as a try of theirs.

A status line needs no write, so it is shown while nothing can be written. Once writing works
again the answer comes with a word on why it is late, in the same transaction: told once.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from runtime.clock import Clock
from runtime.ids import ConversationId, OutboxId, Platform, TurnId, derived
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn
from runtime.outbox import compose, whole
from runtime.ports import ChatPort

STATUS = "could not save its work, and is trying again…"
LATE_AFTER = 10.0
"""Seconds of trouble after which the answer comes with a word about it."""


@dataclass(slots=True)
class _Hitch:
    """A turn that could not be stored, since when (monotonic), and its tries that do not count."""

    turn: Turn
    since: float
    tries: int = 0


class Hitches:
    """Remembers, in this process, which turns the database let down."""

    def __init__(self, chats: Mapping[Platform, ChatPort], clock: Clock) -> None:
        """Show status lines on `chats`."""
        self._chats = chats
        self._clock = clock
        self._hitches: dict[TurnId, _Hitch] = {}

    async def met(self, turn: Turn, *, tries: int = 0) -> None:
        """The turn could not be stored just now; so many of its tries were in vain with that."""
        hitch = self._hitches.get(turn.id)
        if hitch is None:
            hitch = self._hitches[turn.id] = _Hitch(turn, self._clock.monotonic())
        hitch.tries += tries
        await self._show(turn)

    async def goes_on(self, conversation: ConversationId) -> None:
        """The database still takes nothing of that conversation."""
        for hitch in list(self._hitches.values()):
            if hitch.turn.conversation == conversation:
                await self._show(hitch.turn)

    def excused(self, turn: TurnId) -> int:
        """How many of the turn's tries were in vain."""
        hitch = self._hitches.get(turn)
        return hitch.tries if hitch else 0

    def apology(self, turn: Turn, *, now: datetime) -> list[OutboxItem]:
        """A word on why the answer is late; nothing where it is not."""
        hitch = self._hitches.get(turn.id)
        if hitch is None or turn.thread is None:
            return []
        seconds = self._clock.monotonic() - hitch.since
        if seconds < LATE_AFTER:
            return []
        word = Reply(
            id=OutboxId(derived("late", turn.id)),
            thread=turn.thread,
            content=Content(f"_I could not save my work for {_span(seconds)}. Nothing is lost._"),
        )
        return compose(word, split=whole, now=now)

    def over(self, turn: TurnId) -> None:
        """The turn ended, or is another's."""
        self._hitches.pop(turn, None)

    async def _show(self, turn: Turn) -> None:
        chat = self._chats.get(turn.thread.platform) if turn.thread else None
        if chat is not None and turn.thread is not None:
            await chat.status(turn.thread, STATUS)


def _span(seconds: float) -> str:
    """The time in words, rounded up."""
    if seconds <= 60:  # noqa: PLR2004 - a minute
        return f"{math.ceil(seconds)} seconds"
    return f"{math.ceil(seconds / 60)} minutes"
