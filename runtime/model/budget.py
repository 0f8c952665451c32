"""What the team and its people decide about money, and what waits for it."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from runtime.ids import AgentName, ConversationId, ModelName, OutboxId, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.meter import DOLLARS, Bound, Period, Scope
from runtime.model.value import value

AlertId = NewType("AlertId", str)
NO_MODEL = ModelName("")
"""The name of no model."""
NO_AGENT = AgentName("")
"""The name of no agent."""
NO_ALERT = AlertId("")
"""The id of no alert."""

MICROS = 1_000_000
"""Micro-units in one unit of a currency."""


@value(kw_only=True)
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


@value(kw_only=True)
class BudgetRules:
    """What may be spent, and who is told.

    Attributes:
        currency: the ISO 4217 code of the team's currency.
        limits: the limits; those for all of the team are always among them.
        owners: who is told, on each platform where they are known; empty for every owner.
        channel: the channel that is told too, or None.
        footer: under each answer that cost something stands what it cost, and what is left.
    """

    currency: str = DOLLARS
    limits: tuple[LimitRule, ...] = DEFAULT_LIMITS
    owners: tuple[Principal, ...] = ()
    channel: ChannelRef | None = None
    footer: bool = True


@value(kw_only=True)
class LimitChange:
    """A limit that a person set, beside those of the configuration.

    Attributes:
        scope: whose spending it limits.
        subject: which of them; empty for each of them by itself.
        period: over which time.
        stamp: for one period alone, which; empty from then on.
        micros: the limit; None for that of the configuration.
        before: the limit that held until then; None where there was none.
        base: what the configuration said then; a limit set here ends when that changes.
        by: who set it.
        at: when.
        key: what asked for it; the same asks once, however often it is carried out.
        currency: of the amounts; it is no limit in another.
    """

    scope: Scope
    subject: str
    period: Period
    stamp: str = ""
    micros: int | None
    before: int | None
    base: int | None
    by: Principal
    at: datetime
    key: str
    currency: str = DOLLARS


class AlertState(StrEnum):
    """What people did about an alert."""

    OPEN = "open"
    RAISED = "raised"
    KEPT = "kept"
    STOPPED = "stopped"
    """What spent it, or waited for it, was ended."""
    SWITCHED = "switched"
    """A model that costs less goes on."""
    CHANGED = "changed"
    """Somebody set another limit, and not by its card."""


@value(kw_only=True)
class Alert:
    """A limit that is nearly or wholly used up, and what people did about it.

    Attributes:
        id: the same for the same meter, share and limit, until people decided about it.
        bound: the meter and its limit.
        share: per cent of the limit that were used up: 80, or 100 where a call was refused.
        turn: the turn, or the first one of the run, whose call was refused or reached it; or None.
        thread: where that was asked; None for a run of a schedule.
        agent: whose call it was; empty where that is not known.
        at: when.
        wanted: how much the call needed that was refused first, in micro-units; 0 for none.
        instead: a model that costs less, and could have made it; empty where there is none.
        cards: the messages that tell of it, but for those in threads in which something waits.
        state: what people did.
        by: who did that, or None.
        note: what came of it, in words.
    """

    id: AlertId
    bound: Bound
    share: int
    turn: TurnId | None = None
    thread: ThreadRef | None = None
    agent: AgentName = NO_AGENT
    at: datetime
    wanted: int = 0
    instead: ModelName = NO_MODEL
    cards: tuple[OutboxId, ...] = ()
    state: AlertState = AlertState.OPEN
    by: Principal | None = None
    note: str = ""


@value(kw_only=True)
class Pause:
    """A turn that waits until there is money.

    Attributes:
        turn: the turn.
        conversation: its conversation.
        thread: where it was asked; None for a run's turn.
        bound: what was short.
        wanted: how much it needs, in micro-units.
        until: when the period ends that was used up; None for what has no end, and where the next
            period leaves no more.
        at: when it began to wait.
        instead: the model that could go on with it for less; empty where there is none.
        alert: what people were told of it; empty for what was stored before that was kept.
        card: the message in its thread that says so, or None.
    """

    turn: TurnId
    conversation: ConversationId
    thread: ThreadRef | None
    bound: Bound
    wanted: int
    until: datetime | None
    at: datetime
    instead: ModelName = NO_MODEL
    alert: AlertId = NO_ALERT
    card: OutboxId | None = None
