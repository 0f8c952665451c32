"""Policy and budget before there are rules: everything passes, and says so.

They hold the places that the authority and money parts of Nightdesk take: the turn already asks
both before it acts, so that those parts replace two lines of the wiring and no turn.
"""

from runtime.ids import TurnId
from runtime.model.completion import Chunk, ModelInfo, ModelRequest
from runtime.model.tools import Risk, ToolCall, ToolSpec
from runtime.ports import Judged, ToolContext, Verdict


class InnerToolsOnly:
    """Allows what reads or writes Nightdesk's own state, and denies whatever reaches further."""

    async def judge(self, call: ToolCall, spec: ToolSpec, context: ToolContext) -> Judged:  # noqa: ARG002 - the port's signature
        """`ALLOW` for the risks read and write, `DENY` for external and dangerous."""
        inner = spec.risk in (Risk.READ, Risk.WRITE)
        verdict = Verdict.ALLOW if inner else Verdict.DENY
        return Judged(verdict=verdict, reason=f"{spec.risk} tools")


class Unlimited:
    """Holds nothing back: there are no limits to keep yet."""

    async def reserve(self, turn: TurnId, model: ModelInfo, request: ModelRequest) -> str:  # noqa: ARG002 - the port's signature
        """A hold that stands for nothing but names the call."""
        return str(turn)

    async def settle(self, hold: str, finished: Chunk | None) -> None:
        """Nothing was held, so nothing is settled."""
