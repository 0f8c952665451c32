"""Tells people that a limit is nearly or wholly used up, what used it, and what they can do."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from runtime.clock import Clock
from runtime.egress import Withheld, clear, clear_question
from runtime.errors import Permanent, Retryable
from runtime.ids import OutboxId, Platform, ScheduleId, derived
from runtime.limits import LimitBook
from runtime.model.address import Principal, ThreadRef
from runtime.model.budget import NO_MODEL, Alert, AlertId, AlertState
from runtime.model.ledger import Balance, Bound, Meter, OverBudget, Period, Scope, Short
from runtime.model.localtime import show_time
from runtime.model.messages import Button, Cleared, Content, Proactive, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.money import (
    at_most,
    bare_amount,
    decimals_for,
    enough,
    in_decimals,
    show_amount,
    show_limit,
)
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store
from runtime.shortage import lacking
from runtime.spenders import end_of, name_of_subject, stamp_of, when_of, whose
from runtime.words import explain

log = logging.getLogger("nightdesk.money")

NEARLY = 80
"""Per cent of a limit at which people are told."""
ALL = 100
_DECIDED = frozenset({AlertState.RAISED, AlertState.KEPT})
RAISE = "budget.raise"
KEEP = "budget.keep"
STOP = "budget.stop"
USE = "budget.use"
STEPS = (25, 100)
"""By how many per cent the buttons raise a limit."""
_TOP = 3
_LONGEST_NAME = 40
_LONGEST_LABEL = 75
_VALUE = re.compile(
    r"(?P<alert>[^:=.]+)(?::(?P<step>[0-9]{1,3})|=(?P<to>[0-9a-f]{1,13})|(?P<here>\.))?"
)


@dataclass(frozen=True, slots=True)
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


class BudgetAlerts:
    """Tells people."""

    def __init__(
        self,
        store: Store,
        limits: LimitBook,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Tell the people of `team`, over `chats`, of the limits in `limits`.

        Args:
            store: the database.
            limits: the limits that hold.
            chats: the platforms by name.
            team: the configuration as it is now.
            split: cuts a card into messages.
            clock: the clock.
            wake_outbox: says that there is something to send.
        """
        self._store = store
        self._limits = limits
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._told: set[AlertId] = set()

    async def nearly(self, bounds: Sequence[Bound]) -> None:
        """Tell of those of the limits that are used up to 80 %.

        Once for each limit in each period: one that was raised meanwhile has a line of its own. Of
        a day or month that ended during the call nobody can do anything any more.
        """
        lasting = [bound for bound in bounds if self._is_now(bound.meter)]
        fresh = [bound for bound in lasting if self._id(bound, NEARLY) not in self._told]
        if not fresh:
            return
        balances = await self._store.ledger.balances([bound.meter for bound in fresh])
        for bound, balance in zip(fresh, balances, strict=True):
            if _is_nearly(balance, bound.limit):
                await self._nearly(bound, balance)

    async def _nearly(self, bound: Bound, balance: Balance) -> None:
        """Tell of it, at the limit that holds now: it may have been raised during the call."""
        limit = (await self._limits.now()).of(bound.meter)
        if limit is not None and _is_nearly(balance, limit):
            await self._tell(self._alert(Bound(bound.meter, limit), NEARLY), balance)

    async def used_up(self, turn: Turn, over: OverBudget) -> None:
        """Tell that a turn waits: where it was asked, and once whoever looks after the money."""
        short = over.short
        alert = replace(
            await self._undecided(self._alert(short.bound, ALL)),
            wanted=short.wanted,
            instead=over.instead.model if over.instead else NO_MODEL,
        )
        await self._tell(alert, short.balance, besides=turn.thread)
        if turn.thread is None:
            return
        why = (turn.id, alert.id, str(short.wanted))
        buttons = (*self._raises(alert, short.balance), *_ways_on(alert, "Stop", here=True))
        content = Content(f"**Waiting for money.** {explain(over)}", buttons, ours=True)
        reply = Reply(
            id=OutboxId(derived("budget.wait", *why)), thread=turn.thread, content=content
        )
        await self._store.outbox.enqueue(self._rows(reply))
        self._wake_outbox()

    async def left(self) -> str:
        """What is left of the team's own limits: `0.98 of 1.00 USD left today`."""
        limits, team, now = await self._limits.now(), self._team(), self._clock.now()
        said = []
        for period, when in ((Period.DAY, "today"), (Period.MONTH, "this month")):
            stamp = stamp_of(period, now, team.zone)
            meter = Meter(
                scope=Scope.ORGANISATION,
                subject="",
                period=period,
                stamp=stamp,
                currency=team.budget.currency,
            )
            limit = limits.of(meter)
            if limit is not None:
                [balance] = await self._store.ledger.balances([meter])
                rest = bare_amount(at_most(max(limit - balance.taken, 0)))
                amount = show_limit(limit, team.budget.currency)
                said.append(f"{rest} of {amount} left {when}")
        return ", ".join(said)

    async def number_of(self, meter: Meter) -> int:
        """The number of the schedule that the meter is of, or 0."""
        if meter.scope is not Scope.SCHEDULE or not meter.subject:
            return 0
        return await self._number(meter.subject)

    async def spenders(self, period: Period, stamp: str) -> str:
        """Who spent the most in a period: agents, schedules and people, in one line each."""
        lines = [
            await self._dearest(scope, kind, period, stamp)
            for scope, kind in (
                (Scope.AGENT, "Agents"),
                (Scope.SCHEDULE, "Schedules"),
                (Scope.PERSON, "People"),
            )
        ]
        return "\n".join(line for line in lines if line)

    async def face(self, alert: Alert) -> Content:
        """The card as it is now."""
        [balance] = await self._store.ledger.balances([alert.bound.meter])
        return await self._card(alert, balance)

    # ---- cards

    def _alert(self, bound: Bound, share: int) -> Alert:
        return Alert(id=self._id(bound, share), bound=bound, share=share, at=self._clock.now())

    def _id(self, bound: Bound, share: int) -> AlertId:
        """Once for each limit that is reached in a period; again where it was raised meanwhile.

        What each run of a schedule may cost is one limit, whichever run it is: once a day.
        """
        meter = bound.meter
        if lasts(meter):
            meter = replace(meter, stamp=stamp_of(Period.DAY, self._clock.now(), self._team().zone))
        return AlertId(derived("budget.alert", meter.id, str(share), str(bound.limit)))

    async def _undecided(self, alert: Alert) -> Alert:
        """The alert; where people decided about it before, another one about what waits now.

        The limit that was raised was lowered again, or was kept and one more call does not fit. Who
        kept what each run of a schedule may cost does not hear of the next runs of that day.
        """
        settled = {AlertState.RAISED} if lasts(alert.bound.meter) else _DECIDED
        this, again = alert, 0
        while (known := await self._store.budgets.alert(this.id)) and known.state in settled:
            again += 1
            this = replace(alert, id=AlertId(derived("budget.again", alert.id, str(again))))
        return this

    def _is_now(self, meter: Meter) -> bool:
        """Whether it counts a day or month, and that is not over."""
        stamp = stamp_of(meter.period, self._clock.now(), self._team().zone)
        return meter.period is not Period.FIRING and meter.stamp == stamp

    async def _tell(
        self, alert: Alert, balance: Balance, *, besides: ThreadRef | None = None
    ) -> None:
        """Tell of it once; not in the place that is told in another way."""
        if alert.id in self._told:
            return
        if await self._store.budgets.alert(alert.id) is None:
            card = await self._card(alert, balance)
            rows = await self._to_people(alert, card, besides)
            if await self._store.budgets.raise_alert(alert, rows):
                log.info("budget.alert", extra={"alert": alert.id, "share": alert.share})
                self._wake_outbox()
        self._told.add(alert.id)

    async def _card(self, alert: Alert, balance: Balance) -> Content:
        team, now = self._team(), self._clock.now()
        meter = alert.bound.meter
        until = end_of(meter.period, alert.at, team.zone)
        ends = f" The period ends {show_time(until, team.zone, now=now)}." if until else ""
        head, amounts = await self._amounts(alert, balance)
        lines = [f"**{head}**", amounts + ends]
        if alert.state is AlertState.OPEN:
            lines += _what_waits(alert)
        if until is not None:
            lines.append(await self.spenders(meter.period, meter.stamp))
        buttons: tuple[Button, ...] = ()
        if alert.state is AlertState.OPEN:
            ways_on = _ways_on(alert, "Stop what waits") if alert.share == ALL else ()
            keep = Button("Keep the limit", KEEP, alert.id)
            buttons = (*self._raises(alert, balance), *ways_on, keep)
        else:
            lines.append(alert.note)
        return Content("\n".join(line for line in lines if line), buttons, ours=True)

    async def _amounts(self, alert: Alert, balance: Balance) -> tuple[str, str]:
        """What was reached, in a few words, and the amounts that show it."""
        bound, currency = alert.bound, self._team().budget.currency
        who = whose(
            self._team(),
            bound.meter.scope,
            bound.meter.subject,
            schedule=await self.number_of(bound.meter),
        )
        if alert.wanted:
            return lacking(Short(bound, balance, alert.wanted), who, currency, call="a call")
        used = "is used up" if alert.share == ALL else f"is used to {alert.share} %"
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
        label = f"Raise to {show_limit(need, self._team().budget.currency)}"
        to = [Button(label, RAISE, f"{alert.id}={need:x}")] if need > limit else []
        steps = [step for step in STEPS if raised(limit, step) >= need]
        by = [Button(f"Raise by {step} %", RAISE, f"{alert.id}:{step}") for step in steps]
        return (*to, *by)

    async def _dearest(self, scope: Scope, kind: str, period: Period, stamp: str) -> str:
        team = self._team()
        found = await self._store.ledger.dearest(
            scope, period, stamp, currency=team.budget.currency, limit=_TOP
        )
        named = [
            f"{await self.name_of(one.meter)} {show_amount(one.spent, team.budget.currency)}"
            for one in found
            if one.spent
        ]
        return f"{kind}: {', '.join(named)}" if named else ""

    async def name_of(self, meter: Meter) -> str:
        """Who a meter is of, in a few words."""
        if meter.scope is Scope.SCHEDULE:
            number = await self._number(meter.subject)
            return f"schedule {number}" if number else "a deleted schedule"
        return name_of_subject(self._team(), meter.scope, meter.subject)[:_LONGEST_NAME]

    async def _number(self, schedule: str) -> int:
        found = await self._store.schedules.by_id(ScheduleId(schedule))
        return found.number if found else 0

    async def _to_people(
        self, alert: Alert, card: Content, besides: ThreadRef | None
    ) -> list[OutboxItem]:
        """The card for whoever looks after the money, and for the channel of the budget."""
        team = self._team()
        rows: list[OutboxItem] = []
        for who in team.budget.owners or team.owners():
            thread = await self._direct(who)
            if thread is not None and thread != besides:
                cleared = clear_question(self._message(alert, thread, card), team, who)
                rows += self._cleared(cleared)
        channel = team.budget.channel
        if channel is not None:
            known = await self._store.trust.of(channel)
            rows += self._cleared(
                clear(self._message(alert, ThreadRef(channel), card), team, known)
            )
        return rows

    async def _direct(self, who: Principal) -> ThreadRef | None:
        chat = self._chats.get(who.platform)
        try:
            return None if chat is None else await chat.direct(who)
        except (Retryable, Permanent) as error:
            log.warning("budget.unreachable", extra={"why": str(error)})
            return None

    def _message(self, alert: Alert, thread: ThreadRef, card: Content) -> Proactive:
        ref = thread.channel
        place = (ref.platform, ref.workspace, ref.channel)
        return Proactive(
            id=OutboxId(derived("budget", alert.id, *place)), thread=thread, content=card
        )

    def _cleared(self, message: Cleared | Withheld) -> list[OutboxItem]:
        return [] if isinstance(message, Withheld) else self._rows(message)

    def _rows(self, message: Reply | Cleared) -> list[OutboxItem]:
        return compose(message, split=self._split, now=self._clock.now())


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


def _what_waits(alert: Alert) -> list[str]:
    """What became of the call that was refused."""
    if alert.share != ALL:
        return []
    use = [f"`{alert.instead}` could go on with it for less."] if alert.instead else []
    return ["What would cost more waits, and goes on once there is room.", *use]


def _is_nearly(balance: Balance, limit: int) -> bool:
    return bool(balance.spent) and balance.spent * ALL >= limit * NEARLY


def _ways_on(alert: Alert, stop: str, *, here: bool = False) -> tuple[Button, ...]:
    """The buttons that end the waiting without more money."""
    value = f"{alert.id}." if here else alert.id
    use = [Button(f"Use {alert.instead}"[:_LONGEST_LABEL], USE, value)] if alert.instead else []
    return (*use, Button(stop, STOP, value))
