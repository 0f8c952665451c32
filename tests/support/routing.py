"""Choosing and asking models, over any store."""

from collections.abc import Awaitable, Callable, Sequence

from runtime.choices import Choices
from runtime.clock import Clock
from runtime.model.team import Team
from runtime.ports import ModelPort, Store
from runtime.providers import Providers
from runtime.routing import Routing


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
