"""Whether a tool may run: policy, approvals, grants, and the tools themselves."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from runtime.ids import AgentName, ApprovalId, ConversationId, TurnId
from runtime.model.access import Action
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalEvent, Card, Frozen, Grant, Vote
from runtime.model.files import OutFile
from runtime.model.outbox import OutboxItem
from runtime.model.tools import ToolCall, ToolResult, ToolSpec
from runtime.model.value import value


class Approvals(Protocol):
    """Questions to people, bound to what they were shown. Every change is a compare-and-set."""

    async def ask(self, approval: Approval) -> Approval:
        """Store a question; where the same call of the same turn asked before, that question."""
        ...

    async def get(self, approval: ApprovalId) -> Approval | None:
        """The approval, or None."""
        ...

    async def of_turn(self, turn: TurnId) -> list[Approval]:
        """The approvals that a turn asked for, oldest first.

        An edited one is as old as what it replaces: which of them comes first is not said.
        """
        ...

    async def open(self) -> list[Approval]:
        """Every question that waits for people, oldest first."""
        ...

    async def unclear(self) -> list[Approval]:
        """Every approval that is `UNKNOWN`, and waits for a person to look, oldest first."""
        ...

    async def beginning(self, written: str, *, limit: int = 2) -> list[Approval]:
        """Approvals whose id begins so, whatever became of them, the latest first."""
        ...

    async def count(self, agent: AgentName, *, since: datetime) -> int:
        """How many questions that agent has asked since then, but for those that people edited."""
        ...

    async def vote(
        self, approval: ApprovalId, vote: Vote, *, digest: str, rows: Sequence[OutboxItem] = ()
    ) -> Approval:
        """Note one person's yes; with the last that is needed it is `APPROVED`.

        `digest` is of what the person was shown. `rows` are enqueued in the same transaction.
        The same person's second yes changes nothing.

        Raises:
            Conflict: it is not `PENDING`, its time is over, or it is bound to something else.
        """
        ...

    async def change(
        self,
        approval: ApprovalId,
        event: ApprovalEvent,
        *,
        now: datetime,
        by: Principal | None = None,
        note: str = "",
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Let something happen to it, and enqueue `rows`, in one transaction.

        `BEGIN` is granted once, and before `expires_at` only.

        Raises:
            Conflict: the event does not apply in the state that it is in.
        """
        ...

    async def exchange(
        self,
        old: ApprovalId,
        new: Approval,
        *,
        now: datetime,
        by: Principal,
        note: str,
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Cancel a question, store another instead, and enqueue `rows`, in one transaction.

        Returns the one that was cancelled.

        Raises:
            Conflict: the old one is not `PENDING`, or its time is over when the new one is asked.
                Nothing is asked then.
        """
        ...

    async def overdue(self, *, now: datetime, limit: int = 100) -> list[Approval]:
        """Approvals that wait or were approved, and whose time is over, oldest first."""
        ...

    async def executing(self) -> list[Approval]:
        """Approvals that are executing: at a start, what an earlier life left in between."""
        ...

    async def approved(self) -> list[Approval]:
        """Approvals that people said yes to and that have not begun, oldest first."""
        ...

    async def next_time(self) -> datetime | None:
        """When the next one's time is over, or None."""
        ...

    async def note_card(self, approval: ApprovalId, card: Card) -> None:
        """Remember a message that shows it; a card that is known changes nothing."""
        ...


class Grants(Protocol):
    """What people allowed for a time: calls of one pattern, by one agent."""

    async def add(self, grant: Grant) -> Grant:
        """Store a grant and give it the next number; one that is there already is returned."""
        ...

    async def find(self, agent: AgentName, digest: str, *, now: datetime) -> list[Grant]:
        """The grants in force of the pattern with that digest for the agent, oldest first."""
        ...

    async def active(self, *, now: datetime, since: int = 0, limit: int = 100) -> list[Grant]:
        """Grants that were not revoked and whose time is not over, oldest first.

        None whose number is lower than `since`.
        """
        ...

    async def count(self, *, now: datetime, since: int = 0) -> int:
        """How many of those there are."""
        ...

    async def revoke(
        self, number: int, *, now: datetime, by: Principal | None = None
    ) -> Grant | None:
        """End the grant of that number, as that person wants.

        None where there is none that is in force.
        """
        ...


class Verdict(StrEnum):
    """What policy says of a tool call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@value(kw_only=True)
class ToolContext:
    """In whose name, and where, a tool runs. From the signed event, never from the model.

    Attributes:
        turn: the turn that calls.
        conversation: the conversation it is in.
        agent: the agent that calls.
        requester: the person it acts for.
        thread: where the person wrote; None for a run, which nobody is waiting for.
        attended: a person is there to be asked.
        files: the files of this conversation, as its log names them: those that came in, and those
            that were made in it.
        sending: those of them that this turn made: they go out with its answer.
        chain: the agents that had this before for the same cause, in order.
    """

    turn: TurnId
    conversation: ConversationId
    agent: AgentName
    requester: Principal
    thread: ThreadRef | None
    attended: bool
    files: tuple[OutFile, ...] = ()
    sending: tuple[OutFile, ...] = ()
    chain: tuple[AgentName, ...] = ()


@value(kw_only=True)
class Judged:
    """A verdict and whose it is.

    Attributes:
        verdict: what.
        reason: which rule says so, in words: it is shown on cards, and told to the model.
        needed: how many people must say yes, where they are asked; two exclude the requester.
        notify: it may run, and people are told that it ran.
        too_often: it is asked for because a rate is exceeded, which no grant lifts.
        looked_at: the arguments that rules about the tool look at, whichever rule this is: no yes
            for a time leaves them open.
    """

    verdict: Verdict
    reason: str = ""
    needed: int = 1
    notify: bool = False
    too_often: bool = False
    looked_at: frozenset[str] = frozenset()


class Policy(Protocol):
    """Decides whether a tool may run."""

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        """The verdict. Deterministic: no model is asked.

        Not `counted` where people are asked anyway: it does not happen by itself, so no rate
        counts it, and nobody is notified.
        """
        ...


class Tools(Protocol):
    """The tools an agent has. The executor is the only caller of `run`."""

    def specs(self, agent: AgentName) -> tuple[ToolSpec, ...]:
        """What the agent may call."""
        ...

    def needs(self, name: str) -> Action:
        """The right that the person must have for whom the tool runs.

        `ANY_TOOL`, which only owners have, where it names none, and where there is no such tool.
        """
        ...

    async def frozen(self, call: ToolCall, context: ToolContext) -> Frozen:
        """Exactly what would run, from the tools as they are now.

        What the arguments mean by where, when and by whom the call was asked for is said in them,
        as far as the tool knows: what is frozen again, from there or from nowhere, is the same.

        Raises:
            Refused: there is no such tool, or the arguments do not fit, or they mean another thing
                now; says what would be right.
        """
        ...

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Run it. What is wrong with the arguments is a failed result that says so.

        A `repeatable` tool uses the turn's and the call's ids as its idempotency key.
        """
        ...
