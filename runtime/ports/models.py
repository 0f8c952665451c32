"""Language models, and the money they cost."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from runtime.ids import AgentName
from runtime.model.completion import Chunk, Finished, ModelInfo, ModelRequest
from runtime.model.ledger import OverBudget
from runtime.model.turn import Turn


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
            ModelMissing: the server has no such model, or nothing answers at its address.
            ModelUnavailable: the server failed or cannot be reached; it says whether that is paid.
            ModelOutputUnusable: the answer is garbage, empty, or broke off.
            ContextTooLong: shorten the conversation.
            SpendingForbidden: a paid model in a test.
        """
        ...


class Paid(Protocol):
    """A call while it is made: whoever makes it says here how far it came."""

    def began(self) -> None:
        """The answer begins to come: from now on the provider charges for it."""
        ...

    def ended(self, finished: Finished) -> None:
        """The answer has come, with what it used."""
        ...


class Budget(Protocol):
    """Keeps spending inside its limits."""

    def call(
        self, turn: Turn, agent: AgentName, model: ModelInfo, request: ModelRequest
    ) -> AbstractAsyncContextManager[Paid]:
        """Hold the worst case of one call while it is made, and settle it at what it cost.

        Each try of a call is a call. Where no end is told, all counts that the call may have cost;
        nothing where the provider refused it or could not be reached before an answer began.

        Raises:
            OverBudget: a limit would be passed; says which. Nothing is held, and the turn waits.
            Refused: it may not be called at all; says why.
        """
        ...

    async def wait(self, turn: Turn, over: OverBudget) -> None:
        """Remember that the turn waits until there is money, and tell people.

        Called before the turn is parked, so that a crash in between loses nothing: the turn is
        taken up again then, and this may be done again.
        """
        ...

    async def parked(self) -> None:
        """A turn is parked now: look whether there is money meanwhile."""
        ...

    async def footer(self, turn: Turn) -> str:
        """What stands under the turn's answer about its cost; empty where it cost nothing."""
        ...
