"""Meters: whose spending is counted, over which time, in which currency, and up to which limit."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from runtime.ids import derived
from runtime.model.value import value

DOLLARS = "USD"
"""The currency where nobody says another."""


class Scope(StrEnum):
    """Whose spending is counted."""

    ORGANISATION = "organisation"
    PROVIDER = "provider"
    AGENT = "agent"
    SCHEDULE = "schedule"
    RUN = "run"
    """One turn, or the run of one planned time."""
    WORKFLOW = "workflow"
    """A person's question, or a planned time, with all that agents handed on for it."""
    CHANNEL = "channel"
    THREAD = "thread"
    PERSON = "person"


class Period(StrEnum):
    """Over which time it is counted."""

    FIRING = "firing"
    """One run, however long it takes: each firing of a schedule, each turn."""
    DAY = "day"
    MONTH = "month"


@lru_cache(maxsize=4_096)
def _id_of(scope: Scope, subject: str, period: Period, stamp: str, currency: str) -> str:
    """The key of a meter, a digest: most are used by every call of a day, and by each twice."""
    # Dollars had meters before other currencies had some of their own.
    other = () if currency == DOLLARS else (currency,)
    return derived("meter", scope, subject, period, stamp, *other)


@dataclass(frozen=True, kw_only=True)
class Meter:
    """One count of money.

    Attributes:
        scope: whose.
        subject: which of them: a name, an id, or the parts of an address as JSON; empty for the
            organisation.
        period: over which time.
        stamp: which of the periods: `2026-11-21`, `2026-11`, or the id of a run.
        currency: in which it counts.
    """

    scope: Scope
    subject: str
    period: Period
    stamp: str
    currency: str = DOLLARS

    @cached_property
    def id(self) -> str:
        """Its key in the store."""
        return _id_of(self.scope, self.subject, self.period, self.stamp, self.currency)


@value()
class Balance:
    """What a meter says.

    Attributes:
        meter: the meter.
        spent: micro-units that calls cost which have ended.
        held: micro-units that calls under way may cost.
        calls: how many calls ended that were made, those that cost nothing too.
        prompt_tokens: what they used, as far as providers told.
        completion_tokens: the same of answers.
    """

    meter: Meter
    spent: int = 0
    held: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def taken(self) -> int:
        """What nobody else may spend."""
        return self.spent + self.held


@value()
class Bound:
    """A meter that may not pass a limit, in micro-units; 0 means that nothing may be spent."""

    meter: Meter
    limit: int


@value()
class Short:
    """A bound that a call would pass.

    Attributes:
        bound: the bound.
        balance: what its meter says.
        wanted: the worst case of the call, in micro-units.
    """

    bound: Bound
    balance: Balance
    wanted: int

    @property
    def left(self) -> int:
        """What may still be spent, in micro-units."""
        return max(self.bound.limit - self.balance.taken, 0)
