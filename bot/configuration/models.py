"""`[models.<name>]`, `[routing]`, `[[signals]]`, and what `[[agents]]` say of models."""

import re
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from bot.configuration.entries import (
    MODEL_EXAMPLE,
    AgentEntry,
    Entry,
    Switch,
    Text,
    is_model,
    number,
    seconds,
    tokens,
    web_address,
)
from bot.configuration.problems import did_you_mean, listed
from runtime.ids import AgentName, ModelName
from runtime.model.choice import Phase, Preference, Signal
from runtime.model.completion import Price
from runtime.model.team import Agent

_CURRENCY = re.compile(r"[A-Z]{3}")
_CLIENTS = ("direct", "litellm")
_PHASES = tuple(str(phase) for phase in Phase)
_PREFERENCES = tuple(str(preference) for preference in Preference)
_PRICE_KEYS = ("input", "output", "cached_input", "cache_write", "above_tokens")
_PRICES = "write prices for a million tokens, such as [{ input = 0.40, output = 1.60 }]"
_MICROS = 1_000_000
_DEAREST = 1_000_000
"""For a million tokens; more is a price for something else."""
_HOTTEST = 2.0
_BEST = 10
_MOST_WORDS = 200


def _model(value: str) -> str:
    if not is_model(value):
        raise ValueError(f"a model is written as provider/model, such as {MODEL_EXAMPLE}")
    return value


def _client(value: str) -> str:
    if value not in _CLIENTS:
        raise ValueError(did_you_mean(value, _CLIENTS, f"it is {listed(_CLIENTS)}"))
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise ValueError('write the three capital letters of a currency, such as "USD" or "EUR"')
    return value


def _prices(value: object) -> tuple[Price, ...]:
    """Prices by the length of the prompt, the first from 0 on, each longer than the one before."""
    said: list[object] = value if isinstance(value, list) else [value]
    prices = tuple(_price(each) for each in said)
    above = [price.above_tokens for price in prices]
    if not prices or above[0] != 0 or sorted(set(above)) != above:
        raise ValueError("the first price is for every prompt, the next for above_tokens = … more")
    return prices


def _price(value: object) -> Price:
    if not isinstance(value, dict):
        raise ValueError(_PRICES)
    for key in value:
        if key not in _PRICE_KEYS:
            raise ValueError(did_you_mean(str(key), _PRICE_KEYS, f"it has {listed(_PRICE_KEYS)}"))
    if "input" not in value or "output" not in value:
        raise ValueError(_PRICES)
    above = value.get("above_tokens", 0)
    if isinstance(above, bool) or not isinstance(above, int) or above < 0:
        raise ValueError("above_tokens is a whole number of tokens")
    cached, written = value.get("cached_input"), value.get("cache_write")
    return Price(
        above_tokens=above,
        input=_micros(value["input"]),
        output=_micros(value["output"]),
        cached_input=None if cached is None else _micros(cached),
        cache_write=None if written is None else _micros(written),
    )


