"""Asks models: the one that is chosen, and where it fails the next, until there is one answer."""

import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from runtime.clock import Clock
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
    Refused,
    Retryable,
)
from runtime.ids import ModelName
from runtime.model.address import Principal, ThreadRef
from runtime.model.choice import Choice, Explanation, Known, Need, Phase
from runtime.model.completion import Finished
from runtime.model.conversation import Entry, Role
from runtime.model.team import Agent, Team
from runtime.model.turn import Turn
from runtime.model.value import value
from runtime.money.pricing import is_in
from runtime.ports import ModelPort
from runtime.routing.choices import Choices, switched_first
from runtime.routing.providers import Providers, WatchedModel
from runtime.routing.router import route, sole, why_unpaid, will_do

log = logging.getLogger("nightdesk.models")

TRIES = 3
"""Calls for one answer, whichever models they go to."""
PATIENCE = {Phase.CHAT: 20.0}
"""Seconds that are waited for a provider to be called again; for most phases it may be longer."""
_LONG_PATIENCE = 600.0
_NOT_RUNNING = 0.5
"""Seconds that a server on this machine has to come back while a person waits: to be told that it
does not run helps them more."""
# Kept by name: the members of an enumeration are looked up slowly.
_CHAT, _USER = Phase.CHAT, Role.USER
_TOKENS_PER_TOOL = 100
_CHARACTERS_PER_TOKEN = 4
_BRIEFING = re.compile(r"\b(briefing|digest)\b", re.IGNORECASE)
_HEARTBEAT = re.compile(r"\s*(heartbeat|check|watch|monitor|look (whether|if))\b", re.IGNORECASE)

Call = Callable[[ModelPort], Awaitable[Finished]]
"""Makes one call of a model, inside the budget."""


@value(kw_only=True)
class Inquiry:
    """Who wants an answer, and what it takes.

    Attributes:
        agent: who answers.
        thread: where; None for what nobody waits for.
        asker: who asked.
        need: what the call needs.
    """

    agent: Agent
    thread: ThreadRef | None
    asker: Principal
    need: Need


