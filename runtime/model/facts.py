"""Facts about the desk itself, from which briefings are made without a language model."""

from datetime import datetime

from runtime.ids import AgentName, ModelName
from runtime.model.meter import Period
from runtime.model.schedule import OccurrenceState, ScheduleState
from runtime.model.value import value


@value(kw_only=True)
class ScheduleFact:
    """A schedule in a sentence: its number, words, next time and where its results go."""

    number: int
    when: str
    instruction: str
    channel: str
    state: ScheduleState
    next_at: datetime | None


@value(kw_only=True)
class RunFact:
    """A planned time that came."""

    schedule: int
    instruction: str
    planned_at: datetime
    state: OccurrenceState
    error: str
    delivery: str


@value(kw_only=True)
class LimitFact:
    """What somebody may spend, and did, in millionths of the team's currency.

    Attributes:
        whose: who may, in words: `the whole team`, `the agent desk`, `each person`.
        period: over which time, the present one.
        when: the same in words, as the limit names it: `a day`, `a run`, `in all`.
        limit_micros: the limit; None where there is none.
        spent_micros: what was spent of it; None where each of them, or each run, has it.
        held_micros: what calls under way may cost.
        schedule: the number of the schedule whose limit it is; 0 where it is of no single one.
    """

    whose: str
    period: Period
    when: str
    limit_micros: int | None
    spent_micros: int | None
    held_micros: int = 0
    schedule: int = 0


@value(kw_only=True)
class LeftOut:
    """How many more there are than the facts name, which a model can be shown whole.

    Attributes:
        schedules: with a later next time, or with none.
        done: earlier planned times of the period that ended so; and `failed` and `missed`.
        under_way: younger planned times whose runs have not ended.
        limits: other limits.
    """

    schedules: int = 0
    done: int = 0
    failed: int = 0
    missed: int = 0
    under_way: int = 0
    limits: int = 0


@value(kw_only=True)
class DeskFacts:
    """What a briefing can say. Instructions and errors are cut to fit a line or two.

    Attributes:
        now: when the facts were read.
        zone: the zone to show times in.
        team: the team's name.
        agent: who reports.
        model: the model in use.
        since: the beginning of the period that `runs` covers.
        schedules: the schedules that are not deleted, by next time.
        runs: the latest planned times of the period that are over, oldest first; those that failed
            or were missed go before those that were done.
        waiting_approvals: how many approvals wait for a person.
        dead_letters: how many messages were set aside.
        spent_micros: what was spent in the period in millionths of the team's currency.
        limits: what may be spent: the whole team's day, its month, and every other limit.
        currency: the ISO 4217 code of that.
        under_way: the planned times whose runs have not ended, however old, oldest first.
        left_out: how many more there are of all these.
    """

    now: datetime
    zone: str
    team: str
    agent: AgentName
    model: ModelName
    since: datetime
    schedules: tuple[ScheduleFact, ...]
    runs: tuple[RunFact, ...]
    waiting_approvals: int
    dead_letters: int
    spent_micros: int
    limits: tuple[LimitFact, ...] = ()
    currency: str = "USD"
    under_way: tuple[RunFact, ...] = ()
    left_out: LeftOut = LeftOut()
