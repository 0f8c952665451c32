"""Every port of the core: what it needs from outside, and what each must promise.

An implementation lives in one folder of `adapters`, is chosen in `bot.wiring`, and is held to its
promise by one contract suite for each port (`tests/contract`). Every method of a store is one
transaction: when it returns, its effect is on disk; when it raises, nothing of it is.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from runtime.ids import (
    AgentName,
    ApprovalId,
    ConversationId,
    FileId,
    InboxId,
    MessageId,
    OutboxId,
    Platform,
    ReminderId,
    RunId,
    ScheduleId,
    TurnId,
)
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalEvent, Card, Frozen, Grant, Vote
from runtime.model.completion import Chunk, ModelInfo, ModelRequest
from runtime.model.conversation import Conversation, Entry
from runtime.model.events import ChannelChange, Cursor, Inbound, Received
from runtime.model.files import FileRef, OutFile
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.probe import Finding
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.run import RunState
from runtime.model.schedule import (
    Due,
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleState,
    When,
)
from runtime.model.step import Step
from runtime.model.tools import Json, ToolCall, ToolResult, ToolSpec
from runtime.model.trust import ChannelState
from runtime.model.turn import Turn, TurnStart, TurnState

# ---------------------------------------------------------------------------------- stores


class Inbox(Protocol):
    """Accepted events, each stored once and processed once."""

    def append(self, received: Received) -> Awaitable[bool]:
        """Store the event; durable when this was awaited, so that it may be acknowledged.

        A future where the database is at work on it already and nobody need wait in a task. The
        answer is False, and nothing is stored, where a row with the same `event_key`, or the same
        non-empty `content_key`, is there already. Many appends of one loop tick share a commit.
        The event's cursor is moved in the same transaction, for a duplicate too.

        Raises:
            StorageFull: there is no room; nothing was stored.
        """
        ...

    async def move(self, cursor: Cursor) -> None:
        """Remember where a stream goes on, behind events of which nothing is stored."""
        ...

    async def position(self, name: str) -> int | None:
        """Where the stream of that name goes on, or None where it was never read."""
        ...

    async def pending(self, *, after: InboxId | None = None, limit: int = 500) -> list[Received]:
        """Rows that are neither finished nor begun by a turn, oldest first, beyond `after`."""
        ...

    async def get(self, row: InboxId) -> Received | None:
        """The row, or None where it is finished, begun by a turn, or not there."""
        ...

    async def finish(self, row: InboxId, replies: Sequence[OutboxItem]) -> None:
        """Mark a row as processed and enqueue what it is answered with, in one transaction.

        A row that is finished already changes nothing, and an outbox row whose id is there
        already is left as it is: processing a row twice has the effect of processing it once.
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete processed rows received before that time; returns how many.

        Platforms deliver again for up to some minutes, so keys are kept at least seven days.
        """
        ...


class Conversations(Protocol):
    """Conversations, their logs, and which thread belongs to which."""

    async def bind(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        """The conversation of the thread, made now (with that agent) if it has none.

        Two calls at the same time for the same thread return the same conversation.
        """
        ...

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation of the thread, or None."""
        ...

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread to an existing conversation from now on; earlier ones stay stored."""
        ...

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        """Make a conversation with that id and its first entries; one that exists is left alone."""
        ...

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, or None."""
        ...

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        """Conversations that the thread was bound to, latest first, the present one included."""
        ...

    async def entries(self, conversation: ConversationId, *, limit: int = 200) -> list[Entry]:
        """The latest entries since the last summary, that summary first, oldest first."""
        ...


