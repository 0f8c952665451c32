"""Tells people that a limit is nearly or wholly used up, what used it, and what they can do."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from runtime.clock import Clock
from runtime.egress import Withheld, clear, clear_question
from runtime.errors import Permanent, Retryable
from runtime.ids import ModelName, OutboxId, Platform, ScheduleId, derived
from runtime.limits import LimitBook
from runtime.model.address import Principal, ThreadRef
from runtime.model.budget import Alert, AlertId, AlertState
from runtime.model.ledger import Balance, Bound, Meter, OverBudget, Period, Scope
from runtime.model.localtime import show_time
from runtime.model.messages import Button, Cleared, Content, Proactive, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.money import at_most, bare_amount, show_amount
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store
from runtime.spenders import end_of, name_of_subject, stamp_of, when_of, whose
from runtime.words import explain

log = logging.getLogger("nightdesk.money")

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
        free: ModelName | None = None,
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
            free: a language model that costs nothing, to go on with; None where there is none.
        """
        self.free = free
        self._store = store
        self._limits = limits
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._told: set[AlertId] = set()

    async def nearly(self, bounds: Sequence[Bound]) -> None:
        """Tell of those of the limits that are used up to 80 %; once for each period."""
        lasting = [bound for bound in bounds if bound.meter.period is not Period.FIRING]
        fresh = [bound for bound in lasting if self._id(bound, NEARLY) not in self._told]
        if not fresh:
            return
        balances = await self._store.ledger.balances([bound.meter for bound in fresh])
        for bound, balance in zip(fresh, balances, strict=True):
            if balance.spent and balance.spent * ALL >= bound.limit * NEARLY:
                await self._tell(bound, balance, NEARLY)

    async def used_up(self, turn: Turn, over: OverBudget) -> None:
        """Tell that a turn waits: where it was asked, and once whoever looks after the money."""
        bound = over.short.bound
        await self._tell(bound, over.short.balance, ALL, besides=turn.thread)
        if turn.thread is None:
            return
        this = OutboxId(derived("budget.wait", turn.id, bound.meter.id, str(bound.limit)))
        this_alert = self._id(bound, ALL)
        use = [Button(f"Use {self.free}", USE, this_alert)] if self.free else []
        buttons = (*_raises(this_alert), *use, Button("Stop", STOP, this_alert))
        content = Content(f"**Waiting for money.** {explain(over)}", buttons, ours=True)
        reply = Reply(id=this, thread=turn.thread, content=content)
        await self._store.outbox.enqueue(self._rows(reply))
        self._wake_outbox()

    async def left(self) -> str:
        """What is left of the team's own limits: `0.98 of 1.00 USD left today`."""
        limits, team, now = await self._limits.now(), self._team(), self._clock.now()
        said = []
        for period, when in ((Period.DAY, "today"), (Period.MONTH, "this month")):
            stamp = stamp_of(period, now, team.zone)
            meter = Meter(scope=Scope.ORGANISATION, subject="", period=period, stamp=stamp)
            limit = limits.of(meter)
            if limit is not None:
                [balance] = await self._store.ledger.balances([meter])
                rest = bare_amount(at_most(max(limit - balance.taken, 0)))
                amount = show_amount(limit, team.budget.currency)
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

    def _id(self, bound: Bound, share: int) -> AlertId:
        """Once for each period at 80 %; again for each limit that is used up.

        What each run of a schedule may cost is one limit, whichever run it is: once a day.
        """
        meter, limit = bound.meter, str(bound.limit) if share == ALL else ""
        if lasts(meter):
            meter = replace(meter, stamp=stamp_of(Period.DAY, self._clock.now(), self._team().zone))
        return AlertId(derived("budget.alert", meter.id, str(share), limit))

    async def _tell(
        self, bound: Bound, balance: Balance, share: int, *, besides: ThreadRef | None = None
    ) -> None:
        """Tell of it once; not in the place that is told in another way."""
        alert = Alert(id=self._id(bound, share), bound=bound, share=share, at=self._clock.now())
        if alert.id in self._told:
            return
        if await self._store.budgets.alert(alert.id) is None:
            card = await self._card(alert, balance)
            rows = await self._to_people(alert, card, besides)
            if await self._store.budgets.raise_alert(alert, rows):
                log.info("budget.alert", extra={"alert": alert.id, "share": share})
                self._wake_outbox()
        self._told.add(alert.id)

    async def _card(self, alert: Alert, balance: Balance) -> Content:
        team, now = self._team(), self._clock.now()
        meter, limit = alert.bound.meter, alert.bound.limit
        currency = team.budget.currency
        number = await self.number_of(meter)
        who = whose(team, meter.scope, meter.subject, schedule=number)
        used = "is used up" if alert.share == ALL else f"is used to {alert.share} %"
        held = f", {show_amount(balance.held, currency)} held" if balance.held else ""
        until = end_of(meter.period, alert.at, team.zone)
        ends = f" The period ends {show_time(until, team.zone, now=now)}." if until else ""
        lines = [
            f"**The budget for {who} {used}**",
            (
                f"{show_amount(balance.spent, currency)} of {show_amount(limit, currency)} "
                f"{when_of(meter.period)} spent{held}.{ends}"
            ),
        ]
        if alert.share == ALL:
            lines.append("What would cost more waits, and goes on once there is room.")
        if until is not None:
            lines.append(await self.spenders(meter.period, meter.stamp))
        if alert.state is not AlertState.OPEN:
            lines.append(alert.note)
            return Content("\n".join(line for line in lines if line), ours=True)
        buttons = (*_raises(alert.id), Button("Keep the limit", KEEP, alert.id))
        return Content("\n".join(line for line in lines if line), buttons, ours=True)

    async def _dearest(self, scope: Scope, kind: str, period: Period, stamp: str) -> str:
        team = self._team()
        found = await self._store.ledger.dearest(scope, period, stamp, limit=_TOP)
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


def alert_of(value: str) -> tuple[AlertId, int]:
    """What a button carries: the alert, and by how many per cent it raises; 0 for not at all."""
    this, _, step = value.partition(":")
    return AlertId(this), int(step) if step.isdecimal() and step.isascii() else 0


def _raises(this: AlertId) -> tuple[Button, ...]:
    return tuple(Button(f"Raise by {step} %", RAISE, f"{this}:{step}") for step in STEPS)
