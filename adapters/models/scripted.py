"""A model whose answers are written by hand: the default of the tests, and of dry runs.

The script is a function from the request to what the model does. It may answer with text, with
tool calls, with an error, or step by step:

    ScriptedModel(lambda request: "Hello.")
    ScriptedModel(lambda request: ["Hel", Pause(3.0), "lo."], clock=clock)
    ScriptedModel(lambda request: ["The disk is", BreakOff()])
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

from runtime.clock import Clock, SystemClock
from runtime.errors import ModelOutputUnusable
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
from runtime.model.value import value


@value()
class Pause:
    """Say nothing for that many seconds of the clock."""

    seconds: float


@value()
class BreakOff:
    """End in the middle, as a lost connection does: the stream raises `ModelOutputUnusable`."""


@value()
class ToolCalls:
    """Ask for tools; nothing follows.

    Attributes:
        calls: the name of each tool and its arguments as JSON text, well-formed or not.
    """

    calls: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, arguments: str = "{}") -> "ToolCalls":
        """Ask for one tool."""
        return cls(((name, arguments),))


Step = str | TextDelta | Finished | Pause | BreakOff | ToolCalls | Exception
"""One thing that the model does. A `Finished` is passed on as it is and ends the answer."""

Script = Callable[[ModelRequest], Step | Sequence[Step]]
"""The model: what it does when asked that."""


class ScriptedModel:
    """A `runtime.ports.ModelPort` that does what its script says.

    Text is streamed in words, like a provider's; a `TextDelta` in exactly that piece.

    Attributes:
        requests: everything it was asked, in order.
        abandoned: how many answers were closed, or cancelled, before their end.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        clock: Clock | None = None,
        context_tokens: int = 8_192,
        usage: Usage | None = None,
    ) -> None:
        self._script = script
        self._clock = clock or SystemClock()
        self._usage = usage or Usage(0, 0)
        self._info = ModelInfo(name=ModelName(name), context_tokens=context_tokens, local=True)
        self.requests: list[ModelRequest] = []
        self.abandoned = 0

    @property
    def info(self) -> ModelInfo:
        """What is known of it: local, and it counts as a language model."""
        return self._info

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Play the script's answer to the request.

        Raises:
            Exception: whatever the script holds at that point.
            ModelOutputUnusable: the script breaks off.
        """
        self.requests.append(request)
        said = ""
        finished = False
        try:
            for step in _steps(self._script(request)):
                if isinstance(step, Pause):
                    await self._clock.sleep(step.seconds)
                    continue
                chunk = self._chunk(step, said)
                finished = isinstance(chunk, Finished)
                said += chunk.text if isinstance(chunk, TextDelta) else ""
                yield chunk
                if finished:
                    return
            finished = True
            yield self._finished(said)
        except (GeneratorExit, asyncio.CancelledError):
            self.abandoned += not finished
            raise

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _chunk(
        self, step: TextDelta | Finished | BreakOff | ToolCalls | Exception, said: str
    ) -> Chunk:
        if isinstance(step, Exception):
            raise step
        if isinstance(step, BreakOff):
            raise ModelOutputUnusable("the answer broke off")
        if isinstance(step, ToolCalls):
            return self._finished(said, step)
        return step

    def _finished(self, said: str, calls: ToolCalls | None = None) -> Finished:
        count = len(self.requests)
        return Finished(
            text=said,
            tool_calls=tuple(
                ToolCall(id=ToolCallId(f"call-{count}-{place}"), name=name, arguments=arguments)
                for place, (name, arguments) in enumerate(calls.calls if calls else (), start=1)
            ),
            reason=StopReason.TOOL_CALLS if calls else StopReason.COMPLETE,
            usage=self._usage,
            model=self._info.name,
        )


def _steps(
    answer: Step | Sequence[Step],
) -> Iterator[TextDelta | Finished | Pause | BreakOff | ToolCalls | Exception]:
    steps = answer if isinstance(answer, Sequence) and not isinstance(answer, str) else [answer]
    for step in steps:
        if isinstance(step, str):
            yield from (TextDelta(piece) for piece in in_words(step))
        else:
            yield step


def in_words(text: str) -> list[str]:
    """Cut the text into words with the blanks after them; joined again they are the text."""
    return re.findall(r"\s*\S+\s*|\s+", text)
