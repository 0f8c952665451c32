"""A chat platform in memory: what was sent, in order, and faults on demand."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runtime.errors import Ambiguous
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits
from tests.support.build import TERMINAL


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that people see.

    Attributes:
        item: the outbox row it came from.
        message: its id.
    """

    item: OutboxItem
    message: MessageId

    @property
    def text(self) -> str:
        """What it says."""
        return self.item.content.text

    @property
    def thread(self) -> ThreadRef:
        """Where it was sent to."""
        return self.item.thread


@dataclass(slots=True)
class MemoryChat:
    """A `runtime.ports.ChatPort` that keeps what it is given.

    Attributes:
        shown: what people see, in order.
        faults: raised by the next sends, one each; `Ambiguous` after the message was shown.
        statuses: every status line, in order.
        drafts: every state of every growing answer, in order.
        takes_drafts: growing answers are shown at all.
        limits: how fast it may be sent to.
        found_in: what a test of a channel finds, where it is not that all is well.
    """

    platform: Platform = TERMINAL
    shown: list[Shown] = field(default_factory=list)
    faults: deque[Exception] = field(default_factory=deque)
    statuses: list[tuple[ThreadRef, str]] = field(default_factory=list)
    drafts: list[tuple[MessageId, str]] = field(default_factory=list)
    takes_drafts: bool = False
    longest: int = 4000
    found_in: dict[ChannelRef, Finding] = field(default_factory=dict)
    limits: ChatLimits = field(
        default_factory=lambda: ChatLimits(per_channel=1e6, overall=1e6, burst=1000)
    )

    @property
    def texts(self) -> list[str]:
        """What people read, in order."""
        return [shown.text for shown in self.shown]

    def split(self, content: Content) -> tuple[Content, ...]:
        text = content.text
        pieces = [text[i : i + self.longest] for i in range(0, len(text), self.longest)] or [""]
        return (*map(Content, pieces[:-1]), Content(pieces[-1], content.buttons, content.files))

    async def send(self, item: OutboxItem) -> MessageId:
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and not isinstance(fault, Ambiguous):
            raise fault
        message = item.draft or MessageId(f"m{len(self.shown) + 1}")
        self.shown.append(Shown(item, message))
        if fault is not None:
            raise fault
        return message

    async def find(self, item: OutboxItem) -> MessageId | None:
        return next((s.message for s in self.shown if s.item.id == item.id), None)

    async def direct(self, who: Principal) -> ThreadRef:
        return ThreadRef(ChannelRef(self.platform, who.workspace, f"dm-{who.user}"))

    async def status(self, thread: ThreadRef, text: str) -> None:
        self.statuses.append((thread, text))

    async def begin_draft(
        self,
        thread: ThreadRef,
        *,
        requester: Principal,
        text: str,
    ) -> MessageId | None:
        if not self.takes_drafts:
            return None
        draft = MessageId(f"d{len(self.drafts) + 1}")
        self.drafts.append((draft, text))
        return draft

    async def grow_draft(
        self,
        thread: ThreadRef,
        draft: MessageId,
        text: str,
    ) -> None:
        self.drafts.append((draft, text))

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        sent = {shown.message for shown in self.shown}
        return next((draft for draft, _ in self.drafts if draft not in sent), None)

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        found = [Finding(ok=True, what=f"{self.platform} in memory: there")]
        if channel is not None:
            found.append(self.found_in.get(channel) or Finding(ok=True, what="the channel: there"))
        return found
