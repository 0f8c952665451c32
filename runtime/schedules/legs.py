"""The legs of a run: what the schedule's agent does of it, and each that it is handed to.

Each leg is a turn of its own. Whoever walks them again after a crash begins with the first: what
has ended says in the store where it went on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from runtime.clock import Clock
from runtime.errors import NightdeskError
from runtime.halt import Halt, in_words
from runtime.handoffs import instruction_of
from runtime.ids import AgentName, ConversationId, RunId, TurnId
from runtime.model.address import Principal
from runtime.model.conversation import Role, made_by
from runtime.model.files import OutFile
from runtime.model.handoff import Handoff, next_conversation
from runtime.model.team import Team
from runtime.model.turn import TurnState, turn_of_run
from runtime.model.value import value
from runtime.ports import Store
from runtime.schedules.abandoned import stopped_by_people
from runtime.schedules.outcome import RunOutcome
from runtime.storing import until_stored
from runtime.turns.runner import TurnRunner

STOPPED = "Somebody stopped it."
LOOK_EVERY = 1.0
"""Seconds between looks whether a turn ended that another process carries out."""

_RUNNING = TurnState.RUNNING
_HAS_SAID = frozenset({TurnState.DONE, TurnState.FAILED})

T = TypeVar("T")


@value(kw_only=True)
class Leg:
    """What one agent does of a run: `had` are those that had it before."""

    turn: TurnId
    conversation: ConversationId
    agent: AgentName
    instruction: str
    had: tuple[AgentName, ...] = ()

    @property
    def begins_it(self) -> bool:
        """Whether nobody had it before."""
        return not self.had


LegEnd = tuple[RunOutcome, Handoff | None]
"""How a leg ended, and the hand-off that it ended with."""


class Legs:
    """Walks the legs of runs."""

    def __init__(
        self,
        store: Store,
        turns: TurnRunner,
        *,
        halt: Halt,
        team: Callable[[], Team],
        clock: Clock,
        owner: str,
    ) -> None:
        """Walk legs.

        Args:
            store: the database.
            turns: runs the agents' turns.
            halt: what is stopped.
            team: the configuration as it is now.
            clock: the clock.
            owner: names this process in the turns.
        """
        self._store = store
        self._turns = turns
        self._halt = halt
        self._team = team
        self._clock = clock
        self._owner = owner

    async def relayed(
        self, run: RunId, leg: Leg, end_of: Callable[[Leg], Awaitable[LegEnd | None]]
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

    async def carried_out(self, leg: Leg, requester: Principal) -> LegEnd | None:
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

    async def said(self, leg: Leg) -> LegEnd | None:
        """How a leg ended by itself, or by people; None where it did not, or not yet."""
        state = await self._store.turns.state(leg.turn)
        ended = state in _HAS_SAID
        if state is TurnState.STOPPED:
            ended = await stopped_by_people(self._store.audit, leg.turn)
        return await self._left(leg) if ended else None

    async def _left(self, leg: Leg) -> LegEnd | None:
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
        entries = await self._kept(what, lambda: self._store.conversations.entries(conversation))
        mine = [entry for entry in entries if entry.turn == turn]
        said = [entry for entry in mine if entry.role is Role.ASSISTANT]
        if state is None or not said:
            raise NightdeskError(f"the run's turn {turn} has no end")
        if state is TurnState.FAILED:
            return RunOutcome("", said[-1].text)
        return RunOutcome(said[-1].text, "", made_by(mine), ours=said[-1].ours)

    async def _kept(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """What the database says, once it says anything."""
        return await until_stored(read, clock=self._clock, what=what)


def _next(turn: TurnId, handoff: Handoff) -> Leg:
    """What the agent does that it was handed to."""
    return Leg(
        turn=turn,
        conversation=handoff.conversation,
        agent=handoff.taker,
        instruction=instruction_of(handoff),
        had=handoff.chain,
    )
