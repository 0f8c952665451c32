"""Runs whose schedule was deleted: told of it at once, and what they had begun is ended."""

import logging
from collections.abc import Awaitable, Callable

from runtime.errors import Permanent
from runtime.ids import ConversationId, RunId, ScheduleId, TurnId
from runtime.model.address import Principal
from runtime.model.audit import AuditKind
from runtime.model.handoff import next_conversation
from runtime.model.turn import TurnState, turn_of_run
from runtime.ports import Audit, Durable, Schedules, Store
from runtime.resuming import DECIDED

log = logging.getLogger("nightdesk.firings")

DELETED = "its schedule was deleted"
"""Why such a run ended."""
_NOTE = f"Not done: {DELETED}."
_MOST_RECORDS = 10_000
"""More than any turn has."""

Withdraw = Callable[[TurnId, str], Awaitable[None]]
"""Takes back what a turn that is over asked people; is told the words for its cards."""


async def wake_runs(schedules: Schedules, durable: Durable, schedule: ScheduleId) -> None:
    """Let the runs of a deleted schedule look at it again that wait for people or for money.

    Harmless where it is said twice, and where a run does not wait.
    """
    last = None
    while page := await schedules.unfinished(schedule=schedule, after=last):
        for one in page:
            try:
                await durable.signal(one.run, DECIDED, None, key="deleted")
            except Permanent as error:
                log.info("firing.not_begun", extra={"run": one.run, "why": str(error)})
        last = page[-1]


async def end_run(
    store: Store,
    run: RunId,
    conversation: ConversationId,
    *,
    requester: Principal,
    owner: str,
    withdraw: Withdraw,
) -> bool:
    """End the turns of a run whose schedule was deleted; whether it had begun.

    Args:
        store: the database.
        run: the run.
        conversation: that of its first turn.
        requester: who made the schedule.
        owner: names this process in the turns.
        withdraw: takes back what they asked.
    """
    place, turn = 0, turn_of_run(run, 0)
    while (state := await store.turns.state(turn)) is not None:
        if state in (TurnState.RUNNING, TurnState.WAITING):
            start = await store.turns.begin_run(
                turn, conversation, requester=requester, instruction="", owner=owner
            )
            if start is not None:
                await store.turns.finish(turn, start.turn.fence, state=TurnState.STOPPED)
            log.info("turn.abandoned", extra={"turn": turn})
        await withdraw(turn, _NOTE)
        conversation = next_conversation(turn)
        place += 1
        turn = turn_of_run(run, place)
    return place > 0


async def stopped_by_people(audit: Audit, turn: TurnId) -> bool:
    """Whether a turn that is `STOPPED` was stopped by people, and not by `end_run`."""
    records = await audit.of_turn(turn, limit=_MOST_RECORDS)
    return any(record.kind == AuditKind.TURN_STOPPED for record in records)
