"""Runs turns: from the next message of a conversation to its answer in the outbox.

The conversation's log is the journal. Whatever a turn did is in it before the turn goes on, so a
turn that died is taken up again from its log, by the same process or by another.
"""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial

from runtime.access import authorize, permits
from runtime.errors import Conflict, NightdeskError, Refused, Retryable
from runtime.halt import refusal
from runtime.ids import AgentName, ConversationId
from runtime.model.access import Action
from runtime.model.conversation import Entry, Role
from runtime.model.ledger import OverBudget
from runtime.model.messages import Content
from runtime.model.stop import Stop
from runtime.model.team import Agent, Team
from runtime.model.turn import Turn, TurnEvent, TurnStart, TurnState, after
from runtime.outbox import whole
from runtime.storing import until_stored
from runtime.text import unmarked
from runtime.turns.atwork import AtWork
from runtime.turns.course import Course
from runtime.turns.deps import TurnDeps
from runtime.turns.executor import MustWait
from runtime.turns.hitches import Hitches
from runtime.turns.intake import FileIntake
from runtime.turns.live import LiveAnswer
from runtime.turns.loops import UNANSWERED, Loops
from runtime.turns.onlookers import Onlookers
from runtime.turns.outcome import Outcome, Said
from runtime.turns.replying import Replying
from runtime.words import explain

log = logging.getLogger("nightdesk.turns")

MAX_ATTEMPTS = 3
"""Begun this often without an end, a turn is given up: its message is what kills it.

Neither an orderly end of the process counts nor a database that took nothing.
"""
WATCH_EVERY = 0.5
"""Seconds between looks whether a turn was stopped by another process."""

_ANSWERED = after(TurnState.RUNNING, TurnEvent.ANSWERED)
_GAVE_UP = after(TurnState.RUNNING, TurnEvent.GAVE_UP)


