"""The lane of STOP: its commands are carried out at once, by the process that accepted them.

They wait behind nothing: no conversation's line, no backlog, no message on its way that may bind
their thread, no queue that workers hand out who may be busy with what is to be stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable

from runtime.activity import Activity
from runtime.model.events import Command, Received

Carry = Callable[[Received], Awaitable[None]]
"""Carries out one row, whatever happens in it."""


async def _not_open(_: Received) -> None:
    raise RuntimeError("Urgent.on was not called")


class Urgent:
    """Carries out what cannot wait."""

    def __init__(self, cannot_wait: Callable[[str], bool], *, activity: Activity) -> None:
        """Carry out commands of which `cannot_wait` says so; `activity` hears when one is done."""
        self._cannot_wait = cannot_wait
        self._activity = activity
        self._carry: Carry = _not_open
        self._line: asyncio.Queue[Received] = asyncio.Queue()

    def on(self, carry: Carry) -> None:
        """Carry rows out by this from now on."""
        self._carry = carry

    def means(self, received: Received) -> bool:
        """Whether the row is of this lane."""
        body = received.inbound.body
        return isinstance(body, Command) and self._cannot_wait(body.text)

    def takes(self, received: Received) -> bool:
        """Take the row, which was counted as under way, if it is of this lane."""
        if not self.means(received):
            return False
        self._line.put_nowait(received)
        return True

    async def run(self) -> None:
        """Carry rows out side by side, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._do(await self._line.get()))

    async def _do(self, received: Received) -> None:
        try:
            await self._carry(received)
        finally:
            self._activity.end()
