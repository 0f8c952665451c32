"""`policy.yaml`, beside the team's file -> the layers of the policy.

Read node by node, so that everything that is wrong is told with its line. Anchors and aliases are
refused: an alias can stand for itself, and a reader could not see what a rule says.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from bot.configuration.conditions import fit_one, objection
from bot.configuration.problems import Problem, did_you_mean, listed
from runtime.errors import ConfigurationError
from runtime.ids import AgentName
from runtime.model.tools import Json, ToolSpec
from runtime.policy.book import PolicyBook
from runtime.policy.judge import too_lax
from runtime.policy.rules import (
    Comparison,
    Condition,
    Layer,
    Permission,
    Preset,
    Rate,
    Rule,
)

_LARGEST = 200_000
_LONGEST_LINE = 2_000
_DEEPEST = 30
_FARTHEST = 100
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"(?P<most>[1-9]\d{0,5}) per (?P<unit>minute|hour|day)")
_MOST_PEOPLE = 5
_RULE_KEYS = ("tools", "when", "permission", "rate", "people")


def read_policy(
    path: Path, *, specs: Sequence[ToolSpec], agents: Sequence[AgentName]
) -> PolicyBook:
    """Read the file; without one, the default: look at everything, ask for every change.

    Args:
        path: the file.
        specs: the tools there are, so that a rule about none is told.
        agents: the agents there are.

    Raises:
        ConfigurationError: it cannot be used; one line for each problem, with its line.
    """
    try:
        text = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error.strerror}") from error
    return parse_policy(text, name=path.name, specs=specs, agents=agents)


def parse_policy(
    text: bytes, *, name: str, specs: Sequence[ToolSpec], agents: Sequence[AgentName]
) -> PolicyBook:
    """Read the bytes of such a file: see `read_policy`."""
    reader = _Reader(name, specs, agents)
    book = reader.read(text)
    if reader.problems:
        raise ConfigurationError("\n".join(str(one) for one in sorted(set(reader.problems))))
    return book


class _Reader:
    def __init__(self, name: str, specs: Sequence[ToolSpec], agents: Sequence[AgentName]) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._specs = specs
        self._agents = agents
        self._lines: dict[str, int] = {}

    def read(self, text: bytes) -> PolicyBook:
        root = self._root(text)
        if root is None:
            return PolicyBook()
        team = Layer(name="team", preset=Preset.READ_ONLY)
        own: dict[AgentName, Layer] = {}
        for key, value in self._mapping(root, ("team", "agents")):
            if key == "team":
                team = self._layer(value, "team", Preset.READ_ONLY)
            else:
                own = self._of_agents(value)
        self._refuse_laxer(team, own)
        return PolicyBook(team=team, agents=own)

    def _root(self, text: bytes) -> yaml.Node | None:
        if len(text) > _LARGEST:
            self._tell(1, f"the file is larger than {_LARGEST // 1000} kB")
            return None
        try:
            decoded = text.decode("utf-8")
            if (line := _unreasonable(decoded)) is not None:
                self._tell(line, "it is nested too deeply, or the line is too long")
                return None
            for event in yaml.parse(decoded, Loader=yaml.SafeLoader):
                if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    self._tell(line, "write it out: anchors (&) and aliases (*) are not taken")
                    return None
            return yaml.compose(decoded, Loader=yaml.SafeLoader)
        except UnicodeDecodeError:
            self._tell(1, "the file is not UTF-8")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            self._tell(line, f"this is no YAML: {error.problem or error.context or 'unreadable'}")
        except yaml.YAMLError:
            self._tell(1, "this is no YAML: there is a character that it does not take")
        except RecursionError:
            self._tell(1, "it is nested too deeply")
        return None

    def _of_agents(self, node: yaml.Node) -> dict[AgentName, Layer]:
        own = {}
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        lines = {_text(key): _line(key) for key, _ in pairs}
        for key, value in self._mapping(node):
            if key not in self._agents:
                there = f"the agents are {listed(self._agents, 'and')}"
                said = did_you_mean(key, self._agents, there)
                self._tell(lines.get(key, _line(value)), f"{key}: no such agent: {said}")
            own[AgentName(key)] = self._layer(value, f"agent {key}", None)
        return own

    def _layer(self, node: yaml.Node, name: str, preset: Preset | None) -> Layer:
        rules: tuple[Rule, ...] = ()
        for key, value in self._mapping(node, ("preset", "rules")):
            if key == "preset":
                preset = self._preset(value) or preset
            elif isinstance(value, yaml.SequenceNode):
                read = (self._rule(one, name, n) for n, one in enumerate(value.value, start=1))
                rules = tuple(rule for rule in read if rule is not None)
            else:
                self._tell(_line(value), "rules: write a list, each rule behind a dash")
        return Layer(name=name, preset=preset, rules=rules)

    def _rule(self, node: yaml.Node, layer: str, number: int) -> Rule | None:
        found = dict(self._mapping(node, _RULE_KEYS))
        tools = self._tools(found.get("tools"), _line(node))
        permission = self._permission(found.get("permission"), _line(node))
        if tools is None or permission is None:
            return None
        when = tuple(self._when(found["when"], tools)) if "when" in found else ()
        name = f"{layer} rule {number}, line {_line(node)}"
        self._lines[name] = _line(node)
        return Rule(
            name=name,
            tools=tools,
            when=when,
            permission=permission,
            rate=self._rate(found["rate"], permission) if "rate" in found else None,
            people=self._people(found["people"], permission) if "people" in found else None,
        )

    def _tools(self, node: yaml.Node | None, line: int) -> str | None:
        text = _text(node)
        if node is None or not text:
            self._tell(line, "tools is missing: write a tool, or a pattern such as git.*")
            return None
        names = [spec.name for spec in self._specs]
        if not any(fnmatch.fnmatchcase(name, text) for name in names):
            there = f"the tools are {listed(names, 'and')}"
            said = f"tools = {text}: there is no such tool: {did_you_mean(text, names, there)}"
            self._tell(_line(node), said)
            return None
        return text

    def _permission(self, node: yaml.Node | None, line: int) -> Permission | None:
        words = [one.value for one in Permission]
        text = _text(node)
        if node is None or text not in words:
            at = line if node is None else _line(node)
            what = "is missing" if node is None else f"= {text}"
            there = f"it is {listed(words)}"
            said = there if not text else did_you_mean(text, words, there)
            self._tell(at, f"permission {what}: {said}")
            return None
        return Permission(text)

    def _preset(self, node: yaml.Node) -> Preset | None:
        words = [one.value for one in Preset]
        text = (_text(node) or "").lower().replace(" ", "_").replace("-", "_")
        if text not in words:
            there = f"it is {listed(words)}"
            said = did_you_mean(text, words, there) if text else there
            self._tell(_line(node), f"preset = {_text(node)}: {said}")
            return None
        return Preset(text)

    def _when(self, node: yaml.Node, tools: str) -> Iterator[Condition]:
        """The conditions of a rule; what can never be so for any of its tools is told."""
        about = [spec for spec in self._specs if fnmatch.fnmatchcase(spec.name, tools)]
        sound = []
        for condition, line in self._conditions(node):
            wrong = objection(condition, about)
            if wrong:
                self._tell(line, wrong)
            else:
                sound.append(condition)
            yield condition
        if not fit_one(sound, about):
            self._tell(_line(node), f"when: no tool of {tools} has all of these arguments")

    def _conditions(self, node: yaml.Node) -> Iterator[tuple[Condition, int]]:
        keys = [one.value for one in Comparison]
        for argument, tests in self._mapping(node):
            if not isinstance(tests, yaml.MappingNode):
                value = self._value(tests)
                yield Condition(argument=argument, test=Comparison.IS, value=value), _line(tests)
                continue
            if not tests.value:
                self._tell(_line(tests), f"{argument}: write a value, or one of {listed(keys)}")
            for test, given in self._mapping(tests, keys):
                value = self._value(given)
                condition = Condition(argument=argument, test=Comparison(test), value=value)
                yield condition, _line(given)

    def _value(self, node: yaml.Node) -> Json:
        """The value, as YAML's safe types say it."""
        if isinstance(node, yaml.SequenceNode):
            return [self._value(one) for one in node.value]
        if isinstance(node, yaml.MappingNode):
            self._tell(_line(node), "write a value or a list here, and no mapping")
            return None
        return _plain(node)

    def _rate(self, node: yaml.Node, permission: Permission) -> Rate | None:
        match = _RATE.fullmatch(_text(node) or "")
        if match is None:
            self._tell(_line(node), f'rate = {_text(node)}: write it as "5 per hour"')
            return None
        if permission.strictness >= Permission.APPROVAL.strictness:
            said = f"rate: nothing runs by itself under {permission}, so none counts"
            self._tell(_line(node), said)
            return None
        return Rate(most=int(match["most"]), seconds=_UNITS[match["unit"]])

    def _people(self, node: yaml.Node, permission: Permission) -> int | None:
        text = _text(node) or ""
        if not text.isdecimal() or not 1 <= int(text) <= _MOST_PEOPLE:
            self._tell(_line(node), f"people = {text}: write a number from 1 to {_MOST_PEOPLE}")
            return None
        if permission is not Permission.APPROVAL:
            self._tell(_line(node), "people: only a rule with permission: approval asks people")
            return None
        return int(text)

    def _refuse_laxer(self, team: Layer, own: Mapping[AgentName, Layer]) -> None:
        for layers in ([team], *([team, layer] for layer in own.values())):
            for lax in too_lax(layers, self._specs):
                said = (
                    f"{lax.rule.permission} for {lax.tool} is laxer than the layers above and the "
                    f"floors let it be: at least {lax.least}"
                )
                self._tell(self._lines[lax.rule.name], said)

    def _mapping(
        self, node: yaml.Node, known: Sequence[str] | None = None
    ) -> Iterator[tuple[str, yaml.Node]]:
        """The keys and values of a mapping; what is unknown, twice there or none is told."""
        if not isinstance(node, yaml.MappingNode):
            keys = f"with the keys {listed(known, 'and')}" if known else "of names"
            self._tell(_line(node), f"write a mapping {keys} here")
            return
        seen: set[str] = set()
        for key_node, value in node.value:
            key = _text(key_node) or ""
            if key in seen:
                self._tell(_line(key_node), f"{key} is there twice")
            elif known is not None and key not in known:
                there = f"the keys here are {listed(known, 'and')}"
                said = did_you_mean(key, known, there)
                self._tell(_line(key_node), f"{key}: unknown key: {said}")
            else:
                seen.add(key)
                yield key, value

    def _tell(self, line: int, text: str) -> None:
        self.problems.append(Problem(self._name, line, text))


def _unreasonable(text: str) -> int | None:
    """The line from which on YAML's parser would take for ever, if there is one."""
    depth = 0
    for number, line in enumerate(text.split("\n"), start=1):
        depth += line.count("[") + line.count("{")
        indented = len(line) - len(line.lstrip(" "))
        if max(len(line) / _LONGEST_LINE, depth / _DEEPEST, indented / _FARTHEST) > 1:
            return number
        depth = max(0, depth - line.count("]") - line.count("}"))
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _text(node: yaml.Node | None) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _plain(node: yaml.Node) -> Json:
    """A single value; what is none of JSON's, such as a date, is its text."""
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_document(node)
    except (yaml.YAMLError, ValueError):
        return str(node.value)
    finally:
        loader.dispose()
    return value if isinstance(value, bool | int | float | str | None) else str(node.value)