class TurnRunner:
    """Runs turns, one call each. The caller keeps each conversation to one call at a time."""

    def __init__(self, deps: TurnDeps) -> None:
        self._deps = deps
        self._tasks: asyncio.TaskGroup | None = None
        self._onlookers = Onlookers(
            deps.store, deps.chats, clock=deps.clock, wake_outbox=deps.wake_outbox
        )
        self.at_work = AtWork()
        self._hitches = Hitches(deps.chats, deps.clock)
        self._loops = Loops(deps.store.states, deps.team, deps.clock)
        self._replying = Replying(
            deps.store.turns,
            deps.sender,
            owner=deps.owner,
            clock=deps.clock,
            wake_outbox=deps.wake_outbox,
        )
        self._intake = FileIntake(
            deps.store,
            deps.chats,
            team=deps.team,
            clock=deps.clock,
            ids=deps.ids,
            wake_outbox=deps.wake_outbox,
        )

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Show status lines from tasks of that group from now on."""
        self._tasks = tasks
        self._onlookers.open(tasks)

    def close(self) -> None:
        """Cancel what turns left to be done beside them."""
        self._onlookers.close()

    async def work(self, conversation: ConversationId) -> bool:
        """Run the conversation's next turn, or take up its open one.

        Returns False where there is none, where it waits for people, and where the turn was stopped
        or taken up by another owner meanwhile: what comes next is then for whoever did that.

        Raises:
            StorageUnavailable: nothing could be stored; call again later.
        """
        try:
            start = await self._deps.store.turns.begin(conversation, owner=self._deps.owner)
        except Retryable:
            await self._hitches.goes_on(conversation)
            raise
        if start is None:
            return False
        self._deps.parked.discard(conversation)
        stop = self._deps.halt.of(start.agent)
        if stop is not None:
            return await self._refuse(start.turn, stop)
        turn, tried = start.turn, self._tried(start, shown=True)
        del start  # it is let go of in there
        return await self._counted(turn, tried) is not None

    async def _refuse(self, turn: Turn, stop: Stop) -> bool:
        """Answer a message whose agent is stopped, without a model; False where that was done."""
        now, split = self._deps.clock.now(), self._deps.split
        rows = refusal(turn, stop, self._deps.team(), split=split, now=now)
        said = [row.content.text for row in rows]
        entries = [Entry(role=Role.ASSISTANT, text=t, at=now, turn=turn.id) for t in said]
        try:
            await self._deps.store.turns.finish(
                turn.id, turn.fence, state=TurnState.STOPPED, entries=entries, replies=rows
            )
        except Conflict:
            return False
        self._deps.wake_outbox()
        return True

    async def carry_out(self, start: TurnStart) -> Outcome | None:
        """Run a run's turn; the run delivers what comes of it.

        None where another owner has it, and where it was parked.

        Raises:
            StorageUnavailable: nothing could be stored; call again later.
        """
        return await self._counted(start.turn, self._tried(start, shown=False))

    async def _tried(self, start: TurnStart, *, shown: bool) -> Outcome | None:
        turn = start.turn
        outcome: Outcome | None
        if await self._loops.is_spent(start):
            outcome = Outcome(UNANSWERED, failed=True)
        else:
            live = await self._onlookers.live(turn) if shown else None
            outcome = await self._attempt(start, live)
        # Its messages go before its end is stored, and so with those of the turns beside it: freed
        # later and one by one they were in no cache any more, a tenth of what a turn costs.
        del start
        if outcome is None or not await self._finish(turn, outcome):
            return None
        if outcome.failed:
            await self._take_back(turn, outcome.text)
        return outcome

    async def _take_back(self, turn: Turn, why: str) -> None:
        """Nobody carries out what a turn asked that gave up: its cards say so."""
        note = f"What asked for it gave up. Who asked was told: {why}"
        await until_stored(
            lambda: self._deps.questions.turn_over(turn.id, note),
            clock=self._deps.clock,
            what=f"questions of {turn.id}",
        )

    async def _counted(self, turn: Turn, work: Awaitable[Outcome | None]) -> Outcome | None:
        """Count the work as a try of the turn only where it comes to an end, or a crash does."""
        try:
            outcome = await work
        except Retryable:
            await self._hitches.met(turn, tries=1)
            raise
        except asyncio.CancelledError:
            await self._hand_back(turn)
            raise
        self._hitches.over(turn.id)
        return outcome

    async def _hand_back(self, turn: Turn) -> None:
        """The process ends in order, or the turn was stopped, which makes this nothing."""
        tries = 1 + self._hitches.excused(turn.id)
        self._hitches.over(turn.id)
        try:
            await self._deps.store.turns.hand_back(turn.id, turn.fence, tries=tries)
        except NightdeskError as error:
            log.warning("turn.not_handed_back", extra={"turn": turn.id, "why": str(error)})

    async def _attempt(self, start: TurnStart, live: LiveAnswer | None) -> Outcome | None:
        """Run a turn to its end whatever happens in it. One of the two supervision points."""
        turn = start.turn
        try:
            _refuse_after_too_many(turn.attempt - self._hitches.excused(turn.id))
            with self._onlookers.during(turn):
                said = await self._while_ours(turn, start.agent, self._answer(start, live))
            if said is None:
                return None
            content = said.content
            # What is sent has its cost under it; the log keeps the answer alone.
            footer = await self._deps.budget.footer(turn) if turn.thread else ""
            shown = replace(content, text=f"{content.text}\n\n_{footer}_") if footer else content
            replies = self._replying.rows(start, live, shown, self._deps.split)
            return Outcome(
                unmarked(content.text),
                files=content.files,
                replies=replies,
                over=said.over,
                model=said.model,
                said=content,
            )
        except Conflict:
            log.info("turn.overtaken", extra={"turn": turn.id})
            return None
        except Retryable:
            raise
        except NightdeskError as error:
            log.warning("turn.refused", extra={"turn": turn.id}, exc_info=error)
            text, split = explain(error), self._deps.split
        except Exception:
            reference = self._deps.ids.new()[-8:]
            log.exception("turn.failed", extra={"turn": turn.id, "reference": reference})
            # They go out even where it is the cutting that failed.
            text, split = f"Something went wrong on our side. Reference: {reference}", whole
        ours = Content(text, ours=True)
        return Outcome(text, failed=True, replies=self._replying.rows(start, live, ours, split))

    async def _answer(self, start: TurnStart, live: LiveAnswer | None) -> Said | None:
        """What the agent says; None where people must decide something first."""
        team = self._deps.team()
        _refuse_strangers(team, start.turn)
        if start.files:
            start = await self._intake.take(start)
        agent = _agent_of(start, team)
        course = Course(self._deps, start, agent, live=live)
        try:
            text = await course.answer()
        except MustWait as must:
            await self._park(start.turn)
            await self._deps.questions.recheck(must.approvals)
            return None
        except OverBudget as over:
            await self._deps.budget.wait(start.turn, over)
            await self._park(start.turn)
            await self._deps.budget.parked()
            return None
        if course.ending is None:
            content = Content(text, files=course.made, ours=course.ours)
            return Said(content, model=course.model)
        ended = await self._deps.handoffs.end(start.turn, agent.name, course.entries, course.ending)
        return Said(Content(ended.text, files=course.made, ours=True), ended.over, course.model)

    async def _park(self, turn: Turn) -> None:
        """Leave the turn as a row until it may go on. No task holds it, and it costs no try."""
        tries = 1 + self._hitches.excused(turn.id)
        await self._deps.store.turns.park(turn.id, turn.fence, tries=tries)
        log.info("turn.parked", extra={"turn": turn.id})
        if turn.thread is not None:
            self._deps.parked.add(turn.conversation)

    def _while_ours(
        self, turn: Turn, agent: AgentName, work: Awaitable[Said | None]
    ) -> Awaitable[Said | None]:
        """Do the work, broken off where the turn is stopped or another process took it up.

        Raises:
            Conflict: it was broken off.
        """
        ours = self.at_work.breakable(turn.id, agent, work)
        if self._deps.alone or self._tasks is None:
            return ours
        return self._watched(turn, ours, self._tasks)

    async def _watched(
        self, turn: Turn, work: Awaitable[Said | None], tasks: asyncio.TaskGroup
    ) -> Said | None:
        watch = tasks.create_task(self._watch(turn))
        try:
            return await work
        finally:
            watch.cancel()

    async def _watch(self, turn: Turn) -> None:
        """Break the turn off once it is no longer ours."""
        while True:
            await self._deps.clock.sleep(WATCH_EVERY)
            try:
                await self._deps.store.turns.append(turn.id, turn.fence, [])
            except Conflict:
                self.at_work.break_off(turn.id)
                return
            except NightdeskError as error:
                log.warning("turn.not_watched", extra={"turn": turn.id, "why": str(error)})

    async def _finish(self, turn: Turn, outcome: Outcome) -> bool:
        """End the turn with its outcome, once the database lets it; False where it was not ours.

        Not by a try of its own: the model would be asked, and paid, again for each.
        """
        state = _GAVE_UP if outcome.failed else _ANSWERED

        async def end() -> None:
            now = self._deps.clock.now()
            await self._replying.finish(
                turn,
                state=state,
                entries=[
                    Entry(
                        role=Role.ASSISTANT,
                        text=outcome.text,
                        at=now,
                        turn=turn.id,
                        model=outcome.model,
                        ours="" if turn.thread else outcome.own_words,
                    )
                ],
                replies=[*self._hitches.apology(turn, now=now), *outcome.replies],
                over=outcome.over,
            )

        try:
            with self._replying.ending(turn, outcome.replies):
                await until_stored(
                    end,
                    clock=self._deps.clock,
                    what=f"end of {turn.id}",
                    meanwhile=partial(self._hitches.met, turn),
                )
        except Conflict:
            if not await self._is_stored(turn, state):
                log.info("turn.overtaken", extra={"turn": turn.id})
                return False
        finally:
            self._deps.replays.forget(turn.id)
        if outcome.over is not None:
            await self._deps.handoffs.happened(outcome.over)
        return True

    async def _is_stored(self, turn: Turn, state: TurnState) -> bool:
        """Whether it was a try of ours, of which nobody heard, that ended the turn in that state.

        Told only where nobody else runs turns: among many, another may have ended it so as well.
        """
        return self._deps.alone and state is await until_stored(
            lambda: self._deps.store.turns.state(turn.id),
            clock=self._deps.clock,
            what=f"end of {turn.id}",
        )


def _agent_of(start: TurnStart, team: Team) -> Agent:
    """The conversation's agent, or the default one where that has left the configuration."""
    agent = team.agent(start.agent)
    if agent is None:
        log.info("turn.default_agent", extra={"turn": start.turn.id})
        return team.agents[0]
    return agent


def _refuse_strangers(team: Team, turn: Turn) -> None:
    """The list may have changed since the message was accepted, or the run began."""
    if not permits(team, turn.requester, Action.CONVERSE):
        raise Refused(f"You are no longer a member of {team.name}, so I did not answer this.")
    if turn.thread is None:
        authorize(team, turn.requester, Action.SCHEDULE_WRITE)


def _refuse_after_too_many(attempt: int) -> None:
    if attempt > MAX_ATTEMPTS:
        raise Refused(
            f"I tried this {MAX_ATTEMPTS} times and stopped each time before the end.",
            hint="Please say it differently; the log has the cause.",
        )
