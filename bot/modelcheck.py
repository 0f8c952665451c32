"""What `nightdesk doctor` finds out about a model, without paying for anything."""

from collections.abc import Iterator, Sequence

from adapters.models.catalogue import describe
from bot.diagnosis import Finding, State
from bot.models import config_of
from bot.reach import ask_model, free_call
from bot.settings import ModelSettings, Settings
from runtime.model.choice import Outage
from runtime.model.localtime import show_time
from runtime.pricing import is_in
from runtime.router import why_unpaid

_LAYER = "model"
_NOT_FOUND = 404
_MOST_NAMES = 10


async def look_at(model: ModelSettings | None, *, no_spend: bool, currency: str) -> Finding:
    """Whether it can be called: its price, its key, its server, and whether that has it."""
    if model is None:
        todo = "To connect one: set NIGHTDESK_MODEL, for example ollama_chat/llama3.2."
        return Finding(_LAYER, State.MISSING, "only the built-in assistant", todo)
    name = f"{model.name}: {model.model}"
    info = describe(config_of(model))
    if why := why_unpaid(info, currency):
        todo = f"Write prices = [{{ input = …, output = … }}] under [models.{model.name}], for a "
        if is_in(info, currency):
            todo += "million tokens, or unknown_price = true."
        else:
            todo += f'million tokens in {currency}, and currency = "{currency}".'
        return Finding(_LAYER, State.WRONG, f"{name}, {why}: not called", todo)
    if model.lacks:
        todo = f"Set {' or '.join(model.lacks)}, then start again."
        return Finding(_LAYER, State.MISSING, f"{name}, it has no key: not called", todo)
    url = free_call(model)
    if no_spend and model.base_url is None:
        return Finding(_LAYER, State.OK, f"{name}, not asked (NIGHTDESK_NO_SPEND is set)")
    if url is None:
        return Finding(_LAYER, State.OK, f"{name}, not asked (no free question is known)")
    return await _asked(model, url)


async def _asked(model: ModelSettings, url: str) -> Finding:
    answer = await ask_model(model, url)
    if answer.refused:
        todo = f"Correct the key of {model.name}."
        return Finding(_LAYER, State.WRONG, f"{model.name}: the key is not accepted", todo)
    if not answer.answered:
        todo = f"Check that the server runs and that this machine reaches {url}."
        why = answer.why or f"status {answer.status}"
        return Finding(_LAYER, State.WRONG, f"{model.name}: it cannot be reached ({why})", todo)
    if answer.status == _NOT_FOUND and model.base_url is not None:
        todo = f"Check base_url: {model.base_url}; of most servers it ends in /v1, of Ollama not."
        found = f"{model.name}: the server answers, but there is no list of models at {url}"
        return Finding(_LAYER, State.WRONG, found, todo)
    ours = config_of(model).address is not None
    if ours and answer.models and not _lists(model, answer.models):
        has = ", ".join(answer.models[:_MOST_NAMES])
        todo = f"Unless it takes any name, as llama.cpp does, write one that it has: {has}."
        found = f"{model.name}: the server answers, and does not list {_wanted(model)}"
        return Finding(_LAYER, State.MISSING, found, todo)
    return Finding(_LAYER, State.OK, f"{model.name}: {model.model} answers")


def _wanted(model: ModelSettings) -> str:
    return model.model.partition("/")[2]


def _lists(model: ModelSettings, names: Sequence[str]) -> bool:
    """Whether the model is among them; Ollama says which variant a name without one means."""
    wanted = _wanted(model)
    return wanted in names or f"{wanted}:latest" in names


def taken_out(settings: Settings, outages: Sequence[Outage]) -> Iterator[Finding]:
    """The models that are asked no more since their provider refused the key that they have."""
    known = [describe(config_of(model)) for model in settings.models.values()]
    for outage in outages:
        out = [
            info.name
            for info in known
            if (info.provider, info.credential) == (outage.provider, outage.credential)
        ]
        if out:
            since = show_time(outage.since, settings.team.zone)
            found = f"{', '.join(out)}: not asked since {since}: {outage.why}"
            todo = (
                "Set another key and start again; or, where this one is well by now, write "
                f"/model retry {outage.provider} in a chat."
            )
            yield Finding(_LAYER, State.WRONG, found, todo)
