"""`/model`: which models there are, which answers, why, and who decides otherwise."""

from collections.abc import Callable, Sequence

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import authorize
from runtime.errors import Refused
from runtime.handoffs import Handoffs
from runtime.ids import AgentName, ModelName
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.choice import Choice, Explanation, Known, Need, Phase, Preference, Reason
from runtime.model.completion import ModelInfo
from runtime.model.localtime import show_time
from runtime.model.team import Agent, Team
from runtime.money.pauses import Pauses
from runtime.money.pricing import is_in
from runtime.ports import ChoiceScope
from runtime.routing.asking import Inquiry, Routing
from runtime.routing.choices import Choices
from runtime.routing.router import ASSUMED_LATENCY, models_in_order, why_unpaid

_MICROS = 1_000_000
_THREAD, _ME, _AGENT, _BUDGET = "thread", "me", "agent", "budget"
_NEEDS = {_THREAD: Action.MODEL_THREAD, _ME: Action.MODEL_OWN, _AGENT: Action.MODEL_AGENT}


class ModelCommands:
    """The commands of the noun `model`."""

    def __init__(
        self,
        routing: Routing,
        handoffs: Handoffs,
        pauses: Pauses,
        *,
        team: Callable[[], Team],
    ) -> None:
        """Show and choose the models of `routing`, of the agents that `handoffs` says have threads.

        `team` has the people who may. What waits for money in `pauses` goes on with the model set.
        """
        self._routing = routing
        self._choices: Choices = routing.choices
        self._handoffs = handoffs
        self._pauses = pauses
        self._team = team

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        authorize(self._team(), request.sender, Action.STATUS)
        match command.verb:
            case "set":
                return await self._set(command, request)
            case "auto":
                return await self._auto(command, request)
            case "retry":
                return await self._retry(command.args[0], request)
            case _:
                return Answer(await self._looked(command.verb, request))

    # ---- looking

    async def _looked(self, verb: str, request: Request) -> str:
        match verb:
            case "list":
                return self._list()
            case "why":
                return await self._why(request)
            case _:
                return await self._show(request)

    async def _show(self, request: Request) -> str:
        agent = await self._agent(request.thread)
        choice = await self._would(agent, request)
        if not choice.order:
            return f"The agent {agent.name} has no model: {choice.why()[-1].said}."
        known = self._routing.catalogue()[choice.order[0]]
        others = ", ".join(f"`{name}`" for name in choice.order[1:])
        rest = f"\nWhere it fails: {others}. `/model why` says why." if others else ""
        return _words(agent.name, known.info) + rest

    def _list(self) -> str:
        catalogue = self._routing.catalogue().values()
        currency = self._team().budget.currency
        return "\n".join(["**Models**", *(_line(known, currency) for known in catalogue)])

    async def _why(self, request: Request) -> str:
        explained = await self._choices.why(request.thread)
        agent = await self._agent(request.thread)
        if explained is not None:
            return "\n".join([self._explained(explained), *self._measured(agent)])
        choice = await self._would(agent, request)
        head = "Nothing was in question here yet. If you wrote now:"
        return "\n".join([head, *_layers(choice.order, choice.why()), *self._measured(agent)])

    def _measured(self, agent: Agent) -> list[str]:
        """How fast its models are, where it prefers the fastest."""
        if agent.prefer is not Preference.LATENCY:
            return []
        catalogue = self._routing.catalogue()
        named = [catalogue[name] for name in models_in_order(agent) if name in catalogue]
        said = ", ".join(f"`{known.info.name}` {_seconds(known.latency)}" for known in named)
        return [f"To the first word, as measured since the last start: {said}."]

    def _explained(self, explained: Explanation) -> str:
        at = show_time(explained.at, self._team().zone, now=explained.at)
        answered = f"`{explained.answered}` answered" if explained.answered else "No model answered"
        head = f"**{answered}** for the agent {explained.agent} ({explained.phase}), {at}."
        layers = _layers(explained.order, explained.reasons)
        tried = [f"- `{name}` was asked before: {why}" for name, why in explained.tried]
        return "\n".join([head, *layers, *tried])

    async def _would(self, agent: Agent, request: Request) -> Choice:
        need = Need(phase=Phase.CHAT, tools=True)
        return await self._routing.choose(
            Inquiry(agent=agent, thread=request.thread, asker=request.sender, need=need)
        )

    # ---- choosing

    async def _set(self, command: ParsedCommand, request: Request) -> Answer:
        name, scope, where = await self._scoped(command.args[1:], request)
        model = self._known(command.args[0])
        currency = self._team().budget.currency
        if why := why_unpaid(model.info, currency):
            hint = _PRICE_HINT if is_in(model.info, currency) else _currency_hint(currency)
            raise Refused(f"`{model.info.name}` cannot be set: {why}.", hint=hint)
        await self._choices.choose(scope, model.info.name, by=request.sender)
        await self._pauses.go_on(request.thread if name == _THREAD else None)
        note = f" Just now it cannot be asked: {model.out}." if model.out else ""
        return Answer(
            f"`{model.info.name}` answers {where} from now on. "
            f"`/model auto {' '.join(command.args[1:]) or name}` takes it back.{note}",
            private=name == _ME,
        )

    async def _auto(self, command: ParsedCommand, request: Request) -> Answer:
        if [word.casefold() for word in command.args] == [_BUDGET]:
            return await self._switch_back(request)
        name, scope, where = await self._scoped(command.args, request)
        if not await self._choices.forget(scope):
            return Answer(f"No model was set {where}.")
        return Answer(f"The model is chosen for each call again {where}.", private=name == _ME)

    async def _switch_back(self, request: Request) -> Answer:
        """Take back what cards about money switched."""
        authorize(self._team(), request.sender, Action.MODEL_AGENT)
        if not await self._choices.switch_back():
            return Answer("No card about money switched a model.")
        said = "What cards about money switched is taken back: the model is chosen again."
        return Answer(said, private=False)

    async def _scoped(
        self, written: tuple[str, ...], request: Request
    ) -> tuple[str, ChoiceScope, str]:
        """What a choice is for, where the sender may choose that."""
        name = written[0].casefold() if written else _THREAD
        if name != _AGENT and len(written) > 1:
            raise Refused(f"“{written[1][:40]}” is too much.", hint="/model set fast agent desk")
        if name not in _NEEDS:
            raise Refused(
                f"“{written[0][:40]}” is nothing that a model is set for.",
                hint="Write `thread`, `me` or `agent`.",
            )
        authorize(self._team(), request.sender, _NEEDS[name])
        if name == _ME:
            return name, self._choices.person(request.sender), "to you"
        if name == _AGENT:
            agent = (await self._agent(request.thread, *written[1:])).name
            return name, agent, f"wherever the agent {agent} does"
        here = "in this thread" if request.thread.root else "here"
        return name, request.thread, here

    async def _retry(self, provider: str, request: Request) -> Answer:
        authorize(self._team(), request.sender, Action.MODEL_THREAD)
        known = sorted({k.info.provider for k in self._routing.catalogue().values()} - {""})
        if provider not in known:
            said = ", ".join(f"`{name}`" for name in known) or "none"
            raise Refused(f"There is no provider “{provider[:80]}”.", hint=f"There are: {said}.")
        if not await self._choices.put_back(provider):
            return Answer(f"{provider} was not out of service.")
        return Answer(f"{provider} is asked again from now on.", private=False)

    # ---- finding

    def _known(self, written: str) -> Known:
        catalogue = self._routing.catalogue()
        known = catalogue.get(ModelName(written))
        if known is None:
            listed = ", ".join(f"`{name}`" for name in catalogue)
            raise Refused(f"There is no model “{written[:80]}”.", hint=f"There are: {listed}.")
        return known

    async def _agent(self, thread: ThreadRef, named: str = "") -> Agent:
        """The agent that is named; else the one that has the thread.

        Raises:
            Refused: there is none of that name.
        """
        team = self._team()
        if named:
            agent = team.agent(AgentName(named))
            if agent is None:
                there = ", ".join(str(one.name) for one in team.agents)
                raise Refused(f"There is no agent “{named[:40]}”.", hint=f"There are: {there}.")
            return agent
        name, _ = await self._handoffs.who(thread)
        return team.agent(name) or team.agents[0]


