"""The turns that are at work in this process, and how one of them is broken off."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from runtime.errors import Conflict
from runtime.ids import AgentName, TurnId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Here:
    """A turn at work: whose it is, and what ends it."""

    agent: AgentName
    patience: asyncio.Timeout


class AtWork:
    """The turns that are at work here."""

    def __init__(self) -> None:
        self._here: dict[TurnId, _Here] = {}
        self._somebody_left = asyncio.Event()

    def all(self) -> list[tuple[TurnId, AgentName]]:
        """The turns and their agents. May be asked from another thread."""
        return [(turn, here.agent) for turn, here in list(self._here.items())]

    async def breakable(self, turn: TurnId, agent: AgentName, work: Awaitable[T]) -> T:
        """Do the turn's work, until it ends or is broken off.

        Raises:
            Conflict: it was broken off, because it was stopped or is another's by now.
        """
        patience = asyncio.timeout(None)
        try:
            async with patience:
                self._here[turn] = _Here(agent, patience)
                return await work
        except TimeoutError:
            if not patience.expired():
                raise
            raise Conflict("the turn was stopped or taken up by another process") from None
        finally:
            self._here.pop(turn, None)
            self._somebody_left.set()

    def break_off(self, turn: TurnId) -> bool:
        """Cancel the turn's work; False where it is not at work here.

        It is at work until it lets go: see `left`.
        """
        here = self._here.get(turn)
        if here is None:
            return False
        if not here.patience.expired():
            here.patience.reschedule(asyncio.get_running_loop().time())
        return True

    async def left(self, turns: Iterable[TurnId]) -> None:
        """Return once none of the turns is at work here."""
        waited_for = set(turns)
        while waited_for & self._here.keys():
            self._somebody_left.clear()
            await self._somebody_left.wait()
