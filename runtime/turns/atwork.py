"""The turns that are at work in this process, and how one of them is broken off."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from runtime.errors import Conflict
from runtime.ids import AgentName, TurnId

T = TypeVar("T")


@dataclass(slots=True)
class _Here:
    """A turn at work: whose it is, its task, and whether it is broken off.

    An `asyncio.timeout` would do the same, and takes as long as all else here.
    """

    agent: AgentName
    task: asyncio.Task[object]
    broken: bool = False
    cancelled: bool = False

    def cancel(self) -> None:
        """Cancel the work; other reasons to cancel the task are counted apart from this one."""
        self.cancelled = True
        self.task.cancel()

    def uncancelled(self) -> bool:
        """Whether it was cancelled, which the task forgets with that."""
        if not self.cancelled:
            return False
        self.cancelled = False
        self.task.uncancel()
        return True


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
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a turn is at work in a task")
        here, others = _Here(agent, task), task.cancelling()
        self._here[turn] = here
        try:
            return await work
        except asyncio.CancelledError:
            if here.uncancelled() and task.cancelling() <= others:
                raise Conflict("the turn was stopped or taken up by another process") from None
            raise
        finally:
            self._here.pop(turn, None)
            here.uncancelled()
            self._somebody_left.set()

    def break_off(self, turn: TurnId) -> bool:
        """Cancel the turn's work; False where it is not at work here.

        It is at work until it lets go: see `left`.
        """
        here = self._here.get(turn)
        if here is None:
            return False
        if not here.broken:
            here.broken = True
            asyncio.get_running_loop().call_soon(self._cancel, turn, here)
        return True

    def _cancel(self, turn: TurnId, here: _Here) -> None:
        if self._here.get(turn) is here:  # else it ended by itself
            here.cancel()

    async def left(self, turns: Iterable[TurnId]) -> None:
        """Return once none of the turns is at work here."""
        waited_for = set(turns)
        while waited_for & self._here.keys():
            self._somebody_left.clear()
            await self._somebody_left.wait()
