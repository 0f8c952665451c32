"""What a call may cost at the most, and what it cost. Pure.

Nothing here counts too little. Tokens of a prompt are bounded by its bytes, for no tokenizer makes
more tokens than bytes; an answer by the most that was asked for; both at the dearest price that can
apply. What a provider says it used is believed only where it can be true.
"""

import json
from functools import lru_cache

from runtime.errors import Refused
from runtime.model.completion import ModelInfo, ModelRequest, Price, Usage, is_free, worst_price
from runtime.model.conversation import Entry
from runtime.model.tools import ToolSpec
from runtime.model.value import value

_MILLION = 1_000_000
_FRAME = 64
"""Tokens that a frame around a message or a tool costs at the most, the name of its sender too."""


@value()
class Worst:
    """The most that a call can be.

    Attributes:
        prompt_tokens: tokens that are sent.
        completion_tokens: tokens that are answered.
        micros: what that costs, in micro-units.
    """

    prompt_tokens: int
    completion_tokens: int
    micros: int


@value()
class Cost:
    """What a call cost, in micro-units, and what was odd about that, or empty."""

    micros: int
    note: str = ""


def costs_nothing(info: ModelInfo) -> bool:
    """Whether no call of it counts as money, however long it is: there is nothing to reserve."""
    return is_free(info) or (not info.prices and info.unpriced_allowed)


def is_in(info: ModelInfo, currency: str) -> bool:
    """Whether it is not paid in another currency; what is free, or has no price, is in each."""
    return not info.prices or info.currency == currency or is_free(info)


def worst_case(info: ModelInfo, request: ModelRequest, *, currency: str) -> Worst:
    """The most that a call can cost.

    Raises:
        Refused: its price is not known, or in another currency than the team's; says what to set.
    """
    prompt = _counted(request)
    price = worst_price(info, prompt)
    if price is None:
        if info.unpriced_allowed:
            return Worst(prompt, request.max_tokens, 0)
        raise Refused(
            f"I do not know what the model {info.name} costs, so I do not call it.",
            hint=f"Write its price into [models.{info.name}] in nightdesk.toml.",
        )
    if not is_in(info, currency):
        raise Refused(
            f"The model {info.name} is paid in {info.currency}, and the team's budget is in "
            f"{currency}, so I do not call it.",
            hint=f"Write its price in {currency} into [models.{info.name}] in nightdesk.toml.",
        )
    return Worst(prompt, request.max_tokens, _times(price, prompt, request.max_tokens))


def cost_of(info: ModelInfo, usage: Usage, worst: Worst) -> Cost:
    """What a call cost, from what the provider says it used.

    What it does not say, or says and cannot be, counts as the most that it can have been; and what
    is more than was reserved counts in full.
    """
    notes: list[str] = []
    most = max(info.context_tokens, worst.prompt_tokens, worst.completion_tokens)
    prompt = _believed(usage.prompt_tokens, worst.prompt_tokens, most, "prompt", notes)
    answer = _believed(usage.completion_tokens, worst.completion_tokens, most, "answer", notes)
    price = _price_at(info, prompt)
    if price is None:
        return Cost(0, "its price is not known" if info.unpriced_allowed else "")
    cached = min(max(usage.cached_tokens or 0, 0), prompt)
    written = min(max(usage.cache_write_tokens or 0, 0), prompt - cached)
    micros = _rounded_up(
        (prompt - cached - written) * price.input
        + cached * (price.input if price.cached_input is None else price.cached_input)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + answer * price.output
    )
    if micros > worst.micros:
        notes.append(f"{micros - worst.micros} micro-units more than were reserved")
    return Cost(micros, "; ".join(notes))


def _counted(request: ModelRequest) -> int:
    """A bound on the tokens of the prompt."""
    said = [_said(entry) for entry in request.entries]
    # Put together first: one long text is measured sooner than many short ones.
    whole = _bound(request.instructions + "".join(said)) + _FRAME * len(said)
    return whole + sum([_offered(spec) for spec in request.tools])


def _bound(text: str) -> int:
    """A token for each byte, and what frames the text."""
    return len(text if text.isascii() else text.encode(errors="replace")) + _FRAME


@lru_cache(maxsize=512)
def _offered(spec: ToolSpec) -> int:
    """The bound of a tool that is offered: the same for every call."""
    return _bound(spec.name + spec.description + json.dumps(spec.parameters))


def _said(entry: Entry) -> str:
    if not entry.tool_calls:
        return entry.text + entry.call if entry.call else entry.text
    calls = "".join(call.id + call.name + call.arguments for call in entry.tool_calls)
    return entry.text + calls + (entry.call or "")


def _believed(said: int | None, worst: int, most: int, what: str, notes: list[str]) -> int:
    """The tokens, where they can be true."""
    if said is None:
        notes.append(f"the provider did not say how long the {what} was: the most was counted")
        return worst
    if said < 0:
        notes.append(f"the provider said {said} tokens of {what}: the most was counted")
        return worst
    if said > most:
        notes.append(f"the provider said {said} tokens of {what}: {most} were counted")
        return most
    return said


def _price_at(info: ModelInfo, prompt: int) -> Price | None:
    """The tier that a prompt of that length came into."""
    tiers = [price for price in info.prices if price.above_tokens < max(prompt, 1)]
    return tiers[-1] if tiers else None


def _times(price: Price, prompt: int, answer: int) -> int:
    return _rounded_up(prompt * price.input + answer * price.output)


def _rounded_up(millionths: int) -> int:
    return -(-millionths // _MILLION)
