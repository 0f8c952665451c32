"""A desk whose model costs money, and what a test does with that."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from adapters.charts.pillow import PillowCharts
from adapters.models.scripted import Script, ScriptedModel
from gateway.commands.budget import BudgetServices
from gateway.commands.budgetchart import SpendingPictures
from runtime.clock import Clock
from runtime.ids import ConversationId, TurnId
from runtime.model.budget import BudgetRules, LimitRule
from runtime.model.completion import Chunk, ModelInfo, ModelRequest, Price, Usage
from runtime.model.meter import Period, Scope
from runtime.model.team import Team
from runtime.money.alerts import BudgetAlerts
from runtime.money.limits import LimitBook
from runtime.money.pauses import Pauses
from runtime.outbox import whole
from runtime.parked import Parked
from runtime.ports import Store
from tests.support.chat import MemoryChat

PRICE = Price(input=1_000_000, output=10_000_000)
"""A micro-unit for a token of the prompt, and ten for one of the answer."""
USED = Usage(100, 20)
COST = 300
"""What a call costs that used that, in micro-units."""


class PaidModel:
    """A scripted model with a price, of a provider that says what it used."""

    def __init__(
        self,
        script: Script,
        *,
        clock: Clock,
        usage: Usage = USED,
        price: Price = PRICE,
        currency: str = "USD",
    ) -> None:
        self.scripted = ScriptedModel(script, clock=clock, usage=usage)
        self.prices: tuple[Price, ...] = (price,)
        self.currency = currency

    @property
    def info(self) -> ModelInfo:
        return replace(
            self.scripted.info,
            local=False,
            provider="acme",
            prices=self.prices,
            currency=self.currency,
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        chunks = self.scripted.stream(request)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()


def budget_services(
    store: Store, chat: MemoryChat, *, team: Callable[[], Team], clock: Clock
) -> BudgetServices:
    """What the commands about money act through; nothing is ever paused."""

    async def take_up(
        turn: TurnId, conversation: ConversationId, *, is_run: bool, key: str
    ) -> bool:
        raise AssertionError(f"{turn} {conversation} {is_run} {key} was never parked")

    limits = LimitBook(store.budgets, team=team, clock=clock, alone=False)
    alerts = BudgetAlerts(
        store,
        limits,
        {chat.platform: chat},
        team=team,
        split=whole,
        clock=clock,
        wake_outbox=lambda: None,
    )
    limits.on_set(alerts.limit_set)
    pauses = Pauses(
        store,
        limits,
        take_up,
        waits_no_more=alerts.waits_no_more,
        parked=Parked(),
        clock=clock,
    )
    pictures = SpendingPictures(
        charts=PillowCharts(), files=store.files, chats={chat.platform: chat}
    )
    return BudgetServices(limits=limits, alerts=alerts, pauses=pauses, pictures=pictures)


def limited(team: Team, micros: int, **more: object) -> Team:
    """The team with that much for a day, for all of it."""
    rule = LimitRule(scope=Scope.ORGANISATION, period=Period.DAY, micros=micros)
    return replace(team, budget=BudgetRules(limits=(rule,), **more))  # type: ignore[arg-type]
