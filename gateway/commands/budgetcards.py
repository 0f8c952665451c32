"""The buttons of the cards about money: raise a limit, keep it, go on for less, or stop."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.commands import budgettext
from gateway.commands.budget import BudgetServices
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Noun, Press, Request
from runtime.access import authorize
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import InboxId, TurnId, derived
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.budget import Alert, AlertState, Pause
from runtime.model.choice import Purse
from runtime.model.events import ButtonPress
from runtime.model.meter import Period, Scope
from runtime.model.team import Team
from runtime.money.amounts import show_limit
from runtime.money.behalf import spending_at
from runtime.money.cards import ALL, KEEP, RAISE, STOP, USE, lasts, wish_of
from runtime.money.spenders import end_of, subject_of_thread, whose
from runtime.money.workflows import unfinished
from runtime.ports import Store
from runtime.routing.asking import Routing

_TOO_OLD = "This card is too old for me to know it. `/budget` shows the limits."
_GOES_ON = "Nothing waits for this any more."
_NOTHING_RUNS = "Nothing is being spent there now."
_NO_MODEL = "No model can go on with it for less. See `/model list`."
_HERE = frozenset({Scope.CHANNEL, Scope.THREAD})


class BudgetCards:
    """What the buttons of the cards about money do."""

    def __init__(
        self,
        services: BudgetServices,
        store: Store,
        *,
        stop: Noun,
        model: Noun,
        routing: Routing,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Act on the alerts of `store`, through `services`.

        Args:
            services: what the commands about money act through.
            store: the database.
            stop: `/stop`, which judges who may.
            model: `/model`, which does, too.
            routing: knows the models, and what was chosen of them.
            team: the configuration as it is now.
            clock: the clock.
        """
        self._limits = services.limits
        self._alerts = services.alerts
        self._pauses = services.pauses
        self._store = store
        self._stop = stop
        self._model = model
        self._routing = routing
        self._team = team
        self._clock = clock

    @property
    def presses(self) -> Mapping[str, Press]:
        """What each of them does."""
        return {RAISE: self._raise, KEEP: self._keep, STOP: self._stopped, USE: self._used}

    # ---- the limit

    async def _raise(self, press: ButtonPress, request: Request) -> Answer:
        """The buttons that raise a limit, until its period ends."""
        authorize(self._team(), request.sender, Action.BUDGET_RAISE)
        wish = wish_of(press.value)
        alert = await self._store.budgets.alert(wish.alert)
        limit = None if alert is None else wish.limit(alert.bound.limit)
        if alert is None or limit is None:
            return Answer(_TOO_OLD)
        if alert.state is AlertState.OPEN and (past := await self._past(alert)) is not None:
            return past
        meter, shown = alert.bound.meter, alert.bound.limit
        if lasts(meter):
            meter = replace(meter, stamp="")
        currency = meter.currency
        once = "" if meter.period is Period.FIRING else f" for this {meter.period}"
        by = name_of(self._team(), request.sender)
        note = f"Raised to {show_limit(limit, currency)}{once} by {by}."
        async with self._limits.changing:
            holds = (await self._limits.now()).of(meter)
            if alert.state is AlertState.OPEN and holds != shown:
                now = "none" if holds is None else show_limit(holds, currency)
                return Answer(
                    f"The limit was changed since this card was written: it is {now} now."
                )
            key = f"alert/{alert.id}"
            if alert.state is AlertState.RAISED and await self._was_changed_since(key, holds):
                was = f"That was decided: {alert.note} The limit was changed since then."
                await self._alerts.show(alert)
                return Answer(was)
            decided = await self._alerts.decide(alert, AlertState.RAISED, request.sender, note)
            if decided.state is AlertState.RAISED and decided.note == note and holds == shown:
                await self._limits.set(meter, limit, request.sender, key=key)
                await self._pauses.raised(meter)
        return _outcome(decided, note)

    async def _was_changed_since(self, key: str, holds: int | None) -> bool:
        """Whether the limit was raised by `key`, and is another one now."""
        made = await self._limits.made(key)
        return made is not None and made.micros != holds

    async def _keep(self, press: ButtonPress, request: Request) -> Answer:
        """The button that leaves a limit as it is."""
        authorize(self._team(), request.sender, Action.BUDGET_LOWER)
        alert = await self._store.budgets.alert(wish_of(press.value).alert)
        if alert is None:
            return Answer(_TOO_OLD)
        if alert.state is AlertState.OPEN and (past := await self._past(alert)) is not None:
            return past
        note = f"Kept as it is by {name_of(self._team(), request.sender)}."
        return _outcome(
            await self._alerts.decide(alert, AlertState.KEPT, request.sender, note), note
        )

    async def _past(self, alert: Alert) -> Answer | None:
        """Why nobody can decide about it any more; None where they can."""
        was, now = alert.bound.meter.currency, self._team().budget.currency
        if was != now:
            return Answer(f"This card is about a budget in {was}, and the team's is in {now} now.")
        over = await self._over(alert)
        if not over:
            return None
        await self._alerts.is_over(alert, over)
        return Answer(over)

    async def _over(self, alert: Alert) -> str:
        """That the period, or the run, is over that a card was about; empty where it is not."""
        meter = alert.bound.meter
        until = end_of(meter.period, alert.at, self._team().zone)
        if until is not None and self._clock.now() >= until:
            return f"The {meter.period} that this card was about is over, and a new one began."
        alone = meter.period is Period.FIRING and not lasts(meter)
        if alone and meter.stamp not in await unfinished(self._store):
            return f"The {meter.scope} that this card was about is over."
        return ""

    # ---- what waits

    async def _stopped(self, press: ButtonPress, request: Request) -> Answer:
        """The button that ends what waits: in its thread that, elsewhere all that waits for it.

        On a card about a limit that is nearly used up, it ends whatever spends of it now.
        """
        wish = wish_of(press.value)
        alert = await self._store.budgets.alert(wish.alert)
        if alert is None:
            return Answer(_TOO_OLD)
        waiting = await self._waiting(alert, request.thread if wish.here else None)
        if wish.here and waiting:
            return budgettext.waited(await self._stop(ParsedCommand(noun="stop"), request))
        if (answer := await self._no_use(alert)) is not None:
            return answer
        turns = [pause.turn for pause in waiting]
        if alert.share != ALL:
            team, now = self._team(), self._clock.now()
            turns += await spending_at(alert.bound.meter, self._store, team, now=now)
        if not turns:
            return Answer(_GOES_ON if alert.share == ALL else _NOTHING_RUNS)
        said, refused = await self._stop_each(turns, request)
        if not refused:
            note = f"Stopped by {name_of(self._team(), request.sender)}."
            await self._alerts.decide(alert, AlertState.STOPPED, request.sender, note)
        return _together(said)

    async def _stop_each(
        self, turns: Sequence[TurnId], request: Request
    ) -> tuple[list[Answer], bool]:
        """Stop those of the turns that the person may; whether there are others.

        Raises:
            Refused: they may stop none of them.
        """
        said: list[Answer] = []
        refused: Refused | None = None
        for turn in dict.fromkeys(turns):
            stop = ParsedCommand(noun="stop", args=(turn,))
            try:
                said.append(await self._stop(stop, _apart(request, turn)))
            except Refused as error:
                refused = error
        if refused is not None and not said:
            raise refused
        return said, refused is not None

    async def _used(self, press: ButtonPress, request: Request) -> Answer:
        """The button that goes on with another model, there or wherever something waits for it."""
        wish = wish_of(press.value)
        alert = await self._store.budgets.alert(wish.alert)
        if alert is None:
            return Answer(_TOO_OLD)
        if alert.share != ALL:
            return await self._switch(alert, request)
        waiting = await self._waiting(alert, request.thread if wish.here else None)
        here = wish.here and waiting
        if not here and (answer := await self._no_use(alert)) is not None:
            return answer
        if not waiting:
            return Answer(_GOES_ON)
        able = [pause for pause in waiting if pause.instead]
        if not able:
            return Answer(_NO_MODEL)
        said = _together([await self._use(pause, request) for pause in able])
        if wish.here:
            return budgettext.waited(said)
        if len(able) == len(waiting):
            names = ", ".join(f"`{name}`" for name in dict.fromkeys(one.instead for one in able))
            note = f"Goes on with {names}, by {name_of(self._team(), request.sender)}."
            await self._alerts.decide(alert, AlertState.SWITCHED, request.sender, note)
        return said

    async def _switch(self, alert: Alert, request: Request) -> Answer:
        """Let another model answer whatever is counted there, from now on."""
        team, purse = self._team(), _purse(alert)
        needed = Action.MODEL_THREAD if purse.scope in _HERE else Action.MODEL_AGENT
        authorize(team, request.sender, needed)
        if alert.state is AlertState.SWITCHED:
            await self._pauses.go_on(None)  # which a crash may have left undone
        if (answer := await self._no_use(alert)) is not None:
            return answer
        known = self._routing.catalogue().get(alert.instead)
        if known is None or known.out:
            why = f": {known.out}" if known else ""
            raise Refused(f"`{alert.instead}` cannot be asked now{why}.", hint="/model list")
        who = whose(team, purse.scope, purse.subject)
        note = (
            f"`{alert.instead}` answers for {who} from now on, by {name_of(team, request.sender)}. "
            "`/model auto budget` takes it back."
        )
        choices = self._routing.choices
        chosen = choices.choice(purse, alert.instead, by=request.sender)
        try:
            decided = await self._alerts.answer(
                alert, AlertState.SWITCHED, request.sender, note, chosen=chosen
            )
        finally:
            choices.read_again()
        await self._alerts.show(decided)
        await self._pauses.go_on(None)
        return _outcome(decided, note)

    async def _no_use(self, alert: Alert) -> Answer | None:
        """Why a card does nothing: it was decided about, or its time or currency is over."""
        if alert.state is not AlertState.OPEN:
            await self._alerts.show(alert)
            return _outcome(alert, "")
        return await self._past(alert)

    async def _use(self, pause: Pause, request: Request) -> Answer:
        """Set the model where the turn was asked; for a run, for its agent."""
        args: tuple[str, ...] = (pause.instead,)
        thread = pause.thread or request.thread
        if pause.thread is None:
            conversation = await self._store.conversations.get(pause.conversation)
            if conversation is None:
                raise Refused("I do not know any more whose run that is.", hint="See `/status`.")
            args = (pause.instead, "agent", conversation.agent)
        command = ParsedCommand(noun="model", verb="set", args=args)
        return await self._model(command, replace(_apart(request, pause.turn), thread=thread))

    async def _waiting(self, alert: Alert, thread: ThreadRef | None) -> list[Pause]:
        """What waits for what the card is about; in a thread, what that card was written for."""
        meter = alert.bound.meter
        if thread is not None:
            waiting = await self._store.budgets.pauses()
            return [one for one in waiting if (one.alert, one.thread) == (alert.id, thread)]
        waiting = await self._pauses.waiting(meter)
        # Every run of a schedule has a meter of its own for what each of them may cost.
        return [one for one in waiting if lasts(meter) or one.bound.meter == meter]


def _purse(alert: Alert) -> Purse:
    """Whose calls go to another model; of runs of schedules, all of their agent's."""
    meter = alert.bound.meter
    if meter.period is not Period.FIRING and meter.scope is not Scope.SCHEDULE:
        return Purse(meter.scope, meter.subject)
    if alert.thread is not None:
        return Purse(Scope.THREAD, subject_of_thread(alert.thread))
    return Purse(Scope.AGENT, alert.agent)


def _outcome(decided: Alert, note: str) -> Answer:
    """What came of it, the truth whoever was first; the cards say it too."""
    return Answer(decided.note if decided.note == note else f"That was decided: {decided.note}")


def _apart(request: Request, turn: str) -> Request:
    """The request for one of several turns: each of them is carried out once."""
    return replace(request, id=InboxId(derived("budget.each", request.id, turn)))


def _together(answers: list[Answer]) -> Answer:
    """One answer of several; what is said twice is said once."""
    said = dict.fromkeys(answer.text for answer in answers)
    return Answer("\n".join(said), private=all(answer.private for answer in answers))
