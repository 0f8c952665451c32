"""Forgetting what was settled long ago. Conversations are kept: they are what an agent knows."""

import logging
from datetime import datetime, timedelta

from runtime.clock import Clock
from runtime.errors import NightdeskError
from runtime.model.turn import run_of
from runtime.money.workflows import unfinished
from runtime.ports import Durable, Store

log = logging.getLogger("nightdesk.retention")

FIRST_AFTER = timedelta(minutes=1)
"""From the start, so that a desk that never runs for an hour forgets as well."""
EVERY = 3600.0
"""Seconds between two times."""


class Retention:
    """Deletes processed events, sent messages, files, ended runs and more, a little at once."""

    def __init__(
        self,
        store: Store,
        durable: Durable,
        *,
        clock: Clock,
        kept: timedelta,
        totals: timedelta,
    ) -> None:
        """Take what to look after; nothing is deleted yet.

        Args:
            store: the events and the messages.
            durable: the runs.
            clock: time.
            kept: how long what is settled is kept. Platforms deliver again for up to seven days,
                and are known again by what is kept.
            totals: how long it is kept what was spent in a day and in a month.
        """
        self._store = store
        self._durable = durable
        self._clock = clock
        self._kept = kept
        self._totals = totals

    async def prune(self) -> None:
        """Delete what is old enough; what fails is logged, and tried again the next time."""
        before = self._clock.now() - self._kept
        for name, forget in (
            ("inbox", self._store.inbox.forget),
            ("outbox", self._store.outbox.forget),
            ("files", self._store.files.forget),
            ("calls", self._store.ledger.forget),
            ("meters", self._forget_meters),
            ("stops", self._store.stops.forget),
            ("handoffs", self._store.handoffs.forget),
            ("runs", self._forget_runs),
        ):
            try:
                gone = await forget(before=before)
            except NightdeskError:
                log.exception("retention.failed", extra={"of": name})
            else:
                log.info("retention.forgotten", extra={"of": name, "rows": gone})

    async def _forget_meters(self, *, before: datetime) -> int:
        """Delete what was spent long ago, but for what counts in a limit of work that is not over.

        A turn may wait for longer than meters are kept: for people, for money, or to be resumed.
        """
        waiting = await unfinished(self._store)
        for pause in await self._store.budgets.pauses():
            waiting |= {pause.bound.meter.stamp, run_of(pause.turn)}
        return await self._store.ledger.forget_meters(
            runs=before, periods=self._clock.now() - self._totals, waiting=waiting
        )

    async def _forget_runs(self, *, before: datetime) -> int:
        total = 0
        while gone := await self._durable.forget(before=before):
            total += gone
        return total
