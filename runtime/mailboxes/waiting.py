"""Why what is parked waits: for a yes, for a person who looks, or for money."""

from runtime.approvals.cards import short_id
from runtime.ids import ConversationId, TurnId
from runtime.model.approval import Approval, ApprovalState
from runtime.model.value import value
from runtime.ports import Store


@value(kw_only=True)
class Wait:
    """A turn that waits.

    Attributes:
        turn: which.
        conversation: its conversation.
        what: what for, in words that follow *for*.
        ended_by: what people do that ends the waiting, a clause; empty where `what` says it.
    """

    turn: TurnId
    conversation: ConversationId
    what: str
    ended_by: str = ""


async def waits(store: Store) -> list[Wait]:
    """What is known of turns that wait; of a turn that asked several things, the oldest first."""
    asked = await store.approvals.open()
    asked += await store.approvals.unclear()
    found = [_of(one) for one in asked]
    found += [
        Wait(turn=one.turn, conversation=one.conversation, what="budget (`/budget` tells more)")
        for one in await store.budgets.pauses()
    ]
    return found


def _of(approval: Approval) -> Wait:
    this, tool = short_id(approval), approval.frozen.tool
    what = f"approval `{this}` of `{tool}`"
    ended_by = f"its buttons decide, or `/approve {this}` and `/approve deny {this}`"
    if approval.state is ApprovalState.UNKNOWN:
        what = f"a person's answer whether `{tool}` happened (`/approve show {this}`)"
        ended_by = ""
    return Wait(
        turn=approval.turn, conversation=approval.conversation, what=what, ended_by=ended_by
    )
