"""Questions to people, as tests put them: one builder for all of them."""

from datetime import datetime, timedelta

from runtime.ids import AgentName, ApprovalId, ConversationId, ToolCallId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, Frozen
from runtime.model.tools import Risk
from tests.support.build import ANN, T0

PUSHED = Frozen(tool="git.push", schema="s1", arguments='{"branch":"main"}')


def question(
    name: str = "a",
    *,
    frozen: Frozen = PUSHED,
    at: datetime = T0,
    lasts: timedelta = timedelta(hours=1),
    requester: Principal = ANN,
    thread: ThreadRef | None = None,
    needed: int = 1,
    turn: str = "turn",
    risk: Risk = Risk.EXTERNAL,
    reason: str = "team rule 3",
) -> Approval:
    """A push that the desk asks for: approval `approval-a` of the call `call-a`."""
    return Approval(
        id=ApprovalId(f"approval-{name}"),
        frozen=frozen,
        digest=frozen.digest(),
        risk=risk,
        reason=reason,
        turn=TurnId(turn),
        call=ToolCallId(f"call-{name}"),
        conversation=ConversationId("talk"),
        agent=AgentName("desk"),
        requester=requester,
        thread=thread,
        needed=needed,
        created_at=at,
        expires_at=at + lasts,
    )
