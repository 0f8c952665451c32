"""The offline assistant: what answers where no language model is connected.

It is deterministic and costs nothing. It understands a fixed grammar (`adapters.models.intents`),
answers from facts that it asks a tool for, makes schedules through the same tool as a model would,
and says of anything else that it needs a model. It never imitates a chat.
"""

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from adapters.models.scripted import in_words
from runtime.ids import ModelName, ToolCallId
from runtime.model.completion import (
    Chunk,
    Finished,
    ModelInfo,
    ModelRequest,
    StopReason,
    TextDelta,
    Usage,
)
from runtime.model.tools import ToolCall

if TYPE_CHECKING:
    from adapters.models.dialogue import ToolWanted

HOW_TO_CONNECT = (
    "One setting connects a model: `NIGHTDESK_MODEL`, for example "
    "`NIGHTDESK_MODEL=ollama_chat/llama3.2`, or `openai/gpt-4.1-mini` with its key."
)
"""The sentence that names the one setting, where the wiring gives no other."""

ABILITIES = tuple(
    """\
say what is scheduled, what ran, failed or was missed, what waits, what was spent and what may be \
spent: "what failed last night?"
make schedules and reminders: "every weekday at 8:30 post the morning briefing", \
"remind me in 2 hours to call Bob"
ask people first: "ask us first, then post the morning briefing"
repeat what a briefing said: "tell me more about the first\"""".splitlines()
)
"""What it can do, in its own words: said in a conversation, and by `/model`."""

_WORDS_IN_A_PIECE = 4
_CONTEXT_TOKENS = 128_000


class OfflineModel:
    """A `runtime.ports.ModelPort` that is no language model, and says so."""

    def __init__(
        self, name: ModelName = ModelName("offline"), *, how_to_connect: str = HOW_TO_CONNECT
    ) -> None:
        """Take the name it has in configuration, and the sentence that names the one setting."""
        self._info = ModelInfo(
            name=name,
            context_tokens=_CONTEXT_TOKENS,
            language_model=False,
            local=True,
            how_to_connect=how_to_connect,
            abilities=ABILITIES,
        )
        self._loaded = False

    @property
    def info(self) -> ModelInfo:
        """Not a language model, and how to connect one."""
        return self._info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Answer the last message of a person, or the instruction of a schedule. Never raises."""
        if not self._loaded:
            # Its grammar takes 60 ms to load, and where a model is connected nobody asks it.
            await asyncio.to_thread(importlib.import_module, "adapters.models.dialogue")
            self._loaded = True
        from adapters.models.dialogue import Dialogue, ToolWanted  # noqa: PLC0415 - as above

        reply = Dialogue(request, self._info).reply()
        if isinstance(reply, ToolWanted):
            yield self._finished("", (_tool_call(reply, request),))
            return
        words = in_words(reply)
        for begin in range(0, len(words), _WORDS_IN_A_PIECE):
            yield TextDelta("".join(words[begin : begin + _WORDS_IN_A_PIECE]))
        yield self._finished(reply)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _finished(self, text: str, calls: tuple[ToolCall, ...] = ()) -> Finished:
        return Finished(
            text=text,
            tool_calls=calls,
            reason=StopReason.TOOL_CALLS if calls else StopReason.COMPLETE,
            usage=Usage(0, 0),
            model=self._info.name,
        )


def _tool_call(call: "ToolWanted", request: ModelRequest) -> ToolCall:
    count = sum(len(entry.tool_calls) for entry in request.entries)
    return ToolCall(
        id=ToolCallId(f"offline-{count + 1}"),
        name=call.name,
        arguments=json.dumps(call.arguments, ensure_ascii=False),
    )
