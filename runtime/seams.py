"""The budget before there are limits: everything passes, and says so.

It holds the place that the money part of Nightdesk takes: the turn already asks it before it acts,
so that that part replaces a line of the wiring and no turn.
"""

from runtime.ids import TurnId
from runtime.model.completion import Chunk, ModelInfo, ModelRequest


class Unlimited:
    """Holds nothing back: there are no limits to keep yet."""

    async def reserve(self, turn: TurnId, model: ModelInfo, request: ModelRequest) -> str:  # noqa: ARG002 - the port's signature
        """A hold that stands for nothing but names the call."""
        return str(turn)

    async def settle(self, hold: str, finished: Chunk | None) -> None:
        """Nothing was held, so nothing is settled."""
