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
from functools import partial
from typing import TypeVar

from runtime.abandoned import DELETED, Withdraw, end_run, stopped_by_people
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.egress import Withheld, clear
from runtime.errors import NightdeskError
from runtime.halt import Halt, in_words
from runtime.handoffs import instruction_of, next_conversation
from runtime.ids import (
    AgentName,
    ConversationId,
    RunId,
    ScheduleId,
    TurnId,
    derived,
)
from runtime.model.address import Principal
from runtime.model.conversation import Role, made_by
from runtime.model.files import OutFile
from runtime.model.handoff import Handoff
from runtime.model.messages import Proactive
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule, ScheduleState
from runtime.model.team import Team
from runtime.model.tools import Json
from runtime.model.turn import TurnState, briefing_id_of, turn_of_run
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.pauses import pause_of
from runtime.ports import RunContext, Store
from runtime.resuming import DECIDED
from runtime.runoutcome import RunOutcome
from runtime.standing import Standing, objection
from runtime.storing import until_stored
from runtime.turns import TurnRunner

log = logging.getLogger("nightdesk.firings")

WORKFLOW = "firing"
"""The name under which the workflow is registered."""
GONE = "the schedule was deleted before its time came"
STOPPED = "Somebody stopped it."
TOO_LITTLE = "Not run: an earlier run of it waits, for a run may cost too little."
"""Nobody sees to it, so it counts as failed; five of those pause the schedule."""
NO_MONEY = "Not run: an earlier run of it waits for money."
"""That comes by itself, with the next day or month: the planned time passes."""
LOOK_EVERY = 1.0
"""Seconds between looks whether a turn ended that another process carries out."""

_RUNNING = TurnState.RUNNING
_HAS_SAID = frozenset({TurnState.DONE, TurnState.FAILED})
_ON_ITS_WAY = "on its way"
_WAITS: Json = {"waits": True}
"""What the step leaves where people must decide before the turn goes on."""

T = TypeVar("T")


@value(kw_only=True)
class _Leg:
    """What one agent does of a run: `had` are those that had it before."""

    turn: TurnId
    conversation: ConversationId
    agent: AgentName
    instruction: str
    had: tuple[AgentName, ...] = ()

    @property
    def begins_it(self) -> bool:
        return not self.had


_LegEnd = tuple[RunOutcome, Handoff | None]
"""How a leg ended, and the hand-off that it ended with."""


