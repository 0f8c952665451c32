"""Which models could make a call for less than the one that is too dear now. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from runtime.ids import ModelName
from runtime.model.budget import NO_MODEL
from runtime.model.choice import Known
from runtime.model.completion import ModelInfo, ModelRequest, is_free, worst_price
from runtime.money.pricing import Worst, is_in, worst_case

_BYTES_PER_TOKEN = 4
"""Of a prompt, about: its worst case counts a token for each byte, which would rule out models into
which it fits."""


def cheaper(
    known: Iterable[Known], request: ModelRequest, *, than: int, currency: str
) -> list[tuple[ModelInfo, Worst]]:
    """The models that can do it for less, with the most that it costs; the cheapest first.

    Those that cost nothing come first of all. What cannot be called now, has no known price or one
    in another currency, cannot call the tools that are offered, or is too small is left out.

    Args:
        known: every configured model.
        request: what is to be asked.
        than: what it may cost with the model that is too dear, in micro-units.
        currency: the team's.
    """
    found = [
        (one.info, worst_case(one.info, _asked(request, one.info), currency=currency))
        for one in known
        if not one.out and _can(one.info, request, currency)
    ]
    less = [(info, worst) for info, worst in found if worst.micros < than and _fits(info, worst)]
    return sorted(less, key=lambda pair: (pair[1].micros, not pair[0].local, pair[0].name))


def costs_less(known: Iterable[Known], than: ModelName, *, currency: str) -> ModelName:
    """The model that costs least of those that cost less by the token; empty where none does.

    It is for calls to come, of which nobody knows how long they are: only price and abilities
    count. What cannot be called now, or cannot call tools while the other one can, is left out.
    """
    models = [one for one in known if worst_price(one.info, 1) is not None]
    dear = next((one.info for one in models if one.info.name == than), None)
    if dear is None:
        return NO_MODEL
    able = [
        one.info
        for one in models
        if not one.out
        and one.info.language_model
        and is_in(one.info, currency)
        and (one.info.tools or not dear.tools)
    ]
    less = [info for info in able if _by_token(info) < _by_token(dear)]
    return min(less, key=_rank).name if less else NO_MODEL


def _rank(info: ModelInfo) -> tuple[int, bool, str]:
    return _by_token(info), not info.local, info.name


def _by_token(info: ModelInfo) -> int:
    """What a token of the prompt and one of the answer cost together."""
    price = worst_price(info, 1)
    return 0 if price is None or is_free(info) else price.input + price.output


def _can(info: ModelInfo, request: ModelRequest, currency: str) -> bool:
    if not info.language_model or (request.tools and not info.tools):
        return False
    return worst_price(info, 1) is not None and is_in(info, currency)


def _asked(request: ModelRequest, info: ModelInfo) -> ModelRequest:
    """The request as that model would get it."""
    most = min(request.max_tokens, info.max_output_tokens or request.max_tokens)
    return request if most == request.max_tokens else replace(request, max_tokens=most)


def _fits(info: ModelInfo, worst: Worst) -> bool:
    length = worst.prompt_tokens // _BYTES_PER_TOKEN + worst.completion_tokens
    return length <= info.context_tokens
