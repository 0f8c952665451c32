"""`/policy`: show the rules, and explain what they say of a call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import authorize
from runtime.approvals.granting import Coverage
from runtime.approvals.patterns import in_words
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import AgentName, ToolCallId
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.model.tools import Json, Risk, ToolCall, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.judge import Decision, decide
from runtime.policy.rules import (
    ALWAYS_ASKED,
    ASKED_FOR,
    FLOORS,
    PART_OF_THE_ANSWER,
    PEOPLE,
    PRESETS,
    SYSTEM,
    Layer,
    Permission,
    Preset,
    Rate,
    Rule,
)

_SAYS = {
    Permission.AUTONOMOUS: "runs",
    Permission.NOTIFY: "runs, and people are told",
    Permission.APPROVAL: "asks",
    Permission.BLOCKED: "does not run",
}


_PERIODS = {60: "minute", 3600: "hour", 86_400: "day"}
_QUOTES = frozenset("\"'`“”\u2018\u2019„«»")


class Rules(Protocol):
    """The rules as they are now."""

    @property
    def trouble(self) -> str:
        """What is wrong with the file as it is now, or empty."""
        ...

    def book(self) -> PolicyBook:
        """The rules that hold."""
        ...


class ToolTable(Protocol):
    """The tools there are."""

    def tool_specs(self) -> Sequence[ToolSpec]:
        """Every tool."""
        ...

    def arguments(self, call: ToolCall) -> Mapping[str, Json]:
        """A call's arguments, read; raises `Refused`."""
        ...


class GrantCoverage(Protocol):
    """What people allowed for a time."""

    async def coverage(self, call: ToolCall, agent: AgentName, who: Principal) -> Coverage | None:
        """What a yes for a time is to a call; None where it answers none; raises `Refused`."""
        ...


