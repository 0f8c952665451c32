"""Tells people that a limit is nearly or wholly used up, and what became of that."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.egress import Withheld, clear, clear_question
from runtime.errors import Conflict, Permanent, Retryable
from runtime.ids import ModelName, OutboxId, Platform, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.budget import Alert, AlertId, AlertState, LimitChange, Pause
from runtime.model.choice import Chosen
from runtime.model.ledger import Call, OverBudget
from runtime.model.messages import Cleared, Content, Proactive, Reply
from runtime.model.meter import Balance, Bound, Meter, Period, Scope
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.money.amounts import show_limit
from runtime.money.cards import ALL, NEARLY, MoneyCards, lasts, waited
from runtime.money.faces import Faces
from runtime.money.limits import LimitBook
from runtime.money.spenders import stamp_of
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store

log = logging.getLogger("nightdesk.money")

GOES_ON = "It goes on: there is room now, or it costs less."
WAS_STOPPED = "It was stopped."
_ENDS_WAITING = frozenset(
    {AlertState.RAISED, AlertState.STOPPED, AlertState.SWITCHED, AlertState.CHANGED}
)
_DECIDED = frozenset({*_ENDS_WAITING, AlertState.KEPT})
_RUNS_LAST = timedelta(days=1)
"""How long after it a card about one run is of interest."""


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
        self._cards = MoneyCards(store, team=team, clock=clock)
        self._told: set[AlertId] = set()
        self._faces = Faces(store, split=split, clock=clock, wake_outbox=wake_outbox)

    # ---- a limit is reached

    async def nearly(
        self, call: Call, bounds: Sequence[Bound], instead: Callable[[], ModelName]
    ) -> None:
        """Tell of those of the limits that are used up to 80 %, now that the call has ended.

        Once for each limit in each period: one that was raised meanwhile has a line of its own. Of
        a day or month that ended during the call nobody can do anything any more.

        Args:
            call: what was spent last.
            bounds: the limits that it had to keep.
            instead: finds a model that costs less than the one that was called.
        """
        lasting = [bound for bound in bounds if self._is_now(bound.meter)]
        fresh = [bound for bound in lasting if self._id(bound, NEARLY) not in self._told]
        if not fresh:
            return
        balances = await self._store.ledger.balances([bound.meter for bound in fresh])
        limits = await self._limits.now()
        for bound, balance in zip(fresh, balances, strict=True):
            # The limit that holds now: it may have been raised during the call.
            limit = limits.of(bound.meter)
            if limit is not None and _is_nearly(balance, limit):
                now = Bound(bound.meter, limit)
                await self._tell(self._nearly(now, call, instead()), balance, call=call)

    def _nearly(self, bound: Bound, call: Call, instead: ModelName) -> Alert:
        spender = call.spender
        return replace(
            self._alert(bound, NEARLY),
            turn=spender.run,
            thread=None if spender.schedule else spender.thread,
            agent=spender.agent,
            instead=instead,
        )

    async def refused(self, turn: Turn, over: OverBudget) -> Alert:
        """The alert about what was refused: the same for all that waits for the same decision."""
        short = over.short
        alert = self._alert(short.bound, ALL)
        if over.instead is not None:
            alert = replace(alert, instead=over.instead.model)
        alert = replace(alert, turn=turn.id, thread=turn.thread, wanted=short.wanted)
        return await self._undecided(alert)

    def card_in_thread(self, turn: Turn, alert: Alert) -> OutboxId | None:
        """The message that says in its thread that the turn waits; None for a run's turn."""
        why = (turn.id, alert.id, str(alert.wanted))
        return None if turn.thread is None else OutboxId(derived("budget.wait", *why))

    async def used_up(self, turn: Turn, over: OverBudget, alert: Alert) -> None:
        """Tell that a turn waits: where it was asked, and once whoever looks after the money."""
        await self._tell(alert, over.short.balance, besides=turn.thread)
        card = self.card_in_thread(turn, alert)
        if turn.thread is None or card is None:
            return
        content = self._cards.waits(alert, over)
        if await self._store.outbox.get(card) is not None:
            # It waited for the same before, and its card may say that it went on.
            await self._faces.become(card, content, f"again {self._clock.now().isoformat()}")
            return
        reply = Reply(id=card, thread=turn.thread, content=content)
        await self._store.outbox.enqueue(self._rows(reply))
        self._wake_outbox()

    # ---- what became of it

    async def decide(self, alert: Alert, state: AlertState, by: Principal, note: str) -> Alert:
        """Note what was decided, unless something was; every card shows what was.

        Said again, it changes nothing, and finishes what a crash left undone.
        """
        decided = await self.answer(alert, state, by, note)
        await self.show(decided)
        return decided

    async def answer(
        self,
        alert: Alert,
        state: AlertState,
        by: Principal,
        note: str,
        *,
        chosen: Chosen | None = None,
    ) -> Alert:
        """Note what was decided and chosen, unless something was before; show nothing."""
        try:
            return await self._store.budgets.answer_alert(
                alert.id, state=state, by=by, note=note, chosen=chosen
            )
        except Conflict:
            return await self._store.budgets.alert(alert.id) or alert

    async def limit_set(self, change: LimitChange) -> None:
        """A limit was set: whatever asks whether the one before may be raised is decided."""
        limits, team = await self._limits.now(), self._team()
        for alert in await self._store.budgets.open_alerts():
            about, shown = alert.bound.meter, alert.bound.limit
            of = (about.scope, about.period, about.currency) == _limited(change)
            if not of or change.subject not in ("", about.subject) or not self._lasts_yet(alert):
                continue
            now = limits.of(replace(about, stamp="") if lasts(about) else about)
            if now == shown:
                continue
            more = now is None or now > shown
            to = "no limit" if now is None else show_limit(now, about.currency)
            note = f"{'Raised' if more else 'Lowered'} to {to} by {name_of(team, change.by)}."
            state = AlertState.RAISED if more else AlertState.CHANGED
            await self.decide(alert, state, change.by, note)

    async def show(self, alert: Alert) -> None:
        """Let every card of a question that was decided show that."""
        if alert.state is AlertState.OPEN:
            return
        face = await self._cards.card(alert)
        for card in alert.cards:
            await self._faces.become(card, face, alert.state)
        for pause in await self._store.budgets.pauses():
            if pause.alert == alert.id and pause.card is not None:
                ended = alert.state in _ENDS_WAITING
                said = waited(alert.note) if ended else await self._cards.waits_on(alert)
                await self._faces.become(pause.card, said, alert.state)

    async def is_over(self, alert: Alert, why: str) -> None:
        """Nobody can decide about it any more: every one of its cards says why, and has no buttons.

        Said again, it changes nothing.
        """
        face = await self._cards.card(replace(alert, state=AlertState.CHANGED, note=why))
        for card in alert.cards:
            await self._faces.become(card, face, "over")

    async def waits_no_more(self, pause: Pause, *, stopped: bool) -> None:
        """A turn goes on, or was stopped: its card in the thread says so, where it is one."""
        if pause.card is None:
            return
        alert = await self._store.budgets.alert(pause.alert)
        if alert is not None and alert.state in _ENDS_WAITING and not stopped:
            await self._faces.become(pause.card, waited(alert.note), alert.state)
            return
        outcome = WAS_STOPPED if stopped else GOES_ON
        await self._faces.become(pause.card, waited(outcome), f"over {pause.at.isoformat()}")

    async def look(self) -> None:
        """Show what was decided on cards that were not there yet when it was."""
        await self._faces.look()

    # ---- in words

    async def left(self) -> str:
        """What is left of the team's own limits: `0.98 of 1.00 USD left today`."""
        limits, team, now = await self._limits.now(), self._team(), self._clock.now()
        meters = [
            Meter(
                scope=Scope.ORGANISATION,
                subject="",
                period=period,
                stamp=stamp_of(period, now, team.zone),
                currency=team.budget.currency,
            )
            for period in (Period.DAY, Period.MONTH)
        ]
        return await self._cards.left(limits.bounds(meters))

    async def number_of(self, meter: Meter) -> int:
        """The number of the schedule that the meter is of, or 0."""
        return await self._cards.number_of(meter)

    async def spenders(self, period: Period, stamp: str) -> str:
        """Who spent the most in a period: agents, schedules and people, in one line each."""
        return await self._cards.spenders(period, stamp, self._team().budget.currency)

    # ---- alerts

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

    def _lasts_yet(self, alert: Alert) -> bool:
        """Whether what it is about is not over, as far as one can see from the time."""
        meter = alert.bound.meter
        if meter.period is Period.FIRING:
            return self._clock.now() - alert.at < _RUNS_LAST
        return self._is_now(meter)

    def _is_now(self, meter: Meter) -> bool:
        """Whether it counts one run, or a day or month that is not over."""
        if meter.period is Period.FIRING:
            return True
        return meter.stamp == stamp_of(meter.period, self._clock.now(), self._team().zone)

    async def _tell(
        self,
        alert: Alert,
        balance: Balance,
        *,
        besides: ThreadRef | None = None,
        call: Call | None = None,
    ) -> None:
        """Tell of it once; not in the place that is told in another way."""
        if alert.id in self._told:
            return
        if await self._store.budgets.alert(alert.id) is None:
            card = await self._cards.about(alert, balance)
            rows = await self._to_people(alert, card, besides)
            if call is not None and alert.bound.meter.period is Period.FIRING:
                rows += await self._to_its_place(alert, card, call)
            rows = list({row.id: row for row in rows}.values())
            alert = replace(alert, cards=tuple(row.id for row in rows))
            if await self._store.budgets.raise_alert(alert, rows):
                log.info("budget.alert", extra={"alert": alert.id, "share": alert.share})
                self._wake_outbox()
        self._told.add(alert.id)

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
        if team.budget.channel is not None:
            rows += await self._in_channel(alert, ThreadRef(team.budget.channel), card)
        return rows

    async def _to_its_place(self, alert: Alert, card: Content, call: Call) -> list[OutboxItem]:
        """The card where a run, or a workflow, was asked for; or where its schedule posts."""
        thread = call.spender.thread
        if thread is None:
            return []
        if call.spender.schedule is not None:
            return await self._in_channel(alert, thread, card)
        this = self._message(alert, thread, card).id
        return self._rows(Reply(id=this, thread=thread, content=card))

    async def _in_channel(self, alert: Alert, thread: ThreadRef, card: Content) -> list[OutboxItem]:
        known = await self._store.trust.of(thread.channel)
        return self._cleared(clear(self._message(alert, thread, card), self._team(), known))

    async def _direct(self, who: Principal) -> ThreadRef | None:
        chat = self._chats.get(who.platform)
        try:
            return None if chat is None else await chat.direct(who)
        except (Retryable, Permanent) as error:
            log.warning("budget.unreachable", extra={"why": str(error)})
            return None

    def _message(self, alert: Alert, thread: ThreadRef, card: Content) -> Proactive:
        ref = thread.channel
        root = [thread.root] if thread.root else []
        place = (ref.platform, ref.workspace, ref.channel, *root)
        return Proactive(
            id=OutboxId(derived("budget", alert.id, *place)), thread=thread, content=card
        )

    def _cleared(self, message: Cleared | Withheld) -> list[OutboxItem]:
        return [] if isinstance(message, Withheld) else self._rows(message)

    def _rows(self, message: Reply | Cleared) -> list[OutboxItem]:
        return compose(message, split=self._split, now=self._clock.now())


def _limited(change: LimitChange) -> tuple[Scope, Period, str]:
    return change.scope, change.period, change.currency


def _is_nearly(balance: Balance, limit: int) -> bool:
    return bool(balance.spent) and balance.spent * ALL >= limit * NEARLY
