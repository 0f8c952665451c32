"""What keeps spending inside its limits, put together."""

from collections.abc import Callable, Mapping

from adapters.charts.pillow import PillowCharts
from bot.wiring.authority import Authority
from bot.wiring.process import Parts
from gateway.commands.budget import BudgetServices
from gateway.commands.budgetchart import SpendingPictures
from runtime.ids import ModelName
from runtime.model.choice import Known
from runtime.model.value import value
from runtime.money.alerts import BudgetAlerts
from runtime.money.limits import LimitBook
from runtime.money.pauses import Pauses
from runtime.money.spending import Spending
from runtime.outbox import Splitter

LOOK_EVERY = 10.0
"""Seconds between looks at what waits for money, and at calls that nobody settled."""


@value(kw_only=True)
class Money:
    """What keeps spending inside its limits.

    Attributes:
        parts: what the process is made of.
        spending: holds and settles.
        limits: the limits that hold.
        alerts: tells people.
        pauses: what waits for money.
    """

    parts: Parts
    spending: Spending
    limits: LimitBook
    alerts: BudgetAlerts
    pauses: Pauses

    @property
    def for_commands(self) -> BudgetServices:
        """What the commands about money act through."""
        store, chats = self.parts.store, self.parts.chats
        return BudgetServices(
            limits=self.limits,
            alerts=self.alerts,
            pauses=self.pauses,
            pictures=SpendingPictures(charts=PillowCharts(), files=store.files, chats=chats),
        )

    async def tick(self) -> None:
        """Let calls expire that nobody settled, and take up what need not wait any more."""
        await self.spending.sweep()
        await self.pauses.look()
        await self.alerts.look()


def money(
    parts: Parts,
    asks: Authority,
    *,
    catalogue: Callable[[], Mapping[ModelName, Known]],
    split: Splitter,
    wake_outbox: Callable[[], None],
) -> Money:
    """Put it together."""
    store, team, clock = parts.store, parts.team, parts.clock
    limits = LimitBook(store.budgets, team=team, clock=clock, alone=parts.alone)
    alerts = BudgetAlerts(
        store,
        limits,
        parts.chats,
        team=team,
        split=split,
        clock=clock,
        wake_outbox=wake_outbox,
    )
    limits.on_set(alerts.limit_set)
    pauses = Pauses(
        store,
        limits,
        asks.resumption.turn,
        waits_no_more=alerts.waits_no_more,
        parked=asks.parked,
        clock=clock,
    )
    spending = Spending(
        store,
        limits,
        alerts,
        pauses,
        catalogue=catalogue,
        team=team,
        clock=clock,
        ids=parts.ids,
    )
    return Money(parts=parts, spending=spending, limits=limits, alerts=alerts, pauses=pauses)
