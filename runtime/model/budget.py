"""What the team's configuration says of money."""

from dataclasses import dataclass

from runtime.model.address import ChannelRef, Principal
from runtime.model.ledger import Period, Scope

MICROS = 1_000_000
"""Micro-units in one unit of a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """A limit.

    Attributes:
        scope: whose spending.
        subject: which of them; empty for each of them by itself.
        period: over which time.
        micros: how much, in micro-units; 0 for nothing at all.
    """

    scope: Scope
    subject: str = ""
    period: Period
    micros: int


DEFAULT_LIMITS = (
    LimitRule(scope=Scope.ORGANISATION, period=Period.DAY, micros=1 * MICROS),
    LimitRule(scope=Scope.ORGANISATION, period=Period.MONTH, micros=10 * MICROS),
)
"""What holds where the configuration sets no limit for the whole team: enough to try a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRules:
    """What may be spent, and who is told.

    Attributes:
        currency: the ISO 4217 code of the team's currency.
        limits: the limits; those for all of the team are always among them.
        owners: who is told, on each platform where they are known; empty for every owner.
        channel: the channel that is told too, or None.
        footer: under each answer that cost something stands what it cost, and what is left.
    """

    currency: str = "USD"
    limits: tuple[LimitRule, ...] = DEFAULT_LIMITS
    owners: tuple[Principal, ...] = ()
    channel: ChannelRef | None = None
    footer: bool = True
