"""The cards about money: what they say now, and what their buttons carry."""

import re
from collections.abc import Callable
from datetime import timedelta

from runtime.clock import Clock
from runtime.ids import ScheduleId
from runtime.model.budget import Alert, AlertId, AlertState
from runtime.model.ledger import OverBudget
from runtime.model.localtime import show_time
from runtime.model.messages import Button, Content
from runtime.model.meter import Balance, Bound, Meter, Period, Scope, Short
from runtime.model.team import Team
from runtime.model.value import value
from runtime.money.amounts import (
    at_most,
    bare_amount,
    decimals_for,
    enough,
    in_decimals,
    show_amount,
    show_limit,
)
from runtime.money.shortage import lacking
from runtime.money.spenders import end_of, name_of_subject, when_of, whose
from runtime.ports import Store
from runtime.words import explain

NEARLY = 80
"""Per cent of a limit at which people are told."""
ALL = 100
RAISE = "budget.raise"
KEEP = "budget.keep"
STOP = "budget.stop"
USE = "budget.use"
STEPS = (25, 100)
"""By how many per cent the buttons raise a limit."""
_TOP = 3
_LONGEST_NAME = 40
_LONGEST_LABEL = 75
_BACK = timedelta(days=32)
"""How far back it is looked who spent something: longer than the longest period."""
_KINDS = {Scope.AGENT: "Agents", Scope.SCHEDULE: "Schedules", Scope.PERSON: "People"}
_VALUE = re.compile(
    r"(?P<alert>[^:=.]+)(?::(?P<step>[0-9]{1,3})|=(?P<to>[0-9a-f]{1,13})|(?P<here>\.))?"
)


@value()
class Wish:
    """What a button of a card says.

    Attributes:
        alert: what it is about; empty where it says nothing.
        step: by how many per cent of what it is it raises the limit; 0 for none.
        to: to how much it raises it, in micro-units; 0 where it is by a step.
        here: it is about what waits in its thread; not about all that waits for the limit.
    """

    alert: AlertId
    step: int = 0
    to: int = 0
    here: bool = False

    def limit(self, shown: int) -> int | None:
        """What it raises the limit to that was shown; None where it raises nothing."""
        limit = self.to or raised(shown, self.step)
        return limit if limit > shown else None


