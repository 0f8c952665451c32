"""Keeps spending inside its limits: holds before each call, settles after it, and says so.

What nobody can say for sure counts as the most that it can have been. A hold that nobody settles,
because the process died, ends by itself and counts in full.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import (
    Conflict,
    ContextTooLong,
    ModelUnavailable,
    NightdeskError,
    Refused,
    Retryable,
    SpendingForbidden,
)
from runtime.ids import AgentName, HoldId, IdSource, ModelName, TurnId
from runtime.model.budget import NO_MODEL, Pause
from runtime.model.choice import Known
from runtime.model.completion import Finished, ModelInfo, ModelRequest, Usage
from runtime.model.ledger import Call, CallState, Cheaper, OverBudget, Settlement
from runtime.model.localtime import show_time
from runtime.model.meter import Bound, Scope, Short
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.money.alerts import BudgetAlerts
from runtime.money.amounts import show_amount
from runtime.money.behalf import spender_of
from runtime.money.cheaper import cheaper, costs_less
from runtime.money.limits import LimitBook, Limits
from runtime.money.pauses import Pauses
from runtime.money.pricing import Worst, cost_of, costs_nothing, worst_case
from runtime.money.shortage import lacking
from runtime.money.spenders import end_of, meters_of, run_meter, when_of, whose
from runtime.money.workflows import workflow_of
from runtime.ports import Store

log = logging.getLogger("nightdesk.money")

HELD_FOR = timedelta(minutes=30)
"""How long a call may be under way before it counts in full; longer than any model may take."""
_MOST_PAID = 10_000
"""Turns that paid and did not end, as far as this process knows."""
_NOT_DONE = (ContextTooLong, SpendingForbidden)
"""What a provider does not charge for, where no answer had begun."""


class PaidCall:
    """How far a call came. Implements `runtime.ports.Paid`."""

    begun = False
    finished: Finished | None = None

    def began(self) -> None:
        """The answer begins to come: see the port."""
        self.begun = True

    def ended(self, finished: Finished) -> None:
        """The answer has come: see the port."""
        self.finished = finished


class _FreeCall(PaidCall):
    """A call that costs nothing: nothing is held, and most often nothing is noted."""

    def __init__(self, note: Callable[[PaidCall], Awaitable[None]]) -> None:
        self._note = note

    async def __aenter__(self) -> PaidCall:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and _used(self) is not None:
            await self._note(self)


class Spending:
    """Keeps spending inside its limits. Implements `runtime.ports.Budget`."""

    def __init__(
        self,
        store: Store,
        limits: LimitBook,
        alerts: BudgetAlerts,
        pauses: Pauses,
        *,
        catalogue: Callable[[], Mapping[ModelName, Known]],
        team: Callable[[], Team],
        clock: Clock,
        ids: IdSource,
    ) -> None:
        """Hold and settle in the ledger of `store`, within `limits`.

        Args:
            store: the database.
            limits: the limits that hold.
            alerts: tells people.
            pauses: knows what waits for money.
            catalogue: every configured model, and how it does now.
            team: the configuration as it is now.
            clock: the clock.
            ids: makes the ids of holds.
        """
        self._store = store
        self._limits = limits
        self._alerts = alerts
        self._pauses = pauses
        self._catalogue = catalogue
        self._team = team
        self._clock = clock
        self._ids = ids
        self._paid: set[TurnId] = set()

    def call(
        self, turn: Turn, agent: AgentName, model: ModelInfo, request: ModelRequest
    ) -> AbstractAsyncContextManager[PaidCall]:
        """Hold the worst case of one call while it is made: see the port."""
        worst = None if costs_nothing(model) else self._worst(model, request)
        if worst is not None and worst.micros:
            return self._held(turn, agent, model, worst, request)
        return _FreeCall(lambda paid: self._note_free(turn, agent, model, request, paid))

    @asynccontextmanager
    async def _held(
        self,
        turn: Turn,
        agent: AgentName,
        model: ModelInfo,
        worst: Worst,
        request: ModelRequest,
    ) -> AsyncIterator[PaidCall]:
        paid = PaidCall()
        call, bounds = await self._reserve(turn, agent, model, worst, request)
        if len(self._paid) >= _MOST_PAID:
            self._paid.clear()  # turns that were stopped or failed; all that is lost is a footer
        self._paid.add(turn.id)
        try:
            yield paid
        except BaseException as error:
            await self._settle(call, bounds, _ended_early(call, paid, error, self._clock))
            raise
        await self._settle(call, bounds, self._charged(model, worst, call, paid))

    async def wait(self, turn: Turn, over: OverBudget) -> None:
        """Remember that the turn waits, and tell people: see the port."""
        alert = await self._alerts.refused(turn, over)
        await self._pauses.add(
            Pause(
                turn=turn.id,
                conversation=turn.conversation,
                thread=turn.thread,
                bound=over.short.bound,
                wanted=over.short.wanted,
                until=over.until,
                at=self._clock.now(),
                instead=over.instead.model if over.instead else NO_MODEL,
                alert=alert.id,
                card=self._alerts.card_in_thread(turn, alert),
            )
        )
        await self._alerts.used_up(turn, over, alert)

    async def parked(self) -> None:
        """Look whether there is money meanwhile: see the port."""
        await self._pauses.look()

    async def sweep(self) -> None:
        """Let calls expire that nobody settled; people hear of what that used up."""
        for call in await self._store.ledger.sweep(now=self._clock.now()):
            log.warning("ledger.expired", extra={"call": call.id, "spent": call.spent})
            await self._nearly(call, (await self._limits.now()).bounds(call.meters))

    async def footer(self, turn: Turn) -> str:
        """What stands under the turn's answer: see the port."""
        if turn.id not in self._paid:
            return ""  # most turns cost nothing, and none of those asks the database
        team = self._team()
        if not team.budget.footer:
            return ""
        self._paid.discard(turn.id)
        try:
            meter = run_meter(turn.id, team.budget.currency)
            [balance] = await self._store.ledger.balances([meter])
            left = await self._alerts.left() if balance.spent else ""
        except Retryable as error:
            # The answer was paid for: it does not fail for want of a line under it.
            log.warning("budget.no_footer", extra={"turn": turn.id, "why": str(error)})
            return ""
        said = show_amount(balance.spent, team.budget.currency) if balance.spent else ""
        return " · ".join(part for part in (said, left) if part)

    # ---- one call

    def _worst(self, model: ModelInfo, request: ModelRequest) -> Worst:
        return worst_case(model, request, currency=self._team().budget.currency)

    async def _reserve(
        self, turn: Turn, agent: AgentName, model: ModelInfo, worst: Worst, request: ModelRequest
    ) -> tuple[Call, list[Bound]]:
        limits = await self._limits.now()
        call = await self._call(turn, agent, model, worst, limits)
        bounds = limits.bounds(call.meters)
        short = await self._store.ledger.reserve(call, bounds)
        if short is not None:
            raise await self._refusal(
                short, await self._instead(turn, agent, request, short.wanted)
            )
        return call, bounds

    async def _instead(
        self, turn: Turn, agent: AgentName, request: ModelRequest, wanted: int
    ) -> Cheaper | None:
        """The cheapest model that can do it within what every limit leaves now."""
        limits, currency = await self._limits.now(), self._team().budget.currency
        known = self._catalogue().values()
        for model, worst in cheaper(known, request, than=wanted, currency=currency):
            if not worst.micros:
                return Cheaper(model.name, 0)
            call = await self._call(turn, agent, model, worst, limits)
            bounds = limits.bounds(call.meters)
            balances = await self._store.ledger.balances([bound.meter for bound in bounds])
            pairs = zip(bounds, balances, strict=True)
            if all(balance.taken + worst.micros <= bound.limit for bound, balance in pairs):
                return Cheaper(model.name, worst.micros)
        return None

    async def _call(
        self,
        turn: Turn,
        agent: AgentName,
        model: ModelInfo,
        worst: Worst,
        limits: Limits | None = None,
    ) -> Call:
        now = self._clock.now()
        spender = await spender_of(turn, agent, model.provider or model.name, self._store)
        if self._is_counted_whole(turn, agent, limits):
            spender = replace(spender, workflow=await workflow_of(turn, self._store.handoffs))
        return Call(
            id=HoldId(self._ids.new()),
            spender=spender,
            model=model.name,
            at=now,
            expires_at=now + HELD_FOR,
            worst=worst.micros,
            meters=meters_of(spender, self._team(), at=now),
        )

    def _is_counted_whole(self, turn: Turn, agent: AgentName, limits: Limits | None) -> bool:
        """Whether its workflow has a meter: without a limit and a hand-off that is the run's."""
        known = self._team().agent(agent)
        may_hand = bool(turn.chain) or (known is not None and bool(known.hands_to))
        return may_hand or (limits is not None and limits.has(Scope.WORKFLOW))

    def _charged(self, model: ModelInfo, worst: Worst, call: Call, paid: PaidCall) -> Settlement:
        now = self._clock.now()
        if paid.finished is None:
            note = "it ended without saying what it used: the most was counted"
            return Settlement(state=CallState.SETTLED, spent=call.worst, note=note, at=now)
        cost = cost_of(model, paid.finished.usage, worst)
        return Settlement(
            state=CallState.SETTLED,
            spent=cost.micros,
            usage=paid.finished.usage,
            note=cost.note,
            at=now,
        )

    async def _settle(self, call: Call, bounds: list[Bound], by: Settlement) -> None:
        """Settle; what cannot be stored now ends by itself, and counts in full."""
        if by.note:
            log.warning("ledger.odd", extra={"call": call.id, "why": by.note})
        try:
            await self._store.ledger.settle(call.id, by)
            await self._nearly(call, bounds)
        except (Retryable, Conflict) as error:
            log.warning("ledger.not_settled", extra={"call": call.id, "why": str(error)})

    async def _nearly(self, call: Call, bounds: Sequence[Bound]) -> None:
        """Tell people what is nearly used up, now that the call has ended."""

        def instead() -> ModelName:
            currency = self._team().budget.currency
            return costs_less(self._catalogue().values(), call.model, currency=currency)

        await self._alerts.nearly(call, bounds, instead)

    async def _note_free(
        self,
        turn: Turn,
        agent: AgentName,
        model: ModelInfo,
        request: ModelRequest,
        paid: PaidCall,
    ) -> None:
        """Record what a call used that cost nothing."""
        worst = self._worst(model, request)
        call = await self._call(turn, agent, model, worst)
        done = _recorded(call, self._charged(model, worst, call, paid))
        try:
            await self._store.ledger.reserve(done, [])
        except (Retryable, Conflict) as error:
            log.warning("ledger.not_settled", extra={"call": call.id, "why": str(error)})

    async def _refusal(self, short: Short, instead: Cheaper | None) -> NightdeskError:
        """What the turn is told: that it has to wait, or where nothing may be spent, that."""
        team, now = self._team(), self._clock.now()
        meter, currency = short.bound.meter, team.budget.currency
        number = await self._alerts.number_of(meter)
        who = whose(team, meter.scope, meter.subject, schedule=number)
        if not short.bound.limit and instead is None:
            return Refused(
                f"Nothing may be spent for {who}: the limit is 0 {currency} "
                f"{when_of(meter.scope, meter.period)}.",
                hint="`/budget` shows the limits, and who may change them.",
            )
        # Of a limit of nothing the next period leaves no more.
        until = end_of(meter.period, now, team.zone) if short.bound.limit else None
        head, amounts = lacking(short, who, currency)
        hint = "I go on from where I was once there is room."
        if until is not None:
            hint += f" The period ends {show_time(until, team.zone, now=now)}."
        if instead is not None:
            cost = f"for up to {show_amount(instead.worst, currency)}" if instead.worst else "free"
            hint += f" `{instead.model}` could go on with it {cost}."
        return OverBudget(f"{head}: {amounts}", hint, short=short, until=until, instead=instead)


def _ended_early(call: Call, paid: PaidCall, error: BaseException, clock: Clock) -> Settlement:
    """What a call cost that failed, or was broken off."""
    undone = isinstance(error, _NOT_DONE) or (isinstance(error, ModelUnavailable) and error.undone)
    if undone and not paid.begun:
        note = f"the provider did nothing ({type(error).__name__})"
        return Settlement(state=CallState.RELEASED, spent=0, note=note, at=clock.now())
    note = f"it broke off ({type(error).__name__}): the most was counted"
    return Settlement(state=CallState.SETTLED, spent=call.worst, note=note, at=clock.now())


def _recorded(call: Call, by: Settlement) -> Call:
    """The call, settled before it was ever held."""
    return replace(call, state=by.state, spent=by.spent, usage=by.usage, note=by.note)


def _used(paid: PaidCall) -> Usage | None:
    """What a call used, where anybody said it."""
    used = paid.finished.usage if paid.finished else None
    said = used is not None and (used.prompt_tokens or used.completion_tokens)
    return used if said else None
