"""Approvals as rows, and back: see `adapters.sql.approvals`."""

from collections.abc import Sequence

import msgspec

from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.threads import thread_of
from adapters.sql.transaction import Row, Value
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    MessageId,
    Platform,
    ToolCallId,
    TurnId,
)
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState, Card, Frozen, Vote
from runtime.model.tools import Risk
from runtime.model.value import value


class _Question(msgspec.Struct, kw_only=True):
    """What was asked. It never changes."""

    frozen: Frozen
    risk: Risk
    reason: str
    requester: Principal
    thread: ThreadRef | None
    needed: int
    replaces: ApprovalId | None = None
    varies: tuple[str, ...] = ()
    too_often: bool = False
    chain: tuple[AgentName, ...] = ()


class _Origin(msgspec.Struct):
    """Of what was asked, only what it was edited from: to read it takes no time."""

    replaces: ApprovalId | None = None


_question = decoder(_Question)
_origin = decoder(_Origin)
_principal = decoder(Principal)


@value()
class Whole:
    """The rows of one approval."""

    row: Row
    votes: Sequence[Row]
    cards: Sequence[Row]


def row_of(approval: Approval) -> dict[str, Value]:
    """The row of a question; its votes and cards are rows of their own."""
    question = _Question(
        frozen=approval.frozen,
        risk=approval.risk,
        reason=approval.reason,
        requester=approval.requester,
        thread=approval.thread,
        needed=approval.needed,
        replaces=approval.replaces,
        varies=approval.varies,
        too_often=approval.too_often,
        chain=approval.chain,
    )
    return {
        "id": approval.id,
        "turn": approval.turn,
        "call": approval.call,
        "conversation": approval.conversation,
        "agent": approval.agent,
        "digest": approval.digest,
        "state": approval.state.value,
        "decided": encode(approval.decided_by) if approval.decided_by else None,
        "note": approval.note,
        "created_at": micros(approval.created_at),
        "expires_at": micros(approval.expires_at),
        "body": encode(question),
    }


def is_edited(body: str) -> bool:
    """Whether a person asked it by editing another question."""
    return _origin(body).replaces is not None


def approval_of(whole: Whole) -> Approval:
    """The approval that the rows hold."""
    this, turn, call, talk, agent, digest, state, decided, note, created, expires, body = whole.row
    question = _question(body)
    return Approval(
        id=ApprovalId(this),
        frozen=question.frozen,
        digest=digest,
        risk=question.risk,
        reason=question.reason,
        turn=TurnId(turn),
        call=ToolCallId(call),
        conversation=ConversationId(talk),
        agent=AgentName(agent),
        requester=question.requester,
        thread=question.thread,
        needed=question.needed,
        votes=tuple(
            Vote(by=Principal(Platform(platform), workspace, user), at=moment(at))
            for platform, workspace, user, at in whole.votes
        ),
        state=ApprovalState(state),
        decided_by=_principal(decided) if decided else None,
        note=note,
        created_at=moment(created),
        expires_at=moment(expires),
        replaces=question.replaces,
        varies=question.varies,
        too_often=question.too_often,
        chain=question.chain,
        cards=tuple(
            Card(thread=thread_of(*address), message=MessageId(message))
            for *address, message in whole.cards
        ),
    )
