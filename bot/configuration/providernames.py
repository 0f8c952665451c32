"""Names of providers that nobody has: said before anything else of the model, with the nearest."""

from collections.abc import Mapping
from difflib import get_close_matches

from adapters.models.providers import known_providers
from bot.configuration.document import Document
from bot.configuration.entries import MODEL_EXAMPLE
from bot.configuration.models import ModelEntry
from bot.configuration.problems import NEAR, listed
from runtime.ids import ModelName

_MOST = 3


def what_is_unknown(model: str) -> str:
    """What is wrong with the provider of `opnai/gpt-4.1-mini`; empty where LiteLLM knows it."""
    provider, known = model.partition("/")[0], known_providers()
    if not known or provider in known:
        return ""
    near = get_close_matches(provider.casefold(), sorted(known), n=_MOST, cutoff=NEAR)
    meant = f"did you mean {listed(near)}?" if near else f"write one such as {MODEL_EXAMPLE}"
    return f"LiteLLM knows no provider {provider}: {meant}"


def check_names(document: Document, models: Mapping[ModelName, ModelEntry]) -> None:
    """Note the models of providers that nobody knows; our own client needs none to be known."""
    for name, entry in models.items():
        direct = entry.client == "direct" and entry.base_url is not None
        if wrong := "" if direct else what_is_unknown(entry.model):
            document.problems.value(("models", name, "model"), entry.model, wrong)
