"""The run of one planned time: the agent carries out the instruction, the result is delivered.

A durable workflow of one step. It may be done twice if a crash comes before its result was stored,
and has the effect of once: the turn goes on from its log, the message has one id, and an end that
was written stays. What a second step would keep is in that log, and costs the engine two
milliseconds and a commit for each run.
Where the agent hands it to another, that one has a turn of its own, in the same step.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from runtime.activity import Activity
from runtime.clock import Clock
from runtime.egress import Withheld, clear
from runtime.errors import NightdeskError
from runtime.halt import Halt
from runtime.ids import ConversationId, RunId, ScheduleId, TurnId, derived
from runtime.model.messages import Proactive
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule, ScheduleState
from runtime.model.team import Team
from runtime.model.tools import Json
from runtime.model.turn import briefing_id_of, turn_of_run
from runtime.money.pauses import pause_of
from runtime.outbox import Splitter, compose
from runtime.ports import RunContext, Store
from runtime.resuming import DECIDED
from runtime.schedules.abandoned import DELETED, Withdraw, end_run
from runtime.schedules.holds import ScheduleHolds, objection
from runtime.schedules.legs import STOPPED, Leg, Legs
from runtime.schedules.outcome import RunOutcome
from runtime.storing import until_stored
from runtime.turns.runner import TurnRunner

log = logging.getLogger("nightdesk.firings")

WORKFLOW = "firing"
"""The name under which the workflow is registered."""
GONE = "the schedule was deleted before its time came"
TOO_LITTLE = "Not run: an earlier run of it waits, for a run may cost too little."
"""Nobody sees to it, so it counts as failed; five of those pause the schedule."""
NO_MONEY = "Not run: an earlier run of it waits for money."
"""That comes by itself, with the next day or month: the planned time passes."""
_ON_ITS_WAY = "on its way"
_WAITS: Json = {"waits": True}
"""What the step leaves where people must decide before the turn goes on."""

T = TypeVar("T")


class Firings:
    """Carries out planned times."""

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        store: Store,
        turns: TurnRunner,
        *,
        halt: Halt,
        withdraw: Withdraw,
        holds: ScheduleHolds,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        owner: str,
        wake_outbox: Callable[[], None],
        activity: Activity,
    ) -> None:
        """Carry out planned times.

        Args:
            store: the database.
            turns: runs the agent's turn.
            halt: what is stopped: its planned times pass.
            withdraw: takes back what a run asked whose schedule was deleted.
            holds: pauses schedules that may not run on.
            team: the configuration as it is now.
            split: cuts a result into messages.
            clock: the clock.
            owner: names this process in the turn.
            wake_outbox: says that there is something to send.
            activity: is told what is under way.
        """
        self._store = store
        self._halt = halt
        self._withdraw = withdraw
        self._holds = holds
        self._team = team
        self._split = split
        self._clock = clock
        self._owner = owner
        self._wake_outbox = wake_outbox
        self._activity = activity
        self._legs = Legs(store, turns, halt=halt, team=team, clock=clock, owner=owner)

    async def workflow(self, context: RunContext, payload: Json) -> Json:
        """The workflow; its payload is `{"schedule": id, ...}`."""
        if not isinstance(payload, dict):
            raise NightdeskError("a firing's payload is not an object")
        run, schedule = context.run, ScheduleId(str(payload["schedule"]))
        while (done := await self._once(context, run, schedule)) == _WAITS:
            # Nobody is busy meanwhile: it may be hours until people decide.
            await context.wait(DECIDED)
        return done

    async def _once(self, context: RunContext, run: RunId, schedule: ScheduleId) -> Json:
        async def work() -> Json:
            over = await self._stored(run, lambda: self._over(run, schedule))
            if over is not None:
                return over
            outcome = await self._stored(run, lambda: self._turn(run, schedule))
            if outcome is None:
                return _WAITS
            return await self._stored(run, lambda: self._deliver(run, schedule, outcome))

        with self._activity.busy():
            return await context.step("turn", work)

    async def _stored(self, run: RunId, part: Callable[[], Awaitable[T]]) -> T:
        """Do the part once the database lets it: a run that failed would not be started again."""
        return await until_stored(part, clock=self._clock, what=f"run {run}")

    async def _over(self, run: RunId, number: ScheduleId) -> Json:
        """Do what follows its end, where that was written before a crash; None where it was not."""
        planned = await self._store.schedules.occurrence(run)
        if planned is None or planned.state is OccurrenceState.DUE:
            return None
        schedule = await self._store.schedules.by_id(number)
        return None if schedule is None else await self._after_end(run, schedule, planned)

    async def _turn(self, run: RunId, number: ScheduleId) -> RunOutcome | None:
        """Let the agent carry out the instruction in a conversation of its own; None: it waits."""
        schedule, conversation = await self._store.schedules.by_id(number), conversation_of(run)
        if schedule is None or schedule.state is ScheduleState.DELETED:
            return await self._of_deleted(run, schedule)
        await self._store.conversations.create(conversation, schedule.agent)
        turn = TurnId(run)
        # One that has begun is judged where it goes on, as every turn is.
        gone = objection(self._team(), schedule)
        if gone and await self._store.turns.state(turn) is None:
            await self._holds.hold(run, schedule)
            return RunOutcome("", f"Not run: {gone}.", missed=True)
        held = self._halt.of(schedule.agent) is not None
        if not held and await self._store.turns.state(turn) is None:
            pause = await pause_of(self._store, schedule)
            if pause is not None:
                ends = pause.until is not None
                return RunOutcome("", NO_MONEY if ends else TOO_LITTLE, missed=ends)
        maker = schedule.made_by
        return await self._legs.relayed(
            run, _first(run, schedule), lambda leg: self._legs.carried_out(leg, maker)
        )

    async def _of_deleted(self, run: RunId, schedule: Schedule | None) -> RunOutcome:
        """What it came to before its schedule was deleted; ended, where it had come to nothing."""
        if schedule is None:
            return RunOutcome("", GONE)
        outcome = await self._legs.relayed(run, _first(run, schedule), self._legs.said)
        if outcome is not None:
            return outcome
        begun = await end_run(
            self._store,
            run,
            conversation_of(run),
            requester=schedule.made_by,
            owner=self._owner,
            withdraw=self._withdraw,
        )
        return RunOutcome("", DELETED if begun else GONE)

    async def _deliver(self, run: RunId, number: ScheduleId, outcome: RunOutcome) -> Json:
        """Send the result to the schedule's channel if the list has it; else keep it.

        Where its end is written, only what follows that is left to do: nothing is decided anew.
        """
        schedule = await self._store.schedules.by_id(number)
        occurrence = await self._store.schedules.occurrence(run)
        if schedule is None or occurrence is None:
            log.error("firing.without_schedule", extra={"run": run, "schedule": number})
            return None
        if occurrence.state is OccurrenceState.DUE:
            occurrence = await self._end(run, schedule, occurrence, outcome)
        return await self._after_end(run, schedule, occurrence)

    async def _end(
        self, run: RunId, schedule: Schedule, occurrence: Occurrence, outcome: RunOutcome
    ) -> Occurrence:
        delivery = await self._send(run, schedule, occurrence, outcome)
        await self._store.schedules.end_occurrence(
            run,
            state=outcome.state,
            now=self._clock.now(),
            result=outcome.text,
            delivery=delivery,
            error=outcome.error,
        )
        return replace(occurrence, state=outcome.state, delivery=delivery, error=outcome.error)

    async def _after_end(self, run: RunId, schedule: Schedule, ended: Occurrence) -> Json:
        """What follows once its end is written; done again, it changes nothing more."""
        if ended.state is OccurrenceState.FAILED and ended.error != STOPPED:
            await self._holds.failed(run, schedule, stopped=STOPPED)
        self._wake_outbox()
        return {"delivery": ended.delivery}

    async def _send(
        self, run: RunId, schedule: Schedule, occurrence: Occurrence, outcome: RunOutcome
    ) -> str:
        if outcome.missed or outcome.error in (STOPPED, TOO_LITTLE, DELETED, GONE):
            return f"not sent: {outcome.error}"
        if schedule.state is ScheduleState.DELETED and outcome.error:
            return await self._unless_enqueued(run, f"not sent: {DELETED}")
        message = Proactive(
            id=briefing_id_of(run),
            thread=schedule.target,
            content=outcome.content(schedule),
            binds=outcome.conversation or conversation_of(run),
        )
        known = await self._store.trust.of(message.thread.channel)
        cleared = clear(message, self._team(), known)
        if isinstance(cleared, Withheld):
            log.info(
                "egress.withheld",
                extra={"run": run, "schedule": schedule.id, "reason": cleared.reason},
            )
            return await self._unless_enqueued(run, f"kept, not sent: {cleared.reason}")
        now = self._clock.now()
        wrote = outcome.way[-1] if outcome.way else schedule.agent
        await self._store.outbox.enqueue(
            compose(cleared, split=self._split, now=now, turn=TurnId(run), agent=wrote)
        )
        log.info("firing.enqueued", extra={"run": run, "planned": str(occurrence.planned_at)})
        return _ON_ITS_WAY

    async def _unless_enqueued(self, run: RunId, delivery: str) -> str:
        """What became of it; where it was enqueued before a crash, whoever sends it decides."""
        enqueued = await self._store.outbox.get(briefing_id_of(run)) is not None
        return _ON_ITS_WAY if enqueued else delivery


def conversation_of(run: RunId) -> ConversationId:
    """The conversation of a run: its thread is bound to it when its message is sent."""
    return ConversationId(derived("conversation", run))


def _first(run: RunId, schedule: Schedule) -> Leg:
    """What the schedule's own agent does."""
    return Leg(
        turn=turn_of_run(run, 0),
        conversation=conversation_of(run),
        agent=schedule.agent,
        instruction=schedule.instruction,
    )
