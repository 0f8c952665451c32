"""STOP and resume: stored first, then obeyed here, and by the other processes when they look.

No model is asked, nothing waits in a conversation's queue, and nothing depends on whether what is
stopped lets go: what does not, within `GRACE`, is ended with its process, which begins anew and
finds the stop stored.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime

from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.halt import Halt, refusal
from runtime.ids import AgentName, ConversationId, InboxId, StopId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Received
from runtime.model.outbox import OutboxItem
from runtime.model.stop import EVERYTHING, Ended, Lifted, Stop, StopKind, Stopped, Work
from runtime.model.team import Team
from runtime.model.turn import Turn, briefing_id_of, handed_by, run_of
from runtime.outbox import Splitter, is_row_of
from runtime.ports import Store
from runtime.turns.atwork import AtWork
from runtime.turns.live import closing_word

log = logging.getLogger("nightdesk.stopping")

GRACE = 1.0
"""Seconds that what was stopped has to let go, before its process is ended hard."""
_CONVERSATIONS = 10_000
"""More than any thread has: somebody wrote `/new` for each."""
_ROUNDS = 20
LOOK_EVERY = 0.5
"""Seconds between looks for stops that other processes stored."""

HardStop = Callable[[str], None]
"""Ends this process at once, without asking anything in it; is told why, for the log."""


def stays(why: str) -> None:
    """The hard stop of a process that is not ended: it is only said."""
    log.critical("stop.not_obeyed", extra={"why": why})


class Stopping:
    """Stops and resumes."""

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        store: Store,
        halt: Halt,
        *,
        at_work: AtWork,
        interrupt: Callable[[ConversationId], object],
        drain: Callable[[ConversationId], None],
        over: Callable[[TurnId], Awaitable[None]],
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
        hard: HardStop = stays,
    ) -> None:
        """Stop and resume.

        Args:
            store: the database.
            halt: what this process knows of stops.
            at_work: the turns that are at work here.
            interrupt: lets a conversation go on at once, without its turn.
            drain: has what waits in a conversation worked.
            over: takes back what a turn that was stopped asked people.
            team: the configuration as it is now.
            split: cuts a text into messages.
            clock: the clock.
            wake_outbox: says that there is something to send.
            hard: ends this process where what was stopped does not let go.
        """
        self._store = store
        self._halt = halt
        self.at_work = at_work
        self._interrupt = interrupt
        self._drain = drain
        self._over = over
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._hard = hard
        self._tasks: asyncio.TaskGroup | None = None
        self._watches: set[asyncio.Task[None]] = set()

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """See from this task group that what is stopped lets go."""
        self._tasks = tasks

    def close(self) -> None:
        """See to it no more: the process ends."""
        for watch in self._watches:
            watch.cancel()

    @property
    def active(self) -> tuple[Stop, ...]:
        """The stops in force, as this process knows them."""
        return self._halt.active

    def holds(self, agent: AgentName | None) -> Stop | None:
        """The stop that holds the agent, or, for None, everything."""
        return self._halt.of(agent)

    async def under_way(self) -> list[Work]:
        """What runs, waits for people, or was not sent yet."""
        return await self._store.stops.under_way()

    async def in_thread(self, thread: ThreadRef) -> list[Work]:
        """What of that belongs to the thread.

        What was begun before the thread was bound to another conversation counts too: whoever
        asks sees one thread.
        """
        had = await self._store.conversations.earlier(thread, limit=_CONVERSATIONS)
        mine = {one.id for one in had}
        return [work for work in await self.under_way() if work.turn.conversation in mine]

    async def to_stop_in(
        self, thread: ThreadRef, *, before: InboxId
    ) -> tuple[list[Work], list[Received]]:
        """That, and messages of the thread, from before that row, whose turns have not begun."""
        return await self._to_stop(
            lambda: self.in_thread(thread), lambda: self._store.inbox.unbegun(thread), before
        )

    async def to_stop_of(
        self, people: Collection[Principal], *, before: InboxId
    ) -> tuple[list[Work], list[Received]]:
        """The same of what these people asked for, wherever they did."""

        async def works() -> list[Work]:
            return [work for work in await self.under_way() if work.turn.requester in people]

        return await self._to_stop(works, lambda: self._store.inbox.unbegun_of(people), before)

    async def _to_stop(
        self,
        works: Callable[[], Awaitable[list[Work]]],
        unbegun: Callable[[], Awaitable[list[Received]]],
        before: InboxId,
    ) -> tuple[list[Work], list[Received]]:
        """Look three times: a message becomes a turn meanwhile, and a turn a message by handing on.

        What a turn that was seen has handed on goes with it, and a row that was seen with its turn.
        """
        found = await works()
        rows = [row for row in await unbegun() if row.id < before]
        seen = {work.turn.id for work in found}
        return [*found, *(work for work in await works() if work.turn.id not in seen)], rows

    # ---- stopping

    async def stop_turns(
        self,
        works: Sequence[Work],
        *,
        by: Principal,
        key: StopId,
        unbegun: Sequence[Received] = (),
        behind: bool = False,
    ) -> Stopped:
        """End these turns for good, and take back what of them was not sent.

        Where there was nothing to end, or with `behind`, the messages `unbegun` begin no turns any
        more; one that an agent handed on never does. The same `key` tells again what the first
        call did.
        """
        givers = [giver for row in unbegun if (giver := handed_by(row)) is not None]
        stop = Stop(id=key, kind=StopKind.TURNS, by=by, at=self._clock.now())
        now = self._clock.now()
        did = await self._store.stops.order(
            stop,
            turns=[*(work.turn.id for work in works), *givers],
            unbegun=[received.id for received in unbegun],
            behind=behind,
            closing=lambda turn: closing_word(turn, now=now),
            why=f"stopped by {name_of(self._team(), by)}",
        )
        await self._obey(did.ended)
        for ended in did.ended:
            run = run_of(ended.turn)
            if any(is_row_of(row, briefing_id_of(run)) for row in ended.withheld):
                note = f"kept, not sent: stopped by {name_of(self._team(), by)}"
                await self._store.schedules.note_delivery(run, note)
        return did

    async def stop_agent(
        self, agent: AgentName, *, by: Principal, key: StopId, at: datetime | None = None
    ) -> Stopped:
        """Stop an agent, or `EVERYTHING`, until somebody resumes it.

        Where it is stopped already, that stop stays, and is obeyed again. `at` is when they said
        so, where that was before now.
        """
        kind = StopKind.EVERYTHING if agent == EVERYTHING else StopKind.AGENT
        now = self._clock.now()
        stop = Stop(id=key, kind=kind, agent=agent, by=by, at=min(at or now, now))
        team, split = self._team(), self._split

        def closing(turn: Turn) -> Sequence[OutboxItem]:
            return refusal(turn, stop, team, split=split, now=now)

        did = await self._store.stops.order(stop, closing=closing)
        log.warning("stop.ordered", extra={"stop": did.stop.id, "agent": agent})
        await self._obey(did.ended)
        # What this process began between the stop and its hearing of it.
        await self.look()
        return did

    async def lift(self, agent: AgentName, *, by: Principal, key: StopId) -> Lifted | None:
        """Let the agent, or `EVERYTHING`, go on; None where it is not stopped."""
        lifted = await self._store.stops.lift(agent, by=by, at=self._clock.now(), key=key)
        await self._halt.refresh()
        if lifted is not None:
            log.info("stop.lifted", extra={"stop": lifted.stop.id, "agent": agent})
            self._wake_outbox()
        return lifted

    async def lifted_with(self, key: StopId) -> Stop | None:
        """The stop that a resume with that key ended; None where it has ended none."""
        return await self._store.stops.lifted_with(key)

    async def look(self) -> None:
        """Learn what was stopped and resumed, and obey it."""
        await self._halt.refresh()
        if not self._halt.active:
            return
        ended = await self._store.stops.enforce(closing=self._refusal)
        await self._obey(ended)
        # Another process may have ended on disk what runs here.
        held = [turn for turn, agent in self.at_work.all() if self._halt.of(agent)]
        self._break_off(held)

    def _refusal(self, turn: Turn) -> Sequence[OutboxItem]:
        """The answer to a message whose turn began although its agent was stopped."""
        stop = self._halt.of(None) or self._halt.active[0]
        return refusal(turn, stop, self._team(), split=self._split, now=self._clock.now())

    async def _obey(self, ended: Iterable[Ended]) -> None:
        """Break off what the turns still do here, and go on with what waits behind them."""
        ended = list(ended)
        await self._halt.refresh()
        self._break_off([one.turn for one in ended])
        for one in ended:
            log.warning("turn.stopped", extra={"turn": one.turn})
            self._interrupt(one.conversation)
        self._wake_outbox()
        for one in ended:
            try:
                # First: what comes next may ask the same, and is to find no question that is over.
                await self._over(one.turn)
            finally:
                self._drain(one.conversation)

    def _break_off(self, turns: Sequence[TurnId]) -> None:
        here = [turn for turn in turns if self.at_work.break_off(turn)]
        if here and self._tasks is not None:
            watch = self._tasks.create_task(self._see_that_they_let_go(here))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def _see_that_they_let_go(self, turns: Sequence[TurnId]) -> None:
        """End the process where one of the turns is at work still after some time."""
        async with asyncio.TaskGroup() as tasks:
            grace = tasks.create_task(self._clock.sleep(GRACE))
            gone = tasks.create_task(self.at_work.left(turns))
            await asyncio.wait((grace, gone), return_when=asyncio.FIRST_COMPLETED)
            for _ in range(_ROUNDS):  # where the loop itself was late, what lets go is late too
                await self._clock.sleep(0)
            let_go = gone.done()
            grace.cancel()
            gone.cancel()
        if not let_go:
            self._hard(f"{len(turns)} stopped turns did not let go within {GRACE:g} seconds")
