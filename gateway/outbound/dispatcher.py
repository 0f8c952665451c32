"""From the outbox to the platforms: in order within a thread, within the rate limits, once.

A message is `SENDING` on disk before the platform hears of it. Found so at the next start it is
ambiguous: the platform is asked whether it has it before it is sent again, and until the platform
has said so it stays `SENDING`, however long that takes and however often we start. Where the
platform can never tell, what only one person sees is sent once more, and everything where the
platform has no way to tell (`ChatLimits.may_repeat`), there once more for each process that died
over it; anything else is set aside.

Among many processes one may stand still so long that another takes it for dead and takes its
messages on. What it does when it goes on is refused by the claim's fence: it looks whether its
claim holds right before it sends, and can write nothing about the message afterwards.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.outbound.delivery import Delivery
from gateway.outbound.ends import FOR_EVER, Bound, Ends, Settled
from gateway.outbound.indoubt import InDoubt
from gateway.outbound.pace import Pace
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import Conflict, StorageUnavailable
from runtime.ids import IdSource, Platform
from runtime.model.address import ThreadRef
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.ports import ChannelTrust, ChatPort, Outbox
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.dispatcher")

BEHIND_PAUSE = 1.0
"""Seconds between looks at a message that stands behind a postponed one of its thread."""
CLAIM_AT_ONCE = 100
"""Messages handed to the platforms in one go."""

OURS_FOR = 3.0
"""Seconds for which a sign of life says that no later life has the slot: that waits for longer."""

_NEVER_YET = datetime.min.replace(tzinfo=UTC)

_Work = Callable[[], Awaitable[object]]


class Dispatcher:
    """Claims what the outbox holds, round after round, and has each message delivered."""

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        outbox: Outbox,
        chats: Mapping[Platform, ChatPort],
        trust: ChannelTrust,
        *,
        team: Callable[[], Team],
        clock: Clock,
        ids: IdSource,
        owner: str,
        alone: bool,
        activity: Activity,
        settled: Settled,
        held: Callable[[OutboxItem], object] = lambda _: None,
    ) -> None:
        """Send.

        Args:
            outbox: the rows.
            chats: the platforms this process can send to.
            trust: what became known of channels, for the allow-list.
            team: the configuration as it is now, for the allow-list.
            clock: the clock.
            ids: makes references for the log.
            owner: names this process in the rows it claims.
            alone: no other process sends what this outbox holds.
            activity: is told what is under way.
            settled: is told how each message ended.
            held: whether a stop holds a message back.
        """
        self._outbox = outbox
        self._chats = chats
        self._clock = clock
        self._owner = owner
        self._activity = activity
        pace = Pace({name: chat.limits for name, chat in chats.items()}, clock)
        self._ends = Ends(outbox, pace, clock=clock, alone=alone, settled=settled, wake=self.wake)
        self._delivery = Delivery(
            chats,
            trust,
            self._ends,
            pace,
            team=team,
            clock=clock,
            ids=ids,
            held=held,
            ask_again=self._ask_again,
        )
        self._in_doubt: list[InDoubt] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._woken = asyncio.Event()
        self._flying = 0
        self._landed = 0
        self._behind = False
        self._unheard = False
        self._ours_until = 0.0
        self._clear = asyncio.Event()
        self._clear.set()
        self._looked_at = _NEVER_YET
        self._rests_until = _NEVER_YET

    def on_bound(self, call: Bound) -> None:
        """Call with each thread that a sent message bound, and its conversation."""
        self._ends.bound = call

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._woken.set()

    def hurry(self) -> None:
        """The same, and look before whatever else is to be written: for the answer to a STOP."""
        self.wake()
        if (tasks := self._tasks) is not None:
            now = self._clock.now()
            self._set_off(tasks, lambda: self._claim(tasks, now, first=True))

    async def reconcile(self, *, owner: str) -> int:
        """Take on what a process that is gone left in `SENDING`; returns how many.

        For what an earlier life of this process left, call it before `run` begins: afterwards a
        row of ours that is `SENDING` is being sent.

        Raises:
            StorageUnavailable: perhaps it did; `still_ours` finds out.
        """
        try:
            mine = await self._outbox.take_on(
                owner=owner, by=self._owner, platforms=list(self._chats)
            )
        except StorageUnavailable:
            self._unheard = True
            raise
        now, known = self._clock.now(), {one.item.id: one for one in self._in_doubt}
        for item in mine:
            one = known.get(item.id, InDoubt(item, now, orphaned=True))
            known[item.id] = replace(one, item=item)
        self._in_doubt = list(known.values())
        self.wake()
        return len(mine)

    def still_ours(self) -> None:
        """Say, again and again, that no later life of this process has its slot just now.

        What is `SENDING` by the slot and not by this process was then taken up here in a commit
        that nobody heard of. It is taken on once nothing else is under way. Where a later life
        sends, that would be its work, so a process that just stood still must not say it.
        """
        if self._unheard:
            self._ours_until = self._clock.monotonic() + OURS_FOR
            self.wake()

    def _ask_again(self, in_doubt: InDoubt) -> None:
        self._in_doubt.append(in_doubt)
        self.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await self._go_round(tasks)
            finally:
                self._tasks = None

    async def _go_round(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._woken.clear()
            await self._take_on_unheard()
            looked_at, landed = self._clock.now(), self._landed
            self._flying += 1
            try:
                claimed = await self._round(tasks, looked_at)
            finally:
                self._flying -= 1
            if claimed < CLAIM_AT_ONCE:
                await self._wait(looked_at, landed)

    async def _take_on_unheard(self) -> None:
        """Take on what was taken up here with nobody hearing of it, if nothing is under way.

        What is set off meanwhile, such as what was claimed as it was written, waits: it may be
        among that.
        """
        ours = self._clock.monotonic() < self._ours_until
        if not self._unheard or not ours or self._flying:
            return
        self._clear.clear()
        self._unheard = False
        try:
            with suppress(StorageUnavailable):
                log.warning(
                    "outbox.unheard", extra={"found": await self.reconcile(owner=self._owner)}
                )
        finally:
            self._clear.set()

    def claims(self, thread: ThreadRef) -> bool:
        """Whether a message to the thread may be claimed as it is written: see the port."""
        return self._tasks is not None and thread.channel.platform in self._chats

    def take(self, items: Sequence[OutboxItem]) -> None:
        """Send what was claimed as it was written: see the port."""
        if self._tasks is None:
            return  # the process ends: its next life asks for them, as for all that is `SENDING`
        for item in items:
            self._send(self._tasks, item)

    def let_go(self, turn: Turn, items: Sequence[OutboxItem]) -> None:
        """Hand back what may have been claimed as it was written: see the port."""
        if self._tasks is None:
            return  # the process ends: as above
        these = [item.id for item in items]

        def hand_back() -> Awaitable[int]:
            return self._outbox.hand_back(these, owner=self._owner, turn=turn.id, fence=turn.fence)

        async def let_go() -> None:
            await until_stored(hand_back, clock=self._clock, what="outbox")
            self.wake()

        self._set_off(self._tasks, let_go)

    async def undelivered(self) -> bool:
        """Whether something is being sent, or could be sent now.

        What was due at the last look and not taken then cannot go: it stands behind another
        message of its thread, or its platform is not here.
        """
        next_time = await self._outbox.next_time()
        now = self._clock.now()
        came_due = next_time is not None and self._looked_at < next_time <= now
        looking = self._woken.is_set() or self._rests_until <= now
        return came_due or looking or bool(self._flying)

    async def _round(self, tasks: asyncio.TaskGroup, now: datetime) -> int:
        for in_doubt in [in_doubt for in_doubt in self._in_doubt if in_doubt.ask_at <= now]:
            self._in_doubt.remove(in_doubt)
            self._ask(tasks, in_doubt)
        return await self._claim(tasks, now)

    async def _claim(self, tasks: asyncio.TaskGroup, now: datetime, *, first: bool = False) -> int:
        def claim() -> Awaitable[list[OutboxItem]]:
            return self._outbox.claim(
                now=now,
                owner=self._owner,
                limit=CLAIM_AT_ONCE,
                platforms=list(self._chats),
                first=first,
            )

        async def note() -> None:
            self._unheard = True

        # A try may have been stored with nobody hearing of it: see `still_ours`.
        items = await until_stored(claim, clock=self._clock, what="outbox", meanwhile=note)
        self._looked_at = now
        for item in items:
            self._send(tasks, item)
        return len(items)

    def _send(self, tasks: asyncio.TaskGroup, item: OutboxItem) -> None:
        self._set_off(tasks, lambda: self._delivery.deliver(item), item)

    def _ask(self, tasks: asyncio.TaskGroup, in_doubt: InDoubt) -> None:
        self._set_off(tasks, lambda: self._delivery.ask(in_doubt), in_doubt.item)

    def _set_off(
        self, tasks: asyncio.TaskGroup, work: _Work, item: OutboxItem | None = None
    ) -> None:
        self._flying += 1
        self._activity.begin()
        tasks.create_task(self._fly(work, item))

    async def _wait(self, looked_at: datetime, landed: int) -> None:
        """Return when woken, or when the next postponed message or question comes due.

        `landed` is how many sends had ended before the outbox was looked at.
        """
        next_time = await until_stored(self._outbox.next_time, clock=self._clock, what="outbox")
        coming = self._ends.next(looked_at)
        # What was due and not claimed stands behind another message of its thread.
        self._behind = next_time is not None and next_time <= looked_at
        if self._woken.is_set() or (self._behind and self._landed != landed):
            return
        if self._behind:
            next_time = min(looked_at + timedelta(seconds=BEHIND_PAUSE), coming)
        times = [*(one.ask_at for one in self._in_doubt), *([next_time] if next_time else [])]
        self._rests_until = min(times, default=FOR_EVER)
        self._activity.note()
        try:
            await (self._wake_or(self._rests_until) if times else self._woken.wait())
        finally:
            self._rests_until = _NEVER_YET

    async def _wake_or(self, when: datetime) -> None:
        async with asyncio.TaskGroup() as tasks:
            alarm = tasks.create_task(self._alarm(when))
            await self._woken.wait()
            alarm.cancel()

    async def _alarm(self, when: datetime) -> None:
        await self._clock.sleep_until(when)
        self._woken.set()

    async def _fly(self, work: _Work, item: OutboxItem | None) -> None:
        try:
            await self._clear.wait()
            await work()
        except Conflict:
            if item is None:
                raise
            # Another process took us for dead and took the message on.
            log.warning("outbox.overtaken", extra={"item": item.id})
            self.wake()
        finally:
            self._flying -= 1
            self._landed += 1
            if self._behind:
                self._woken.set()
            self._activity.end()
