"""Asking other machines for a sign of life, without changing or spending anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from bot.settings import ModelSettings

_TIMEOUT = aiohttp.ClientTimeout(total=5)

_PROVIDERS: Mapping[str, str] = {
    "openai": "https://api.openai.com/v1/models",
    "anthropic": "https://api.anthropic.com/v1/models",
    "mistral": "https://api.mistral.ai/v1/models",
    "groq": "https://api.groq.com/openai/v1/models",
    "deepseek": "https://api.deepseek.com/models",
    "xai": "https://api.x.ai/v1/models",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/models",
    "cerebras": "https://api.cerebras.ai/v1/models",
    "together_ai": "https://api.together.xyz/v1/models",
    "openrouter": "https://openrouter.ai/api/v1/key",
    "ollama": "http://localhost:11434/api/tags",
    "ollama_chat": "http://localhost:11434/api/tags",
}
"""Where a provider lists its models, which costs nothing, and asks for the key.

OpenRouter's list is open to everybody, so it is asked about the key itself.
"""

_MOST_BYTES = 1_000_000
_UNAUTHORISED = (401, 403)
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status, or None where nothing answered.
        why: why nothing answered, in words.
        models: the names of models in what came back; empty where it is no list of them.
    """

    status: int | None
    why: str = ""
    models: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whoever answered did not take the key."""
        return self.status in _UNAUTHORISED

    @property
    def answered(self) -> bool:
        """Somebody answered, and it is not broken."""
        return self.status is not None and self.status < _SERVER_ERROR


async def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for the address; never raises for what the network does, or for what cannot be sent."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            said = await response.content.read(_MOST_BYTES)
            return Answer(response.status, models=_names(said))
    except (aiohttp.ClientError, OSError) as error:
        return Answer(None, str(error) or type(error).__name__)
    except ValueError:
        # Of aiohttp, for what it must not write into a request. Its words may quote a key.
        return Answer(
            None,
            "the key or the address cannot be sent: it has characters that HTTP does not allow",
        )


def _names(said: bytes) -> tuple[str, ...]:
    """The models in a list as OpenAI gives it (`data`, `id`), or Ollama (`models`, `name`)."""
    try:
        body = json.loads(said)
    except (ValueError, RecursionError):
        return ()
    listed = (body.get("data") or body.get("models")) if isinstance(body, dict) else None
    entries = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    names = [each.get("id") or each.get("name") for each in entries]
    return tuple(name for name in names if isinstance(name, str))


def free_call(model: ModelSettings) -> str | None:
    """The address where the model's server lists its models; None where none is known."""
    provider = model.model.partition("/")[0]
    if model.base_url is None:
        return _PROVIDERS.get(provider)
    return model.base_url + ("/api/tags" if provider.startswith("ollama") else "/models")


async def ask_model(model: ModelSettings, url: str) -> Answer:
    """Ask the model's server for its list of models, with the key."""
    key = model.api_key.get_secret_value() if model.api_key else ""
    if model.model.startswith("anthropic/"):
        return await get(url, {"x-api-key": key, "anthropic-version": "2023-06-01"})
    if model.model.startswith("gemini/"):
        return await get(url, {"x-goog-api-key": key})  # in its address it would be logged
    return await get(url, {"Authorization": f"Bearer {key}"} if key else None)
