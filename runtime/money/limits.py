"""Which limits hold: those of the configuration, and those that people set since."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.address import Principal
from runtime.model.budget import BudgetRules, LimitChange, LimitRule
from runtime.model.meter import Bound, Meter, Period, Scope
from runtime.model.team import Team
from runtime.model.value import value
from runtime.money.amounts import show_limit
from runtime.money.spenders import vendor_of
from runtime.ports import Budgets

_KEPT = timedelta(days=40)
"""How long a limit for one period is looked at: longer than the longest period."""
MOST = 1_000_000_000_000_000
"""The highest limit, in micro-units: a thousand million of the currency."""

Key = tuple[Scope, str, Period]


@value()
class Limits:
    """The limits that hold now.

    Attributes:
        rules: what the configuration says.
        changes: what people set, the latest first.
    """

    rules: BudgetRules
    changes: tuple[LimitChange, ...]

    def of(self, meter: Meter) -> int | None:
        """The limit of the meter, in micro-units, or None. The nearer one wins, then the later.

        What holds for each provider holds for each place and key by itself, not for what is paid
        to a vendor at all of them together. A meter of another currency than the team's has none.
        """
        if meter.currency != self.rules.currency:
            return None
        own = self._of((meter.scope, meter.subject, meter.period), meter.stamp)
        if own is not None or not meter.subject or _is_sum(meter):
            return own
        return self._of((meter.scope, "", meter.period), meter.stamp)

    def bounds(self, meters: Iterable[Meter]) -> list[Bound]:
        """Those of the meters that have a limit, with it."""
        found = ((meter, self.of(meter)) for meter in meters)
        return [Bound(meter, limit) for meter, limit in found if limit is not None]

    def has(self, scope: Scope) -> bool:
        """Whether there may be a limit of the scope."""
        ruled = any(rule.scope is scope for rule in self.rules.limits)
        return ruled or any(change.scope is scope for change in self.changes)

    def configured(self, key: Key) -> int | None:
        """What the configuration says, or None."""
        rules = (rule for rule in self.rules.limits if _key(rule) == key)
        return next((rule.micros for rule in rules), None)

    def current(self, stamps: Mapping[Period, str]) -> list[LimitRule]:
        """Every limit as it is in those periods: what lasts, and what was set for them alone."""
        keys = dict.fromkeys([*map(_key, self.rules.limits), *map(_key, self.changes[::-1])])
        found = ((key, self._of(key, stamps.get(key[-1], ""))) for key in keys)
        return [
            LimitRule(scope=scope, subject=subject, period=period, micros=micros)
            for (scope, subject, period), micros in found
            if micros is not None
        ]

    def _of(self, key: Key, stamp: str) -> int | None:
        base = self.configured(key)
        for change in self.changes:
            if _key(change) != key or change.base != base:
                continue  # of another, or the configuration was changed since: its word is later
            if change.currency != self.rules.currency:
                continue  # an amount of another currency says nothing in this one
            if change.stamp in ("", stamp):
                return base if change.micros is None else change.micros
        return base


class LimitBook:
    """Reads and changes limits.

    Attributes:
        changing: held by whoever reads a limit to set it by what it is, so that each of two raises
            at once counts. Over several processes the later of the two goes before.
    """

    def __init__(
        self,
        budgets: Budgets,
        *,
        team: Callable[[], Team],
        clock: Clock,
        alone: bool,
    ) -> None:
        """Keep what people set in `budgets`, beside what the configuration of `team` says.

        Args:
            budgets: the store.
            team: the configuration as it is now.
            clock: the clock.
            alone: no other process changes limits, so that they are read once.
        """
        self._budgets = budgets
        self._team = team
        self._clock = clock
        self._alone = alone
        self._known: tuple[LimitChange, ...] | None = None
        self._changed = 0
        self.changing = asyncio.Lock()
        self._listeners: list[Callable[[LimitChange], Awaitable[None]]] = []

    def on_set(self, listener: Callable[[LimitChange], Awaitable[None]]) -> None:
        """Call the listener with each limit that is set here, once it holds."""
        self._listeners.append(listener)

    async def now(self) -> Limits:
        """The limits that hold now."""
        changes = self._known
        if changes is None or not self._alone:
            before = self._changed
            changes = tuple(await self._budgets.limits(since=self._clock.now() - _KEPT))
            if self._changed == before:  # else they were read before the change: not kept
                self._known = changes
        return Limits(self._team().budget, changes)

    async def without_force(self) -> list[LimitChange]:
        """The limits that people set in another currency than the team has now."""
        limits = await self.now()
        last = dict[Key, LimitChange]()
        for change in limits.changes:  # the latest first
            if not change.stamp:
                last.setdefault(_key(change), change)
        others = (one for one in last.values() if one.currency != limits.rules.currency)
        return [change for change in others if change.micros is not None]

    async def history(self) -> Sequence[LimitChange]:
        """What people set, the latest first."""
        return await self._budgets.limits(since=self._clock.now() - _KEPT, limit=50)

    async def made(self, key: str) -> LimitChange | None:
        """What `key` changed before, or None."""
        return next((change for change in await self.history() if change.key == key), None)

    async def set(
        self, meter: Meter, micros: int | None, by: Principal, *, key: str
    ) -> LimitChange:
        """Set the limit of the meter's subject: for its stamp, or from now on where that is empty.

        Once for each `key`.

        Raises:
            Refused: it is more than there can be.
        """
        if micros is not None and not 0 <= micros <= MOST:
            currency = self._team().budget.currency
            raise Refused(f"A limit is at most {show_limit(MOST, currency)}.")
        limits = await self.now()
        change = LimitChange(
            scope=meter.scope,
            subject=meter.subject,
            period=meter.period,
            stamp=meter.stamp,
            micros=micros,
            before=limits.of(meter),
            base=limits.configured((meter.scope, meter.subject, meter.period)),
            by=by,
            at=self._clock.now(),
            key=key,
            currency=self._team().budget.currency,
        )
        await self._budgets.set_limit(change)
        self._changed += 1
        self._known = None
        for listener in self._listeners:
            await listener(change)
        return change


def _is_sum(meter: Meter) -> bool:
    """Whether it counts what is paid to a vendor at all its places."""
    return meter.scope is Scope.PROVIDER and vendor_of(meter.subject) == meter.subject


def _key(of: LimitRule | LimitChange) -> Key:
    return of.scope, of.subject, of.period
