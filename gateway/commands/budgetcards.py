"""The buttons of the cards about money: raise a limit, keep it, go on for less, or stop."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.access import Action, authorize
from gateway.commands import budgettext
from gateway.commands.budget import BudgetServices
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Noun, Press, Request
from runtime.alerts import KEEP, RAISE, STOP, USE, Wish, lasts, wish_of
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Conflict, Refused
from runtime.ids import InboxId, derived
from runtime.model.budget import Alert, AlertState, Pause
from runtime.model.events import ButtonPress
from runtime.model.ledger import Period
from runtime.model.team import Team
from runtime.money import show_limit
from runtime.ports import Store
from runtime.spenders import end_of

_TOO_OLD = "This card is too old for me to know it. `/budget` shows the limits."
_GOES_ON = "Nothing waits for this any more."


class BudgetCards:
    """What the buttons of the cards about money do."""

    def __init__(
        self,
        services: BudgetServices,
        store: Store,
        *,
        stop: Noun,
        model: Noun,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Act on the alerts of `store`, through `services`.

        Args:
            services: what the commands about money act through.
            store: the database.
            stop: `/stop`, which judges who may.
            model: `/model`, which does, too.
            team: the configuration as it is now.
            clock: the clock.
        """
        self._limits = services.limits
        self._alerts = services.alerts
        self._pauses = services.pauses
        self._store = store
        self._stop = stop
        self._model = model
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
        meter, shown = alert.bound.meter, alert.bound.limit
        if lasts(meter):
            meter = replace(meter, stamp="")
        until = end_of(meter.period, alert.at, self._team().zone)
        if until is not None and self._clock.now() >= until:
            over = f"The {meter.period} that this card was about is over, and a new one began."
            return Answer(over, updates=replace(await self._alerts.face(alert), buttons=()))
        currency = self._team().budget.currency
        once = "" if meter.period is Period.FIRING else f" for this {meter.period}"
        by = name_of(self._team(), request.sender)
        note = f"Raised to {show_limit(limit, currency)}{once} by {by}."
        holds = (await self._limits.now()).of(meter)
        if alert.state is AlertState.OPEN and holds != shown:
            now = "none" if holds is None else show_limit(holds, currency)
            return Answer(f"The limit was changed since this card was written: it is {now} now.")
        key = f"alert/{alert.id}"
        if alert.state is AlertState.RAISED and await self._was_changed_since(key, holds):
            was = f"That was decided: {alert.note} The limit was changed since then."
            return Answer(was, updates=await self._alerts.face(alert))
        decided = await self._decide(alert, AlertState.RAISED, request, note)
        if decided.state is AlertState.RAISED and decided.note == note and holds == shown:
            await self._limits.set(meter, limit, request.sender, key=key)
            await self._pauses.raised(meter)
        return await self._outcome(decided, note)

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
        note = f"Kept as it is by {name_of(self._team(), request.sender)}."
        return await self._outcome(await self._decide(alert, AlertState.KEPT, request, note), note)

    async def _decide(self, alert: Alert, state: AlertState, request: Request, note: str) -> Alert:
        """Decide about the alert, unless somebody did; what was decided."""
        try:
            return await self._store.budgets.answer_alert(
                alert.id, state=state, by=request.sender, note=note
            )
        except Conflict:
            return await self._store.budgets.alert(alert.id) or alert

    async def _outcome(self, decided: Alert, note: str) -> Answer:
        """What came of it, the truth whoever was first; the pressed card says it too."""
        said = decided.note if decided.note == note else f"That was decided: {decided.note}"
        return Answer(said, updates=await self._alerts.face(decided))

    # ---- what waits

    async def _stopped(self, press: ButtonPress, request: Request) -> Answer:
        """The button that ends what waits: in its thread that, elsewhere all that waits for it."""
        wish = wish_of(press.value)
        if wish.here:
            return budgettext.waited(await self._stop(ParsedCommand(noun="stop"), request))
        waiting = await self._waiting(wish)
        if not waiting:
            return Answer(_GOES_ON)
        said = [
            await self._stop(
                ParsedCommand(noun="stop", args=(pause.turn,)), _apart(request, pause.turn)
            )
            for pause in waiting
        ]
        return budgettext.waited(_together(said))

    async def _used(self, press: ButtonPress, request: Request) -> Answer:
        """The button that goes on with another model, there or wherever something waits for it."""
        wish = wish_of(press.value)
        waiting = await self._waiting(wish)
        if wish.here:
            waiting = [pause for pause in waiting if pause.thread == request.thread]
        if not waiting:
            return Answer(_GOES_ON)
        able = [pause for pause in waiting if pause.instead]
        if not able:
            return Answer("No model can go on with it for less. See `/model list`.")
        said = [await self._use(pause, request) for pause in able]
        return budgettext.waited(_together(said))

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

    async def _waiting(self, wish: Wish) -> list[Pause]:
        """What waits for what the card is about."""
        alert = await self._store.budgets.alert(wish.alert)
        if alert is None:
            return []
        meter = alert.bound.meter
        waiting = await self._pauses.waiting(meter)
        # Every run of a schedule has a meter of its own for what each of them may cost.
        return [one for one in waiting if lasts(meter) or one.bound.meter == meter]


def _apart(request: Request, turn: str) -> Request:
    """The request for one of several turns: each of them is carried out once."""
    return replace(request, id=InboxId(derived("budget.each", request.id, turn)))


def _together(answers: list[Answer]) -> Answer:
    """One answer of several; what is said twice is said once."""
    said = dict.fromkeys(answer.text for answer in answers)
    return Answer("\n".join(said), private=all(answer.private for answer in answers))
