"""Which model answers: five layers, from what somebody said down to what can be called. Pure.

The first three name models, the fourth sorts what an agent may use beside them, and the fifth
leaves out what cannot do it. What is left is asked in that order, the next where one fails.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from runtime.ids import ModelName
from runtime.model.address import Principal, ThreadRef
from runtime.model.choice import (
    Choice,
    Chosen,
    Known,
    Need,
    Phase,
    Preference,
    Purse,
    Reason,
    RoutingLayer,
    Signal,
)
from runtime.model.completion import ModelInfo, worst_price
from runtime.model.meter import Scope
from runtime.model.team import Agent
from runtime.money.pricing import is_in

ASSUMED_LATENCY = 2.0
"""Seconds to the first word of a model that was not measured yet."""
_UNKNOWN_COST = 1 << 62
_HEARTBEAT = Phase.HEARTBEAT

Catalogue = Mapping[ModelName, Known]


def route(
    agent: Agent,
    signals: Sequence[Signal],
    chosen: Sequence[Chosen],
    catalogue: Catalogue,
    need: Need,
) -> Choice:
    """The models to ask, first to last, and why. The same for the same arguments, always.

    Args:
        agent: who answers.
        signals: the words that call for models.
        chosen: what was chosen for the thread, the person and the agent, the nearest first.
        catalogue: every configured model.
        need: what the call needs.
    """
    explicit = [choice.model for choice in chosen]
    profile = _profile(agent, catalogue, need)
    lowered = need.text.lower() if signals else ""
    signalled = [signal for signal in signals if _is_said(signal, need.text, lowered)]
    usual = _sorted(agent, catalogue, need)
    named = [*explicit, *profile, *(signal.model for signal in signalled), *usual]
    order = list(dict.fromkeys(named))
    left, without, wait = _usable(order, catalogue, need)

    def why() -> tuple[Reason, ...]:
        return (
            Reason(RoutingLayer.EXPLICIT, _explicit_words(chosen)),
            Reason(RoutingLayer.PROFILE, _profile_words(agent, profile, need)),
            Reason(RoutingLayer.SIGNALS, _signal_words(signalled, need.text)),
            Reason(RoutingLayer.PREFERENCE, _preference_words(agent, usual)),
            Reason(RoutingLayer.USABLE, "; ".join(f"`{name}`: {cause}" for name, cause in without)),
        )

    return Choice(order=tuple(left), why=why, wait=wait, left_out=bool(without))


def sole(agent: Agent, need: Need) -> ModelName | None:
    """The model of an agent that has one, which `route` gives where nobody chose another.

    None where there is more to it, and `route` has to be asked.
    """
    if need.phase is _HEARTBEAT or agent.phases or agent.models:
        return None
    return agent.model


def will_do(known: Known, need: Need) -> bool:
    """Whether the only model there is can be called and do it: see `_usable`."""
    info = known.info
    lacks = (need.tools and not info.tools) or (need.vision and not info.vision)
    return not (known.out or lacks) and is_priced(info)


# ---- what names a model


def _profile(agent: Agent, catalogue: Catalogue, need: Need) -> list[ModelName]:
    """What the agent has for the phase; for heartbeats what costs least where it has nothing."""
    named = [model for phase, model in agent.phases if phase is need.phase]
    if named or need.phase is not Phase.HEARTBEAT:
        return named
    ours = [name for name in models_in_order(agent) if name in catalogue]
    speaking = [name for name in ours if catalogue[name].info.language_model] or ours
    return sorted(speaking, key=lambda name: _cost(catalogue[name].info, need))


def _is_said(signal: Signal, text: str, lowered: str) -> bool:
    # Most words are not there at all, which is sooner seen without a pattern.
    if not any(word in lowered for word in _lowered(signal.words)):
        return False
    return _pattern(signal.words).search(text) is not None


@lru_cache(maxsize=256)
def _lowered(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


@lru_cache(maxsize=256)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


# ---- what sorts the rest


def models_in_order(agent: Agent) -> list[ModelName]:
    """The models that the agent names, the first of them first."""
    return list(dict.fromkeys((agent.model, *agent.models)))


def _sorted(agent: Agent, catalogue: Catalogue, need: Need) -> list[ModelName]:
    """What the agent may use, the preferred first; of equals the one that it names first."""
    ours = models_in_order(agent)
    match agent.prefer:
        case None:
            return ours
        case Preference.COST:
            return sorted(ours, key=lambda name: _cost_of(catalogue.get(name), need))
        case Preference.LATENCY:
            return sorted(ours, key=lambda name: _latency(catalogue.get(name)))
        case Preference.QUALITY:
            return sorted(ours, key=lambda name: _worth(catalogue.get(name)))


def _cost_of(known: Known | None, need: Need) -> tuple[int, int]:
    return (1, _UNKNOWN_COST) if known is None else _cost(known.info, need)


def _cost(info: ModelInfo, need: Need) -> tuple[int, int]:
    """Local ones first, then by the most that the call can cost; what is not known comes last."""
    price = worst_price(info, need.prompt_tokens)
    if price is None:
        return (1, _UNKNOWN_COST)
    cost = price.input * max(need.prompt_tokens, 1) + price.output * max(need.answer_tokens, 1)
    return (0 if info.local else 1, cost)


def _latency(known: Known | None) -> float:
    measured = known.latency if known is not None else None
    return ASSUMED_LATENCY if measured is None else measured


def _worth(known: Known | None) -> tuple[int, int]:
    """By what the team says of it; where it says nothing, what costs more is held for better."""
    if known is None:
        return (0, 0)
    first = known.info.prices[0] if known.info.prices else None
    return (-known.info.quality, -first.output if first is not None else 0)


# ---- what leaves models out


def _usable(
    order: Sequence[ModelName], catalogue: Catalogue, need: Need
) -> tuple[list[ModelName], Sequence[tuple[ModelName, str]], float | None]:
    """Those that can be called and will do, why not each of the others, and how long to wait."""
    missing = [(name, "it is not set up") for name in order if name not in catalogue]
    known = {name: catalogue[name] for name in order if name in catalogue}
    unfit = dict(_unfit(known, need))
    able = [name for name in known if name not in unfit]
    out = [(name, known[name].out) for name in able if known[name].out]
    left = [name for name in able if not known[name].out]
    waits = [known[name].wait for name in able]
    wait = min((wait for wait in waits if wait is not None), default=None) if not left else None
    return left, (*missing, *unfit.items(), *out), wait


def _unfit(known: Mapping[ModelName, Known], need: Need) -> Iterator[tuple[ModelName, str]]:
    """Those that cannot do it. Where none has the room, all have: it is summarised for them."""
    length = need.prompt_tokens + need.answer_tokens
    roomy = any(length <= each.info.context_tokens for each in known.values())
    for name, each in known.items():
        info = each.info
        if not is_priced(info):
            yield name, "its price is not known"
        elif need.tools and not info.tools:
            yield name, "it cannot call tools"
        elif need.vision and not info.vision:
            yield name, "it cannot look at pictures"
        elif roomy and length > info.context_tokens:
            yield name, f"{length:,} tokens do not fit into its {info.context_tokens:,}"


def is_priced(info: ModelInfo) -> bool:
    """Whether it is known what a call costs, or nobody minds."""
    free = info.local or not info.language_model
    return bool(info.prices) or free or info.unpriced_allowed


def why_unpaid(info: ModelInfo, currency: str) -> str:
    """Why no budget in that currency can pay a call; empty where one can."""
    if not is_priced(info):
        return "its price is not known"
    if not is_in(info, currency):
        return f"it is paid in {info.currency}, and the team's budget is in {currency}"
    return ""


# ---- in words


def _explicit_words(chosen: Sequence[Chosen]) -> str:
    said = [f"`{choice.model}` is set {_scope_words(choice)}" for choice in chosen]
    return ", ".join(said) or "nothing is set"


def _scope_words(choice: Chosen) -> str:
    match choice.scope:
        case ThreadRef(root=""):
            return "for this channel"
        case ThreadRef():
            return "for this thread"
        case Principal():
            return "for whoever asked"
        case Purse(scope=Scope.ORGANISATION):
            return "for the whole team, by a card about money"
        case Purse(scope=scope):
            return f"for this {scope}, by a card about money"
        case _:
            return f"for the agent {choice.scope}"


def _profile_words(agent: Agent, profile: Sequence[ModelName], need: Need) -> str:
    if not profile:
        return f"the agent {agent.name} has no model of its own for {need.phase}"
    if agent.phases and profile[0] in dict(agent.phases).values():
        return f"the agent {agent.name} has `{profile[0]}` for {need.phase}"
    return f"a {need.phase} goes to what is local or costs least: `{profile[0]}`"


def _signal_words(signals: Sequence[Signal], text: str) -> str:
    said = []
    for signal in signals:
        found = _pattern(signal.words).search(text)
        said.append(f"“{found[0] if found else ''}” calls for `{signal.model}`")
    return ", ".join(said) or "no word calls for a model"


def _preference_words(agent: Agent, usual: Sequence[ModelName]) -> str:
    listed = ", ".join(f"`{name}`" for name in usual)
    if agent.prefer is None or len(usual) == 1:
        return f"the agent {agent.name} uses {listed}"
    return f"the agent {agent.name} prefers {agent.prefer}: {listed}"
