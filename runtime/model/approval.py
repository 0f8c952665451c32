"""Approvals: a person's yes to exactly these bytes, once, in time.

What was shown is what runs: an approval is bound to the digest of everything that decides what
will happen, and each of its steps is one compare-and-set on its state. No step leads back from
an ended approval, and none from `EXECUTING` to `APPROVED`: what may have happened is asked about,
never done again by itself.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from runtime.errors import Conflict
from runtime.ids import AgentName, ApprovalId, ConversationId, MessageId, ToolCallId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.tools import Risk
from runtime.model.value import value

GRANTED_FOR = timedelta(days=7)
"""How long a yes for a time holds."""


class ApprovalState(StrEnum):
    """Where an approval is."""

    PENDING = "pending"
    """Waits for people; for two-person approvals perhaps for the second one."""
    APPROVED = "approved"
    """Enough people said yes; it may run once."""
    DENIED = "denied"
    EXPIRED = "expired"
    """Nobody decided in time, which is a no."""
    CANCELLED = "cancelled"
    """What asked for it was stopped, or its words were edited into another approval."""
    EXECUTING = "executing"
    """It was about to run, or runs."""
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It was executing when the process died: a person looks and says what became of it."""


class ApprovalEvent(StrEnum):
    """What can happen to an approval."""

    APPROVE = "approve"
    """The last yes that was needed."""
    DENY = "deny"
    EXPIRE = "expire"
    CANCEL = "cancel"
    BEGIN = "begin"
    SUCCEED = "succeed"
    FAIL = "fail"
    LOSE = "lose"
    """The process that ran it died."""


_NEXT: dict[tuple[ApprovalState, ApprovalEvent], ApprovalState] = {
    (ApprovalState.PENDING, ApprovalEvent.APPROVE): ApprovalState.APPROVED,
    (ApprovalState.PENDING, ApprovalEvent.DENY): ApprovalState.DENIED,
    (ApprovalState.PENDING, ApprovalEvent.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.PENDING, ApprovalEvent.CANCEL): ApprovalState.CANCELLED,
    # A yes grows old too: what was approved and did not run in time does not run.
    (ApprovalState.APPROVED, ApprovalEvent.EXPIRE): ApprovalState.EXPIRED,
    (ApprovalState.APPROVED, ApprovalEvent.CANCEL): ApprovalState.CANCELLED,
    (ApprovalState.APPROVED, ApprovalEvent.BEGIN): ApprovalState.EXECUTING,
    (ApprovalState.EXECUTING, ApprovalEvent.SUCCEED): ApprovalState.DONE,
    (ApprovalState.EXECUTING, ApprovalEvent.FAIL): ApprovalState.FAILED,
    (ApprovalState.EXECUTING, ApprovalEvent.LOSE): ApprovalState.UNKNOWN,
    # A person who looked says what became of it.
    (ApprovalState.UNKNOWN, ApprovalEvent.SUCCEED): ApprovalState.DONE,
    (ApprovalState.UNKNOWN, ApprovalEvent.FAIL): ApprovalState.FAILED,
}


def after(state: ApprovalState, event: ApprovalEvent) -> ApprovalState:
    """The state after the event.

    Raises:
        Conflict: the event does not apply in that state.
    """
    try:
        return _NEXT[state, event]
    except KeyError:
        raise Conflict(f"the approval is {state}, so it cannot {event}") from None


def may_follow(event: ApprovalEvent) -> tuple[ApprovalState, ...]:
    """The states in which the event applies."""
    return tuple(state for state, what in _NEXT if what is event)


@value(kw_only=True)
class Frozen:
    """Exactly what will run. It never changes; another wish is another approval.

    Attributes:
        tool: the tool's name.
        schema: the digest of the tool's declaration, so that a tool that changed is another one.
        arguments: the arguments as canonical JSON: the bytes that will be handed over.
        folder: the working folder, or empty where it has none.
        variables: the names of the environment variables that it will see.
        sandbox: the sandbox tier that it will run in, or empty where it is our own code.
        files: for each file that it will use, its path and the digest of its bytes.
    """

    tool: str
    schema: str
    arguments: str
    folder: str = ""
    variables: tuple[str, ...] = ()
    sandbox: str = ""
    files: tuple[tuple[str, str], ...] = ()

    def digest(self) -> str:
        """SHA-256 over all of it, in hexadecimal; fields cannot run into each other."""
        return _digest(
            [
                "nightdesk approval 1",
                self.tool,
                self.schema,
                self.arguments,
                self.folder,
                list(self.variables),
                self.sandbox,
                [list(file) for file in self.files],
            ]
        )


