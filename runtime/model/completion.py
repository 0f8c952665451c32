"""One call of a model: what it is asked, and what it streams back."""

from enum import StrEnum

from runtime.ids import ModelName
from runtime.model.conversation import Entry
from runtime.model.tools import ToolCall, ToolSpec
from runtime.model.value import value


@value(kw_only=True)
class Price:
    """What a call costs, in millionths of the currency for a million tokens.

    Attributes:
        above_tokens: it holds for prompts longer than this; 0 in the first tier.
        input: tokens of the prompt.
        output: tokens of the answer.
        cached_input: tokens of the prompt that the provider read from its cache; None for `input`.
        cache_write: tokens of the prompt that it wrote into its cache; None for `input`.
    """

    above_tokens: int = 0
    input: int
    output: int
    cached_input: int | None = None
    cache_write: int | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether no token of it costs anything."""
        return not (self.input or self.output or self.cached_input or self.cache_write)


FREE = Price(input=0, output=0)
"""What a model on one's own machine costs."""


@value(kw_only=True)
class ModelInfo:
    """What is known of a model.

    Attributes:
        name: the name that configuration gives it.
        context_tokens: how many tokens fit into one call, answer included.
        language_model: False for the offline assistant, which is no language model.
        local: it runs here and costs nothing.
        how_to_connect: for the offline assistant: the one setting that connects a model.
        abilities: for the offline assistant: what it can do, each with an example.
        provider: who is called; models of one provider share its health.
        prices: by the length of the prompt, shortest first; empty where it is not known, which
            is not free.
        currency: of the prices, by its ISO 4217 code.
        unpriced_allowed: it may be called though its price is not known.
        max_output_tokens: the longest answer; None where it is not known.
        tools: it can call tools.
        vision: it can look at pictures.
        streaming: it answers piece by piece.
        prompt_cache: the provider caches the beginning of a prompt where it is marked.
        quality: how good the team holds it for, from 1 to 10; 0 where nobody said.
        credential: tells two keys apart, and says nothing of them; empty for none of ours.
        lacks: the settings that can have its key, where it needs one and none has it.
    """

    name: ModelName
    context_tokens: int
    language_model: bool = True
    local: bool = False
    how_to_connect: str = ""
    abilities: tuple[str, ...] = ()
    provider: str = ""
    prices: tuple[Price, ...] = ()
    currency: str = "USD"
    unpriced_allowed: bool = False
    max_output_tokens: int | None = None
    tools: bool = True
    vision: bool = False
    streaming: bool = True
    prompt_cache: bool = False
    quality: int = 0
    credential: str = ""
    lacks: tuple[str, ...] = ()


def is_free(info: ModelInfo) -> bool:
    """Whether it is known to cost nothing, which is nothing in every currency."""
    return all(price.is_nothing for price in info.prices) if info.prices else info.local


def worst_price(info: ModelInfo, prompt_tokens: int) -> Price | None:
    """The most that a prompt of at most so many tokens can cost; None where that is not known.

    Of every tier that can apply the dearest, part by part: a longer prompt need not cost more.
    """
    tiers = [price for price in info.prices if price.above_tokens < max(prompt_tokens, 1)]
    if not tiers:
        return FREE if info.local and not info.prices else None
    return Price(
        above_tokens=tiers[-1].above_tokens,
        input=max(max(tier.input, tier.cache_write or 0) for tier in tiers),
        output=max(tier.output for tier in tiers),
    )


@value(kw_only=True)
class ModelRequest:
    """What a model is asked.

    Attributes:
        instructions: the system prompt, from configuration, never from a chat.
        entries: the conversation in order, oldest first; the last is what to answer.
        tools: what the model may call.
        max_tokens: the most it may answer.
        temperature: how freely it chooses words; 0 for always the likeliest, None for its own.
    """

    instructions: str
    entries: tuple[Entry, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 2048
    temperature: float | None = None


@value()
class Usage:
    """Tokens that a call used; None where the provider did not say, which is not zero.

    Attributes:
        prompt_tokens: of the whole prompt, those of the cache included.
        completion_tokens: of the answer, what the model thought included.
        cached_tokens: of the prompt, those that the provider read from its cache.
        cache_write_tokens: of the prompt, those that it wrote into its cache.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class StopReason(StrEnum):
    """Why the model stopped."""

    COMPLETE = "complete"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"


@value()
class TextDelta:
    """The next piece of the answer."""

    text: str


@value(kw_only=True)
class Finished:
    """The end of an answer; always the last chunk, exactly once.

    Attributes:
        text: the whole answer.
        tool_calls: the tools the model wants to run, in order.
        reason: why it stopped.
        usage: what it used.
        model: the provider's own name of the model that answered.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    reason: StopReason = StopReason.COMPLETE
    usage: Usage = Usage(None, None)
    model: str = ""


Chunk = TextDelta | Finished