def _micros(value: object) -> int:
    """Millionths, exact: what the file says is read as it is written, and rounded up."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_PRICES)
    exact = Decimal(str(value))
    if not exact.is_finite() or not 0 <= exact <= _DEAREST:
        raise ValueError(f"a price is from 0 to {_DEAREST}, for a million tokens")
    return int((exact * _MICROS).to_integral_value(ROUND_CEILING))


def _quality(value: float) -> int:
    if value != int(value) or not 1 <= value <= _BEST:
        raise ValueError(f"write a whole number from 1 to {_BEST}, the best")
    return int(value)


def _answer_tokens(value: float) -> int:
    if value != int(value) or value < 1:
        raise ValueError("write a whole number of tokens, at least 1")
    return int(value)


def _temperature(value: float) -> float:
    if not 0 <= value <= _HOTTEST:
        raise ValueError(f"write a number from 0 (always the likeliest words) to {_HOTTEST:g}")
    return value


def _prefer(value: str) -> Preference:
    if value not in _PREFERENCES:
        raise ValueError(did_you_mean(value, _PREFERENCES, f"it is {listed(_PREFERENCES)}"))
    return Preference(value)


def _names(value: object) -> tuple[str, ...]:
    said: list[object] = value if isinstance(value, list) else [value]
    names = tuple(each.strip() for each in said if isinstance(each, str) and each.strip())
    if len(names) < len(said):
        raise ValueError('write a list of texts, such as ["large", "local"]')
    if len(set(names)) < len(names):
        raise ValueError("one of them is there twice")
    return names


def _words(value: object) -> tuple[str, ...]:
    words = _names(value)
    if not 1 <= len(words) <= _MOST_WORDS:
        raise ValueError(f"write 1 to {_MOST_WORDS} words")
    return words


def _phases(value: object) -> tuple[tuple[Phase, str], ...]:
    if not isinstance(value, dict):
        raise ValueError('write { heartbeat = "local", briefing = "large" }')
    found = []
    for key, model in value.items():
        if key not in _PHASES:
            raise ValueError(did_you_mean(str(key), _PHASES, f"the phases are {listed(_PHASES)}"))
        if not isinstance(model, str) or not model.strip():
            raise ValueError("a phase has the name of a model, in quotes")
        found.append((Phase(key), model.strip()))
    return tuple(found)


Prefer = Annotated[Preference, BeforeValidator(_prefer), BeforeValidator(str)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class ModelEntry(Entry):
    """`[models.<name>]`."""

    model: Annotated[Text, AfterValidator(_model)]
    base_url: Annotated[Text, AfterValidator(web_address)] | None = None
    context_tokens: Annotated[int, BeforeValidator(tokens), BeforeValidator(number)] | None = None
    timeout_seconds: Annotated[float, AfterValidator(seconds), BeforeValidator(number)] = Field(
        default=60.0
    )
    client: Annotated[Text, AfterValidator(_client)] | None = None
    prices: Annotated[tuple[Price, ...], BeforeValidator(_prices)] | None = None
    currency: Annotated[Text, AfterValidator(_currency)] = "USD"
    unknown_price: Switch = False
    max_output_tokens: (
        Annotated[int, BeforeValidator(_answer_tokens), BeforeValidator(number)] | None
    ) = None
    tools: Switch | None = None
    vision: Switch | None = None
    streaming: Switch = True
    quality: Annotated[int, BeforeValidator(_quality), BeforeValidator(number)] = Field(default=0)


class RoutingEntry(Entry):
    """`[routing]`."""

    models: Names = ()
    prefer: Prefer | None = None
    unknown_prices: Switch = False


class SignalEntry(Entry):
    """`[[signals]]`."""

    words: Annotated[tuple[str, ...], BeforeValidator(_words)]
    model: Text

    def signal(self) -> Signal:
        """The words and the model that they call for."""
        return Signal(words=self.words, model=ModelName(self.model))


class RoutedAgentEntry(AgentEntry):
    """`[[agents]]`, with what it says of models."""

    models: Names = ()
    prefer: Prefer | None = None
    phases: Annotated[tuple[tuple[Phase, str], ...], BeforeValidator(_phases)] = ()
    temperature: Annotated[float, AfterValidator(_temperature), BeforeValidator(number)] | None = (
        None
    )

    def named(self) -> Iterator[tuple[str, str]]:
        """Each model that it names, with the key under which it does."""
        yield "model", self.model
        yield from (("models", name) for name in self.models)
        yield from (("phases", name) for _, name in self.phases)

    def agent(
        self, instructions: str, hands_to: tuple[AgentName, ...], routing: RoutingEntry
    ) -> Agent:
        """The agent; what it does not say of models, `[routing]` says."""
        return Agent(
            name=AgentName(self.name),
            model=ModelName(self.model),
            instructions=instructions,
            hands_to=hands_to,
            sharing=self.shared_state,
            models=tuple(map(ModelName, self.models or routing.models)),
            prefer=self.prefer or routing.prefer,
            phases=tuple((phase, ModelName(name)) for phase, name in self.phases),
            temperature=self.temperature,
        )
