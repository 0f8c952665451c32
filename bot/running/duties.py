"""What a process does again and again: schedules, signs of life, take-overs, retention."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

from bot import stopfile, witness
from bot.running import heap, retention
from bot.running.heap import Heap
from bot.running.retention import Retention
from bot.running.slot import SILENT_AFTER, Slot
from bot.wiring import money
from bot.wiring.desk import Desk
from bot.wiring.policy import LOOK_EVERY as LOOK_AT_POLICY_EVERY
from runtime.errors import StorageUnavailable
from runtime.ports import Ticker, Worker
from runtime.schedules.claims import AHEAD
from runtime.stopping import LOOK_EVERY as LOOK_AT_STOPS_EVERY

log = logging.getLogger("nightdesk.duties")

LOOK_EVERY = 30.0
"""Seconds between looks at the schedules and the outbox, beside the wake-ups at their times."""
LOOK_EVERY_AMONG_MANY = 1.0
"""The same where other processes make schedules, of which no wake-up tells this one."""
BEAT_EVERY = 3.0
"""Seconds between signs of life of a process among many. One of the role of a process that gives
none for `SILENT_AFTER` takes its work up: with the time that takes, within 15 s."""
LOOK_FOR_DEAD_EVERY = 1.0
"""Seconds between looks who gave a sign of life."""
REFRESH_PEOPLE_EVERY = 1.0
"""Seconds between looks whom another process let in, let go, linked or gave another role."""
POLL_OUTBOX = 0.25
"""Seconds between looks at an outbox that other processes write to."""
SWEEP_EVERY = 10.0
"""Seconds between looks for rows that were stored by a process that died before handing them on."""
SWEEP_OLDER = timedelta(seconds=10)


class _Signs:
    """How steadily this process gave its signs of life, in monotonic seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap = float("inf")

    def note(self, now: float) -> None:
        """One was given now."""
        self._gap = float("inf") if self._last is None else now - self._last
        self._last = now

    def steady(self, now: float) -> bool:
        """Whether the last two were given in time."""
        longest = SILENT_AFTER.total_seconds()
        return self._last is not None and max(self._gap, now - self._last) < longest


class _Silences:
    """Since when each of the others gives no sign of life, in monotonic seconds of this process.

    A sign is new where it differs from the last one: its time is that of another machine's clock,
    which may be ahead or behind, or set at any moment.
    """

    def __init__(self) -> None:
        self._since: dict[Worker, float] = {}

    def note(self, known: Iterable[Worker], now: float) -> None:
        """Those are the signs that are there now."""
        self._since = {worker: self._since.get(worker, now) for worker in known}

    def too_long(self, now: float) -> list[Worker]:
        """Who is dead by now."""
        longest = SILENT_AFTER.total_seconds()
        return [worker for worker, since in self._since.items() if now - since >= longest]