class Routing:
    """Chooses models, asks them, and falls back."""

    def __init__(
        self,
        models: Mapping[ModelName, ModelPort],
        choices: Choices,
        providers: Providers,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Ask `models`, by the names that configuration gives them.

        Args:
            models: the models.
            choices: what people chose.
            providers: how their providers do.
            team: the configuration as it is now.
            clock: the clock.
        """
        self._models: dict[ModelName, ModelPort] = {
            name: WatchedModel(model, providers, clock) if model.info.provider else model
            for name, model in models.items()
        }
        self._choices = choices
        self._providers = providers
        self._team = team
        self._clock = clock

    @property
    def choices(self) -> Choices:
        """What people chose."""
        return self._choices

    def catalogue(self) -> dict[ModelName, Known]:
        """Every configured model, and how it does now."""
        currency = self._team().budget.currency
        return {name: self._known(model, currency) for name, model in self._models.items()}

    def _known(self, model: ModelPort, currency: str) -> Known:
        return _payable(self._providers.known(model.info), currency)

    async def choose(self, asking: Inquiry) -> Choice:
        """What would be asked now, and why."""
        if not self._choices.settled:
            await self._choices.look(model.info for model in self._models.values())
        chosen = await self._choices.for_call(asking.thread, asking.asker, asking.agent.name)
        team = self._team()
        signals = team.signals
        if not chosen and not signals:
            choice = await self._plain(asking, team.budget.currency)
            if choice is not None:
                return choice
        catalogue = self.catalogue()
        choice = route(asking.agent, signals, chosen, catalogue, asking.need)
        provider = catalogue[choice.order[0]].info.provider if choice.order else ""
        switched = await self._choices.switched(provider) if provider else []
        if not switched:
            return choice
        again = switched_first([*switched, *chosen])
        return route(asking.agent, signals, again, catalogue, asking.need)

    async def _plain(self, asking: Inquiry, currency: str) -> Choice | None:
        """The choice where the agent's only model is asked: most are made so. None elsewhere."""
        agent, need = asking.agent, asking.need
        name = sole(agent, need)
        model = self._models.get(name) if name is not None else None
        if name is None or model is None:
            return None
        known = self._known(model, currency)
        if not will_do(known, need):
            return None
        if known.info.provider and await self._choices.switched(known.info.provider):
            return None
        return Choice(order=(name,), why=lambda: route(agent, (), (), {name: known}, need).why())

    async def answer(self, asking: Inquiry, call: Call) -> Finished:
        """One answer, of the first model that gives one.

        Each try is a call of its own to the budget; what an earlier one showed is replaced.

        Raises:
            Refused: no model can do it; says why.
            ModelError: none did, in as many tries as there are; the last one's failure.
        """
        choice = await self.choose(asking)
        if not choice.order:
            choice = await self._patient(asking, choice)
        attempt = _Attempt(choice.order)
        try:
            finished = await self._tried(asking, attempt, call)
        except ModelError:
            await self._explain(asking, choice, attempt)
            raise
        await self._explain(asking, choice, attempt)
        return finished

    async def _patient(self, asking: Inquiry, choice: Choice) -> Choice:
        """The choice, once there is one; waits where a provider is left alone for a moment."""
        patience = PATIENCE.get(asking.need.phase, _LONG_PATIENCE)
        while not choice.order and choice.wait is not None and choice.wait <= patience:
            patience -= choice.wait
            await self._clock.sleep(choice.wait)
            choice = await self.choose(asking)
        if not choice.order:
            shows = "`/model list` shows the models; `/model set` chooses one; "
            written = "they are set up under [models] in nightdesk.toml."
            by_itself = "this one is tried again then, so please say it again."
            raise Refused(
                f"No model can answer now: {choice.why()[-1].said}.",
                hint=shows + (written if choice.wait is None else by_itself),
            )
        return choice

    async def _tried(self, asking: Inquiry, attempt: "_Attempt", call: Call) -> Finished:
        while True:
            name = attempt.next(self.catalogue)
            model = self._models[name]
            try:
                finished = await call(model)
            except ModelError as error:
                attempt.failed(name, error)
                log.info(
                    "model.failed",
                    extra={
                        "model": name,
                        "try": attempt.tries,
                        "why": type(error).__name__,
                        "said": str(error),
                    },
                )
                if isinstance(error, ModelKeyRefused) and model.info.provider:
                    await _or_not(self._choices.refused(model.info, str(error)))
                if attempt.over:
                    raise
                await self._pause(asking, attempt, error)
            else:
                attempt.answered = name
                return finished

    async def _pause(self, asking: Inquiry, attempt: "_Attempt", error: ModelError) -> None:
        """Wait where what comes next was asked before, or is left alone.

        Raises:
            ModelError: that would take longer than anybody waits.
        """
        catalogue = self.catalogue()
        if attempt.has_fresh(catalogue):
            return
        wait = self._providers.backoff(attempt.tries, error)
        if isinstance(error, ModelNotRunning) and asking.need.phase is _CHAT:
            wait = min(wait, _NOT_RUNNING)
        left = [catalogue[name] for name in attempt.left]
        outs = [known.wait or 0.0 for known in left if known.out]
        if left and len(outs) == len(left):
            wait = max(wait, min(outs)) if not _asked_for(error) else min(outs)
        if wait > PATIENCE.get(asking.need.phase, _LONG_PATIENCE):
            raise error
        await self._clock.sleep(wait)

    async def _explain(self, asking: Inquiry, choice: Choice, attempt: "_Attempt") -> None:
        """Keep why, where there was anything to choose."""
        alone = len(choice.order) == 1 and not choice.left_out
        if asking.thread is None or (alone and not attempt.errors):
            return
        explanation = Explanation(
            agent=asking.agent.name,
            phase=asking.need.phase,
            order=choice.order,
            reasons=choice.why(),
            tried=tuple((name, _why(error)) for name, error in attempt.errors),
            answered=attempt.answered,
            at=self._clock.now(),
        )
        await _or_not(self._choices.explain(asking.thread, explanation))


class _Attempt:
    """The tries for one answer.

    Attributes:
        left: the models that may still be asked, the next one first.
        tries: how many calls were made.
        errors: what failed, in order.
        answered: the model that answered; empty where none did.
    """

    def __init__(self, order: Sequence[ModelName]) -> None:
        self.left = deque(order)
        self.tries = 0
        self.errors: list[tuple[ModelName, ModelError]] = []
        self.answered = ModelName("")

    @property
    def over(self) -> bool:
        """Whether that was all."""
        return self.tries >= TRIES or not self.left

    def has_fresh(self, catalogue: Mapping[ModelName, Known]) -> bool:
        """Whether there is one that was not asked and can be."""
        asked = {name for name, _ in self.errors}
        return any(name not in asked and not catalogue[name].out for name in self.left)

    def next(self, look: Callable[[], Mapping[ModelName, Known]]) -> ModelName:
        """The next model to ask: the first that can be called."""
        self.tries += 1
        if len(self.left) == 1:
            return self.left[0]
        catalogue = look()
        return next((name for name in self.left if not catalogue[name].out), self.left[0])

    def failed(self, name: ModelName, error: ModelError) -> None:
        """It failed: it is the last to be asked again, or not at all where that is of no use."""
        self.errors.append((name, error))
        self.left.remove(name)
        if _may_pass(error):
            self.left.append(name)


def _payable(known: Known, currency: str) -> Known:
    """The model; out where the team's money cannot pay it."""
    if is_in(known.info, currency):
        return known
    return replace(known, out=why_unpaid(known.info, currency), wait=None)


async def _or_not(work: Awaitable[None]) -> None:
    """Do what an answer must not fail for: a database that is away for a moment."""
    try:
        await work
    except Retryable as error:
        log.warning("model.not_noted", extra={"why": str(error)})


def _may_pass(error: ModelError) -> bool:
    """Whether the same call of the same model may succeed later."""
    passing = isinstance(error, ModelUnavailable | ModelTimeout)
    return passing and not isinstance(error, ModelKeyRefused | ModelMissing)


def _asked_for(error: ModelError) -> bool:
    return isinstance(error, ModelRateLimited) and error.after is not None


def _why(error: ModelError) -> str:
    """What was wrong, for people: the server's own words stay in the log."""
    match error:
        case ModelKeyRefused():
            return "its provider refused the key"
        case ModelMissing():
            return "its server has no such model, or it is not there"
        case ModelRateLimited():
            return "its provider asked us to slow down"
        case ModelTimeout():
            return "it did not answer in time"
        case ContextTooLong():
            return "the conversation does not fit into it"
        case ModelOutputUnusable():
            return "its answer could not be used"
        case _:
            return "its provider failed"


def phase_of(turn: Turn, entries: Sequence[Entry]) -> Phase:
    """What a turn is for: by whether somebody waits for it, else by how its instruction begins."""
    if turn.thread is not None:
        return _CHAT
    said = last_said(entries)
    if _BRIEFING.search(said):
        return Phase.BRIEFING
    return Phase.HEARTBEAT if _HEARTBEAT.match(said) else Phase.SCHEDULE


def last_said(entries: Sequence[Entry]) -> str:
    """What a person, or a schedule, said last."""
    for entry in reversed(entries):  # asked for every call: no generator
        if entry.role is _USER:
            return entry.text
    return ""


def need_of(
    phase: Phase,
    agent: Agent,
    entries: Sequence[Entry],
    *,
    length: int,
    tools: int,
    answer_tokens: int,
) -> Need:
    """What a call for these entries needs, which take about `length` tokens."""
    instructions = len(agent.instructions) // _CHARACTERS_PER_TOKEN
    return Need(
        phase=phase,
        text=last_said(entries),
        prompt_tokens=length + instructions + tools * _TOKENS_PER_TOOL,
        answer_tokens=answer_tokens,
        tools=tools > 0,
    )
