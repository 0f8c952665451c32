"""From the outbox to the platforms: in order within a thread, within the rate limits, once.

A message is `SENDING` on disk before the platform hears of it. Found so at the next start it is
ambiguous: the platform is asked whether it has it before it is sent again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from gateway.pace import Pace
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.egress import objection_now
from runtime.errors import Ambiguous, Permanent, Retryable, StorageFull
from runtime.ids import IdSource, Platform
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.team import Team
from runtime.ports import ChatPort, Outbox

log = logging.getLogger("nightdesk.dispatcher")

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a message is tried before it is set aside."""
FIRST_PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""
LONGEST_PAUSE = 300.0
"""Seconds between tries at the most."""
FULL_DISK_PAUSE = 5.0
"""Seconds between tries while nothing can be stored."""
BEHIND_PAUSE = 1.0
"""Seconds between looks at a message that stands behind a postponed one of its thread."""
CLAIM_AT_ONCE = 50
"""Messages handed to the platforms in one go."""

Settled = Callable[[OutboxItem, OutboxState, str], Awaitable[None]]
"""Is told how a message ended: the message, its state and why."""


class Dispatcher:
    """Sends what the outbox holds."""

    def __init__(
        self,
        outbox: Outbox,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        clock: Clock,
        ids: IdSource,
        owner: str,
        activity: Activity,
        settled: Settled,
    ) -> None:
        """Send.

        Args:
            outbox: the rows.
            chats: the platforms this process can send to.
            team: the configuration as it is now, for the allow-list.
            clock: the clock.
            ids: makes references for the log.
            owner: names this process in the rows it claims.
            activity: is told what is under way.
            settled: is told how each message ended.
        """
        self._outbox = outbox
        self._chats = chats
        self._team = team
        self._clock = clock
        self._ids = ids
        self._owner = owner
        self._activity = activity
        self._settled = settled
        self._pace = Pace({name: chat.limits for name, chat in chats.items()}, clock)
        self._woken = asyncio.Event()
        self._flying = 0

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._woken.set()

    async def reconcile(self, *, owner: str) -> int:
        """Settle what a process that is gone left in `SENDING`; returns how many."""
        rows = await self._outbox.unresolved(owner=owner)
        for item in rows:
            if item.thread.platform in self._chats:
                await self._find_or_postpone(item)
        self.wake()
        return len(rows)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                self._flying += 1
                try:
                    claimed = await self._round(tasks)
                finally:
                    self._flying -= 1
                if not claimed:
                    await self._wait()

    async def drained(self) -> bool:
        """Whether nothing is being sent and nothing could be sent now."""
        next_time = await self._outbox.next_time()
        waiting = next_time is not None and next_time <= self._clock.now()
        return not (waiting or self._flying or self._woken.is_set())

    async def _round(self, tasks: asyncio.TaskGroup) -> int:
        try:
            items = await self._outbox.claim(
                now=self._clock.now(),
                owner=self._owner,
                limit=CLAIM_AT_ONCE,
                platforms=list(self._chats),
            )
        except StorageFull:
            log.exception("outbox.storage_full")
            await self._clock.sleep(FULL_DISK_PAUSE)
            return 1
        for item in items:
            self._flying += 1
            self._activity.begin()
            tasks.create_task(self._fly(item))
        return len(items)

    async def _wait(self) -> None:
        """Return when woken, or when the next postponed message comes due."""
        self._activity.note()
        next_time = await self._outbox.next_time()
        if self._woken.is_set():
            return
        if next_time is None:
            await self._woken.wait()
            return
        # A due row that was not claimed stands behind a postponed one of its thread.
        now = self._clock.now()
        blocked = next_time <= now
        await self._wake_or(now + timedelta(seconds=BEHIND_PAUSE) if blocked else next_time)

    async def _wake_or(self, when: datetime) -> None:
        async with asyncio.TaskGroup() as tasks:
            alarm = tasks.create_task(self._alarm(when))
            await self._woken.wait()
            alarm.cancel()

    async def _alarm(self, when: datetime) -> None:
        await self._clock.sleep_until(when)
        self._woken.set()

    async def _fly(self, item: OutboxItem) -> None:
        try:
            await self._deliver_and_note(item)
        finally:
            self._flying -= 1
            self._woken.set()
            self._activity.end()

    async def _deliver_and_note(self, item: OutboxItem) -> None:
        """Send one message; where its end cannot be noted for lack of room, find it again later."""
        work = self._deliver
        while True:
            try:
                await work(item)
            except StorageFull:
                log.exception("outbox.storage_full", extra={"item": item.id})
                await self._clock.sleep(FULL_DISK_PAUSE)
                work = self._find_or_postpone
            else:
                return

    async def _deliver(self, item: OutboxItem) -> None:
        """Send one message whatever happens. One of the two supervision points."""
        try:
            await self._send(item)
        except StorageFull:
            raise
        except Retryable as error:
            await self._postpone(item, error)
        except Permanent as error:
            await self._end(item, OutboxState.DEAD, str(error))
        except Ambiguous:
            log.warning("outbox.ambiguous", extra={"item": item.id})
            await self._find_or_postpone(item)
        except Exception:
            reference = self._ids.new()[-8:]
            log.exception("outbox.failed", extra={"item": item.id, "reference": reference})
            await self._find_or_postpone(item)

    async def _send(self, item: OutboxItem) -> None:
        objection = objection_now(item, self._team())
        if objection:
            await self._end(item, OutboxState.WITHHELD, objection)
            return
        wait = self._pace.wait(item)
        if wait > 0:
            until = self._clock.now() + timedelta(seconds=wait)
            await self._outbox.postpone(item.id, until=until, error="")
            return
        message = await self._chats[item.thread.platform].send(item)
        await self._outbox.sent(item.id, message)
        log.info("outbox.sent", extra={"item": item.id, "attempt": item.attempts})
        await self._settled(item, OutboxState.SENT, "")

    async def _find_or_postpone(self, item: OutboxItem) -> None:
        """Ask the platform whether it has the message; only if it has not, send it again."""
        try:
            message = await self._chats[item.thread.platform].find(item)
        except Retryable as error:
            await self._postpone(item, error)
        except Permanent as error:
            await self._end(item, OutboxState.DEAD, f"sent or not, nobody can tell: {error}")
        else:
            if message is None:
                await self._postpone(item, Retryable("not there", after=0.0))
                return
            await self._outbox.sent(item.id, message)
            log.info("outbox.found", extra={"item": item.id})
            await self._settled(item, OutboxState.SENT, "")

    async def _postpone(self, item: OutboxItem, error: Retryable) -> None:
        now = self._clock.now()
        if now - item.created_at > GIVE_UP_AFTER:
            await self._end(item, OutboxState.DEAD, f"tried for a day: {error}")
            return
        pause = min(FIRST_PAUSE * 2 ** min(item.attempts, 16), LONGEST_PAUSE)
        wait = pause if error.after is None else error.after
        if error.after:
            self._pace.hold(item, error.after)
        log.warning("outbox.postponed", extra={"item": item.id, "wait": wait, "why": str(error)})
        await self._outbox.postpone(item.id, until=now + timedelta(seconds=wait), error=str(error))

    async def _end(self, item: OutboxItem, state: OutboxState, error: str) -> None:
        await self._outbox.settle(item.id, state, error=error)
        log.error("outbox.ended", extra={"item": item.id, "state": state, "why": error})
        await self._settled(item, state, error)