class MoneyCards:
    """Writes them."""

    def __init__(self, store: Store, *, team: Callable[[], Team], clock: Clock) -> None:
        """Write what `store` counted, for the people of `team`."""
        self._store = store
        self._team = team
        self._clock = clock

    # ---- whole cards

    async def card(self, alert: Alert) -> Content:
        """The card for those who look after the money, as it is now."""
        [balance] = await self._store.ledger.balances([alert.bound.meter])
        return await self.about(alert, balance)

    async def about(self, alert: Alert, balance: Balance) -> Content:
        """The same, where it is known what the meter says."""
        team, now = self._team(), self._clock.now()
        meter = alert.bound.meter
        until = end_of(meter.period, alert.at, team.zone) if alert.bound.limit else None
        ends = f" The period ends {show_time(until, team.zone, now=now)}." if until else ""
        head, amounts = await self._amounts(alert, balance)
        is_open = alert.state is AlertState.OPEN
        lines = [f"**{head}**", amounts + ends, *(_what_now(alert) if is_open else [])]
        lines.append(await self._spent_by(alert))
        buttons: tuple[Button, ...] = ()
        if is_open:
            stop = "Stop what waits" if alert.share == ALL else "Stop what runs"
            keep = Button("Keep the limit", KEEP, alert.id)
            buttons = (*self._raises(alert, balance), *_ways_on(alert, stop), keep)
        else:
            lines.append(alert.note)
        return Content("\n".join(line for line in lines if line), buttons, ours=True)

    def waits(self, alert: Alert, over: OverBudget) -> Content:
        """What stands in the thread of a turn that begins to wait."""
        balance = over.short.balance
        buttons = (*self._raises(alert, balance), *_ways_on(alert, "Stop", here=True))
        return Content(f"**Waiting for money.** {explain(over)}", buttons, ours=True)

    async def waits_on(self, alert: Alert) -> Content:
        """The same, once it was decided that the limit stays as it is."""
        [balance] = await self._store.ledger.balances([alert.bound.meter])
        head, amounts = await self._amounts(alert, balance)
        text = f"**Waiting for money.** {head}: {amounts}\n{alert.note}"
        return Content(text, _ways_on(alert, "Stop", here=True), ours=True)

    # ---- parts of them

    async def _amounts(self, alert: Alert, balance: Balance) -> tuple[str, str]:
        """What was reached, in a few words, and the amounts that show it."""
        bound, currency = alert.bound, alert.bound.meter.currency
        who = whose(
            self._team(),
            bound.meter.scope,
            bound.meter.subject,
            schedule=await self.number_of(bound.meter),
        )
        if alert.wanted:
            return lacking(Short(bound, balance, alert.wanted), who, currency, call="a call")
        used_up = alert.share == ALL or balance.spent >= bound.limit
        used = "is used up" if used_up else f"is used to {alert.share} %"
        decimals = decimals_for(balance.spent, balance.held, limit=bound.limit)
        spent, most = in_decimals(balance.spent, decimals), in_decimals(bound.limit, decimals)
        held = f", {in_decimals(balance.held, decimals)} {currency} held" if balance.held else ""
        of = f"{spent} {currency} of {most} {currency}"
        when = when_of(bound.meter.scope, bound.meter.period)
        return f"The budget for {who} {used}", f"{of} {when} spent{held}."

    def _raises(self, alert: Alert, balance: Balance) -> tuple[Button, ...]:
        """The buttons that raise the limit: each of them as far as the call needs that waits."""
        limit = alert.bound.limit
        need = enough(balance.taken + alert.wanted) if alert.wanted else 0
        label = f"Raise to {show_limit(need, alert.bound.meter.currency)}"
        to = [Button(label, RAISE, f"{alert.id}={need:x}")] if need > limit else []
        steps = [step for step in STEPS if raised(limit, step) >= max(need, limit + 1)]
        by = [Button(f"Raise by {step} %", RAISE, f"{alert.id}:{step}") for step in steps]
        return (*to, *by)

    # ---- who spent it

    async def spenders(self, period: Period, stamp: str, currency: str) -> str:
        """Who spent the most in a period: agents, schedules and people, in one line each."""
        dearest = self._store.ledger.dearest
        lines = [
            await self._line(
                scope, await dearest(scope, period, stamp, currency=currency, limit=_TOP)
            )
            for scope in _KINDS
        ]
        return "\n".join(line for line in lines if line)

    async def _spent_by(self, alert: Alert) -> str:
        """Who spent what the meter of the alert counted, and nothing that others did."""
        meter = alert.bound.meter
        if meter.scope is Scope.ORGANISATION:
            return await self.spenders(meter.period, meter.stamp, meter.currency)
        found = await self._store.ledger.within(meter, since=alert.at - _BACK)
        lines = [
            await self._line(scope, [one for one in found if one.meter.scope is scope][:_TOP])
            for scope in _KINDS
            if scope is not meter.scope
        ]
        return "\n".join(line for line in lines if line)

    async def _line(self, scope: Scope, found: list[Balance]) -> str:
        named = [
            f"{await self._name_of(one.meter)} {show_amount(one.spent, one.meter.currency)}"
            for one in found
            if one.spent
        ]
        return f"{_KINDS[scope]}: {', '.join(named)}" if named else ""

    async def _name_of(self, meter: Meter) -> str:
        """Who a meter is of, in a few words."""
        if meter.scope is Scope.SCHEDULE:
            number = await self.number_of(meter)
            return f"schedule {number}" if number else "a deleted schedule"
        return name_of_subject(self._team(), meter.scope, meter.subject)[:_LONGEST_NAME]

    async def number_of(self, meter: Meter) -> int:
        """The number of the schedule that the meter is of, or 0."""
        if meter.scope is not Scope.SCHEDULE or not meter.subject:
            return 0
        found = await self._store.schedules.by_id(ScheduleId(meter.subject))
        return found.number if found else 0

    async def left(self, bounds: list[Bound]) -> str:
        """What is left of limits of the team: `0.98 of 1.00 USD left today`."""
        said, currency = [], self._team().budget.currency
        balances = await self._store.ledger.balances([bound.meter for bound in bounds])
        for bound, balance in zip(bounds, balances, strict=True):
            rest = bare_amount(at_most(max(bound.limit - balance.taken, 0)))
            when = "today" if bound.meter.period is Period.DAY else "this month"
            said.append(f"{rest} of {show_limit(bound.limit, currency)} left {when}")
        return ", ".join(said)


def waited(outcome: str) -> Content:
    """What stands in the thread of a turn that waits no more."""
    return Content(f"**It waited for money.** {outcome}", ours=True)


def lasts(meter: Meter) -> bool:
    """Whether its limit is that of every run of a schedule, so that a card changes it for good."""
    return meter.scope is Scope.SCHEDULE and meter.period is Period.FIRING


def raised(limit: int, step: int) -> int:
    """The limit, raised by so many per cent."""
    return limit + -(-limit * step // 100)


def wish_of(value: str) -> Wish:
    """What the value of a button says."""
    match = _VALUE.fullmatch(value)
    if match is None:
        return Wish(AlertId(""))
    step, to = int(match["step"] or 0), int(match["to"] or "0", 16)
    return Wish(AlertId(match["alert"]), step if step in STEPS else 0, to, bool(match["here"]))


def _what_now(alert: Alert) -> list[str]:
    """What became of the call that was refused, and what can be done."""
    if alert.share != ALL:
        return [f"`{alert.instead}` could go on for less."] if alert.instead else []
    use = [f"`{alert.instead}` could go on with it for less."] if alert.instead else []
    return ["What would cost more waits, and goes on once there is room.", *use]


def _ways_on(alert: Alert, stop: str, *, here: bool = False) -> tuple[Button, ...]:
    """The buttons that end the waiting, or the spending, without more money."""
    value = f"{alert.id}." if here else alert.id
    use = [Button(f"Use {alert.instead}"[:_LONGEST_LABEL], USE, value)] if alert.instead else []
    return (*use, Button(stop, STOP, value))
