"""An answer that LiteLLM hands over in one piece, read as a stream of one chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from adapters.models.loading import Completion, FunctionPiece, ToolPiece


@dataclass(slots=True)
class _Call:
    """A tool call; its place among the others, which LiteLLM leaves out, told from its order."""

    index: int | None
    id: str | None
    function: FunctionPiece


@dataclass(slots=True)
class _Delta:
    content: str | None
    tool_calls: Sequence[ToolPiece] | None


@dataclass(slots=True)
class _Choice:
    delta: _Delta


@dataclass(slots=True)
class _Chunk:
    choices: Sequence[_Choice]
    model: str | None


class WholeAnswer:
    """The answer, as `adapters.models.loading.Stream` has one."""

    def __init__(self, completion: Completion) -> None:
        """Read `completion`, which has come to its end."""
        self._completion = completion
        self._read = False

    @property
    def received_finish_reason(self) -> str | None:
        """Why it stopped; LiteLLM says "stop" where the server did not say."""
        choices = self._completion.choices
        return choices[0].finish_reason if choices else None

    def __aiter__(self) -> Self:
        """Iterate over its one chunk."""
        return self

    async def __anext__(self) -> _Chunk:
        """The answer, once."""
        if self._read:
            raise StopAsyncIteration
        self._read = True
        messages = [choice.message for choice in self._completion.choices[:1]]
        choices = [
            _Choice(
                _Delta(
                    message.content,
                    [
                        _Call(place, call.id, call.function)
                        for place, call in enumerate(message.tool_calls or ())
                    ],
                )
            )
            for message in messages
        ]
        return _Chunk(choices, self._completion.model)

    async def aclose(self) -> None:
        """Nothing is open any more."""
