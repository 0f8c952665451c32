"""Runs turns: from the next message of a conversation to its answer in the outbox.

The conversation's log is the journal. Whatever a turn did is in it before the turn goes on, so a
turn that died is taken up again from its log, by the same process or by another.
"""

import asyncio
import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from runtime.course import Course, TurnDeps
from runtime.errors import Conflict, NightdeskError, Refused, StorageUnavailable
from runtime.ids import ConversationId, OutboxId, derived
from runtime.live import LiveAnswer, thinking
from runtime.model.conversation import Entry, Role
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.team import Agent
from runtime.model.turn import TurnEvent, TurnStart, TurnState, after
from runtime.outbox import compose
from runtime.words import explain

log = logging.getLogger("nightdesk.turns")

MAX_ATTEMPTS = 3
"""Begun this often without an end, a turn is given up: its message is what kills it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn.

    Attributes:
        text: the answer, or in words for a person why there is none.
        failed: there is none.
    """

    text: str
    failed: bool = False


class TurnRunner:
    """Runs turns, one call each. The caller keeps each conversation to one call at a time."""

    def __init__(self, deps: TurnDeps) -> None:
        self._deps = deps
        self._tasks: asyncio.TaskGroup | None = None

    def open(self, tasks: asyncio.TaskGroup) -> None:
        """Show status lines from tasks of that group from now on."""
        self._tasks = tasks

    async def work(self, conversation: ConversationId) -> bool:
        """Run the conversation's next turn, or take up its open one; False where there is none.

        Raises:
            StorageUnavailable: nothing could be stored; call again later.
        """
        start = await self._deps.store.turns.begin(conversation, owner=self._deps.owner)
        if start is None:
            return False
        live = await self._live(start)
        outcome = await self._attempt(start, live)
        if outcome is not None:
            await self._finish(start, outcome, live)
        return True

    async def carry_out(self, start: TurnStart) -> Outcome | None:
        """Run a run's turn; the run delivers what comes of it. None where another owner has it.

        Raises:
            StorageUnavailable: nothing could be stored; call again later.
        """
        outcome = await self._attempt(start, None)
        if outcome is not None:
            await self._finish(start, outcome, None)
        return outcome

    async def _attempt(self, start: TurnStart, live: LiveAnswer | None) -> Outcome | None:
        """Run a turn to its end whatever happens in it. One of the two supervision points."""
        turn = start.turn
        try:
            _refuse_after_too_many(turn.attempt)
            with self._shown(start):
                agent = await self._agent_of(start)
                text = await Course(self._deps, start, agent, live=live).answer()
        except Conflict:
            log.info("turn.overtaken", extra={"turn": turn.id})
            return None
        except StorageUnavailable:
            raise
        except NightdeskError as error:
            log.warning("turn.refused", extra={"turn": turn.id}, exc_info=error)
            return Outcome(explain(error), failed=True)
        except Exception:
            reference = self._deps.ids.new()[-8:]
            log.exception("turn.failed", extra={"turn": turn.id, "reference": reference})
            text = f"Something went wrong on our side. Reference: {reference}"
            return Outcome(text, failed=True)
        return Outcome(text)

    async def _agent_of(self, start: TurnStart) -> Agent:
        """The conversation's agent, or the default one where that has left the configuration."""
        conversation = await self._deps.store.conversations.get(start.turn.conversation)
        team = self._deps.team()
        agent = team.agent(conversation.agent) if conversation else None
        if agent is None:
            log.info("turn.default_agent", extra={"turn": start.turn.id})
            return team.agents[0]
        return agent

    async def _live(self, start: TurnStart) -> LiveAnswer | None:
        turn = start.turn
        chat = self._deps.chats.get(turn.thread.platform) if turn.thread else None
        if chat is None or turn.thread is None:
            return None
        draft = turn.draft
        if draft is None and turn.attempt > 1:
            # The earlier try may have died between beginning one and writing that down.
            draft = await chat.find_draft(turn.thread, since=turn.started_at)
        return LiveAnswer(
            chat,
            turn.thread,
            turn.requester,
            clock=self._deps.clock,
            keep=lambda draft: self._deps.store.turns.set_draft(turn.id, turn.fence, draft),
            draft=draft,
        )

    def _shown(self, start: TurnStart) -> AbstractContextManager[None]:
        thread = start.turn.thread
        chat = self._deps.chats.get(thread.platform) if thread else None
        if chat is None or thread is None or self._tasks is None:
            return nullcontext()
        return thinking(self._tasks, chat, thread, self._deps.clock)

    async def _finish(self, start: TurnStart, outcome: Outcome, live: LiveAnswer | None) -> None:
        turn = start.turn
        event = TurnEvent.GAVE_UP if outcome.failed else TurnEvent.ANSWERED
        state = after(TurnState.RUNNING, event)
        now = self._deps.clock.now()
        replies: list[OutboxItem] = []
        if turn.thread is not None:
            reply = Reply(
                id=OutboxId(derived("answer", turn.id)),
                thread=turn.thread,
                content=Content(outcome.text),
                draft=live.draft if live else turn.draft,
            )
            replies = compose(reply, split=self._deps.split, now=now, turn=turn.id)
        try:
            await self._deps.store.turns.finish(
                turn.id,
                turn.fence,
                state=state,
                entries=[Entry(role=Role.ASSISTANT, text=outcome.text, at=now, turn=turn.id)],
                replies=replies,
            )
        except Conflict:
            log.info("turn.overtaken", extra={"turn": turn.id})
        else:
            self._deps.wake_outbox()


def _refuse_after_too_many(attempt: int) -> None:
    if attempt > MAX_ATTEMPTS:
        raise Refused(
            f"I tried this {MAX_ATTEMPTS} times and stopped each time before the end.",
            hint="Please say it differently; the log has the cause.",
        )
