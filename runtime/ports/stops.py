"""What people stopped."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import AgentName, InboxId, StopId, TurnId
from runtime.model.address import Principal
from runtime.model.outbox import OutboxItem
from runtime.model.stop import Ended, Lifted, Stop, Stopped, Work
from runtime.model.turn import Turn

Closing = Callable[[Turn], Sequence[OutboxItem]]
"""The messages that close a turn that was ended; a pure function."""


class Stops(Protocol):
    """Stops. One is in force from the moment it is stored, whichever process stored it."""

    async def active(self) -> list[Stop]:
        """The stops of agents, and of everything, that are in force, oldest first."""
        ...

    async def lifted(self) -> int:
        """A number that grows with each stop that is lifted and never falls; 0 at first."""
        ...

    async def under_way(self) -> list[Work]:
        """Turns that have not ended, and those with messages that were not sent, oldest first."""
        ...

    async def order(
        self,
        stop: Stop,
        *,
        closing: Closing,
        turns: Sequence[TurnId] = (),
        unbegun: Sequence[InboxId] = (),
        behind: bool = False,
        why: str = "",
    ) -> Stopped:
        """Store a stop, and do what it says, in one transaction.

        A stop of turns ends those of them that run or wait for people, and withholds what of theirs
        was not sent, for that reason; what is being sent may arrive, and is not tried again. The
        message that one of them handed its thread on with goes with it, or the turn that this has
        begun. A stop of an agent, or of everything, does what `enforce` does. Messages that began
        turns which end are processed with that, and the owner's next write raises `Conflict`. What
        `closing` makes of each ended turn is enqueued.

        Where that does nothing to any of the `turns`, or with `behind`, the messages `unbegun`
        begin none any more: they are processed with it, and of one that began its turn meanwhile
        the turn is ended.

        Where that agent, or everything, is stopped already, the stop that holds stays.
        """
        ...

    async def enforce(self, *, closing: Closing) -> list[Ended]:
        """End every turn that runs for an agent that is stopped, and hold its messages.

        For what another process began before it knew. A turn that waits for people stays as it is,
        and so does what is being sent. Nothing is written where no stop is in force.
        """
        ...

    async def lift(
        self, agent: AgentName, *, by: Principal, at: datetime, key: StopId
    ) -> Lifted | None:
        """End the stop of an agent, or of `EVERYTHING`; None where it is not stopped.

        Messages that no other stop holds are `PENDING` again, in their old order. The same `key`
        tells again what it ended.
        """
        ...

    async def lifted_with(self, key: StopId) -> Stop | None:
        """The stop that `lift` ended with that key; None where it has ended none."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete stops that held no more before that time, but for the last; returns how many."""
        ...
