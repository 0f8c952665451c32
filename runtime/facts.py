"""Gathers the facts about the desk, from which briefings are made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from runtime.clock import Clock
from runtime.ids import AgentName, ScheduleId
from runtime.model.facts import DeskFacts, LeftOut, LimitFact, RunFact, ScheduleFact
from runtime.model.meter import Balance, Meter, Period, Scope
from runtime.model.outbox import OutboxState
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule
from runtime.model.team import Team
from runtime.money.limits import LimitBook, Limits
from runtime.money.spenders import stamp_of, when_of, whose
from runtime.places import place_name
from runtime.ports import Store, Timetable
from runtime.text import clipped

PERIOD = timedelta(hours=24)
"""How far back a briefing looks."""
MOST_SCHEDULES = 50
"""All of what the facts name fits what a model is shown of a tool: half of it would be no JSON."""
MOST_RUNS = 50
MOST_FAILED = 20
MOST_MISSED = 10
"""Of these, what went wrong: it is named before what was done, and neither hides the other."""
MOST_UNDER_WAY = 10
MOST_LIMITS = 30
LONGEST_INSTRUCTION = 100
LONGEST_ERROR = 150
_LOOKED_AT = 5_000
"""Planned times that are looked at and counted."""
_LASTING = (Period.DAY, Period.MONTH)


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
        history = await self._store.schedules.history(since=now - PERIOD, limit=_LOOKED_AT)
        runs = _most_important(history)
        left = Counter(run.state for run in history) - Counter(run.state for run in runs)
        unfinished = await self._store.schedules.unfinished(limit=_LOOKED_AT)
        under_way = unfinished[:MOST_UNDER_WAY]
        by_id = {schedule.id: schedule for schedule in schedules}
        for run in (*runs, *under_way):
            if run.schedule not in by_id:
                by_id[run.schedule] = await self._deleted(run.schedule)
        found = team.agent(agent)
        limits = await self._limits(team, by_id)
        return DeskFacts(
            now=now,
            zone=team.zone,
            team=team.name,
            agent=agent,
            model=(found or team.agents[0]).model,
            since=now - PERIOD,
            schedules=tuple(
                self._schedule(team, schedule) for schedule in schedules[:MOST_SCHEDULES]
            ),
            runs=tuple(_run(run, by_id[run.schedule]) for run in reversed(runs)),
            under_way=tuple(_run(run, by_id[run.schedule]) for run in under_way),
            waiting_approvals=await self._waiting(),
            dead_letters=await self._store.outbox.count(OutboxState.DEAD),
            spent_micros=await self._store.ledger.spent(
                since=now - PERIOD, currency=team.budget.currency
            ),
            limits=limits[:MOST_LIMITS],
            currency=team.budget.currency,
            left_out=LeftOut(
                schedules=max(len(schedules) - MOST_SCHEDULES, 0),
                done=left[OccurrenceState.DONE],
                failed=left[OccurrenceState.FAILED],
                missed=left[OccurrenceState.MISSED],
                under_way=len(unfinished) - len(under_way),
                limits=max(len(limits) - MOST_LIMITS, 0),
            ),
        )

    async def _limits(
        self, team: Team, by_id: Mapping[ScheduleId, Schedule]
    ) -> tuple[LimitFact, ...]:
        """The whole team's day and month, limited or not, and then every other limit."""
        now = self._clock.now()
        # The commands keep what they read of limits for themselves, so it is read anew here.
        book = LimitBook(self._store.budgets, team=lambda: team, clock=self._clock, alone=False)
        limits = await book.now()
        stamps = {period: stamp_of(period, now, team.zone) for period in _LASTING}

        def meter(scope: Scope, subject: str, period: Period) -> Meter:
            return Meter(
                scope=scope,
                subject=subject,
                period=period,
                stamp=stamps.get(period, ""),
                currency=team.budget.currency,
            )

        whole = [meter(Scope.ORGANISATION, "", period) for period in _LASTING]
        others = [meter(r.scope, r.subject, r.period) for r in limits.current(stamps)]
        meters = [*whole, *(each for each in others if each not in whole)]
        balances = await self._store.ledger.balances(meters)
        return tuple([await self._limit(team, limits, balance, by_id) for balance in balances])

    async def _limit(
        self,
        team: Team,
        limits: Limits,
        balance: Balance,
        by_id: Mapping[ScheduleId, Schedule],
    ) -> LimitFact:
        meter, number = balance.meter, 0
        if meter.scope is Scope.SCHEDULE and meter.subject:
            subject = ScheduleId(meter.subject)
            schedule = by_id.get(subject) or await self._store.schedules.by_id(subject)
            number = schedule.number if schedule else 0
        one = bool(meter.subject) or meter.scope is Scope.ORGANISATION
        counted = one and meter.period is not Period.FIRING
        return LimitFact(
            whose=whose(team, meter.scope, meter.subject, schedule=number),
            period=meter.period,
            when=when_of(meter.scope, meter.period),
            limit_micros=limits.of(meter),
            spent_micros=balance.spent if counted else None,
            held_micros=balance.held if counted else 0,
            schedule=number,
        )

    async def _waiting(self) -> int:
        """How many approvals wait for a person."""
        approvals = self._store.approvals
        return len(await approvals.open()) + len(await approvals.unclear())

    async def _deleted(self, schedule: ScheduleId) -> Schedule:
        found = await self._store.schedules.by_id(schedule)
        if found is None:
            raise LookupError(schedule)
        return found

    def _schedule(self, team: Team, schedule: Schedule) -> ScheduleFact:
        return ScheduleFact(
            number=schedule.number,
            when=self._describe(team, schedule),
            instruction=_line(schedule.instruction, LONGEST_INSTRUCTION),
            channel=place_name(team, schedule.target),
            state=schedule.state,
            next_at=schedule.next_at,
        )

    def _describe(self, team: Team, schedule: Schedule) -> str:
        """The times in words, with their zone where it is not the team's."""
        words = self._timetable.describe(schedule.when)
        zone = schedule.when.zone
        return words if zone == team.zone or zone in words else f"{words}, {zone}"


def _most_important(history: Sequence[Occurrence]) -> list[Occurrence]:
    """The planned times to name, the latest first: what went wrong before what went well."""

    def those(state: OccurrenceState, most: int) -> list[Occurrence]:
        return [run for run in history if run.state is state][:most]

    wrong = those(OccurrenceState.FAILED, MOST_FAILED) + those(OccurrenceState.MISSED, MOST_MISSED)
    done = those(OccurrenceState.DONE, MOST_RUNS - len(wrong))
    named = {run.run for run in (*wrong, *done)}
    return [run for run in history if run.run in named]


def _line(text: str, longest: int) -> str:
    """The text in one line: as JSON the end of each line would take twice the room."""
    return clipped(" ".join(text.split()), longest)


def _run(run: Occurrence, of: Schedule) -> RunFact:
    return RunFact(
        schedule=of.number,
        instruction=_line(of.instruction, LONGEST_INSTRUCTION),
        planned_at=run.planned_at,
        state=run.state,
        error=_line(run.error, LONGEST_ERROR),
        delivery=_line(run.delivery, LONGEST_ERROR),
    )