class Duties:
    """Recovers at start, and then keeps time."""

    def __init__(self, desk: Desk, ticker: Ticker) -> None:
        self._desk = desk
        self._parts = desk.parts
        self._ticker = ticker
        self._signs = _Signs()
        self._silences = _Silences()
        self._taken: set[str] = set()
        self._slot = Slot(
            self._parts.slot,
            self._parts.role,
            workers=self._parts.store.workers,
            clock=self._parts.clock,
            ids=self._parts.ids,
        )
        self._lost = asyncio.Event()
        self._heap = Heap(desk.activity)
        self._retention = Retention(
            self._parts.store,
            self._parts.durable,
            clock=self._parts.clock,
            kept=self._parts.kept,
            totals=self._parts.totals,
        )

    async def appear(self) -> None:
        """Take the slot, and give signs of life, before this process takes up what its slot left.

        From then on no other process takes that up at the same time.

        Raises:
            ConfigurationError: a living process has the slot.
        """
        if not self._parts.alone:
            await self._slot.take()
            self._signs.note(self._parts.clock.monotonic())
            self._ticker.every(BEAT_EVERY, "process.beat", self._beat)
        self._ticker.every(LOOK_AT_POLICY_EVERY, "policy.look", self._desk.rules.look)
        # Before anything is taken up: an earlier life may have died over a stop.
        await self._desk.stopping.look()
        await self._look_at_stops()
        self._ticker.every(LOOK_AT_STOPS_EVERY, "stops.look", self._look_at_stops)
        self._ticker.start()

    async def leave(self) -> None:
        """Let go of the slot, as the last thing that is done."""
        try:
            await self._slot.leave()
        except StorageUnavailable as error:
            log.warning("slot.not_left", extra={"why": str(error)})

    async def until_lost(self) -> None:
        """Wait, most often for ever, until another process has the slot.

        Raises:
            ConfigurationError: it has.
        """
        await self._lost.wait()
        raise await self._slot.lost()

    async def recover(self) -> None:
        """Take up what an earlier life of this process left."""
        await self._desk.people.roster.refresh()
        if self._parts.alone:
            await self._desk.engine.recover()
        else:
            await self._inherit(self._parts.slot)
        if self._desk.delivers:
            await self._desk.dispatcher.reconcile(owner=self._parts.slot)
            await self._desk.ingress.recover()

    def start(self) -> None:
        """Keep time from now on."""
        every = self._ticker.every
        every(heap.LOOK_EVERY, "memory.give_back", self._heap.look)
        self._desk.halt.on_change(self._stopped_or_resumed)
        if self._desk.fires:
            self._desk.schedules.on_change(self._look_now)
            # The first look also starts what an earlier life owes; what is due has the second.
            self._ticker.wake_at(self._parts.clock.now(), "schedules.first", self._look)
            self._look_now()
            look_every = LOOK_EVERY if self._parts.alone else LOOK_EVERY_AMONG_MANY
            every(look_every, "schedules.look", self._look)
            self._desk.reminders.on_change(self._remind_now)
            self._remind_now()
            every(look_every, "reminders.look", self._remind)
            self._desk.asks.book.on_change(self._watch_now)
            self._watch_now()
            every(look_every, "approvals.look", self._watch)
            every(money.LOOK_EVERY, "budget.look", self._desk.money.tick)
            every(retention.EVERY, "retention.prune", self._retention.prune)
            every(witness.SAY_HEAD_EVERY, "audit.head", self._say_head)
            soon = self._parts.clock.now() + retention.FIRST_AFTER
            self._ticker.wake_at(soon, "retention.first", self._retention.prune)
        if self._parts.alone and self._desk.delivers:
            # For what an administrator changed from outside: `nightdesk outbox retry`.
            every(LOOK_EVERY, "outbox.look", self._poll)
        if not self._parts.alone:
            every(REFRESH_PEOPLE_EVERY, "people.refresh", self._desk.people.roster.refresh)
            every(LOOK_FOR_DEAD_EVERY, "process.take_over", self._take_over)
            if self._desk.delivers:
                every(POLL_OUTBOX, "outbox.poll", self._poll)
                every(SWEEP_EVERY, "inbox.sweep", self._sweep)

    async def _look_at_stops(self) -> None:
        """Learn what other processes stopped, and see that it is obeyed here."""
        if self._parts.stop_file is not None:
            await stopfile.obey(self._parts.stop_file, self._desk.stopping)
        if not self._parts.alone or self._desk.halt.active:
            await self._desk.stopping.look()

    def _stopped_or_resumed(self) -> None:
        """Do at once what had to wait for a resume."""
        self._desk.dispatcher.wake()
        if self._desk.fires:
            self._remind_now()
            self._watch_now()

    async def stop(self) -> None:
        """Keep time no more."""
        await self._ticker.stop()

    def _look_now(self) -> None:
        self._ticker.wake_at(self._parts.clock.now(), "schedules.next", self._look)

    async def _say_head(self) -> None:
        await witness.say_head(self._parts.store.audit)

    async def _look(self) -> None:
        """Fire what is due, and wake up for what comes next: before its time, and then at it."""
        next_at = await self._desk.schedules.tick()
        now = self._parts.clock.now()
        self._desk.passes.note(now)
        if next_at is not None:
            before = next_at - AHEAD
            when = before if before > now else next_at
            self._ticker.wake_at(when, "schedules.next", self._look)

    def _remind_now(self) -> None:
        self._ticker.wake_at(self._parts.clock.now(), "reminders.next", self._remind)

    async def _remind(self) -> None:
        """Send the reminders that are due, and wake up for the next."""
        next_at = await self._desk.reminders.tick()
        if next_at is not None:
            self._ticker.wake_at(next_at, "reminders.next", self._remind)

    def _watch_now(self) -> None:
        self._ticker.wake_at(self._parts.clock.now(), "approvals.next", self._watch)

    async def _watch(self) -> None:
        """Do what time does to approvals, and wake up for what comes next."""
        next_at = await self._desk.asks.vigil.tick()
        if next_at is not None:
            self._ticker.wake_at(next_at, "approvals.next", self._watch)

    async def _beat(self) -> None:
        """Give a sign of life."""
        if await self._slot.beat():
            self._signs.note(self._parts.clock.monotonic())
            self._desk.dispatcher.still_ours()
        else:
            self._lost.set()

    async def _take_over(self) -> None:
        """Take up the work of processes of this role that give no sign of life.

        Not where this process itself could give none until just now: then the database was away,
        or we stood still, and the others may be as alive as we are.
        """
        asked = self._parts.clock.monotonic()
        if not self._signs.steady(asked):
            return
        # Everybody but those whose work was taken over and who did not come back since.
        everybody = await self._parts.store.workers.known()
        self._taken -= {worker.slot for worker in everybody}
        self._silences.note(everybody, self._parts.clock.monotonic())
        # While the database answered nobody, nobody could give a sign either.
        for worker in self._silences.too_long(asked):
            peer = worker.role == self._parts.role and worker.slot != self._parts.slot
            if peer and await self._claimed(worker):
                self._taken.add(worker.slot)
        while self._taken:
            slot = min(self._taken)
            await self._go_on_with(slot)
            # What failed before this is tried again with the next look: nobody else will.
            self._taken.discard(slot)

    async def _claimed(self, worker: Worker) -> bool:
        """Whether this process is the one that takes that worker's work up."""
        by, seen_at = self._parts.slot, worker.seen_at
        return await self._parts.store.workers.take_over(worker.slot, seen_at=seen_at, by=by)

    async def _inherit(self, slot: str) -> None:
        """See through what that worker was taking over."""
        left = await self._parts.store.workers.inherit(slot, by=self._parts.slot)
        self._taken.update(left)

    async def _go_on_with(self, slot: str) -> None:
        """Go on with what a dead process left, its own take-overs first."""
        await self._inherit(slot)
        runs = await self._parts.durable.take_over(slot)
        if self._desk.delivers:
            await self._desk.dispatcher.reconcile(owner=slot)
        if self._desk.fires:
            await self._desk.schedules.recover()
        await self._parts.store.workers.taken_up(slot, by=self._parts.slot)
        log.warning("process.taken_over", extra={"slot": slot, "runs": runs})

    async def _poll(self) -> None:
        self._desk.dispatcher.wake()

    async def _sweep(self) -> None:
        await self._desk.ingress.recover(before=self._parts.clock.now() - SWEEP_OLDER)
