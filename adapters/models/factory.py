"""Which model a configuration means."""

from dataclasses import dataclass, field
from typing import Protocol

from adapters.models.fuse import Fuse, is_loopback
from adapters.models.litellm import LiteLLMModel
from adapters.models.offline import HOW_TO_CONNECT, OfflineModel
from runtime.clock import Clock
from runtime.ids import ModelName
from runtime.ports import ModelPort

OFFLINE = "offline"
"""The model that is always there."""

_CONTEXT_TOKENS = 32_768
_LOCAL_CONTEXT_TOKENS = 8_192
_IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A model, as configuration describes it.

    Attributes:
        name: the name that agents use for it.
        model: `offline`, or LiteLLM's name of it: `openai/gpt-4.1-mini`, `ollama_chat/llama3.2`.
        base_url: the address of a server of one's own; None for the provider's.
        api_key: the key; None where none is needed, or LiteLLM finds the provider's own variable.
        context_tokens: how many tokens fit into a call; None to assume 32,768, or 8,192 on a
            server of this machine.
        timeout_seconds: how long to wait for the first word of an answer.
    """

    name: str
    model: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    context_tokens: int | None = None
    timeout_seconds: float = 60.0


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
    """The model that the configuration means; nothing is imported or called yet.

    Args:
        config: the model.
        clock: the time.
        allow_spending: where False, a model off this machine raises `SpendingForbidden` when it
            is asked (`adapters.models.fuse`).
        how_to_connect: for the offline assistant: the sentence that names the one setting.
    """
    name = ModelName(config.name)
    if config.model == OFFLINE:
        return OfflineModel(name, how_to_connect=how_to_connect)
    return LiteLLMModel(
        name,
        config.model,
        api_key=config.api_key,
        base_url=config.base_url,
        context_tokens=config.context_tokens or _assumed_context(config),
        timeout=config.timeout_seconds,
        idle_timeout=min(config.timeout_seconds, _IDLE_SECONDS),
        clock=clock,
        fuse=Fuse(allow_spending),
    )


def _assumed_context(config: ModelConfig) -> int:
    local = is_loopback(config.base_url) or config.model.startswith("ollama")
    return _LOCAL_CONTEXT_TOKENS if local else _CONTEXT_TOKENS
