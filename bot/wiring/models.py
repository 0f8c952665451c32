"""Models: the configured ones, how they are chosen, and whether any can be asked."""

import random
from collections.abc import Awaitable, Callable, Iterator

from adapters.models.factory import Client, ModelConfig
from bot.settings import OFFLINE, ModelSettings, Settings
from bot.wiring import doors
from bot.wiring.process import Parts
from gateway.health import Check
from runtime.model.team import models_of
from runtime.routing.asking import Routing
from runtime.routing.choices import Choices
from runtime.routing.providers import Providers


def configured(settings: Settings) -> Iterator[ModelConfig]:
    """Every model of the settings, and the built-in assistant."""
    yield ModelConfig(name=OFFLINE, model="offline")
    yield from map(config_of, settings.models.values())


def config_of(model: ModelSettings) -> ModelConfig:
    """What the settings say of a model, for who builds it."""
    return ModelConfig(
        name=model.name,
        model=model.model,
        base_url=model.base_url,
        api_key=model.api_key.get_secret_value() if model.api_key else None,
        lacks=model.lacks,
        account=model.account,
        context_tokens=model.context_tokens,
        timeout_seconds=model.timeout_seconds,
        client=Client(model.client) if model.client else None,
        prices=model.prices,
        currency=model.currency,
        unpriced_allowed=model.unpriced_allowed,
        max_output_tokens=model.max_output_tokens,
        tools=model.tools,
        vision=model.vision,
        streaming=model.streaming,
        quality=model.quality,
    )


def routing_of(parts: Parts, wake_outbox: Callable[[], None]) -> Routing:
    """Who chooses models, and asks them."""
    providers = Providers(parts.clock, random.random)
    choices = Choices(
        parts.store.modelbook,
        providers,
        team=parts.team,
        clock=parts.clock,
        alone=parts.alone,
        tell_owners=doors.notices(parts, wake_outbox).tell,
    )
    return Routing(parts.models, choices, providers, team=parts.team, clock=parts.clock)


def look_of(parts: Parts, routing: Routing) -> Callable[[], Awaitable[Check]]:
    """Whether every agent has a model that can be asked, for readiness. It asks none."""

    async def look() -> Check:
        catalogue = routing.catalogue()
        out = {name: known.out for name, known in catalogue.items() if known.out}
        agents = parts.team().agents
        used = {name for agent in agents for name in models_of(agent)}
        stuck = [
            agent.name
            for agent in agents
            if all(name in out or name not in catalogue for name in models_of(agent))
        ]
        said = "; ".join(f"{name}: {why}" for name, why in out.items() if name in used)
        return Check(name="models", ok=not stuck, detail=said or "nothing is out of service")

    return look
