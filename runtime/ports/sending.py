"""What goes out, and what could not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import MessageId, OutboxId, Platform, TurnId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.audit import AuditEvent
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.turn import Turn


class Outbox(Protocol):
    """Messages on their way out. In order within a thread, side by side between threads."""

    async def enqueue(
        self,
        items: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
        first: bool = False,
    ) -> None:
        """Store messages to be sent; one whose id is there already is left as it is.

        `audit` is recorded with them, unless all of them are there already. With `first` they need
        not wait for what is to be written besides.
        """
        ...

    async def claim(
        self,
        *,
        now: datetime,
        owner: str,
        limit: int = 50,
        platforms: Sequence[Platform],
        first: bool = False,
    ) -> list[OutboxItem]:
        """Take messages that may be sent now: `PENDING`, `not_before` reached, oldest first.

        At most one of each thread, and none of a thread whose earlier message is not final, so
        that a thread's messages go out in order. The rows are `SENDING` when this returns, with
        `attempts` one higher. Two processes never claim the same row.

        With `first` the claim need not wait for what is to be written besides.

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

    async def sent(
        self, item: OutboxId, attempt: int, message: MessageId, *, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """Mark a message as sent and, where it `binds`, bind the thread under it, at once.

        The thread under a message that was sent into a thread is that thread itself. Said
        again under the same claim, it changes nothing.

        Raises:
            Conflict: the message is not `SENDING` under that claim.
        """
        ...

    async def hand_back(
        self, items: Sequence[OutboxId], *, owner: str, turn: TurnId, fence: int
    ) -> int:
        """Let those of the messages wait that `owner` claimed with that turn's end; how many.

        For messages of which nobody heard that they were claimed, and which nobody sends: they are
        `PENDING` again (`WITHHELD` where they were taken back since). What is not `SENDING` by
        `owner` as it was written, without attempts, is left as it is, and so is what was claimed by
        an end of the turn under another fence. A `Turns.finish` that is being stored comes to its
        end first.
        """
        ...

    async def postpone(self, item: OutboxId, attempt: int, *, until: datetime, error: str) -> None:
        """Hand a claimed message back, to be tried again at that time.

        One that was taken back since it was claimed (`Stops.order`) is `WITHHELD` instead.

        Raises:
            Conflict: the message is not `SENDING` under that claim.
        """
        ...

    async def hold(self, item: OutboxId, attempt: int) -> None:
        """Hand a claimed message back that a stop holds: it is `HELD` until that is lifted.

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

    async def sent_to(
        self,
        channel: ChannelRef,
        *,
        root: str | None = None,
        messages: Sequence[MessageId] = (),
        limit: int = 20,
    ) -> list[OutboxItem]:
        """Messages that were sent to the channel, the latest first.

        With `root`, of that thread only; with `messages`, those that the platform calls so.
        """
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


class Sender(Protocol):
    """Who sends in this process, for those who write: what they write need not be looked for.

    A message may be claimed by the commit that stores it. Whoever writes it passes it on then, and
    from there on it goes the way of every claimed message.
    """

    def claims(self, thread: ThreadRef) -> bool:
        """Whether a message to that thread may be claimed as it is written."""
        ...

    def take(self, items: Sequence[OutboxItem]) -> None:
        """Send messages that were claimed as they were written (`Turns.finish`); once for each."""
        ...

    def let_go(self, turn: Turn, items: Sequence[OutboxItem]) -> None:
        """Hand back what an end of the turn may have claimed that nobody heard of.

        For the last try of it only: nothing of these is passed on by `take`, before or afterwards.
        """
        ...
