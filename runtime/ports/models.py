"""Language models, and the money they cost."""

from collections.abc import AsyncIterator
from typing import Protocol

from runtime.ids import TurnId
from runtime.model.completion import Chunk, ModelInfo, ModelRequest


class ModelPort(Protocol):
    """A language model, or what stands in for one."""

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Ask; yields text as it comes and ends with exactly one `Finished`.

        Closing the iterator early stops the call.

        Raises:
            ModelTimeout: no answer in time, or none within the idle limit while streaming.
            ModelRateLimited: slow down.
            ModelKeyRefused: the key is wrong.
            ModelUnavailable: the server failed or cannot be reached.
            ModelOutputUnusable: the answer is garbage, empty, or broke off.
            ContextTooLong: shorten the conversation.
            SpendingForbidden: a paid model in a test.
        """
        ...


class Budget(Protocol):
    """Keeps spending inside its limits."""

    async def reserve(self, turn: TurnId, model: ModelInfo, request: ModelRequest) -> str:
        """Hold the worst case of a call; returns the hold.

        Raises:
            Refused: a limit would be passed; says which.
        """
        ...

    async def settle(self, hold: str, finished: Chunk | None) -> None:
        """Replace the hold by what was used; None where the call failed."""
        ...