class Firings:
    """Carries out planned times."""

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        store: Store,
        turns: TurnRunner,
        *,
        halt: Halt,
        withdraw: Withdraw,
        standing: Standing,
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
            standing: whether who made a schedule may still have it.
            team: the configuration as it is now.
            split: cuts a result into messages.
            clock: the clock.
            owner: names this process in the turn.
            wake_outbox: says that there is something to send.
            activity: is told what is under way.
        """
        self._store = store
        self._turns = turns
        self._halt = halt
        self._withdraw = withdraw
        self._standing = standing
        self._team = team
        self._split = split
        self._clock = clock
        self._owner = owner
        self._wake_outbox = wake_outbox
        self._activity = activity

    async def workflow(self, context: RunContext, payload: Json) -> Json:
        """The workflow; its payload is `{"schedule": id, ...}`."""
        if not isinstance(payload, dict):
            raise NightdeskError("a firing's payload is not an object")
        run, schedule = context.run, ScheduleId(str(payload["schedule"]))
        while (done := await self._once(context, run, schedule)) == _WAITS:
            # Nobody is busy meanwhile: it may be hours until people decide.
            await context.wait(DECIDED)
        if isinstance(done, dict) and "text" in done:
            # The first of the two steps that a version before had: its outcome was not delivered.
            outcome = RunOutcome.read(done)
            with self._activity.busy():
                return await context.step(
                    "deliver", lambda: self._delivered(run, schedule, outcome)
                )
        return done

    async def _once(self, context: RunContext, run: RunId, schedule: ScheduleId) -> Json:
        async def work() -> Json:
            over = await self._stored(run, lambda: self._over(run, schedule))
            if over is not None:
                return over
            outcome = await self._stored(run, lambda: self._turn(run, schedule))
            return _WAITS if outcome is None else await self._delivered(run, schedule, outcome)

        with self._activity.busy():
            return await context.step("turn", work)

    async def _delivered(self, run: RunId, schedule: ScheduleId, outcome: RunOutcome) -> Json:
        return await self._stored(run, lambda: self._deliver(run, schedule, outcome))

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
            await self._standing.hold(run, schedule)
            return RunOutcome("", f"Not run: {gone}.", missed=True)
        held = self._halt.of(schedule.agent) is not None
        if not held and await self._store.turns.state(turn) is None:
            pause = await pause_of(self._store, schedule)
            if pause is not None:
                ends = pause.until is not None
                return RunOutcome("", NO_MONEY if ends else TOO_LITTLE, missed=ends)
        maker = schedule.made_by
        return await self._relayed(
            run, _first(run, schedule), lambda leg: self._carried_out(leg, maker)
        )

    async def _of_deleted(self, run: RunId, schedule: Schedule | None) -> RunOutcome:
        """What it came to before its schedule was deleted; ended, where it had come to nothing."""
        if schedule is None:
            return RunOutcome("", GONE)
        outcome = await self._relayed(run, _first(run, schedule), self._said)
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

    async def _relayed(
        self, run: RunId, leg: _Leg, end_of: Callable[[_Leg], Awaitable[_LegEnd | None]]
    ) -> RunOutcome | None:
        """What one agent after the other made of it, for as long as they hand it over."""
        files: tuple[OutFile, ...] = ()
        while True:
            ended = await end_of(leg)
            if ended is None:
                return None
            outcome, handoff = ended
            files += outcome.files
            if handoff is None:
                break
            leg = _next(turn_of_run(run, len(handoff.chain)), handoff)
        if not leg.begins_it:
            way = (*leg.had, leg.agent)
            outcome = replace(outcome, way=way, conversation=leg.conversation)
        return replace(outcome, files=() if outcome.error else files)

    async def _carried_out(self, leg: _Leg, requester: Principal) -> _LegEnd | None:
        """How a leg ended that is carried out now, or was before; None where it waits."""
        stop = self._halt.of(leg.agent)
        if stop is None:
            start = await self._store.turns.begin_run(
                leg.turn,
                leg.conversation,
                requester=requester,
                instruction=leg.instruction,
                owner=self._owner,
                chain=leg.had,
            )
            ours = None if start is None else await self._turns.carry_out(start)
            if ours is not None:
                handoff = None if ours.over is None else ours.over.handoff
                return RunOutcome.of_turn(ours), handoff
        elif await self._store.turns.state(leg.turn) is None:
            why = in_words(stop, self._team(), now=self._clock.now())
            passed = RunOutcome("", why, missed=True)
            return (passed if leg.begins_it else RunOutcome("", STOPPED)), None
        return await self._left(leg)

    async def _said(self, leg: _Leg) -> _LegEnd | None:
        """How a leg ended by itself, or by people; None where it did not, or not yet."""
        state = await self._store.turns.state(leg.turn)
        ended = state in _HAS_SAID
        if state is TurnState.STOPPED:
            ended = await stopped_by_people(self._store.audit, leg.turn)
        return await self._left(leg) if ended else None

    async def _left(self, leg: _Leg) -> _LegEnd | None:
        """What the log has of a leg that is not ours to carry out; None where it waits."""
        ended = await self._ended(leg.turn, leg.conversation)
        if ended is None or ended.error:
            return None if ended is None else (ended, None)
        over = next_conversation(leg.turn)
        what = f"end of {leg.turn}"
        return ended, await self._kept(what, lambda: self._store.handoffs.of(over))

    async def _ended(self, turn: TurnId, conversation: ConversationId) -> RunOutcome | None:
        """How a turn ended that is not ours to carry out, once it has; None where it waits.

        It ended before a crash, or somebody stopped it, or it was taken up by another process,
        which took this one for dead. Taking it back would only go on to and fro.
        """
        what = f"end of {turn}"
        while (state := await self._kept(what, lambda: self._store.turns.state(turn))) is _RUNNING:
            await self._clock.sleep(LOOK_EVERY)
        if state is TurnState.WAITING:
            return None
        if state is TurnState.STOPPED:
            return RunOutcome("", STOPPED)
        log_of = partial(self._store.conversations.entries, conversation)
        mine = [entry for entry in await self._kept(what, log_of) if entry.turn == turn]
        said = [entry for entry in mine if entry.role is Role.ASSISTANT]
        if state is None or not said:
            raise NightdeskError(f"the run's turn {turn} has no end")
        if state is TurnState.FAILED:
            return RunOutcome("", said[-1].text)
        return RunOutcome(said[-1].text, "", made_by(mine), ours=said[-1].ours)

    async def _kept(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """What the database says, once it says anything."""
        return await until_stored(read, clock=self._clock, what=what)

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
            await self._standing.failed(run, schedule, stopped=STOPPED)
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


def _first(run: RunId, schedule: Schedule) -> _Leg:
    """What the schedule's own agent does."""
    return _Leg(
        turn=turn_of_run(run, 0),
        conversation=conversation_of(run),
        agent=schedule.agent,
        instruction=schedule.instruction,
    )


def _next(turn: TurnId, handoff: Handoff) -> _Leg:
    """What the agent does that it was handed to."""
    return _Leg(
        turn=turn,
        conversation=handoff.conversation,
        agent=handoff.taker,
        instruction=instruction_of(handoff),
        had=handoff.chain,
    )
