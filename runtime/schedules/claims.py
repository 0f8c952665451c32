"""Claiming what is due: read and planned shortly before its time, written when that has come.

What is known ahead is only a saving of time. The claim itself is written after the planned time,
and the store passes over every schedule that is no longer as it was read: one that was paused,
deleted or claimed by another process in between.

The planned times are written first, for their runs wait for nothing else; the schedules' next
times after that, but for those that have none. A schedule that a crash left in between is due
still, and is moved on by whoever finds its planned time written.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from runtime.clock import Clock
from runtime.model.schedule import Occurrence
from runtime.ports import Claim, Schedules, Timetable
from runtime.schedules.planner import Planner

AHEAD = timedelta(seconds=2)
"""How long before their time schedules are read and planned."""
MOST_AHEAD = 5_000
"""Schedules that are known ahead; those beyond are read when they are due. Some 1.5 kB each."""
PAGE = 200
"""Schedules that are read and planned at once."""
BATCH = 1_000
"""Claims that are read at once of what is due unprepared."""
CLAIMED_AT_ONCE = 250
"""Claims in one transaction. A larger one costs less for each and keeps other writers longer."""
MOVED_AT_ONCE = 50
"""Next times in one transaction: nobody waits for them, and others wait for the writer. Each lies
on a page of its own."""
MOST_BATCHES = 10
"""Batches that a tick claims unprepared; the rest is for the next tick, at once."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Claims:
    """Claims planned times, of this process; one call at a time."""

    def __init__(self, schedules: Schedules, timetable: Timetable, *, clock: Clock) -> None:
        """Claim the schedules of `schedules`, whose next times come from `timetable`."""
        self._schedules = schedules
        self._timetable = timetable
        self._clock = clock
        self._ahead: list[Claim] = []
        self._claimed: list[Claim] = []
        self._until = _LONG_AGO

    def waiting(self, now: datetime) -> bool:
        """Whether something that was prepared has become due."""
        return bool(self._ahead) and self._ahead[0].due.next_at <= now

    async def prepare(self, next_at: datetime, now: datetime) -> None:
        """Read and plan what is due shortly, if `next_at` is."""
        until = now + AHEAD
        # Once for the same stretch of time, unless the clock was set back since.
        if next_at > until or next_at <= self._until <= until:
            return
        planner = Planner(self._timetable)
        self._ahead = await self._read(until, planner, most=MOST_AHEAD)
        self._until = until

    async def claim(self, now: datetime) -> list[Occurrence]:
        """Write the planned times of what was prepared and is due; returns those to be run."""
        return await self._write(self._ready(now))

    async def claim_late(self, now: datetime) -> list[Occurrence]:
        """Read a batch of what is due, and write its planned times; returns those to be run.

        What was claimed before is moved on first, or it would be read again.
        """
        await self.move_on()
        planner = Planner(self._timetable)
        batch = await self._read(now, planner, most=BATCH, late=True)
        # The words on very many missed times say since when. Where a crash left that first time
        # written, the schedule is moved on; its claim is passed over, and read again.
        very_late = [one.due for one in batch if one.occurrences[0].planned_at != one.due.next_at]
        self._claimed += map(planner.first, very_late)
        await self.move_on()
        return await self._write(batch)

    async def move_on(self) -> None:
        """Write the next times of what was claimed."""
        while moves := self._claimed[:MOVED_AT_ONCE]:
            await self._schedules.move_on(moves)
            del self._claimed[: len(moves)]

    async def _write(self, claims: Sequence[Claim]) -> list[Occurrence]:
        """Write planned times, so many at once; where that breaks off, the runs are owed."""
        claimed: list[Occurrence] = []
        for start in range(0, len(claims), CLAIMED_AT_ONCE):
            part = claims[start : start + CLAIMED_AT_ONCE]
            claimed += await self._schedules.claim(part)
            self._claimed += part
        return claimed

    def _ready(self, now: datetime) -> list[Claim]:
        """What was prepared and has become due; not what a later time has overtaken since."""
        come = next(
            (n for n, claim in enumerate(self._ahead) if claim.due.next_at > now), len(self._ahead)
        )
        ready, self._ahead = self._ahead[:come], self._ahead[come:]
        return [claim for claim in ready if claim.next_at is None or claim.next_at > now]

    async def _read(
        self, until: datetime, planner: Planner, *, most: int, late: bool = False
    ) -> list[Claim]:
        """What to write for each of the first that are due up to then: each at its time, or late.

        Others get the loop now and then.
        """
        claims: list[Claim] = []
        while len(claims) < most:
            due = await self._schedules.due(now=until, limit=PAGE, skip=len(claims))
            for one in due:
                claims.append(planner.claim(one, until if late else one.next_at))
                if planner.wants_break():
                    await self._clock.sleep(0)
            if len(due) < PAGE:
                break
        return claims
