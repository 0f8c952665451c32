"""Schedules: made, changed, and fired once for each planned time.

The table is the truth. A tick reads what is due, writes the planned times in one transaction, and
only then starts a durable run for each and writes the next times: a crash in between leaves planned
times that are `DUE`, whose runs are started again, under the same ids, and schedules whose planned
time is written already, which are only moved on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from runtime.clock import Clock
from runtime.errors import Conflict, Refused
from runtime.ids import AgentName, InboxId, ScheduleId, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.schedule import (
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleEvent,
    ScheduleState,
    When,
    WhenKind,
    after,
    manual_run_id,
)
from runtime.model.tools import Json
from runtime.model.value import value
from runtime.ports import Durable, Store, Timetable
from runtime.schedules.abandoned import wake_runs
from runtime.schedules.claims import MOST_BATCHES, Claims
from runtime.schedules.firings import WORKFLOW

log = logging.getLogger("nightdesk.schedules")

BROKEN = "Its run broke off. The log says why."
STARTED_AT_ONCE = 20
"""Runs that are started in a row, whoever is waited for meanwhile."""
START_PAUSE = 0.008
"""Seconds before each further one while people wait for answers: a run takes most of a core for so
long, and can be some seconds late, which an answer cannot."""
_TRIES = 5


@value(kw_only=True)
class NewSchedule:
    """A schedule as somebody asks for it.

    Attributes:
        key: names the asking: the inbox row or the tool call. The same key makes one schedule.
        when: its times, as the timetable read them.
        instruction: what the agent is told at each time.
        agent: who does it.
        target: the channel or thread that gets the result.
        made_by: who asks; it runs with this person's rights.
        made_in: where they asked.
    """

    key: str
    when: When
    instruction: str
    agent: AgentName
    target: ThreadRef
    made_by: Principal
    made_in: ThreadRef


def _id_of(key: str) -> ScheduleId:
    return ScheduleId(derived("schedule", key))


def _nobody_is(_: AgentName) -> str:
    return ""


def _nobody_waits() -> bool:
    return False


class ScheduleService:
    """Makes, changes and fires schedules."""

    def __init__(
        self,
        store: Store,
        timetable: Timetable,
        durable: Durable,
        *,
        clock: Clock,
        changed: Callable[[], None] | None = None,
        held: Callable[[AgentName], str] = _nobody_is,
    ) -> None:
        """Serve the schedules of `store`; `changed` as for `on_change`.

        `held` says in words that an agent is stopped; nothing where it is not.
        """
        self._schedules = store.schedules
        self._timetable = timetable
        self._claims = Claims(store.schedules, timetable, clock=clock)
        self._durable = durable
        self._clock = clock
        self._held = held
        self._listeners = [changed] if changed else []
        self._ticking = asyncio.Lock()
        self._people_wait = _nobody_waits
        # Nobody knows what an earlier life of this process left, so the first tick looks.
        self._runs_owed = True

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever a schedule was given a next time, to wake the ticker early."""
        self._listeners.append(listener)

    def give_way(self, people_wait: Callable[[], bool]) -> None:
        """Start many runs more slowly from now on while people wait for answers of this process.

        What other processes answer does not count: a process of the role `clock`, which answers
        nobody, never waits.
        """
        self._people_wait = people_wait

    # ---- making and changing

    async def create(self, new: NewSchedule) -> Schedule:
        """Store a schedule; for a key that made one before, that one.

        Raises:
            Refused: its times never come.
        """
        if known := await self.made(new.key):
            return known
        now = self._clock.now()
        schedule = await self._schedules.add(
            Schedule(
                id=_id_of(new.key),
                when=new.when,
                instruction=new.instruction,
                agent=new.agent,
                target=new.target,
                made_by=new.made_by,
                made_in=new.made_in,
                next_at=self._first(new.when, now),
                created_at=now,
            )
        )
        log.info("schedule.made", extra={"schedule": schedule.id, "next": str(schedule.next_at)})
        self._announce()
        return schedule

    async def made(self, key: str) -> Schedule | None:
        """What was made for that key, or None."""
        return await self._schedules.by_id(_id_of(key))

    async def find(self, number: int) -> Schedule:
        """The schedule of that number.

        Raises:
            Refused: there is none, or it was deleted.
        """
        schedule = await self._any(number)
        if schedule.state is ScheduleState.DELETED:
            raise Refused(
                f"Schedule {number} was deleted.", hint="/schedule list shows the others."
            )
        return schedule

    async def pause(self, number: int, *, by: Principal | None = None) -> Schedule:
        """Let no planned time come until it is resumed; a paused one stays as it is.

        Raises:
            Refused: there is none, or it has no further time.
        """
        return await self._change(number, ScheduleEvent.PAUSE, by)

    async def resume(self, number: int, *, by: Principal | None = None) -> Schedule:
        """Go on from the next planned time; those that passed are not made up for.

        Raises:
            Refused: there is none, or its only time passed.
        """
        return await self._change(number, ScheduleEvent.RESUME, by)

    async def delete(self, number: int, *, by: Principal | None = None) -> Schedule:
        """Delete it, keeping its history; a deleted one stays as it is.

        What a run of it waits for, it waits for no more.

        Raises:
            Refused: there never was one of that number.
        """
        schedule = await self._change(number, ScheduleEvent.DELETE, by)
        await wake_runs(self._schedules, self._durable, schedule.id)
        return schedule

    async def run(self, number: int, *, asked_by: InboxId, asked_at: datetime) -> Schedule:
        """Carry it out now, besides its planned times; once for each time somebody asks.

        Raises:
            Refused: there is none, or its agent is stopped.
        """
        schedule = await self.find(number)
        if why := self._held(schedule.agent):
            raise Refused(why)
        occurrence = Occurrence(
            schedule=schedule.id,
            planned_at=asked_at,
            run=manual_run_id(schedule.id, asked_by),
            state=OccurrenceState.DUE,
            manual=True,
        )
        with self._owing():
            await self._schedules.add_occurrence(occurrence)
            await self._start([occurrence])
        return schedule

    def upcoming(self, when: When, count: int = 3) -> tuple[datetime, ...]:
        """The next planned times from now on, in UTC, at most `count`."""
        times: list[datetime] = []
        at = self._timetable.next_after(when, self._clock.now())
        while at is not None and len(times) < count:
            times.append(at)
            at = self._timetable.next_after(when, at)
        return tuple(times)

    async def _any(self, number: int) -> Schedule:
        schedule = await self._schedules.get(number)
        if schedule is None:
            raise Refused(
                f"There is no schedule {number}.", hint="/schedule list shows their numbers."
            )
        return schedule

    async def _change(self, number: int, event: ScheduleEvent, by: Principal | None) -> Schedule:
        """Apply the event to the schedule as it is now, again where somebody else was first."""
        for _ in range(_TRIES):
            schedule = await self._any(number)
            try:
                state = after(schedule.state, event)
            except Conflict:
                raise Refused(
                    f"Schedule {number} is {schedule.state}, so I cannot {event} it.",
                    hint="/schedule create makes another.",
                ) from None
            if state is schedule.state:
                return schedule
            resumed = state is ScheduleState.ACTIVE
            next_at = self._next(schedule.when, self._clock.now()) if resumed else None
            if await self._changed(schedule, state, next_at, by):
                if resumed:
                    self._announce()
                log.info("schedule.changed", extra={"schedule": schedule.id, "state": str(state)})
                return await self._any(number)
        raise Conflict(f"schedule {number} keeps changing")

    async def _changed(
        self,
        schedule: Schedule,
        state: ScheduleState,
        next_at: datetime | None,
        by: Principal | None,
    ) -> bool:
        """Write the change; False where the schedule is no longer as it was read."""
        try:
            await self._schedules.change(
                schedule.id, was=schedule.state, becomes=state, next_at=next_at, by=by
            )
        except Conflict:
            return False
        return True

    def _first(self, when: When, now: datetime) -> datetime:
        """A single time stands even if it passed since it was asked for: it is done late, once."""
        if when.kind is WhenKind.ONCE and when.at is not None:
            return when.at
        return self._next(when, now)

    def _next(self, when: When, now: datetime) -> datetime:
        at = self._timetable.next_after(when, now)
        if at is None:
            raise Refused(
                "Its time has passed, and no other comes.",
                hint="Carry it out now with /schedule run, or make another schedule.",
            )
        return at

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()

    # ---- firing

    async def tick(self) -> datetime | None:
        """Fire what is due; returns the next planned time of all schedules, or None.

        Two ticks at once, in one process or in several, fire a planned time once; and so does a
        clock that was set back, because the next time of a schedule only ever grows.
        """
        await self._recover_if_owed()
        await self._fire_prepared()
        for _ in range(MOST_BATCHES):
            async with self._ticking:
                await self._claims.move_on()
                now = self._clock.now()
                next_at = await self._schedules.next_time()
                if next_at is None or next_at > now:
                    await self._prepare(next_at, now)
                    return next_at
                with self._owing():
                    claimed = await self._claims.claim_late(now)
            await self._begin(claimed)
        async with self._ticking:
            await self._claims.move_on()
            return await self._schedules.next_time()

    async def _fire_prepared(self) -> None:
        """Fire what was known ahead: nothing is read before it."""
        async with self._ticking:
            now = self._clock.now()
            if not self._claims.waiting(now):
                return
            with self._owing():
                claimed = await self._claims.claim(now)
        await self._begin(claimed)

    async def _begin(self, claimed: Sequence[Occurrence]) -> None:
        """Start the runs, while others may tick.

        A run takes milliseconds to start, and a thousand of them seconds, in which other planned
        times come: the next tick need not wait for this one.
        """
        with self._owing():
            self._announce()
            await self._start(claimed)

    async def _recover_if_owed(self) -> None:
        """Start what is owed, which may be thousands of runs, while others may tick."""
        if self._runs_owed:
            await self.recover()

    async def _prepare(self, next_at: datetime | None, now: datetime) -> None:
        """Read and plan what comes next, if it comes so soon that this may be its last chance."""
        if next_at is not None:
            await self._claims.prepare(next_at, now)

    async def recover(self) -> int:
        """Start the runs of planned times that are still `DUE`; returns how many there are.

        Most were started before; a run that was is left as it is, unless it broke.
        """
        self._runs_owed = False
        count, last = 0, None
        with self._owing():
            while page := await self._schedules.unfinished(after=last):
                await self._start(page)
                for occurrence in page:
                    await self._give_up_if_broken(occurrence)
                count, last = count + len(page), page[-1]
        return count

    @contextmanager
    def _owing(self) -> Iterator[None]:
        """Start runs in the block; where it breaks off, the next tick starts them."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self._runs_owed = True

    async def _give_up_if_broken(self, occurrence: Occurrence) -> None:
        """Record as failed what no run will end any more; one that ended well has done so."""
        state = await self._durable.state(occurrence.run)
        if state is not None and state.ended:
            await self._schedules.end_occurrence(
                occurrence.run,
                state=OccurrenceState.FAILED,
                now=self._clock.now(),
                error=BROKEN,
            )

    async def _start(self, occurrences: Sequence[Occurrence]) -> None:
        """Start the run of each planned time; one that was started before is left as it is."""
        started = 0
        try:
            for one in occurrences:
                if started >= STARTED_AT_ONCE and self._people_wait():
                    await self._clock.sleep(START_PAUSE)
                planned = one.planned_at.isoformat()
                payload: Json = {"schedule": one.schedule, "planned_at": planned}
                await self._durable.start(WORKFLOW, one.run, payload)
                started += 1
        finally:
            # Afterwards, because a line of the log can take longer than all that went before.
            for one in occurrences[:started]:
                log.info("schedule.fired", extra={"schedule": one.schedule, "run": one.run})
