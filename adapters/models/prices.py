"""What LiteLLM's own list knows of models: prices, windows, abilities.

The list is a file of three megabytes in its package. One entry is looked for in the mapped file and
read alone: neither the package nor the rest of the list is brought in. Its prices are in dollars
for a token, as its maintainers collect them; they can be wrong, and a team's own are taken first.
"""

import importlib.util
import json
import mmap
import re
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path

from runtime.model.completion import Price
from runtime.model.value import value

_FILE = "model_prices_and_context_window_backup.json"
_LONGEST_ENTRY = 65_536
_TO_MICROS_A_MILLION = Decimal(10) ** 12
_DEAREST = Decimal(1)
"""A dollar for a token: nothing costs that."""
_THOUSAND = 1_000
_INPUT, _OUTPUT = "input_cost_per_token", "output_cost_per_token"
_BY_THE_CALL = ("input_cost_per_request", "input_cost_per_query", "citation_cost_per_token")
_SEARCHES = re.compile(r"\b(search|deep-research|sonar)\b", re.IGNORECASE)
"""In the names of models that search the web at each call, which is paid beside the tokens. For
others the list's `search_context_cost_per_query` is of a tool that is never offered to them."""


@value(kw_only=True)
class Listed:
    """What the list says of a model.

    Attributes:
        prices: by the length of the prompt; empty where it does not say, says 0, or a call
            costs something beside its tokens.
        context_tokens: the longest prompt, or None.
        max_output_tokens: the longest answer, or None.
        tools: it can call tools, or None.
        vision: it can look at pictures, or None.
        prompt_cache: the provider caches prompts.
    """

    prices: tuple[Price, ...]
    context_tokens: int | None
    max_output_tokens: int | None
    tools: bool | None
    vision: bool | None
    prompt_cache: bool


def listed(model: str, *, path: Path | None = None) -> Listed | None:
    """What the list says of LiteLLM's name of a model; None where it does not have it.

    Args:
        model: `openai/gpt-4.1-mini`.
        path: the list; None for the one of the LiteLLM that is installed.
    """
    found = _list() if path is None else path
    entry = None if found is None else _entry(found, model)
    return None if entry is None else _read(entry, searches=_SEARCHES.search(model) is not None)


def _list() -> Path | None:
    spec = importlib.util.find_spec("litellm")  # looks for it, and imports nothing
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((Path(place) / _FILE for place in places), None)


def _entry(path: Path, model: str) -> Mapping[str, object] | None:
    """The entry under the whole name, or under the part after the provider where it is theirs."""
    provider, _, rest = model.partition("/")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            whole = _find(text, model)
            if whole is not None:
                return whole
            part = _find(text, rest) if rest else None
    except (OSError, ValueError):
        return None  # no list is as good as one without the model
    theirs = part is not None and str(part.get("litellm_provider", "")).startswith(provider)
    return part if theirs else None


def _find(text: mmap.mmap, name: str) -> Mapping[str, object] | None:
    key = json.dumps(name).encode() + b": {"
    at = text.find(key)
    if at < 0:
        return None
    begin = at + len(key) - 1
    piece = text[begin : begin + _LONGEST_ENTRY].decode("utf-8", "replace")
    try:
        entry, _ = json.JSONDecoder().raw_decode(piece)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _read(entry: Mapping[str, object], *, searches: bool) -> Listed:
    return Listed(
        prices=() if searches else tuple(_prices(entry)),
        context_tokens=_whole(entry.get("max_input_tokens")) or _whole(entry.get("max_tokens")),
        max_output_tokens=_whole(entry.get("max_output_tokens")),
        tools=_yes_or_no(entry.get("supports_function_calling")),
        vision=_yes_or_no(entry.get("supports_vision")),
        prompt_cache=entry.get("supports_prompt_caching") is True,
    )


def _prices(entry: Mapping[str, object]) -> Iterator[Price]:
    if any(_price(entry.get(name)) for name in _BY_THE_CALL):
        return  # what a call costs by itself has no place in a price for tokens
    tiers = entry.get("tiered_pricing")
    if isinstance(tiers, list):
        steps = [(_begin(tier), tier) for tier in tiers if isinstance(tier, dict)]
        for above, tier in sorted(steps, key=lambda step: step[0]):
            yield from _tier(tier, "", above)
        return
    first = list(_tier(entry, "", 0))
    if not first:
        return
    yield from first
    for above in sorted(_steps(entry)):
        yield from _tier(entry, f"_above_{above // _THOUSAND}k_tokens", above)


def _steps(entry: Mapping[str, object]) -> set[int]:
    """The lengths of a prompt from which on another price holds."""
    beginning, ending = f"{_INPUT}_above_", "k_tokens"
    names = [name for name in entry if name.startswith(beginning) and name.endswith(ending)]
    numbers = [name.removeprefix(beginning).removesuffix(ending) for name in names]
    return {int(number) * _THOUSAND for number in numbers if number.isdecimal()}


def _tier(entry: Mapping[str, object], ending: str, above: int) -> Iterator[Price]:
    """The price with that ending to its names; none where a part of it is missing or zero."""
    put_in = _price(entry.get(_INPUT + ending))
    out = _price(entry.get(_OUTPUT + ending)) or _price(entry.get(_OUTPUT))
    if not put_in or not out:
        return
    thought = _price(entry.get("output_cost_per_reasoning_token")) or 0
    yield Price(
        above_tokens=above,
        input=put_in,
        output=max(out, thought),
        cached_input=_price(entry.get("cache_read_input_token_cost" + ending)),
        cache_write=_price(entry.get("cache_creation_input_token_cost" + ending)),
    )


def _begin(tier: Mapping[str, object]) -> int:
    span = tier.get("range")
    first = span[0] if isinstance(span, list) and span else 0
    return int(first) if isinstance(first, int | float) else 0


def _price(dollars: object) -> int | None:
    """Millionths of a dollar for a million tokens, rounded up; None for what is no price."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | str):
        return None
    try:
        exact = Decimal(str(dollars))
    except InvalidOperation:
        return None
    if not exact.is_finite() or not 0 <= exact < _DEAREST:
        return None
    return int((exact * _TO_MICROS_A_MILLION).to_integral_value(ROUND_CEILING))


def _whole(number: object) -> int | None:
    good = isinstance(number, int | float) and not isinstance(number, bool) and number > 0
    return int(number) if good and isinstance(number, int | float) else None


def _yes_or_no(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
