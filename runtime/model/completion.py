"""One call of a model: what it is asked, and what it streams back."""

from dataclasses import dataclass
from enum import StrEnum

from runtime.ids import ModelName
from runtime.model.conversation import Entry
from runtime.model.tools import ToolCall, ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is known of a model.

    Attributes:
        name: the name that configuration gives it.
        context_tokens: how many tokens fit into one call, answer included.
        language_model: False for the offline assistant, which is no language model.
        local: it runs here and costs nothing.
        how_to_connect: for the offline assistant: the one setting that connects a model.
    """

    name: ModelName
    context_tokens: int
    language_model: bool = True
    local: bool = False
    how_to_connect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked.

    Attributes:
        instructions: the system prompt, from configuration, never from a chat.
        entries: the conversation in order, oldest first; the last is what to answer.
        tools: what the model may call.
        max_tokens: the most it may answer.
    """

    instructions: str
    entries: tuple[Entry, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call used; None where the provider did not say, which is not zero."""

    prompt_tokens: int | None
    completion_tokens: int | None


class StopReason(StrEnum):
    """Why the model stopped."""

    COMPLETE = "complete"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
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
