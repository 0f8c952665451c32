"""What a process does again and again: schedules, signs of life, take-overs, retention."""

import logging
from datetime import timedelta

from bot.wiring import Desk
from runtime.errors import StorageUnavailable
from runtime.ports import Ticker, Worker

log = logging.getLogger("nightdesk.duties")

LOOK_EVERY = 30.0
"""Seconds between looks at the schedules, beside the wake-ups at their times."""
BEAT_EVERY = 3.0
"""Seconds between signs of life of a process among many."""
SILENT_AFTER = timedelta(seconds=9)
"""Without a sign of life for this long a process is dead, and one of its role takes its work up:
with `BEAT_EVERY` and the time that takes, within 15 s."""
POLL_OUTBOX = 0.25
"""Seconds between looks at an outbox that other processes write to."""
SWEEP_EVERY = 10.0
"""Seconds between looks for rows that were stored by a process that died before handing them on."""
SWEEP_OLDER = timedelta(seconds=10)
FORGET_EVERY = 3600.0
KEPT = timedelta(days=8)
"""How long processed inbox rows are kept: platforms deliver again for minutes, so this is far."""


class Duties:
    """Recovers at start, and then keeps time."""

    def __init__(self, desk: Desk, ticker: Ticker) -> None:
        self._desk = desk
        self._parts = desk.parts
        self._ticker = ticker

    async def recover(self) -> None:
        """Take up what an earlier life of this process left."""
        if self._parts.alone:
            await self._desk.engine.recover()
        if self._desk.delivers:
            await self._desk.dispatcher.reconcile(owner=self._parts.slot)
            await self._desk.ingress.recover()

    def start(self) -> None:
        """Keep time from now on."""
        every = self._ticker.every
        if self._desk.fires:
            self._desk.schedules.on_change(self._look_now)
            self._look_now()
            every(LOOK_EVERY, "schedules.look", self._look)
            every(FORGET_EVERY, "inbox.forget", self._forget)
        if not self._parts.alone:
            every(BEAT_EVERY, "process.beat", self._beat)
            if self._desk.delivers:
                every(POLL_OUTBOX, "outbox.poll", self._poll)
                every(SWEEP_EVERY, "inbox.sweep", self._sweep)
        self._ticker.start()

    async def stop(self) -> None:
        """Keep time no more."""
        await self._ticker.stop()

    def _look_now(self) -> None:
        self._ticker.wake_at(self._parts.clock.now(), "schedules.next", self._look)

    async def _look(self) -> None:
        """Fire what is due, and wake up for what comes next."""
        next_at = await self._desk.schedules.tick()
        self._desk.passes.note(self._parts.clock.now())
        if next_at is not None:
            self._ticker.wake_at(next_at, "schedules.next", self._look)

    async def _beat(self) -> None:
        """Give a sign of life, and take up the work of a process of this role that gives none."""
        now = self._parts.clock.now()
        role = self._parts.role
        workers = self._parts.store.workers
        await workers.beat(Worker(slot=self._parts.slot, role=role, seen_at=now))
        for worker in await workers.silent(since=now - SILENT_AFTER):
            if worker.role != role or worker.slot == self._parts.slot:
                continue
            if await workers.take_over(worker.slot, seen_at=worker.seen_at):
                runs = await self._parts.durable.take_over(worker.slot)
                if self._desk.delivers:
                    await self._desk.dispatcher.reconcile(owner=worker.slot)
                log.warning("process.taken_over", extra={"slot": worker.slot, "runs": runs})

    async def _poll(self) -> None:
        self._desk.dispatcher.wake()

    async def _sweep(self) -> None:
        await self._desk.ingress.recover(before=self._parts.clock.now() - SWEEP_OLDER)

    async def _forget(self) -> None:
        try:
            gone = await self._parts.store.inbox.forget(before=self._parts.clock.now() - KEPT)
        except StorageUnavailable:
            log.exception("inbox.forget_failed")
        else:
            log.info("inbox.forgotten", extra={"rows": gone})
