"""What a process takes up again after a restart, and what it still owes before it is quiet."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from runtime.activity import Activity
from runtime.clock import Clock
from runtime.ids import RunId
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.model.handoff import DEEPEST
from runtime.model.turn import TurnState, turn_of_run
from runtime.ports import Store
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.engine")


Owed = Callable[[], Awaitable[bool]]
"""Whether something is still to be done."""


def planned(store: Store) -> Owed:
    """Whether a planned time has begun and not ended, but for those that wait for people."""

    async def owed() -> bool:
        last = None
        while page := await store.schedules.unfinished(after=last):
            for one in page:
                if await _state_of_run(store, one.run) is not TurnState.WAITING:
                    return True
            last = page[-1]
        return False

    return owed


async def _state_of_run(store: Store, run: RunId) -> TurnState | None:
    """Where the run's last turn is: the first one's, or that of whoever it was handed to."""
    state = await store.turns.state(turn_of_run(run, 0))
    for place in range(1, DEEPEST + 1):
        if state is not TurnState.DONE:
            break
        later = await store.turns.state(turn_of_run(run, place))
        if later is None:
            break
        state = later
    return state


def unanswered(store: Store) -> Owed:
    """Whether something was accepted and not answered, by whichever process."""

    async def owed() -> bool:
        waiting = await store.inbox.pending(limit=1)
        return bool(waiting or await store.turns.open_conversations(limit=1))

    return owed


class Engine:
    """Goes on after a restart, and knows when everything is quiet."""

    def __init__(
        self,
        store: Store,
        mailboxes: Mailboxes,
        *,
        activity: Activity,
        clock: Clock,
        owed: Sequence[Owed],
    ) -> None:
        """Run.

        Args:
            store: the database.
            mailboxes: run turns.
            activity: knows what is under way.
            clock: for pauses.
            owed: what has to be done before this process is quiet, besides what is under way.
        """
        self._store = store
        self._mailboxes = mailboxes
        self._activity = activity
        self._clock = clock
        self._owed = owed

    async def recover(self) -> int:
        """Take up the turns that an earlier life of this process left running; returns how many.

        What was accepted and not begun is the ingress's to hand over again.
        """
        count, last = 0, None
        while page := await self._store.turns.open_conversations(after=last):
            for conversation in page:
                self._mailboxes.drain(conversation)
            count, last = count + len(page), page[-1]
        if count:
            log.info("engine.recovered", extra={"conversations": count})
        return count

    async def settled(self) -> None:
        """Return once everything accepted was answered, and every answer that could go has gone."""
        while True:
            await self._activity.idle()
            if await until_stored(self._owes, clock=self._clock, what="settled"):
                await self._change()
            elif self._activity.quiet:
                return

    async def _owes(self) -> bool:
        for owed in self._owed:
            if await owed():
                return True
        return False

    async def _change(self) -> None:
        """Wait for the next change, or a moment: another thread's end is not announced here."""
        try:
            async with asyncio.timeout(0.05):
                await self._activity.change()
        except TimeoutError:
            return
