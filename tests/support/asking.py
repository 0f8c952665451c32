"""Approvals in memory, without a desk around them: who was asked, what was said, what was shown."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from adapters.memory.store import MemoryStore
from runtime.approvals.book import ApprovalBook, QuestionLimits
from runtime.approvals.posting import Cards
from runtime.approvals.questions import Questions
from runtime.approvals.service import ApprovalService
from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    MessageId,
    TimeOrderedIds,
    ToolCallId,
    TurnId,
)
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState, Card
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.tools import ToolCall
from runtime.outbox import whole
from runtime.ports import Judged, ToolContext
from runtime.tools.registry import Toolbox
from tests.support import questions
from tests.support.approving import Rules, World, people
from tests.support.build import ANN, DM, T0, TERMINAL
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock

DESK = AgentName("desk")
"""The only agent that has the tool."""


def context(
    *, turn: str = "turn", who: Principal = ANN, thread: ThreadRef | None = DM
) -> ToolContext:
    """In whose name and where a call runs."""
    return ToolContext(
        turn=TurnId(turn),
        conversation=ConversationId("talk"),
        agent=DESK,
        requester=who,
        thread=thread,
        attended=True,
    )


def question(name: str = "a", *, at: datetime = T0, **changes: object) -> Approval:
    """A question that Ann's agent asks in her own conversation, open for an hour."""
    made = questions.question(name, at=at, lasts=QuestionLimits().open_for, thread=DM)
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class QuestionBench:
    """A store, and everything that notes what people say.

    Attributes:
        world: the tool, and the policy.
        resumed: the approvals whose turns went on, as they were then.
        woken: how often the outbox was.
        heard: how often something changed.
        sent: the messages that went out, in order.
    """

    world: World = field(default_factory=lambda: World(Path()))
    limits: QuestionLimits = field(default_factory=QuestionLimits)
    members: Team = field(default_factory=people)
    resumed: list[tuple[ApprovalId, ApprovalState]] = field(default_factory=list)
    woken: int = 0
    heard: int = 0
    sent: list[OutboxItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put it together."""
        self.clock = ManualClock(T0)
        self.store = MemoryStore(clock=self.clock, ids=TimeOrderedIds(self.clock))
        tool = self.world.tool()
        self.tools = Toolbox(
            [tool],
            clock=self.clock,
            ids=TimeOrderedIds(self.clock),
            withheld=lambda agent: frozenset() if agent == DESK else frozenset({tool.name}),
        )
        self.book = ApprovalBook(
            self.store,
            Cards({TERMINAL: MemoryChat()}, team=self.team, split=whole, clock=self.clock),
            team=self.team,
            clock=self.clock,
            resume=self._resume,
            wake_outbox=self._wake,
        )
        self.book.on_change(self._hear)
        self.questions = Questions(self.book, self.tools, self.rules, self.limits)
        self.service = ApprovalService(self.book, self.tools, self.questions)

    @property
    def rules(self) -> Rules:
        """The policy."""
        return self.world.rules

    def team(self) -> Team:
        """The team as it is now."""
        return self.members

    async def ask(self, branch: str = "main", *, call: str = "c1", turn: str = "turn") -> Approval:
        """Let the agent ask for a push, and its card arrive."""
        wanted = ToolCall(
            id=ToolCallId(call), name="git.push", arguments=f'{{"branch":"{branch}"}}'
        )
        where = context(turn=turn)
        frozen = await self.tools.frozen(wanted, where)
        (spec,) = self.tools.specs(DESK)
        judged: Judged = await self.rules.judge(wanted, spec, where)
        asked = await self.questions.ask(frozen, judged, spec, wanted, where)
        await self.deliver()
        return await self.now(asked)

    async def put(self, *approvals: Approval) -> None:
        """Store questions as they are, each with its card delivered."""
        for one in approvals:
            await self.store.approvals.ask(one)
            await self.book.announce(one)
        await self.deliver()

    async def now(self, approval: Approval) -> Approval:
        """The approval as it is stored."""
        found = await self.store.approvals.get(approval.id)
        assert found is not None
        return found

    async def deliver(self) -> list[OutboxItem]:
        """Send what waits to be sent, noting which message shows which approval; what was sent."""
        began = len(self.sent)
        while rows := await self.store.outbox.claim(
            now=self.clock.now(), owner="here", platforms=[TERMINAL]
        ):
            for row in rows:
                self.sent.append(row)
                message = row.draft or MessageId(f"m{len(self.sent)}")
                await self.store.outbox.sent(row.id, row.attempts, message)
                for button in row.content.buttons[:1]:
                    approval = ApprovalId(button.value.partition(":")[0])
                    card = Card(thread=row.thread, message=message)
                    await self.store.approvals.note_card(approval, card)
                    await self.book.shown(approval)
        return self.sent[began:]

    async def _resume(self, approval: Approval) -> None:
        self.resumed.append((approval.id, approval.state))

    def _wake(self) -> None:
        self.woken += 1

    def _hear(self) -> None:
        self.heard += 1
