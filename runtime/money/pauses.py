"""Turns that wait for money: remembered, and taken up again where they were once there is some.

That is when the limit was raised, the period ended, or calls turned out cheaper than was held for
them. What waits is in the database, so a restart changes nothing.
"""

import logging
from collections.abc import Awaitable
from dataclasses import replace
from typing import Protocol

from runtime.clock import Clock
from runtime.ids import ConversationId, TurnId
from runtime.model.address import ThreadRef
from runtime.model.budget import Pause
from runtime.model.meter import Meter
from runtime.model.schedule import Schedule
from runtime.model.turn import TurnState, run_of
from runtime.money.limits import LimitBook, Limits
from runtime.parked import Parked
from runtime.ports import Store

log = logging.getLogger("nightdesk.money")


class TakeUp(Protocol):
    """Takes a parked turn up again."""

    def __call__(
        self, turn: TurnId, conversation: ConversationId, *, is_run: bool, key: str
    ) -> Awaitable[bool]:
        """Once for each `key`; False where it is not parked, or its agent is stopped."""
        ...


class WaitsNoMore(Protocol):
    """Says where it was said that a turn waits that it does not any more."""

    def __call__(self, pause: Pause, *, stopped: bool) -> Awaitable[None]:
        """Said again, it changes nothing."""
        ...


class Pauses:
    """Knows what waits for money."""

    def __init__(
        self,
        store: Store,
        limits: LimitBook,
        take_up: TakeUp,
        *,
        waits_no_more: WaitsNoMore,
        parked: Parked,
        clock: Clock,
    ) -> None:
        """Take the turns of `store` up again by `take_up`, once `limits` leave room.

        What goes on, or was stopped, is told to `waits_no_more`.
        """
        self._store = store
        self._limits = limits
        self._take_up = take_up
        self._waits_no_more = waits_no_more
        self._parked = parked
        self._clock = clock

    async def add(self, pause: Pause) -> None:
        """Remember that a turn is about to be parked."""
        await self._store.budgets.pause(pause)

    async def look(self) -> int:
        """Take up what need not wait any more; returns how many still wait."""
        pauses = await self._store.budgets.pauses()
        if not pauses:
            return 0
        limits = await self._limits.now()
        return sum([await self._waits(pause, limits) for pause in pauses])

    async def raised(self, meter: Meter) -> None:
        """A limit was raised: take up what has room now; what has not says what it needs now.

        Args:
            meter: whose limit, and over which time; whichever period it is.
        """
        await self.look()
        for pause in await self.waiting(meter):
            if await self._store.turns.state(pause.turn) is TurnState.WAITING:
                await self._go_on(pause)

    async def waiting(self, meter: Meter) -> list[Pause]:
        """What waits for money of the meter, of any of its periods; without a subject, of each."""
        pauses = await self._store.budgets.pauses()
        return [pause for pause in pauses if _is_of(pause.bound.meter, meter)]

    async def go_on(self, thread: ThreadRef | None) -> None:
        """Take up what waits in the thread, or channel, for it may cost less now; None for all.

        What cannot go on yet, because it is about to be parked or its agent is stopped, does so
        with the first look after that.
        """
        for pause in await self._store.budgets.pauses():
            at = pause.thread
            if thread is None or (at and thread in (at, replace(at, root=""))):
                await self._go_on_soon(pause)

    async def _waits(self, pause: Pause, limits: Limits) -> bool:
        """Whether the turn waits on; where it does not, it is taken up."""
        state = await self._store.turns.state(pause.turn)
        if state is TurnState.RUNNING:
            return True  # about to be parked, or already under way again
        if state is not TurnState.WAITING:
            return not await self._end(pause)
        if not await self._has_room(pause, limits):
            if pause.thread is not None:
                self._parked.add(pause.conversation)
            return True
        return not await self._go_on(pause)

    async def _go_on_soon(self, pause: Pause) -> None:
        """Take it up, or as soon as that can be: whatever is left in the limit."""
        waits = await self._store.turns.state(pause.turn) is TurnState.WAITING
        if not waits or not await self._go_on(pause):
            await self._store.budgets.pause(replace(pause, until=self._clock.now()))

    async def _go_on(self, pause: Pause) -> bool:
        """Take the turn up; it waits on where that could not be done."""
        key = f"money/{pause.at.isoformat()}"
        is_run = pause.thread is None
        if not await self._take_up(pause.turn, pause.conversation, is_run=is_run, key=key):
            return False
        log.info("turn.goes_on", extra={"turn": pause.turn})
        await self._waits_no_more(pause, stopped=False)
        await self._store.budgets.forget_pause(pause)
        return True

    async def _end(self, pause: Pause) -> bool:
        """The turn ended while it waited: somebody stopped it. Its run has to hear of that."""
        if pause.thread is None:
            key = f"money/{pause.at.isoformat()}/over"
            if not await self._take_up(pause.turn, pause.conversation, is_run=True, key=key):
                return False
        stopped = await self._store.turns.state(pause.turn) is TurnState.STOPPED
        await self._waits_no_more(pause, stopped=stopped)
        await self._store.budgets.forget_pause(pause)
        return True

    async def _has_room(self, pause: Pause, limits: Limits) -> bool:
        if pause.until is not None and self._clock.now() >= pause.until:
            return True
        limit = limits.of(pause.bound.meter)
        [balance] = await self._store.ledger.balances([pause.bound.meter])
        return limit is None or balance.taken + pause.wanted <= limit


async def pause_of(store: Store, schedule: Schedule) -> Pause | None:
    """The run of the schedule that waits for money, or None."""
    for pause in await store.budgets.pauses():
        if pause.thread is None:
            planned = await store.schedules.occurrence(run_of(pause.turn))
            if planned is not None and planned.schedule == schedule.id:
                return pause
    return None


def _is_of(meter: Meter, limited: Meter) -> bool:
    same = (meter.scope, meter.period) == (limited.scope, limited.period)
    return same and limited.subject in ("", meter.subject)
