"""The ledger in memory: the twin of the one in a database."""

from collections.abc import Collection, Sequence
from datetime import datetime

from runtime.errors import Conflict
from runtime.ids import HoldId
from runtime.model.ledger import (
    Call,
    CallState,
    Change,
    LedgerEntry,
    Settlement,
    overdue,
    reserved,
    settled,
    share_of,
    within,
)
from runtime.model.meter import DOLLARS, Balance, Bound, Meter, Period, Scope, Short


class MemoryLedger:
    """`runtime.ports.Ledger` in memory."""

    def __init__(self) -> None:
        self._calls: dict[HoldId, Call] = {}
        self._entries: dict[HoldId, list[LedgerEntry]] = {}
        self._meters: dict[Meter, Balance] = {}
        self._used: dict[Meter, datetime] = {}

    async def reserve(self, call: Call, bounds: Sequence[Bound]) -> Short | None:
        """Hold the worst case in every meter: see the port."""
        if call.id in self._calls:
            raise Conflict("there is such a call already")
        for bound in bounds:
            balance = self._balance(bound.meter)
            if balance.taken + call.held > bound.limit:
                return Short(bound, balance, call.held)
        self._calls[call.id] = call
        self._entries[call.id] = [reserved(call)]
        self._change(call, share_of(call), at=call.at)
        return None

    async def settle(self, hold: HoldId, by: Settlement) -> Call:
        """Replace what is held by what it cost: see the port."""
        call = self._calls.get(hold)
        if call is None:
            raise Conflict("there is no such call")
        changed, entry, change = settled(call, by)
        self._calls[hold] = changed
        self._entries[hold].append(entry)
        self._change(changed, change, at=by.at)
        return changed

    async def sweep(self, *, now: datetime, limit: int = 100) -> list[Call]:
        """Count the worst case of calls whose time is over: see the port."""
        late = [
            call
            for call in self._calls.values()
            if call.state is CallState.HELD and call.expires_at <= now
        ]
        late.sort(key=lambda call: (call.expires_at, call.id))
        return [await self.settle(call.id, overdue(call, now)) for call in late[:limit]]

    async def call(self, hold: HoldId) -> Call | None:
        """The call: see the port."""
        return self._calls.get(hold)

    async def under_way(self) -> list[Call]:
        """Calls whose worst case is held: see the port."""
        held = [call for call in self._calls.values() if call.state is CallState.HELD]
        return sorted(held, key=lambda call: (call.expires_at, call.id))

    async def entries(self, hold: HoldId) -> list[LedgerEntry]:
        """What happened to a call: see the port."""
        return list(self._entries.get(hold, ()))

    async def balances(self, meters: Sequence[Meter]) -> list[Balance]:
        """What the meters say: see the port."""
        return [self._balance(meter) for meter in meters]

    async def spent(self, *, since: datetime, currency: str = DOLLARS) -> int:
        """What calls cost since then: see the port."""
        calls = (call for call in self._calls.values() if call.currency == currency)
        return sum(call.spent for call in calls if call.at >= since)

    async def dearest(
        self,
        scope: Scope,
        period: Period,
        stamp: str,
        *,
        currency: str = DOLLARS,
        limit: int = 10,
    ) -> list[Balance]:
        """The meters with the most spent: see the port."""
        found = [
            balance
            for meter, balance in self._meters.items()
            if (meter.scope, meter.period, meter.stamp) == (scope, period, stamp)
            and meter.currency == currency
            and (balance.taken or balance.calls)
        ]
        found.sort(key=lambda balance: (-balance.spent, balance.meter.subject))
        return found[:limit]

    async def within(self, meter: Meter, *, since: datetime) -> list[Balance]:
        """Who spent what a meter counted: see the port."""
        return within([call for call in self._calls.values() if call.at >= since], meter)

    async def series(
        self,
        scope: Scope,
        subject: str,
        period: Period,
        *,
        currency: str = DOLLARS,
        limit: int = 62,
    ) -> list[Balance]:
        """The meters of one subject: see the port."""
        found = [
            balance
            for meter, balance in self._meters.items()
            if (meter.scope, meter.subject, meter.period) == (scope, subject, period)
            and meter.currency == currency
        ]
        found.sort(key=lambda balance: balance.meter.stamp, reverse=True)
        return found[:limit]

    async def forget(self, *, before: datetime) -> int:
        """Delete old calls: see the port."""
        old = [
            call.id
            for call in self._calls.values()
            if call.state is not CallState.HELD and call.at < before
        ]
        for hold in old:
            del self._calls[hold], self._entries[hold]
        return len(old)

    async def forget_meters(
        self, *, runs: datetime, periods: datetime, waiting: Collection[str] = ()
    ) -> int:
        """Delete old meters: see the port."""
        old = [
            meter
            for meter, balance in self._meters.items()
            if not balance.held
            and meter.stamp not in waiting
            and self._used[meter] < (runs if meter.period is Period.FIRING else periods)
        ]
        for meter in old:
            del self._meters[meter], self._used[meter]
        return len(old)

    def _balance(self, meter: Meter) -> Balance:
        return self._meters.get(meter, Balance(meter))

    def _change(self, call: Call, change: Change, *, at: datetime) -> None:
        for meter in call.meters:
            self._used[meter] = at
            before = self._balance(meter)
            self._meters[meter] = Balance(
                meter,
                spent=before.spent + change.spent,
                held=before.held + change.held,
                calls=before.calls + change.calls,
                prompt_tokens=before.prompt_tokens + change.prompt_tokens,
                completion_tokens=before.completion_tokens + change.completion_tokens,
            )
