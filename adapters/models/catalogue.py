"""What is known of a configured model before it is asked: `runtime.model.completion.ModelInfo`."""

import hashlib
from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from urllib.parse import urlsplit

from adapters.models.fuse import is_loopback
from adapters.models.prices import Listed, listed
from runtime.ids import ModelName
from runtime.model.completion import FREE, ModelInfo, Price
from runtime.model.value import value

_CONTEXT_TOKENS = 32_768
_LOCAL_CONTEXT_TOKENS = 8_192
MOST_CONTEXT_TOKENS = 131_072
"""Taken of a larger window unless configuration says more: a long prompt is paid at each call."""

_OLLAMA = "ollama_chat"
OLLAMA_URL = "http://127.0.0.1:11434"
_AT_OLLAMA = frozenset({"ollama", _OLLAMA})
"""LiteLLM's two names of Ollama, which is on this machine where nobody says otherwise."""
_SPEAKS_OPENAI = frozenset({"openai", "llamafile", "lm_studio", "hosted_vllm", "openai_like"})
_MARKED = ("anthropic", "claude")
"""Whose models want the cacheable part of a prompt marked; others find it by themselves."""


class Client(StrEnum):
    """What a model is called with."""

    DIRECT = "direct"
    """Our own client, for servers that speak OpenAI's chat completions."""
    LITELLM = "litellm"


@value(kw_only=True)
class ModelConfig:
    """A model, as configuration describes it.

    Attributes:
        name: the name that agents use for it.
        model: `offline`, or LiteLLM's name of it: `openai/gpt-4.1-mini`, `ollama_chat/llama3.2`.
        base_url: the address of a server of one's own; None for the provider's.
        api_key: the key; None where none is needed, or LiteLLM finds the provider's own variable.
        lacks: the settings that can have its key, where it needs one and none has it.
        account: what tells its key from the first one that is used there; empty for that one.
        context_tokens: how many tokens fit into a call; None for what is known of it, else 32,768,
            or 8,192 on a server of this machine.
        timeout_seconds: how long to wait for the first word of an answer.
        client: what it is called with; None for our own where it can.
        prices: what it costs; None for what LiteLLM's list says.
        currency: of those prices.
        unpriced_allowed: it may be called though its price is not known.
        max_output_tokens: its longest answer; None for what is known of it.
        tools: it can call tools; None for what is known, else yes.
        vision: it can look at pictures; None for what is known, else no.
        streaming: it answers piece by piece.
        quality: how good the team holds it for, from 1 to 10; 0 where nobody said.
    """

    name: str
    model: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    lacks: tuple[str, ...] = ()
    account: str = ""
    context_tokens: int | None = None
    timeout_seconds: float = 60.0
    client: Client | None = None
    prices: tuple[Price, ...] | None = None
    currency: str = "USD"
    unpriced_allowed: bool = False
    max_output_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    streaming: bool = True
    quality: int = 0

    @property
    def vendor(self) -> str:
        """LiteLLM's name of the provider."""
        return self.model.partition("/")[0]

    @property
    def address(self) -> str | None:
        """Where it is; None for the provider's own address."""
        if self.base_url is None and self.vendor in _AT_OLLAMA:
            return OLLAMA_URL
        return self.base_url

    @property
    def called_with(self) -> Client:
        """What it is called with."""
        if self.client is not None:
            return self.client
        direct = self.base_url is not None and self.vendor in _SPEAKS_OPENAI
        return Client.DIRECT if direct else Client.LITELLM


def describe(config: ModelConfig) -> ModelInfo:
    """What is known of the model: configuration first, then LiteLLM's list, then what is safe.

    The list knows models at their providers' own addresses, and says nothing of a server that only
    has one of the same name.
    """
    local = is_loopback(config.address)
    known = listed(config.model) if config.base_url is None and not local else None
    return ModelInfo(
        name=ModelName(config.name),
        context_tokens=config.context_tokens or _context(known, local=local),
        local=local,
        provider=provider_of(config),
        prices=_prices(config, known, local=local),
        currency=config.currency if config.prices is not None else "USD",
        unpriced_allowed=config.unpriced_allowed,
        max_output_tokens=config.max_output_tokens or (known.max_output_tokens if known else None),
        tools=_first((config.tools, known.tools if known else None), otherwise=True),
        vision=_first((config.vision, known.vision if known else None), otherwise=False),
        streaming=config.streaming,
        prompt_cache=known is not None and known.prompt_cache and _is_marked(config),
        quality=config.quality,
        credential=_credential(config.api_key),
        lacks=config.lacks,
    )


def _context(known: Listed | None, *, local: bool) -> int:
    if known is not None and known.context_tokens is not None:
        return min(known.context_tokens, MOST_CONTEXT_TOKENS)
    return _LOCAL_CONTEXT_TOKENS if local else _CONTEXT_TOKENS


def _prices(config: ModelConfig, known: Listed | None, *, local: bool) -> tuple[Price, ...]:
    if config.prices is not None:
        return config.prices
    if local:
        return (FREE,)
    return known.prices if known is not None else ()


def _first(said: Iterable[bool | None], *, otherwise: bool) -> bool:
    """The first that is known."""
    return next((value for value in said if value is not None), otherwise)


def _is_marked(config: ModelConfig) -> bool:
    return any(word in config.model.lower() for word in _MARKED)


def provider_of(config: ModelConfig) -> str:
    """Who is called, and paid: one is one address with one key.

    A provider by its name, a server of one's own by its address too; where several keys are used at
    one place, all but the first of them by the name of the first model that has it.
    """
    account = f"#{config.account}" if config.account else ""
    if config.address is None:
        return config.vendor + account
    parts = urlsplit(config.address)
    place = parts.hostname or config.address
    return f"{config.vendor}@{place}" + (f":{parts.port}" if parts.port else "") + account


def _credential(key: str | None) -> str:
    """Eight characters of a digest: enough to see that a key changed, too few to find one."""
    return hashlib.sha256(b"nightdesk key\x1f" + key.encode()).hexdigest()[:8] if key else ""
