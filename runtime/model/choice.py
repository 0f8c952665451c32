"""Which model answers, and why: the values that the router works with."""

from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from runtime.ids import AgentName, ModelName
from runtime.model.address import Principal, ThreadRef
from runtime.model.completion import ModelInfo
from runtime.model.meter import Scope
from runtime.model.value import value


class Phase(StrEnum):
    """What a model is asked for."""

    CHAT = "chat"
    """A person waits."""
    BRIEFING = "briefing"
    """What is posted for everybody to read."""
    SCHEDULE = "schedule"
    """Any other work at a planned time."""
    HEARTBEAT = "heartbeat"
    """A look whether something needs doing; most often it does not."""


class Preference(StrEnum):
    """What to prefer among models that will do."""

    QUALITY = "quality"
    COST = "cost"
    LATENCY = "latency"


@value(kw_only=True)
class Signal:
    """Words that call for a model.

    Attributes:
        words: any of them, as whole words, in whatever case.
        model: the model.
    """

    words: tuple[str, ...]
    model: ModelName


@value()
class Purse:
    """Whose spending somebody switched to another model, by a card about money.

    Attributes:
        scope: whose spending, as the ledger counts it.
        subject: which of them; empty for the whole team.
    """

    scope: Scope
    subject: str = ""


@value(kw_only=True)
class Chosen:
    """A model that somebody chose.

    Attributes:
        scope: for a thread (without a root: for its whole channel), a person, an agent, or whose
            spending is counted together.
        model: which.
        by: who chose.
        at: when.
    """

    scope: ThreadRef | Principal | AgentName | Purse
    model: ModelName
    by: Principal
    at: datetime


class RoutingLayer(StrEnum):
    """The layers of a choice, in their order."""

    EXPLICIT = "explicit"
    PROFILE = "profile"
    SIGNALS = "signals"
    PREFERENCE = "preference"
    USABLE = "usable"


@value()
class Reason:
    """What one layer did, in words."""

    layer: RoutingLayer
    said: str


@value(kw_only=True)
class Known:
    """A configured model, and how it does.

    Attributes:
        info: what is known of it.
        out: why it cannot be called now; empty where it can.
        wait: seconds until that may be over, or None for not by itself.
        latency: seconds to its first word lately, or None where nothing was measured.
    """

    info: ModelInfo
    out: str = ""
    wait: float | None = None
    latency: float | None = None


@value(kw_only=True)
class Need:
    """What a call needs.

    Attributes:
        phase: what for.
        text: what was said last, for the keywords.
        prompt_tokens: about how long the prompt is.
        answer_tokens: the longest answer.
        tools: tools are offered.
        vision: pictures are shown.
    """

    phase: Phase
    text: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    tools: bool = False
    vision: bool = False


@value(kw_only=True)
class Choice:
    """What was chosen.

    Attributes:
        order: the model to ask first, and those to fall back to; empty where none will do.
        why: says what each layer did, in order. Most choices are never asked.
        wait: where none will do now: seconds until one may, or None.
        left_out: another one was named that cannot be called, or will not do.
    """

    order: tuple[ModelName, ...]
    why: Callable[[], tuple[Reason, ...]] = field(compare=False)
    wait: float | None = None
    left_out: bool = False


@value(kw_only=True)
class Explanation:
    """The last choice in a thread, and what came of it.

    Attributes:
        agent: who answered.
        phase: what for.
        order: as in `Choice`.
        reasons: what each layer did, in order.
        tried: each model that was asked and did not answer, and why.
        answered: the model that did; empty where none did.
        at: when.
    """

    agent: AgentName
    phase: Phase
    order: tuple[ModelName, ...]
    reasons: tuple[Reason, ...]
    tried: tuple[tuple[ModelName, str], ...] = ()
    answered: ModelName = ModelName("")
    at: datetime


@value(kw_only=True)
class Outage:
    """A provider that was taken out until its key changes or an operator says otherwise.

    Attributes:
        provider: which, as `ModelInfo.provider` says it.
        credential: with which key, as `ModelInfo.credential` says it.
        why: what it said.
        since: since when.
    """

    provider: str
    credential: str
    why: str
    since: datetime
