"""`/budget` and `/cost`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.commands import budgettext
from gateway.commands.budgetamounts import SIGNS, new_limit
from gateway.commands.budgetchart import SpendingPictures, series
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from gateway.commands.subjects import COST_EXAMPLE, EXAMPLES, Subjects
from runtime.access import authorize
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import ScheduleId, TurnId
from runtime.model.access import Action
from runtime.model.budget import LimitChange, LimitRule
from runtime.model.meter import Balance, Meter, Period, Scope
from runtime.model.team import Team
from runtime.model.value import value
from runtime.money.alerts import BudgetAlerts
from runtime.money.amounts import bare_limit, show_amount, show_limit
from runtime.money.limits import LimitBook, Limits
from runtime.money.pauses import Pauses
from runtime.money.spenders import (
    purse_of,
    run_meter,
    stamp_of,
    subject_of_thread,
    vendor_of,
    when_of,
    whose,
    workflow_meter,
)
from runtime.money.workflows import begun_by
from runtime.ports import Store

_PERIODS = {
    "day": Period.DAY,
    "daily": Period.DAY,
    "month": Period.MONTH,
    "monthly": Period.MONTH,
    "each": Period.FIRING,
    "run": Period.FIRING,
    "firing": Period.FIRING,
}
_FILLERS = frozenset({"a", "each", "every", "per"})
"""What may stand before the time: `5 per day`."""
_RUNS_SHOWN = 5
_CHANGES_SHOWN = 20


@value(kw_only=True)
class BudgetServices:
    """What the commands about money act through.

    Attributes:
        limits: the limits that hold.
        alerts: what people were told.
        pauses: what waits for money.
        pictures: draws what was spent.
    """

    limits: LimitBook
    alerts: BudgetAlerts
    pauses: Pauses
    pictures: SpendingPictures


@value()
class _Wish:
    """What a limit is to become.

    Attributes:
        meter: whose, and over which time; for no one period.
        amount: the amount as it was written.
        named: the time was named.
    """

    meter: Meter
    amount: str
    named: bool = True


class BudgetCommands:
    """The commands of the nouns `budget` and `cost`."""

    def __init__(
        self,
        services: BudgetServices,
        store: Store,
        *,
        team: Callable[[], Team],
        providers: Callable[[], Iterable[str]],
        clock: Clock,
    ) -> None:
        """Show what `store` counted, and change limits through `services`.

        Args:
            services: what the commands about money act through.
            store: the database.
            team: the configuration as it is now.
            providers: those of the models that are set up.
            clock: the clock.
        """
        self._limits = services.limits
        self._alerts = services.alerts
        self._pauses = services.pauses
        self._pictures = services.pictures
        self._store = store
        self._subjects = Subjects(store, team=team, providers=providers)
        self._team = team
        self._providers = providers
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """`/budget`."""
        authorize(self._team(), request.sender, Action.BUDGET_READ)
        match command.verb:
            case "show":
                return await self._show(request)
            case "history":
                return await self._history()
            case _:
                return await self._change(command, request)

    async def cost(self, command: ParsedCommand, request: Request) -> Answer:
        """`/cost`."""
        authorize(self._team(), request.sender, Action.BUDGET_READ)
        words = list(command.args) or [str(Scope.THREAD)]
        if words[0].casefold() in (Scope.RUN, Scope.WORKFLOW):
            return await self._cost_of_run(Scope(words[0].casefold()), words[1:])
        scope, subject, rest = await self._subjects.find(words, request, spent=True)
        if rest:
            raise Refused(f"“{rest[0][:40]}” is too much.", hint=COST_EXAMPLE)
        if scope is Scope.THREAD and not subject:
            subject = subject_of_thread(request.thread)
        months = await self._series(scope, subject, Period.MONTH, limit=600)
        here = scope is Scope.THREAD and subject == subject_of_thread(request.thread)
        label = "This thread" if here else await self._label(scope, subject)
        if scope not in (Scope.PERSON, Scope.CHANNEL):  # a name stays as it is written
            label = label[:1].upper() + label[1:]
        said = budgettext.cost(label, months, self._team(), now=self._clock.now())
        if scope is Scope.SCHEDULE:
            said = "\n".join([said, *await self._firings(subject)])
        return Answer(said)

    async def check_of_schedule(self, amount: str, request: Request) -> None:
        """Refuse what `limit_schedule` would: see `gateway.commands.schedules.Allowances`."""
        meter = self._meter(Scope.SCHEDULE, "", Period.FIRING)
        if await self._limits.made(request.id) is not None:
            return
        try:
            await self._judge("set", _Wish(meter, amount), request)
        except Refused as error:
            if error.hint != EXAMPLES:
                raise
            raise Refused(error.message, hint="For example: --budget 0.50") from None

    async def limit_schedule(self, schedule: ScheduleId, amount: str, request: Request) -> str:
        """Limit what each run may cost: see `gateway.commands.schedules.Allowances`."""
        meter = self._meter(Scope.SCHEDULE, schedule, Period.FIRING)
        return await self._set("set", _Wish(meter, amount), request)

    # ---- showing

    async def _show(self, request: Request) -> Answer:
        team, now = self._team(), self._clock.now()
        limits = await self._limits.now()
        lines, each = [], []
        today = {period: stamp_of(period, now, team.zone) for period in (Period.DAY, Period.MONTH)}
        for rule in limits.current(today):
            label = await self._label(rule.scope, rule.subject)
            if rule.period is Period.FIRING or not (
                rule.subject or rule.scope is Scope.ORGANISATION
            ):
                amount = show_limit(rule.micros, team.budget.currency)
                each.append(f"- {label}: {amount} {when_of(rule.scope, rule.period)}")
                continue
            [balance] = await self._store.ledger.balances([self._now(rule)])
            lines.append(budgettext.meter(label, balance, rule.micros))
        month = self._now(LimitRule(scope=Scope.ORGANISATION, period=Period.MONTH, micros=0))
        [spent] = await self._store.ledger.balances([month])
        recent = await self._series(Scope.ORGANISATION, "", Period.DAY, limit=budgettext.DAYS)
        waiting = len(await self._store.budgets.pauses())
        parts = [
            f"**Budget of {team.name}** ({team.budget.currency})",
            "```\n" + "\n".join(lines) + "\n```",
            "\n".join(each),
            budgettext.forecast(spent, limits.of(month), team, now=now),
            budgettext.days(recent, team, now=now),
            await self._alerts.spenders(Period.MONTH, month.stamp),
            _waiting(waiting),
            budgettext.without_force(await self._without_force(), team),
        ]
        day = self._now(LimitRule(scope=Scope.ORGANISATION, period=Period.DAY, micros=0))
        files = await self._pictures.of(series(recent, limits.of(day), team, now=now), request)
        return Answer("\n".join(part for part in parts if part), files=files)

    async def _without_force(self) -> list[tuple[str, LimitChange]]:
        found = await self._limits.without_force()
        return [(await self._label(one.scope, one.subject), one) for one in found]

    async def _history(self) -> Answer:
        changes = budgettext.changed(await self._limits.history())
        if not changes:
            return Answer("Nobody changed a limit in the chat; those of the configuration hold.")
        team, now = self._team(), self._clock.now()
        lines = [
            budgettext.change(await self._label(one.scope, one.subject), one, team, now=now)
            for one in changes[:_CHANGES_SHOWN]
        ]
        if len(changes) > _CHANGES_SHOWN:
            lines.append("- and more before; `nightdesk audit show --kind budget` lists them")
        return Answer("\n".join(["**Limits that were changed**", *lines]))

    async def _cost_of_run(self, scope: Scope, words: Sequence[str]) -> Answer:
        """What a run cost, or a workflow, which is named by the run that began it."""
        hint = "/cost schedule 3 shows its runs."
        if not words:
            raise Refused(f"Which {scope}? The id of its run is missing.", hint=hint)
        if len(words) > 1:
            raise Refused(f"“{words[1][:40]}” is too much.", hint=f"/cost {scope} ID")
        run = words[0]
        currency = self._team().budget.currency
        whole = workflow_meter(begun_by(TurnId(run)), currency)
        alone = run_meter(run, currency)
        both = await self._store.ledger.balances([whole, alone])
        # Where nothing could be handed on, only the run was counted.
        counted = scope is Scope.WORKFLOW and (both[0].calls or both[0].taken)
        found = both[:1] if counted else both[1:]
        known = await self._store.turns.state(TurnId(run))
        if known is None and not any(one.calls or one.taken for one in found):
            raise Refused(f"There is no run “{run[:26]}”.", hint=hint)
        label = f"Run {run[:26]}" + (" and what followed" if scope is Scope.WORKFLOW else "")
        return Answer(budgettext.cost(label, found, self._team(), now=self._clock.now()))

    async def _firings(self, schedule: str) -> list[str]:
        """What the last firings of a schedule cost, the latest first."""
        found = await self._series(Scope.SCHEDULE, schedule, Period.FIRING, limit=_RUNS_SHOWN)
        currency = self._team().budget.currency
        return [f"- run `{one.meter.stamp}`: {show_amount(one.spent, currency)}" for one in found]

    # ---- changing

    async def _change(self, command: ParsedCommand, request: Request) -> Answer:
        wish = await self._wish(command, request)
        return Answer(await self._set(command.verb, wish, request), private=False)

    async def _set(self, verb: str, wish: _Wish, request: Request) -> str:
        """Let the limit be as it is wished, once for each request; what holds then."""
        if verb in SIGNS:
            wish = await self._where_limited(verb, wish)
        now = replace(wish.meter, stamp=self._stamp(wish.meter))
        async with self._limits.changing:
            if (made := await self._limits.made(request.id)) is not None:
                return await self._said(now, made.before)
            before, after, lower = await self._judge(verb, wish, request)
            await self._limits.set(wish.meter, after, request.sender, key=request.id)
        await (self._pauses.look() if lower else self._pauses.raised(wish.meter))
        return await self._said(now, before)

    async def _judge(
        self, verb: str, wish: _Wish, request: Request
    ) -> tuple[int | None, int | None, bool]:
        """The limit as it was and as it is wished, and whether it is lowered.

        Raises:
            Refused: it is no amount, or the person may not.
        """
        now = replace(wish.meter, stamp=self._stamp(wish.meter))
        before = (await self._limits.now()).of(now)
        currency, when = self._team().budget.currency, when_of(now.scope, now.period)
        after = new_limit(verb, wish.amount, before, currency=currency, when=when)
        lower = after is not None and (before is None or after <= before)
        action = Action.BUDGET_LOWER if lower else Action.BUDGET_RAISE
        authorize(self._team(), request.sender, action)
        return before, after, lower

    async def _where_limited(self, verb: str, wish: _Wish) -> _Wish:
        """The wish, over the time that has a limit, where none was named.

        Raises:
            Refused: a limit is to be raised that is not there.
        """
        limits = await self._limits.now()
        periods = [wish.meter.period] if wish.named else [wish.meter.period, *Period]
        for period in periods:
            meter = replace(wish.meter, period=period)
            if limits.of(replace(meter, stamp=self._stamp(meter))) is not None:
                return replace(wish, meter=meter)
        if verb == "raise":
            label = await self._label(wish.meter.scope, wish.meter.subject)
            when = f" {_per(wish.meter)}" if wish.named else ""
            raise Refused(
                f"There is no limit{when} for {label} yet, so nothing can be raised.",
                hint="`/budget set` sets one. " + EXAMPLES,
            )
        return wish

    async def _said(self, meter: Meter, before: int | None) -> str:
        """What holds now; and where it is below what was spent, that it refuses at once."""
        currency = self._team().budget.currency
        limits = await self._limits.now()
        limit = limits.of(meter)
        label = await self._label(meter.scope, meter.subject)
        when = when_of(meter.scope, meter.period)
        was = "There was none" if before is None else f"It was {show_limit(before, currency)}"
        if limit is None and before is None:
            return f"There is no limit {_per(meter)} for {label}, and there was none before."
        if limit is None:
            return f"There is no limit {_per(meter)} for {label} any more. {was} before."
        holds = f"{show_limit(limit, currency)} {when}"
        said = f"The limit for {label} is {holds}. {was} before."
        [balance] = await self._store.ledger.balances([meter])
        if not limit:
            said += " Nothing is spent until somebody raises it."
        elif balance.spent >= limit and (meter.subject or meter.scope is Scope.ORGANISATION):
            spent = show_amount(balance.spent, currency)
            said += f" {spent} are spent already, so nothing more is spent until that is over."
        return " ".join([said, *self._lower_at(limits, meter, limit)])

    def _lower_at(self, limits: Limits, meter: Meter, limit: int) -> Iterator[str]:
        """Where less holds than was just said of a vendor at all its addresses and keys."""
        if meter.scope is not Scope.PROVIDER or not meter.subject:
            return
        currency, when = self._team().budget.currency, when_of(meter.scope, meter.period)
        names = (name for name in self._providers() if vendor_of(name) == meter.subject)
        places = [replace(meter, subject=place) for place in sorted(set(map(purse_of, names)))]
        for bound in limits.bounds(places):
            if bound.limit < limit:
                place, less = bound.meter.subject, show_limit(bound.limit, currency)
                change = f"`/budget set provider {place} {bare_limit(limit)} {meter.period}`"
                yield f"At {place} it stays at {less} {when}: {change} lets it have as much."

    async def _wish(self, command: ParsedCommand, request: Request) -> _Wish:
        scope, subject, rest = await self._subjects.find(list(command.args), request)
        if scope is Scope.THREAD and not subject:
            subject = subject_of_thread(request.thread)
        once = scope in (Scope.RUN, Scope.WORKFLOW, Scope.SCHEDULE)
        period = Period.FIRING if once else Period.DAY
        named = _PERIODS.get(rest[-1].casefold()) if rest else None
        if named is not None:
            period, rest = named, rest[:-1]
            if len(rest) > 1 and rest[-1].casefold() in _FILLERS:
                rest = rest[:-1]
            if len(rest) > 1 and rest[-1].casefold() in _PERIODS:
                raise Refused("A limit is for one time: day, month or each.", hint=EXAMPLES)
        if not rest:
            raise Refused("How much? The amount is missing.", hint=EXAMPLES)
        if (period is Period.FIRING) != once and scope is not Scope.SCHEDULE:
            wrong = "has no day and no month" if once else "is not limited run by run"
            article = "An" if scope is Scope.AGENT else "A"
            what = "The team" if scope is Scope.ORGANISATION else f"{article} {scope}"
            raise Refused(f"{what} {wrong}.", hint=EXAMPLES)
        meter = self._meter(scope, subject, period)
        return _Wish(meter, " ".join(rest), named is not None)

    async def _label(self, scope: Scope, subject: str) -> str:
        meter = self._meter(scope, subject, Period.DAY)
        number = await self._alerts.number_of(meter)
        return whose(self._team(), scope, subject, schedule=number)

    def _now(self, rule: LimitRule) -> Meter:
        meter = self._meter(rule.scope, rule.subject, rule.period)
        return replace(meter, stamp=self._stamp(meter))

    def _meter(self, scope: Scope, subject: str, period: Period) -> Meter:
        """One of the team's currency, of no one period."""
        currency = self._team().budget.currency
        return Meter(scope=scope, subject=subject, period=period, stamp="", currency=currency)

    async def _series(
        self, scope: Scope, subject: str, period: Period, *, limit: int
    ) -> list[Balance]:
        currency = self._team().budget.currency
        return await self._store.ledger.series(
            scope, subject, period, currency=currency, limit=limit
        )

    def _stamp(self, meter: Meter) -> str:
        return stamp_of(meter.period, self._clock.now(), self._team().zone)


def _per(meter: Meter) -> str:
    """The meter's time after a noun: `a limit per day`."""
    return when_of(meter.scope, meter.period).replace("a ", "per ", 1)


def _waiting(count: int) -> str:
    if not count:
        return ""
    return f"{count} turn{' waits' if count == 1 else 's wait'} for money."
