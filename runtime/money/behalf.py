"""On whose behalf turns spend: what each of them counts as, and which of them spend at a meter."""

from dataclasses import replace
from datetime import datetime

from runtime.ids import AgentName, TurnId
from runtime.model.ledger import Spender
from runtime.model.meter import Meter, Scope
from runtime.model.stop import Work
from runtime.model.team import Team
from runtime.model.turn import Turn, TurnState, run_of, turn_of_run
from runtime.money.spenders import meters_of
from runtime.money.workflows import workflow_of
from runtime.ports import Store


async def spender_of(turn: Turn, agent: AgentName, provider: str, store: Store) -> Spender:
    """On whose behalf: a run's call is its schedule's, and counts in that one's channel."""
    thread, schedule, run = turn.thread, None, run_of(turn.id)
    if thread is None:
        planned = await store.schedules.occurrence(run)
        schedule = planned.schedule if planned else None
        known = await store.schedules.by_id(schedule) if schedule else None
        thread = known.target if known else None
    return Spender(
        provider=provider,
        agent=agent,
        run=turn_of_run(run, 0),
        person=turn.requester,
        thread=thread,
        schedule=schedule,
    )


async def spending_at(meter: Meter, store: Store, team: Team, *, now: datetime) -> list[TurnId]:
    """The turns under way whose calls count in what the meter counts, in any of its periods.

    Those that wait, for people or for money, spend nothing. Who is paid for a turn is known while
    a call of it is under way.
    """
    works = [one for one in await store.stops.under_way() if one.state is TurnState.RUNNING]
    if meter.scope is Scope.PROVIDER:
        held = await store.ledger.under_way()
        paid = {call.spender.run for call in held if _counts(call.meters, meter)}
        return [one.turn.id for one in works if turn_of_run(run_of(one.turn.id), 0) in paid]
    return [one.turn.id for one in works if await _spends_at(one, meter, store, team, now)]


async def _spends_at(work: Work, meter: Meter, store: Store, team: Team, now: datetime) -> bool:
    spender = await spender_of(work.turn, work.agent, "", store)
    whole = await workflow_of(work.turn, store.handoffs)
    return _counts(meters_of(replace(spender, workflow=whole), team, at=now), meter)


def _counts(meters: tuple[Meter, ...], meter: Meter) -> bool:
    return any((one.scope, one.subject) == (meter.scope, meter.subject) for one in meters)