@value(kw_only=True)
class Pattern:
    """Which calls a yes for a time covers: those that differ only in the arguments that vary.

    Attributes:
        frozen: what is the same in all of them; what varies is left out of its arguments.
        varies: the names of the arguments that may be anything, or be left out, in order.
    """

    frozen: Frozen
    varies: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 over all of it, in hexadecimal; where nothing varies, that of the call."""
        if not self.varies:
            return self.frozen.digest()
        return _digest(["nightdesk pattern 1", self.frozen.digest(), list(self.varies)])


def _digest(parts: Sequence[object]) -> str:
    """SHA-256 of the parts as JSON, in hexadecimal. It is stored, so its bytes never change."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def pattern_of(frozen: Frozen, varies: Iterable[str]) -> Pattern:
    """The pattern of the call: all of it is fixed, but for the arguments that vary."""
    names = tuple(sorted(varies))
    if not names:
        return Pattern(frozen=frozen)
    given = json.loads(frozen.arguments)
    fixed = {name: value for name, value in given.items() if name not in names}
    same = json.dumps(fixed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Pattern(frozen=replace(frozen, arguments=same), varies=names)


@value(kw_only=True)
class Vote:
    """One person's yes.

    Attributes:
        by: who, as the configuration names them: one person is one vote, whatever the account.
        at: when.
    """

    by: Principal
    at: datetime


@value(kw_only=True)
class Card:
    """A message that shows the approval, to be brought up to date when that changes.

    Attributes:
        thread: where it is.
        message: its id.
    """

    thread: ThreadRef
    message: MessageId

    def is_in(self, thread: ThreadRef) -> bool:
        """Whether people see it in that thread: it is there, or the thread hangs from it."""
        return thread == self.thread or (
            not self.thread.root and thread == self.thread.under(self.message)
        )


@value(kw_only=True)
class Approval:
    """A question to people, and what became of it.

    Attributes:
        id: drawn by chance, 128 bits and more: whoever knows it has seen a card.
        frozen: exactly what will run.
        digest: of `frozen`, as it was when the question was asked.
        risk: the tool's risk.
        reason: why it has to be asked, in words: the rule.
        turn: the turn that asks.
        call: the call that waits; an edited approval has an id of its own here.
        conversation: the conversation of the turn.
        agent: the agent that asks.
        requester: the person that the agent acts for.
        thread: where that person wrote; None for a run, which nobody is waiting for.
        needed: how many people must say yes; two exclude the requester.
        votes: who said yes so far.
        state: where it is.
        decided_by: who ended the question, or None.
        note: the reason of a no, or how it ended, in words.
        created_at: when it was asked.
        expires_at: when it becomes a no.
        replaces: the approval of which this is an edited one, or None.
        cards: the messages that show it.
        varies: the arguments that a yes for a time to it leaves open, as its card says, in order.
        too_often: it is asked for because a rate is exceeded, so no yes for a time answers it.
        chain: the agents that had the task before, in order: their rules count too.
    """

    id: ApprovalId
    frozen: Frozen
    digest: str
    risk: Risk
    reason: str
    turn: TurnId
    call: ToolCallId
    conversation: ConversationId
    agent: AgentName
    requester: Principal
    thread: ThreadRef | None
    needed: int = 1
    votes: tuple[Vote, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    decided_by: Principal | None = None
    note: str = ""
    created_at: datetime
    expires_at: datetime
    replaces: ApprovalId | None = None
    cards: tuple[Card, ...] = ()
    varies: tuple[str, ...] = ()
    too_often: bool = False
    chain: tuple[AgentName, ...] = ()

    def is_in(self, thread: ThreadRef) -> bool:
        """Whether it was asked in that thread, or is shown in it."""
        return self.thread == thread or any(card.is_in(thread) for card in self.cards)


@value(kw_only=True)
class Grant:
    """A yes for a time: the agent may do what the card said without asking again.

    Attributes:
        id: of the approval that it was given with.
        number: what people call it by; 0 before it is stored.
        agent: who may.
        frozen: what every call that it covers has in common: the bytes that the card showed, but
            for the arguments that vary.
        varies: the arguments that may be anything, in order; none is exactly what was shown.
        digest: of the pattern.
        given_by: who gave it, as the configuration names them; without their role it is void.
        given_at: when.
        expires_at: when it ends.
    """

    id: ApprovalId
    number: int = 0
    agent: AgentName
    frozen: Frozen
    varies: tuple[str, ...] = ()
    digest: str
    given_by: Principal
    given_at: datetime
    expires_at: datetime

    @property
    def pattern(self) -> Pattern:
        """Which calls it covers."""
        return Pattern(frozen=self.frozen, varies=self.varies)
