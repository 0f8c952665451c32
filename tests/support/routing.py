"""Choosing and asking models, over any store."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from adapters.models.scripted import ScriptedModel, Step
from runtime.clock import Clock
from runtime.ids import ModelName
from runtime.model.completion import Chunk, ModelInfo, ModelRequest, Price
from runtime.model.team import Team
from runtime.ports import ModelPort, Store
from runtime.routing.asking import Routing
from runtime.routing.choices import Choices
from runtime.routing.providers import Providers


async def _nobody(_key: str, _text: str) -> bool:
    return False


def routing_over(
    store: Store,
    models: Sequence[ModelPort],
    *,
    team: Callable[[], Team],
    clock: Clock,
    alone: bool = True,
    tell_owners: Callable[[str, str], Awaitable[bool]] = _nobody,
    chance: Callable[[], float] = lambda: 0.0,
) -> Routing:
    """Route between those models; waits are never longer than they must be."""
    providers = Providers(clock, chance)
    choices = Choices(
        store.modelbook,
        providers,
        team=team,
        clock=clock,
        alone=alone,
        tell_owners=tell_owners,
    )
    named = {model.info.name: model for model in models}
    return Routing(named, choices, providers, team=team, clock=clock)


class Played:
    """A model of a provider that does one thing after the other, and counts how often it is asked.

    Attributes:
        asked: every request.
    """

    def __init__(
        self,
        name: str,
        *does: Step | Sequence[Step],
        provider: str = "",
        credential: str = "k1",
        clock: Clock | None = None,
        price: int | None = 1_000_000,
        **known: Any,
    ) -> None:
        """Do those in order, the last one for ever; `known` is what its info says beside."""
        self._does = list(does) or ["Fine."]
        self.asked: list[ModelRequest] = []
        self._scripted = ScriptedModel(self._next, clock=clock)
        self.info = ModelInfo(
            name=ModelName(name),
            context_tokens=known.pop("context_tokens", 32_000),
            provider=provider or name,
            credential=credential,
            prices=() if price is None else (Price(input=price, output=price),),
            **known,
        )

    def _next(self, asked: ModelRequest) -> Step | Sequence[Step]:
        self.asked.append(asked)
        return self._does.pop(0) if len(self._does) > 1 else self._does[0]

    def stream(self, asked: ModelRequest) -> AsyncIterator[Chunk]:
        """See `runtime.ports.ModelPort`."""
        return self._scripted.stream(asked)