_FREE = "free"
_PRICE_HINT = "Give it `prices`, or `unknown_price = true`, under [models] in nightdesk.toml."


def _currency_hint(currency: str) -> str:
    return f'Write its `prices` in {currency}, and `currency = "{currency}"`, in nightdesk.toml.'


def _layers(order: Sequence[ModelName], reasons: Sequence[Reason]) -> list[str]:
    listed = ", then ".join(f"`{name}`" for name in order) or "none"
    lines = [
        f"{place}. {reason.layer}: {reason.said or 'all of them can be asked'}"
        for place, reason in enumerate(reasons, start=1)
    ]
    return [*lines, f"So the order is: {listed}."]


def _words(agent: str, info: ModelInfo) -> str:
    if not info.language_model:
        can = "\n".join(f"- {each}" for each in info.abilities)
        return (
            "**No language model is connected.** The offline assistant answers here, by fixed "
            f"rules. It can\n{can}\n{info.how_to_connect}"
        )
    where = ""
    if info.local:
        free = _price(info) == _FREE
        where = f"It is called on this machine{' and costs nothing' if free else ''}."
    context = f"{info.context_tokens:,} tokens of context."
    return f"The agent {agent} uses `{info.name}`: {context} {where}".strip()


def _line(known: Known, currency: str) -> str:
    info = known.info
    if not info.language_model:
        return f"- `{info.name}`: the built-in assistant, no language model, free"
    able = [word for word, has in (("tools", info.tools), ("pictures", info.vision)) if has]
    retry = f"`/model retry {info.provider}`, once its key is well"
    details = [
        _price(info),
        f"{info.context_tokens:,} tokens",
        ", ".join(able) or "text only",
        "local" if info.local else info.provider,
        f"first word after {known.latency:.1f} s" if known.latency is not None else "",
        f"**out: {known.out}**" if known.out else "",
        retry if is_in(info, currency) and _is_refused(known) else "",
    ]
    return f"- `{info.name}`: {'; '.join(detail for detail in details if detail)}"


def _is_refused(known: Known) -> bool:
    """Whether it is out until somebody says otherwise, or it has another key."""
    return bool(known.out) and known.wait is None and not known.info.lacks


def _seconds(latency: float | None) -> str:
    if latency is None:
        return f"not yet (taken for {ASSUMED_LATENCY:g} s)"
    return f"{latency:.1f} s"


def _price(info: ModelInfo) -> str:
    """What a million tokens cost: of the prompt, and of the answer."""
    if not info.prices:
        return _FREE if info.local else "price not known"
    if all(not (price.input or price.output) for price in info.prices):
        return _FREE
    first = info.prices[0]
    more = ", more for long prompts" if len(info.prices) > 1 else ""
    return (
        f"{_amount(first.input)} / {_amount(first.output)} {info.currency} a million tokens{more}"
    )


def _amount(micros: int) -> str:
    whole, rest = divmod(micros, _MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals}"
