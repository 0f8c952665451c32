"""Gathers the facts about the desk, from which briefings are made."""

from datetime import timedelta

from runtime.clock import Clock
from runtime.ids import AgentName, ScheduleId
from runtime.model.address import ThreadRef
from runtime.model.facts import DeskFacts, RunFact, ScheduleFact
from runtime.model.outbox import OutboxState
from runtime.model.schedule import Schedule
from runtime.model.team import Team
from runtime.ports import Store, Timetable

PERIOD = timedelta(hours=24)
"""How far back a briefing looks."""
MOST_RUNS = 50
MOST_WAITING = 200


class FactsReader:
    """Reads the facts."""

    def __init__(self, store: Store, timetable: Timetable, clock: Clock) -> None:
        self._store = store
        self._timetable = timetable
        self._clock = clock

    async def read(self, team: Team, agent: AgentName) -> DeskFacts:
        """The facts as they are now, for that agent's report."""
        now = self._clock.now()
        schedules = await self._store.schedules.all()
        runs = await self._store.schedules.history(since=now - PERIOD, limit=MOST_RUNS)
        by_id = {schedule.id: schedule for schedule in schedules}
        for run in runs:
            if run.schedule not in by_id:
                by_id[run.schedule] = await self._deleted(run.schedule)
        found = team.agent(agent)
        return DeskFacts(
            now=now,
            zone=team.zone,
            team=team.name,
            agent=agent,
            model=(found or team.agents[0]).model,
            since=now - PERIOD,
            schedules=tuple(self._schedule(team, schedule) for schedule in schedules),
            runs=tuple(
                RunFact(
                    schedule=by_id[run.schedule].number,
                    instruction=by_id[run.schedule].instruction,
                    planned_at=run.planned_at,
                    state=run.state,
                    error=run.error,
                    delivery=run.delivery,
                )
                for run in reversed(runs)
            ),
            waiting_approvals=await self._waiting(),
            dead_letters=await self._store.outbox.count(OutboxState.DEAD),
            spent_micros=await self._store.ledger.spent(
                since=now - PERIOD, currency=team.budget.currency
            ),
            currency=team.budget.currency,
        )

    async def _waiting(self) -> int:
        """How many approvals wait for a person, up to some hundreds."""
        approvals = self._store.approvals
        return len(await approvals.open(limit=MOST_WAITING)) + len(
            await approvals.unclear(limit=MOST_WAITING)
        )

    async def _deleted(self, schedule: ScheduleId) -> Schedule:
        found = await self._store.schedules.by_id(schedule)
        if found is None:
            raise LookupError(schedule)
        return found

    def _schedule(self, team: Team, schedule: Schedule) -> ScheduleFact:
        return ScheduleFact(
            number=schedule.number,
            when=self._describe(team, schedule),
            instruction=schedule.instruction,
            channel=place_name(team, schedule.target),
            state=schedule.state,
            next_at=schedule.next_at,
        )

    def _describe(self, team: Team, schedule: Schedule) -> str:
        """The times in words, with their zone where it is not the team's."""
        words = self._timetable.describe(schedule.when)
        zone = schedule.when.zone
        return words if zone == team.zone or zone in words else f"{words}, {zone}"


def place_name(team: Team, thread: ThreadRef) -> str:
    """The place as people call it: the configured name of its channel, else the channel's id."""
    rule = team.rule_of(thread.channel)
    return f"#{rule.name.removeprefix('#')}" if rule else thread.channel.channel
