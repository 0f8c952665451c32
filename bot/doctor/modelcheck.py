"""What `nightdesk doctor` finds out about a model, without paying for anything."""

from collections.abc import Iterator, Mapping, Sequence

from adapters.models.catalogue import describe
from bot.configuration.entries import model_key
from bot.diagnosis import Diagnosis, State
from bot.doctor.freecalls import FREE_CALLS, FreeCall, at_own_address, why_none
from bot.doctor.keycheck import KeyVerdict, Reading, read
from bot.doctor.reach import get
from bot.settings import ModelSettings, Settings
from bot.wiring.models import config_of
from runtime.model.choice import Outage
from runtime.model.localtime import show_time
from runtime.money.pricing import is_in
from runtime.routing.router import why_unpaid

_LAYER = "model"
_MOST_NAMES = 10


async def look_at(
    model: ModelSettings | None,
    *,
    no_spend: bool,
    currency: str,
    calls: Mapping[str, FreeCall] = FREE_CALLS,
) -> Diagnosis:
    """Whether it can be called: its price, its key, its server, and whether that has it.

    Args:
        model: the model; None where there is only the built-in one.
        no_spend: no provider may be asked.
        currency: the team's.
        calls: the free question for each provider.
    """
    if model is None:
        todo = "To connect one: set NIGHTDESK_MODEL, for example ollama_chat/llama3.2."
        return Diagnosis(_LAYER, State.MISSING, "only the built-in assistant", todo)
    name = f"{model.name}: {model.model}"
    info = describe(config_of(model))
    if why := why_unpaid(info, currency):
        todo = f"Write prices = [{{ input = …, output = … }}] under [models.{model.name}], for a "
        if is_in(info, currency):
            todo += "million tokens, or unknown_price = true."
        else:
            todo += f'million tokens in {currency}, and currency = "{currency}".'
        return Diagnosis(_LAYER, State.WRONG, f"{name}, {why}: not called", todo)
    if model.lacks:
        todo = f"Set {' or '.join(model.lacks)}, then start again."
        return Diagnosis(_LAYER, State.MISSING, f"{name}, it has no key: not called", todo)
    if no_spend and model.base_url is None:
        return Diagnosis(_LAYER, State.OK, f"{name}, not asked (NIGHTDESK_NO_SPEND is set)")
    call = _question(model, calls)
    if call is None:
        return Diagnosis(_LAYER, State.OK, f"{name}, not asked ({why_none(model.model)})")
    if model.api_key is None and config_of(model).address is None:
        todo = f"To have it tested: set {model_key(model.name)}."
        return Diagnosis(_LAYER, State.OK, f"{name}, not asked (LiteLLM alone knows its key)", todo)
    return await _asked(model, call)


def _question(model: ModelSettings, calls: Mapping[str, FreeCall]) -> FreeCall | None:
    if model.base_url is None:
        return calls.get(model.model.partition("/")[0])
    return at_own_address(model.model, model.base_url)


async def _asked(model: ModelSettings, call: FreeCall) -> Diagnosis:
    key = model.api_key.get_secret_value() if model.api_key else ""
    reading = read(call, await get(call.url, call.with_key(key)), key)
    match reading.verdict:
        case KeyVerdict.GOOD:
            return await _answers(model, call, reading, key)
        case KeyVerdict.REFUSED:
            found = f"{model.name}: the key is not accepted ({reading.said})"
            return Diagnosis(_LAYER, State.WRONG, found, f"Correct the key of {model.name}.")
        case KeyVerdict.NO_CREDIT:
            found = f"{model.name}: the account of the key has no credit ({reading.said})"
            return Diagnosis(_LAYER, State.WRONG, found, "Pay the provider, or use another model.")
        case KeyVerdict.UNREACHED:
            found = f"{model.name}: it cannot be reached ({reading.said})"
            todo = f"Check that the server runs and that this machine reaches {call.url}."
            return Diagnosis(_LAYER, State.WRONG, found, todo)
        case KeyVerdict.UNCLEAR:
            return _unclear(model, call, reading)


async def _answers(model: ModelSettings, call: FreeCall, reading: Reading, key: str) -> Diagnosis:
    """The answer is there; whether the model is in it, and whether it took the key to get it."""
    ours = config_of(model).address is not None
    if ours and reading.models and not _lists(model, reading.models):
        has = ", ".join(reading.models[:_MOST_NAMES])
        todo = f"Unless it takes any name, as llama.cpp does, write one that it has: {has}."
        found = f"{model.name}: the server answers, and does not list {_wanted(model)}"
        return Diagnosis(_LAYER, State.MISSING, found, todo)
    found = f"{model.name}: {model.model} answers"
    if key:
        bare = read(call, await get(call.url, call.with_key(None)), key)
        if bare.verdict is KeyVerdict.GOOD:
            found += "; it does so without a key, too, so the key was not tested"
    return Diagnosis(_LAYER, State.OK, found)


def _unclear(model: ModelSettings, call: FreeCall, reading: Reading) -> Diagnosis:
    """Something answered, and not with what was asked for."""
    if model.base_url is not None:
        todo = f"Check base_url: {model.base_url}; of most servers it ends in /v1, of Ollama not."
        found = (
            f"{model.name}: the server answers, but there is no list of models at {call.url} "
            f"({reading.said})"
        )
        return Diagnosis(_LAYER, State.WRONG, found, todo)
    todo = "Ask it something in a chat: `/model list` says then whether the key was refused."
    found = f"{model.name}: it is not clear whether the key is good ({reading.said})"
    return Diagnosis(_LAYER, State.MISSING, found, todo)


def _wanted(model: ModelSettings) -> str:
    return model.model.partition("/")[2]


def _lists(model: ModelSettings, names: Sequence[str]) -> bool:
    """Whether the model is among them; Ollama says which variant a name without one means."""
    wanted = _wanted(model)
    return wanted in names or f"{wanted}:latest" in names


def taken_out(settings: Settings, outages: Sequence[Outage]) -> Iterator[Diagnosis]:
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
            yield Diagnosis(_LAYER, State.WRONG, found, todo)
