"""A desk whose model costs money, and what a test does with that."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from adapters.models.scripted import Script, ScriptedModel
from runtime.clock import Clock
from runtime.model.budget import BudgetRules, LimitRule
from runtime.model.completion import Chunk, ModelInfo, ModelRequest, Price, Usage
from runtime.model.ledger import Period, Scope
from runtime.model.team import Team

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


def limited(team: Team, micros: int, **more: object) -> Team:
    """The team with that much for a day, for all of it."""
    rule = LimitRule(scope=Scope.ORGANISATION, period=Period.DAY, micros=micros)
    return replace(team, budget=BudgetRules(limits=(rule,), **more))  # type: ignore[arg-type]