class PolicyCommands:
    """The commands of the noun `policy`."""

    def __init__(
        self,
        rules: Rules,
        tools: ToolTable,
        grants: GrantCoverage,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Show `rules` and `grants`, for the `tools` there are, to the people of `team`."""
        self._rules = rules
        self._tools = tools
        self._grants = grants
        self._team = team
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        authorize(self._team(), request.sender, Action.POLICY_READ)
        if command.verb == "show":
            return Answer(self._show())
        tool, *rest = command.tail.split(maxsplit=1)
        agent = self._agent(command.options.get("agent"))
        call = ToolCall(
            id=ToolCallId("explain"),
            name=self._tool(tool),
            arguments=_out_of_quotes("".join(rest)),
        )
        said = self._explain(call, agent)
        return Answer(said + await self._standing(call, agent, request.sender))

    def _show(self) -> str:
        book = self._rules.book()
        parts = [_system(), _layer(book.team)]
        parts += [_layer(layer, above=book.team) for layer in book.agents.values()]
        if self._rules.trouble:
            parts.append(
                "**The file cannot be used as it is now; the rules above hold until it is right**\n"
                f"```\n{self._rules.trouble}\n```"
            )
        return "\n\n".join(parts)

    async def _standing(self, call: ToolCall, agent: AgentName, who: Principal) -> str:
        """What *Always* would cover with this call, and what of it holds; empty for neither."""
        try:
            found = await self._grants.coverage(call, agent, who)
        except Refused:
            return ""  # without all of its arguments it is no call
        if found is None:
            return ""
        lines = [f"*Always* would cover: {in_words(found.pattern)}."]
        if (grant := found.grant) is not None:
            until = show_time(grant.expires_at, self._team().zone, now=self._clock.now())
            lines.append(
                f"Grant **{grant.number}** covers it until {until}, so nobody is asked: "
                f"{in_words(grant.pattern)}."
            )
        return "\n\n" + "\n".join(lines)

    def _agent(self, name: str | None) -> AgentName:
        team = self._team()
        if name is None:
            return team.agents[0].name
        agent = team.agent(AgentName(name))
        if agent is None:
            known = ", ".join(one.name for one in team.agents)
            raise Refused(f"There is no agent “{name[:40]}”.", hint=f"There are: {known}.")
        return agent.name

    def _tool(self, written: str) -> str:
        """The tool's name, in whatever case it was written."""
        names = (one.name for one in self._tools.tool_specs())
        return next((name for name in names if name.casefold() == written.casefold()), written)

    def _explain(self, call: ToolCall, agent: AgentName) -> str:
        name = call.name
        spec = next((one for one in self._tools.tool_specs() if one.name == name), None)
        if spec is None:
            known = ", ".join(one.name for one in self._tools.tool_specs())
            raise Refused(f"There is no tool “{name[:60]}”.", hint=f"There are: {known}.")
        read = self._read(call) if call.arguments else {}
        layers = self._rules.book().layers(agent)
        lines = []
        for attended, when in ((True, "While a person is talking"), (False, "In a run by itself")):
            decision = decide(layers, spec, read, attended=attended)
            lines.append(f"- {when} it {_words(decision)}: {decision.source}.")
        said = decide(layers, spec, read, attended=False).words
        highest_first = sorted(said, key=lambda word: word.layer != SYSTEM)
        heard = [f"- {word.layer}: {word.permission}, by {word.source}" for word in highest_first]
        each = "What each layer says, the highest first; the strictest word holds:"
        return "\n".join([f"**{name}** ({spec.risk})", *lines, "", each, *heard])

    def _read(self, call: ToolCall) -> Mapping[str, Json]:
        """The arguments that were written.

        Raises:
            Refused: they do not fit; what agents are told is said as a sentence.
        """
        try:
            return self._tools.arguments(call)
        except Refused as refused:
            said = f"{refused.message[:1].upper()}{refused.message[1:]}"
            raise Refused(f"{said.removesuffix('.')}.", hint=refused.hint) from None


def _out_of_quotes(arguments: str) -> str:
    """The JSON itself, where somebody put quotes around it as for a shell."""
    text = arguments.strip()
    quoted = text[:1] in _QUOTES and text[-1:] in _QUOTES
    inside = text[1:-1].strip()
    return inside if quoted and inside.startswith("{") else text


def _words(decision: Decision) -> str:
    if decision.permission is not Permission.APPROVAL:
        return _SAYS[decision.permission]
    return "asks one person" if decision.people == 1 else f"asks {decision.people} people"


def _system() -> str:
    """The layer that is part of the program."""
    floors = ", ".join(f"{risk}: {word}" for risk, word in FLOORS.items())
    people = PEOPLE[Risk.DANGEROUS]
    return (
        f"**{SYSTEM}**, which no file changes\n"
        f"At the least: {floors} by {people} people. {_tools(ALWAYS_ASKED)} asks people each time, "
        "where no rule blocks it.\n"
        f"Unless a rule says otherwise, {_tools(PART_OF_THE_ANSWER)} run as part of an answer, and "
        f"while a person is talking {_tools(ASKED_FOR)} do what that person could do by a command."
    )


def _tools(names: Iterable[str]) -> str:
    *first, last = [f"`{name}`" for name in sorted(names)]
    return f"{', '.join(first)} and {last}" if first else last


def _layer(layer: Layer, *, above: Layer | None = None) -> str:
    lines = [f"**{layer.name}**" + (f", preset {layer.preset}" if layer.preset else "")]
    if above is not None and _is_laxer(layer.preset, above.preset):
        lines[0] += f". Where the {above.name} is stricter, the {above.name}'s word holds"
    if layer.preset:
        said = (f"{risk}: {word}" for risk, word in PRESETS[layer.preset].items())
        lines.append(f"Where no rule applies: {', '.join(said)}.")
    lines += [f"{place}. {_rule(rule)}" for place, rule in enumerate(layer.rules, start=1)]
    return "\n".join(lines)


def _is_laxer(preset: Preset | None, above: Preset | None) -> bool:
    if preset is None or above is None:
        return False
    words = PRESETS[preset]
    return any(words[risk].strictness < word.strictness for risk, word in PRESETS[above].items())


def _rule(rule: Rule) -> str:
    when = f" when {' and '.join(map(str, rule.when))}" if rule.when else ""
    rate = f", at most {_per(rule.rate)} by itself" if rule.rate else ""
    people = f", {rule.people} people" if rule.people else ""
    return f"`{rule.tools}`{when}: {rule.permission}{people}{rate}"


def _per(rate: Rate) -> str:
    """The rate as the file says it: `5 per hour`."""
    period = _PERIODS.get(rate.seconds)
    return f"{rate.most} per {period}" if period else f"{rate.most} in {rate.seconds} s"
