"""Where money is counted."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from runtime.ids import HoldId, TurnId
from runtime.model.address import Principal
from runtime.model.budget import Alert, AlertId, AlertState, LimitChange, Pause
from runtime.model.choice import Chosen
from runtime.model.ledger import Call, LedgerEntry, Settlement
from runtime.model.meter import DOLLARS, Balance, Bound, Meter, Period, Scope, Short
from runtime.model.outbox import OutboxItem


class Ledger(Protocol):
    """The ledger. For each meter, the entries of the calls in it sum up to what it says."""

    async def reserve(self, call: Call, bounds: Sequence[Bound]) -> Short | None:
        """Hold the call's worst case in every one of its meters, all at once.

        Nothing is held, and the first bound that would be passed is returned, where the meter of
        one of the bounds has less left than that. However many processes reserve at the same
        time, what is spent and held stays within every bound. A call that is settled when it
        comes, because it cost nothing, is only recorded.
        """
        ...

    async def settle(self, hold: HoldId, by: Settlement) -> Call:
        """Replace what is held by what it cost; returns the call as it is then.

        Raises:
            Conflict: it was settled or released before, or is not known.
        """
        ...

    async def sweep(self, *, now: datetime, limit: int = 100) -> list[Call]:
        """Count the worst case of calls as spent whose time is over; returns them."""
        ...

    async def call(self, hold: HoldId) -> Call | None:
        """The call, or None."""
        ...

    async def under_way(self) -> list[Call]:
        """Calls whose worst case is held, those that expire first before others."""
        ...

    async def entries(self, hold: HoldId) -> list[LedgerEntry]:
        """What happened to a call, in order."""
        ...

    async def balances(self, meters: Sequence[Meter]) -> list[Balance]:
        """What each of the meters says, in the same order."""
        ...

    async def spent(self, *, since: datetime, currency: str = DOLLARS) -> int:
        """What calls in that currency cost that were reserved since then, in micro-units."""
        ...

    async def dearest(
        self,
        scope: Scope,
        period: Period,
        stamp: str,
        *,
        currency: str = DOLLARS,
        limit: int = 10,
    ) -> list[Balance]:
        """The meters of that scope and period, those with the most spent first; not empty ones."""
        ...

    async def within(self, meter: Meter, *, since: datetime) -> list[Balance]:
        """Who spent what the meter counted: agents, schedules and people, the dearest first.

        Of calls that were reserved since then and are not forgotten, and as meters of the meter's
        own period, as `runtime.model.ledger.within` has it.
        """
        ...

    async def series(
        self,
        scope: Scope,
        subject: str,
        period: Period,
        *,
        currency: str = DOLLARS,
        limit: int = 62,
    ) -> list[Balance]:
        """The meters of one subject, the latest stamp first."""
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete calls that ended and were reserved before that time; returns how many.

        Their meters stay.
        """
        ...

    async def forget_meters(
        self, *, runs: datetime, periods: datetime, waiting: Collection[str] = ()
    ) -> int:
        """Delete meters in which nothing is held; returns how many.

        Those of a firing that were used last before `runs`, and those of a day or month before
        `periods`; none with a stamp that is among `waiting`.
        """
        ...


class Budgets(Protocol):
    """What people decided about money, what they were told, and which turns wait for it."""

    async def set_limit(self, change: LimitChange) -> None:
        """Remember a limit that a person set; nothing where the same `key` set one before."""
        ...

    async def limits(self, *, since: datetime, limit: int = 1_000_000) -> list[LimitChange]:
        """Limits that people set, the latest first: those for good, and the others since then."""
        ...

    async def raise_alert(self, alert: Alert, rows: Sequence[OutboxItem] = ()) -> bool:
        """Store an alert and enqueue what tells of it, at once; False where it is there already."""
        ...

    async def alert(self, alert: AlertId) -> Alert | None:
        """The alert, or None."""
        ...

    async def open_alerts(self) -> list[Alert]:
        """The alerts about which nobody did anything, in no order."""
        ...

    async def answer_alert(
        self,
        alert: AlertId,
        *,
        state: AlertState,
        by: Principal,
        note: str,
        chosen: Chosen | None = None,
    ) -> Alert:
        """Note what a person did about it, and with it which model they chose, where they did.

        Raises:
            Conflict: somebody did something about it before, or there is no such alert.
        """
        ...

    async def pause(self, pause: Pause) -> None:
        """Remember that a turn waits for money; in the place of what was remembered of it."""
        ...

    async def pauses(self) -> list[Pause]:
        """Turns that wait for money, those that began to wait first before others."""
        ...

    async def paused(self, turn: TurnId) -> Pause | None:
        """What the turn waits for, or None."""
        ...

    async def forget_pause(self, pause: Pause) -> None:
        """The turn waits no more since then; a later pause of the same turn stays."""
        ...
