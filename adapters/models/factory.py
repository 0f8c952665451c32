"""Which model a configuration means."""

from typing import Protocol

from adapters.models.catalogue import Client, ModelConfig, describe
from adapters.models.fuse import Fuse
from adapters.models.offline import HOW_TO_CONNECT, OfflineModel
from runtime.clock import Clock
from runtime.ids import ModelName
from runtime.ports import ModelPort

__all__ = ["OFFLINE", "Client", "ModelConfig", "OpenModel", "build_model"]

OFFLINE = "offline"
"""The model that is always there."""

_IDLE_SECONDS = 60.0


class OpenModel(ModelPort, Protocol):
    """A model that may hold connections."""

    async def aclose(self) -> None:
        """Close them; the program ends."""
        ...


def build_model(
    config: ModelConfig,
    *,
    clock: Clock,
    allow_spending: bool,
    how_to_connect: str = HOW_TO_CONNECT,
) -> OpenModel:
    """The model that the configuration means; nothing is called yet.

    Args:
        config: the model.
        clock: the time.
        allow_spending: where False, a model off this machine raises `SpendingForbidden` when it
            is asked (`adapters.models.fuse`).
        how_to_connect: for the offline assistant: the sentence that names the one setting.
    """
    if config.model == OFFLINE:
        return OfflineModel(ModelName(config.name), how_to_connect=how_to_connect)
    info, fuse = describe(config), Fuse(allow_spending)
    idle = min(config.timeout_seconds, _IDLE_SECONDS)
    if config.called_with is Client.DIRECT and config.base_url is not None:
        # aiohttp, where it is needed: a process that only fires schedules never asks.
        from adapters.models.openai_compatible import OpenAICompatibleModel  # noqa: PLC0415

        return OpenAICompatibleModel(
            info,
            config.model.partition("/")[2],
            api_key=config.api_key,
            base_url=config.base_url,
            timeout=config.timeout_seconds,
            idle_timeout=idle,
            clock=clock,
            fuse=fuse,
        )
    # What speaks through LiteLLM, and not yet LiteLLM itself: 8 ms of a start without a model.
    from adapters.models.litellm import LiteLLMModel  # noqa: PLC0415

    return LiteLLMModel(
        info,
        config.model,
        api_key=config.api_key,
        base_url=config.address,
        timeout=config.timeout_seconds,
        idle_timeout=idle,
        clock=clock,
        fuse=fuse,
    )