class Turns(Protocol):
    """Turns. The conversation's log is their journal."""

    async def begin(self, conversation: ConversationId, *, owner: str) -> TurnStart | None:
        """Take up the conversation's open turn, or begin the next from its oldest pending message.

        A running turn is returned again, with `attempt` and `fence` one higher, whoever owned it
        before: the caller must know that the earlier owner is gone, and the fence makes sure.
        A new turn appends the message to the log and marks its inbox row as begun. None where
        the conversation has neither, and where its turn is `WAITING`. `owner` names the process,
        for people who look at the table. A run's turn is not meant: its run takes it up again, by
        `begin_run`.
        """
        ...

    async def begin_run(
        self,
        turn: TurnId,
        conversation: ConversationId,
        *,
        requester: Principal,
        instruction: str,
        owner: str,
    ) -> TurnStart | None:
        """The same for a run's turn, whose id the run fixes and whose message is an instruction.

        None where that turn has ended already: `state` says how, and the log what it answered.
        One that is `WAITING` runs again with that.
        """
        ...

    async def state(self, turn: TurnId) -> TurnState | None:
        """Where the turn is, whoever owns it; None where it never began."""
        ...

    async def append(self, turn: TurnId, fence: int, entries: Sequence[Entry]) -> None:
        """Append to the log.

        Raises:
            Conflict: the turn has ended, or another owner took it up since.
        """
        ...

    async def set_draft(self, turn: TurnId, fence: int, draft: MessageId) -> None:
        """Remember the message that shows the answer while it grows, so that a crash reuses it.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def finish(
        self,
        turn: TurnId,
        fence: int,
        *,
        state: TurnState,
        entries: Sequence[Entry] = (),
        replies: Sequence[OutboxItem] = (),
    ) -> None:
        """End the turn: its last entries, its state, its inbox row and its outbox rows, at once.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def park(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Let the turn wait for people: it is `WAITING`, and its conversation begins no other.

        So many are taken from its `attempt`, as by `hand_back`.

        Raises:
            Conflict: as for `append`.
        """
        ...

    async def unpark(self, turn: TurnId) -> bool:
        """Let a waiting turn run again, for whoever takes it up next; False where it waits not."""
        ...

    async def parked(self, *, after: TurnId | None = None, limit: int = 500) -> list[Turn]:
        """Turns that are `WAITING`, by id, beyond `after`; those of runs too."""
        ...

    async def hand_back(self, turn: TurnId, fence: int, *, tries: int) -> None:
        """Take so many from the turn's `attempt`: they were no tries of its own.

        For a process that ends in order, and will take it up in its next life. Nothing where the
        turn has ended, or another owner took it up since.
        """
        ...

    async def stop(
        self, conversation: ConversationId, *, closing: Callable[[Turn], Sequence[OutboxItem]]
    ) -> Turn | None:
        """Mark the conversation's turn as stopped, running or waiting; returns it, or None.

        The owner's next write raises `Conflict`, so that nothing of it is sent. The message that
        began it is processed with that, and what `closing` makes of the turn, which is a pure
        function, is enqueued with that. A run's turn is stopped too.
        """
        ...

    async def open_conversations(
        self, *, after: ConversationId | None = None, limit: int = 500
    ) -> list[ConversationId]:
        """Conversations of which a turn that a message began is running, by id, beyond `after`.

        For recovery. What waits to be begun is in the inbox (`Inbox.pending`).
        """
        ...


class Outbox(Protocol):
    """Messages on their way out. In order within a thread, side by side between threads."""

    async def enqueue(self, items: Sequence[OutboxItem]) -> None:
        """Store messages to be sent; one whose id is there already is left as it is."""
        ...

    async def claim(
        self, *, now: datetime, owner: str, limit: int = 50, platforms: Sequence[Platform]
    ) -> list[OutboxItem]:
        """Take messages that may be sent now: `PENDING`, `not_before` reached, oldest first.

        At most one of each thread, and none of a thread whose earlier message is not final, so
        that a thread's messages go out in order. The rows are `SENDING` when this returns, with
        `attempts` one higher. Two processes never claim the same row.

        `attempts` is the claim's fence: whoever claimed a row says with which, and is refused
        where the row was claimed or taken on since.
        """
        ...

    async def take_on(
        self, *, owner: str, by: str, platforms: Sequence[Platform]
    ) -> list[OutboxItem]:
        """Claim for `by` what `owner`, which is gone, left `SENDING`: ambiguous, to be reconciled.

        The rows stay `SENDING`, with `attempts` one higher: should `by` be gone too, a third
        takes them on from it. `owner` may be `by` itself, in an earlier life.
        """
        ...

    async def holds(self, item: OutboxId, attempt: int) -> bool:
        """Whether the message is `SENDING` under that claim still."""
        ...

    async def sent(self, item: OutboxId, attempt: int, message: MessageId) -> None:
        """Mark a message as sent and, where it `binds`, bind the thread under it, at once.

        The thread under a message that was sent into a thread is that thread itself. Said
        again under the same claim, it changes nothing.

        Raises:
            Conflict: the message is not `SENDING` under that claim.
        """
        ...

    async def postpone(self, item: OutboxId, attempt: int, *, until: datetime, error: str) -> None:
        """Hand a claimed message back, to be tried again at that time.

        Raises:
            Conflict: the message is not `SENDING` under that claim.
        """
        ...

    async def settle(self, item: OutboxId, attempt: int, state: OutboxState, *, error: str) -> None:
        """End a message as `DEAD` or `WITHHELD`, with the reason; again changes nothing.

        Raises:
            Conflict: it has ended otherwise, was claimed since, or is to be `DEAD` and is not
                `SENDING`.
        """
        ...

    async def get(self, item: OutboxId) -> OutboxItem | None:
        """The message, or None."""
        ...

    async def next_time(self) -> datetime | None:
        """The earliest `not_before` of a pending message, or None."""
        ...

    async def binds_soon(self, channel: ChannelRef) -> bool:
        """Whether a message that binds a thread of that channel is `SENDING` there.

        Then a thread without conversation may be the one under it: the platform can show it
        before `sent` has bound it.
        """
        ...

    async def count(self, state: OutboxState) -> int:
        """How many messages are in that state."""
        ...

    async def oldest_pending(self) -> datetime | None:
        """When the oldest message that is not final was written, for readiness."""
        ...

    async def last_sent(self) -> dict[ChannelRef, datetime]:
        """For each channel, when the latest message that was sent there was written."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete sent messages that were written before that time; returns how many.

        Little at once, so that nobody waits for it. Dead and withheld messages stay.
        """
        ...


class DeadLetters(Protocol):
    """Messages that could not be delivered, for the people who look after them."""

    async def latest(self, *, limit: int = 10) -> list[OutboxItem]:
        """The `DEAD` messages that were written last, the latest first."""
        ...

    async def retry(self, item: OutboxId, *, now: datetime) -> None:
        """Put a dead message in line again, as if it had been written now.

        Raises:
            Conflict: it is not dead, or not there.
        """
        ...

    async def drop(self, item: OutboxId) -> None:
        """Delete a dead message for good.

        Raises:
            Conflict: it is not dead, or not there.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What to write for one due schedule.

    Attributes:
        due: the schedule, as it was read.
        occurrences: the planned times up to now: earlier ones `MISSED`, the latest `DUE`.
        next_at: the planned time after now, or None where there is none.
    """

    due: Due
    occurrences: tuple[Occurrence, ...]
    next_at: datetime | None


class Schedules(Protocol):
    """Schedules and their planned times. This table is the truth; tickers only look at it."""

    async def add(self, schedule: Schedule) -> Schedule:
        """Store a schedule and give it the next number; one that is there already is returned."""
        ...

    async def get(self, number: int) -> Schedule | None:
        """The schedule of that number, deleted ones included, or None."""
        ...

    async def by_id(self, schedule: ScheduleId) -> Schedule | None:
        """The schedule of that id, deleted ones included, or None."""
        ...

    async def all(self) -> list[Schedule]:
        """Every schedule that is not deleted: those with a next time first, by that time."""
        ...

    async def change(
        self,
        schedule: ScheduleId,
        *,
        was: ScheduleState,
        becomes: ScheduleState,
        next_at: datetime | None,
    ) -> None:
        """Change the state.

        Raises:
            Conflict: the state is no longer `was`.
        """
        ...

    async def due(self, *, now: datetime, limit: int = 200, skip: int = 0) -> list[Due]:
        """Active schedules whose next time has come, earliest first, after the first `skip`.

        Where the table changes between two pages, the second may repeat or lack some.
        """
        ...

    async def claim(self, claims: Sequence[Claim]) -> list[Occurrence]:
        """Write the planned times and the next times of due schedules, in one transaction.

        A schedule whose state or next time is no longer as it was read is passed over, and so is
        a planned time that is there already: another process was first. A claim without a next
        time makes the schedule `FINISHED`. Returns the `DUE` occurrences that this call wrote.
        """
        ...

    async def add_occurrence(self, occurrence: Occurrence) -> None:
        """Store a planned time that a person asked for; a run that is there is left alone."""
        ...

    async def next_time(self) -> datetime | None:
        """The earliest next time of an active schedule, or None."""
        ...

    async def unfinished(self, *, limit: int = 500) -> list[Occurrence]:
        """Planned times that are `DUE`, oldest first: their runs may not have been started."""
        ...

    async def end_occurrence(
        self,
        run: RunId,
        *,
        state: OccurrenceState,
        now: datetime,
        result: str = "",
        delivery: str = "",
        error: str = "",
    ) -> None:
        """Write how a planned time ended. Writing it again changes nothing.

        A delivery that was noted before stays: its message can be sent before its run has ended.
        """
        ...

    async def note_delivery(self, run: RunId, delivery: str) -> None:
        """Write what became of the result of a planned time."""
        ...

    async def occurrence(self, run: RunId) -> Occurrence | None:
        """The planned time that the run carries out, or None."""
        ...

    async def history(
        self, *, schedule: ScheduleId | None = None, since: datetime | None = None, limit: int = 20
    ) -> list[Occurrence]:
        """Planned times, of one schedule or of all, latest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process slot, as the others see it.

    Attributes:
        slot: its stable name: the same after a restart of the same process.
        role: what it does: `all`, `web`, `worker`, `clock`.
        seen_at: its last sign of life.
        life: which life of the process that is: another after a restart; empty for none, where
            the process has let go of the slot.
    """

    slot: str
    role: str
    seen_at: datetime
    life: str = ""


class Workers(Protocol):
    """Which processes are alive."""

    async def beat(self, worker: Worker) -> bool:
        """Write a sign of life, and hold the slot with it.

        False, and nothing is written, where another life holds the slot.
        """
        ...

    async def get(self, slot: str) -> Worker | None:
        """The worker of that slot, or None."""
        ...

    async def let_go(self, worker: Worker) -> bool:
        """End that life's hold on its slot: of its own accord, or because it is dead.

        False, and nothing is changed, where it gave a sign of life after `seen_at`, or no longer
        holds the slot.
        """
        ...

    async def silent(self, *, since: datetime) -> list[Worker]:
        """Workers whose last sign of life is older, not yet taken over."""
        ...

    async def take_over(self, slot: str, *, seen_at: datetime, by: str) -> bool:
        """Claim a silent worker's work: True for exactly one caller for that `seen_at`.

        The take-over is under way until `by` calls `taken_up`.
        """
        ...

    async def inherit(self, slot: str, *, by: str) -> list[str]:
        """Claim the take-overs that the worker `slot`, which is gone, left under way.

        Returns the slots whose work they are about; not those that came back to life since.
        `slot` may be `by` itself, in an earlier life.
        """
        ...

    async def taken_up(self, slot: str, *, by: str) -> None:
        """Say that the take-over is complete: nothing of that worker's work is left to claim."""
        ...


class Files(Protocol):
    """Bytes that came in or are to go out, apart from every agent's workspace."""

    async def keep(
        self,
        file: FileId,
        pieces: AsyncIterator[bytes],
        *,
        name: str,
        media_type: str,
        most: int,
    ) -> OutFile:
        """Store a file under that id; a whole one that is there already is left as it is.

        Raises:
            Refused: it has more bytes than `most`; nothing of it is kept.
        """
        ...

    async def find(self, file: FileId) -> OutFile | None:
        """What is known of a whole file, or None where it is not there, or not any more."""
        ...

    async def read(self, file: FileId) -> bytes:
        """The bytes of a file.

        Raises:
            Permanent: it is not there, or not any more.
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete files stored before that time; returns how many."""
        ...


class Reminders(Protocol):
    """Reminders. This table is the truth; tickers only look at it."""

    async def add(self, reminder: Reminder) -> Reminder:
        """Store a reminder and give it the next number; one that is there already is returned."""
        ...

    async def get(self, number: int) -> Reminder | None:
        """The reminder of that number, or None."""
        ...

    async def by_id(self, reminder: ReminderId) -> Reminder | None:
        """The reminder of that id, or None."""
        ...

    async def open_of(self, people: Sequence[Principal], *, limit: int = 50) -> list[Reminder]:
        """The people's reminders that are not done: those that wait first, by their time."""
        ...

    async def due(self, *, now: datetime, limit: int = 200) -> list[Reminder]:
        """Waiting reminders whose time has come, earliest first."""
        ...

    async def remind(
        self,
        reminder: Reminder,
        *,
        becomes: ReminderState,
        next_at: datetime | None,
        rows: Sequence[OutboxItem],
    ) -> bool:
        """Move a due reminder on and enqueue its message, in one transaction.

        False, and nothing is written, where its state or its time is no longer as it was read.
        """
        ...

    async def change(
        self,
        reminder: ReminderId,
        *,
        was: ReminderState,
        becomes: ReminderState,
        next_at: datetime | None,
    ) -> None:
        """Change the state and the next time.

        Raises:
            Conflict: the state is no longer `was`.
        """
        ...

    async def next_time(self) -> datetime | None:
        """The earliest time of a waiting reminder, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Who somebody is on a further platform, as a one-time code showed.

    Attributes:
        who: the person there.
        anchor: the same person as the team's configuration names them.
        linked_at: since when.
    """

    who: Principal
    anchor: Principal
    linked_at: datetime


class People(Protocol):
    """Who is who over the platforms, beside what the configuration says."""

    async def links(self) -> list[Link]:
        """Every link, oldest first."""
        ...

    async def offer(
        self, code: str, anchor: Principal, *, now: datetime, expires_at: datetime
    ) -> None:
        """Remember the hash of a one-time code of that person; their earlier ones end."""
        ...

    async def redeem(self, code: str, who: Principal, *, now: datetime) -> Principal | None:
        """Use the code of that hash up, and link `who` to the person it was given to.

        None, and no link, where there is none, where it was used or where it is too old.
        """
        ...

    async def unlink(self, who: Principal) -> bool:
        """Forget the link of `who`; False where there is none."""
        ...


class ChannelTrust(Protocol):
    """What became known of channels, and whether they are still trusted with what nobody asked."""

    async def of(self, channel: ChannelRef) -> ChannelState | None:
        """What is known of the channel, or None where nothing became known."""
        ...

    async def all(self) -> list[ChannelState]:
        """Every channel of which something became known."""
        ...

    async def distrust(
        self, channel: ChannelRef, change: ChannelChange, *, detail: str, now: datetime
    ) -> ChannelState:
        """Trust the channel no more because of the change; returns what holds from now on.

        A channel that is distrusted already keeps its first reason and its time; one that is only
        `ARCHIVED` takes the new one.
        """
        ...

    async def trust(self, channel: ChannelRef, *, only: ChannelChange | None = None) -> bool:
        """Trust the channel again; with `only`, where that is the reason why it is not trusted.

        False where it was not distrusted so.
        """
        ...

    async def rename(self, channel: ChannelRef, name: str) -> None:
        """Remember the channel's name by now."""
        ...


class Approvals(Protocol):
    """Questions to people, bound to what they were shown. Every change is a compare-and-set."""

    async def ask(self, approval: Approval) -> Approval:
        """Store a question; where the same call of the same turn asked before, that question."""
        ...

    async def get(self, approval: ApprovalId) -> Approval | None:
        """The approval, or None."""
        ...

    async def of_turn(self, turn: TurnId) -> list[Approval]:
        """The approvals that a turn asked for, oldest first."""
        ...

    async def open(self, *, limit: int = 50) -> list[Approval]:
        """Questions that wait for people, oldest first."""
        ...

    async def unclear(self, *, limit: int = 50) -> list[Approval]:
        """Approvals that are `UNKNOWN`, and wait for a person to look, oldest first."""
        ...

    async def count(self, agent: AgentName, *, since: datetime) -> int:
        """How many questions that agent has asked since then."""
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

    async def overdue(self, *, now: datetime, limit: int = 100) -> list[Approval]:
        """Approvals that wait or were approved, and whose time is over, oldest first."""
        ...

    async def executing(self) -> list[Approval]:
        """Approvals that are executing: at a start, what an earlier life left in between."""
        ...

    async def next_time(self) -> datetime | None:
        """When the next one's time is over, or None."""
        ...

    async def note_card(self, approval: ApprovalId, card: Card) -> None:
        """Remember a message that shows it; a card that is known changes nothing."""
        ...


class Grants(Protocol):
    """What people allowed for a time: exactly these bytes, by this agent."""

    async def add(self, grant: Grant) -> Grant:
        """Store a grant and give it the next number; one that is there already is returned."""
        ...

    async def find(self, agent: AgentName, digest: str, *, now: datetime) -> list[Grant]:
        """The grants in force that cover that digest for the agent, oldest first."""
        ...

    async def active(self, *, now: datetime, limit: int = 100) -> list[Grant]:
        """Grants that were not revoked and whose time is not over, oldest first."""
        ...

    async def revoke(self, number: int, *, now: datetime) -> Grant | None:
        """End the grant of that number; None where there is none that is in force."""
        ...


class Store(Protocol):
    """The database. Each part is a port of its own; some transactions span parts, and say so."""

    @property
    def inbox(self) -> Inbox:
        """Accepted events."""
        ...

    @property
    def conversations(self) -> Conversations:
        """Conversations and bindings."""
        ...

    @property
    def turns(self) -> Turns:
        """Turns."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Messages on their way out."""
        ...

    @property
    def dead_letters(self) -> DeadLetters:
        """Messages that could not be delivered."""
        ...

    @property
    def schedules(self) -> Schedules:
        """Schedules and their planned times."""
        ...

    @property
    def workers(self) -> Workers:
        """Processes."""
        ...

    @property
    def files(self) -> Files:
        """Files that came in or are to go out."""
        ...

    @property
    def reminders(self) -> Reminders:
        """What people want to be told."""
        ...

    @property
    def people(self) -> People:
        """Who is who over the platforms."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Questions to people."""
        ...

    @property
    def grants(self) -> Grants:
        """What people allowed for a time."""
        ...

    @property
    def trust(self) -> ChannelTrust:
        """What became known of channels."""
        ...

    async def check(self) -> None:
        """Return where the database answers; raise where it does not."""
        ...


# ------------------------------------------------------------------------------- platforms


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLimits:
    """What a platform can take.

    Attributes:
        per_channel: messages a second in one channel.
        overall: messages a second in all.
        burst: how many may go at once before `per_channel` holds.
        draft_after: seconds before an answer is shown while it grows: where each costs calls
            against the rate limit, a quick one is not worth it.
        draft_every: seconds between two updates of an answer that grows.
        may_repeat: the platform can never tell whether an ambiguous send arrived, and a message
            that is there twice is better there than one that is not: it is sent once more.
    """

    per_channel: float
    overall: float
    burst: int = 1
    draft_after: float = 1.0
    draft_every: float = 1.0
    may_repeat: bool = False


class ChatPort(Protocol):
    """A chat platform, outbound. Nothing else may send there."""

    @property
    def platform(self) -> Platform:
        """Which platform."""
        ...

    @property
    def limits(self) -> ChatLimits:
        """How fast it may be sent to."""
        ...

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into pieces that fit one message each; at least one, in order.

        Pure. Never cuts a code fence open, a grapheme or a link; buttons go under the last piece.
        """
        ...

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message; where it has a draft, the draft becomes it.

        The item's id is the idempotency key: it travels with the message where the platform
        has room for it.

        Raises:
            Retryable: it was not sent; try later, after `after` seconds where given.
            Permanent: it can never be sent.
            Ambiguous: it may have been sent.
        """
        ...

    async def find(self, item: OutboxItem) -> MessageId | None:
        """The message that an ambiguous send made, by its idempotency key, or None.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: the platform cannot tell, and will never be able to. A message that only
                one person sees is then sent once more: twice is better than never for it.
        """
        ...

    async def direct(self, who: Principal) -> ThreadRef:
        """The direct conversation with that person, for notices to an owner.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: there is none and none can be opened.
        """
        ...

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show that the agent works, or clear it with an empty text. Best effort, never raises."""
        ...

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """Start a message that will grow; None where that cannot be done here or now."""
        ...

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far. Best effort, never raises."""
        ...

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:
        """The draft that was begun in the thread since then and has not become a message, or None.

        For a process that died between beginning one and remembering it: no other draft may grow
        in the thread meanwhile. Best effort, never raises.
        """
        ...

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Test the connection by a real round trip, for `nightdesk doctor` and `/channel test`.

        Every adapter has its own: it asks the platform who we are, and names each permission
        (scope), intent or admission that is missing. With a channel it looks at that channel too:
        whether we are in it, may post there, and whether others than the team can read it.
        Changes nothing and posts nothing. Never raises: what fails is a finding. Never empty.
        """
        ...


@runtime_checkable
class OpensForms(Protocol):
    """A chat platform that opens a form after a command or a press was acknowledged."""

    async def open_form(
        self, form: FormSpec, *, trigger: str, value: str, thread: ThreadRef, reply_url: str = ""
    ) -> None:
        """Show the form to whoever the trigger belongs to.

        What comes back is a `FormSubmit` of the same action, value and `reply_url`, said in
        `thread`.

        Raises:
            Retryable: it was perhaps not shown, and the trigger may be used up.
            Permanent: it cannot be shown; the trigger is too old, say.
        """
        ...


@runtime_checkable
class ShowsHome(Protocol):
    """A chat platform on which the app has a page of its own for each person."""

    async def show_home(self, page: HomePage, *, who: Principal, thread: ThreadRef) -> None:
        """Draw the person's page anew, and offer its prompts in their direct conversation.

        Args:
            page: what it shows.
            who: whose page it is.
            thread: the person's direct conversation.

        Raises:
            Retryable: the platform could not be asked.
            Permanent: it cannot be drawn.
        """
        ...


@runtime_checkable
class ShowsSteps(Protocol):
    """A chat platform that shows what an agent does on the way to its answer."""

    async def show_step(self, thread: ThreadRef, draft: MessageId, step: Step) -> None:
        """Show how far a step is, in the growing answer. Best effort, never raises."""
        ...


@runtime_checkable
class FetchesFiles(Protocol):
    """A chat platform that people send files on. Every `ChatPort` that has files is one, too."""

    def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message, in pieces.

        Args:
            file: as the message named it.
            most: bytes to take at most.

        Raises:
            Refused: it has more bytes than that, or its address is not the platform's own.
            Retryable: the platform could not be asked.
            Permanent: it is gone, or we may not have it.
        """
        ...


# ---------------------------------------------------------------------------------- models


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
            ModelUnavailable: the server failed or cannot be reached.
            ModelOutputUnusable: the answer is garbage, empty, or broke off.
            ContextTooLong: shorten the conversation.
            SpendingForbidden: a paid model in a test.
        """
        ...


# ------------------------------------------------------------------ policy, budget, tools


class Verdict(StrEnum):
    """What policy says of a tool call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """

    turn: TurnId
    conversation: ConversationId
    agent: AgentName
    requester: Principal
    thread: ThreadRef | None
    attended: bool
    files: tuple[OutFile, ...] = ()
    sending: tuple[OutFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict and whose it is.

    Attributes:
        verdict: what.
        reason: which rule says so, in words: it is shown on cards, and told to the model.
        needed: how many people must say yes, where they are asked; two exclude the requester.
    """

    verdict: Verdict
    reason: str = ""
    needed: int = 1


class Policy(Protocol):
    """Decides whether a tool may run."""

    async def judge(self, call: ToolCall, spec: ToolSpec, context: ToolContext) -> Judged:
        """The verdict. Deterministic: no model is asked."""
        ...


class Tools(Protocol):
    """The tools an agent has. The executor is the only caller of `run`."""

    def specs(self, agent: AgentName) -> tuple[ToolSpec, ...]:
        """What the agent may call."""
        ...

    def frozen(self, call: ToolCall, agent: AgentName) -> Frozen:
        """Exactly what would run, from the tools as they are now.

        Raises:
            Refused: there is no such tool, or the arguments do not fit; says what would be right.
        """
        ...

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Run it. What is wrong with the arguments is a failed result that says so.

        A `repeatable` tool uses the turn's and the call's ids as its idempotency key.
        """
        ...


class Budget(Protocol):
    """Keeps spending inside its limits."""

    async def reserve(self, turn: TurnId, model: ModelInfo, request: ModelRequest) -> str:
        """Hold the worst case of a call; returns the hold.

        Raises:
            Refused: a limit would be passed; says which.
        """
        ...

    async def settle(self, hold: str, finished: Chunk | None) -> None:
        """Replace the hold by what was used; None where the call failed."""
        ...


# --------------------------------------------------------------------------- time and runs


class Timetable(Protocol):
    """Reads times that people write, and computes the next one."""

    def read(self, text: str, *, now: datetime, zone: str) -> When:
        """The times that the words mean, in the zone.

        Takes five-field cron (0 and 7 are Sunday, names allowed), "every weekday at 8:30",
        "every 15 minutes", "in 2 hours", "tomorrow at 9am", "2026-12-01 14:00".

        Raises:
            NotATime: the words are no time at all.
            Refused: the time lies in the past, never comes, comes more than once a minute, or is
                a bare number or word that could mean many things.
        """
        ...

    def next_after(self, when: When, after: datetime) -> datetime | None:
        """The first planned time after that instant, in UTC, or None. Pure.

        At a change of clocks each nominal local time comes once; one that does not exist comes
        at the first moment after the gap. Times of every hour follow real time instead.
        """
        ...

    def describe(self, when: When) -> str:
        """The times in words: "at 08:30 on Monday through Friday"."""
        ...

    def check_zone(self, zone: str) -> str:
        """The zone's IANA name as it is written properly.

        Raises:
            Refused: there is no such zone; names near ones.
        """
        ...


class Ticker(Protocol):
    """Calls jobs of this process at their time. It remembers nothing over a restart."""

    def every(self, seconds: float, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Call the job again and again; a call that is still running is not doubled."""
        ...

    def wake_at(self, when: datetime, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Call the job once at that time, at once where it has passed; replaces the same name's."""
        ...

    def start(self) -> None:
        """Begin calling."""
        ...

    async def stop(self) -> None:
        """Call no more, and wait for calls under way."""
        ...


class RunContext(Protocol):
    """What a workflow may use. Everything else it does must be inside a step."""

    @property
    def run(self) -> RunId:
        """The run."""
        ...

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do the work, or, where it completed before a crash, return what it returned then.

        The work may be done twice if the crash came before its result was stored.
        """
        ...

    async def wait(self, topic: str) -> Json:
        """Wait for a signal on that topic, however long; survives restarts. One call takes one."""
        ...

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start another run as a child of this one and wait for its result."""
        ...


Workflow = Callable[[RunContext, Json], Awaitable[Json]]
"""A workflow: deterministic between its steps, so that it can be played again after a crash."""


class Durable(Protocol):
    """Runs workflows so that a crash loses no completed step."""

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known. Before `open`, in every process, with the same names."""
        ...

    async def open(self) -> None:
        """Connect, and go on with the unfinished runs of this process slot."""
        ...

    async def close(self) -> None:
        """Stop here, leaving unfinished runs to be gone on with."""
        ...

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        """Start a run; one whose id was started before is left as it is.

        With a partition, the runs of that partition are done one at a time in the order in
        which they were started, by any process that works; without one, at once.
        """
        ...

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        """Send a signal; the same key again is not delivered twice. It may come before the wait."""
        ...

    async def cancel(self, run: RunId) -> None:
        """Cancel a run and its children, as soon as their steps under way return."""
        ...

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is; None where it was never started."""
        ...

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end; what it returned.

        Raises:
            NightdeskError: it failed or was cancelled.
        """
        ...

    async def take_over(self, slot: str) -> int:
        """Go on here with the unfinished runs of a dead process; returns how many.

        The caller has made sure that it is dead (`Workers.take_over`).
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete runs that ended before that time, a page of them at most; returns how many.

        A run whose child or parent has not ended stays. What was forgotten can be started anew.
        """
        ...


# --------------------------------------------------------------------------------- inbound


class Accept(Protocol):
    """Where a listener (a terminal, a socket, a polling loop) hands what it heard."""

    async def __call__(self, inbound: Inbound) -> None:
        """Judge, store and process the event. Durable when it returns; a duplicate is harmless.

        Raises:
            StorageFull: it was not stored; say so to the sender and let the platform retry.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What a command, a press or a form is answered with.

    Attributes:
        content: the answer; None for none.
        private: only the sender sees it, where the platform can do that.
        updates: what the message with the pressed button becomes; None to leave it as it is.
    """

    content: Content | None
    private: bool = True
    updates: Content | None = None


class Commands(Protocol):
    """Answers commands, button presses and forms; `gateway.commands` implements it."""

    async def answer(self, received: Received) -> Answered | None:
        """Carry out the command and return the answer; None where nothing is to be said.

        Carried out twice for the same row it has the effect of once. Never raises for what the
        person did wrong: that is an answer too.
        """
        ...


class Dispatch(Protocol):
    """Hands a conversation's mailbox to whoever works it: a task here, or a queue's worker."""

    async def post(self, conversation: ConversationId, received: Received) -> None:
        """Say that the row waits in its lane of the conversation. Saying it twice is harmless."""
        ...
