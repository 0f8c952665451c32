"""Conditions of `policy.yaml`, held against the tools: one that can never be so is a mistake.

A rule that blocks and never applies lets everything through, so nothing here is lenient.
"""

import math
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.configuration.problems import did_you_mean, listed, shown
from runtime.model.tools import Json, ToolSpec
from runtime.policy.rules import Comparison, Condition

_Schema = Mapping[str, Json]
"""The JSON schema of one argument."""

_EQUAL = frozenset({Comparison.IS, Comparison.IS_NOT})
_LISTS = frozenset({Comparison.IN, Comparison.NOT_IN})
_PATTERNS = frozenset({Comparison.MATCHES, Comparison.NOT_MATCHES})
_NUMBERS = frozenset({Comparison.AT_MOST, Comparison.MORE_THAN})
_WORDS: Mapping[Json, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
}


def objection(condition: Condition, tools: Sequence[ToolSpec]) -> str:
    """Why the condition makes no sense for any of the tools; empty where it does for one.

    Args:
        condition: the condition.
        tools: those that its rule is about; at least one.
    """
    name = condition.argument
    having = [spec for spec in tools if name in _properties(spec)]
    if not having:
        known = sorted({argument for spec in tools for argument in _properties(spec)})
        there = f"the arguments are {listed(known, 'and')}" if known else "there are none"
        return f"there is no argument {name} here: {did_you_mean(name, known, there)}"
    wrong = [_wrong(condition, spec) for spec in having]
    return "" if "" in wrong else f"{name}: {wrong[0]}"


def fit_one(conditions: Sequence[Condition], tools: Sequence[ToolSpec]) -> bool:
    """Whether there is a tool for which all of the conditions make sense at once."""
    return any(all(not objection(one, [spec]) for one in conditions) for spec in tools)


def _properties(spec: ToolSpec) -> Mapping[str, Json]:
    found = spec.parameters.get("properties")
    return found if isinstance(found, Mapping) else {}


def _wrong(condition: Condition, spec: ToolSpec) -> str:
    """What is wrong with it for a tool that has the argument; empty where nothing is."""
    described = _properties(spec)[condition.argument]
    if not isinstance(described, Mapping):
        return "it cannot be compared"
    required = spec.parameters.get("required")
    optional = not (isinstance(required, list) and condition.argument in required)
    said = _wrong_kind(condition, described, optional=optional)
    words = described.get("enum")
    if said or not isinstance(words, list):
        return said
    if any(condition.holds({condition.argument: word}) for word in words):
        return ""
    return f"it is {listed(map(str, words))}, so {condition} never holds"


def _wrong_kind(condition: Condition, described: _Schema, *, optional: bool) -> str:
    test, value, kind = condition.test, condition.value, described.get("type")
    words = f"it is {_WORDS.get(kind, kind)}"
    if test in _EQUAL:
        if value is None and optional:
            return ""  # it was left out
        return next(_misfits([value], described), "")
    if test in _LISTS:
        if not isinstance(value, list) or not value:
            return f"{test} takes a list of values"
        return next(_misfits(value, described), "")
    takes, right, arguments = _TAKES[test]
    if kind not in arguments:
        return f"{words}, and {test} looks at {listed(_WORDS[one] for one in arguments)}"
    return "" if right(value) else f"{test} takes {takes}, not {shown(value)}"


def _misfits(values: Sequence[Json], described: _Schema) -> Iterator[str]:
    """What is wrong with each value that the argument can never be."""
    kind = described.get("type")
    for value in values:
        if not _is_of(value, described):
            quote = " (in quotes)" if kind == "string" and not isinstance(value, str) else ""
            yield f"it is {_WORDS.get(kind, kind)}{quote}, and never {shown(value)}"


def _is_of(value: Json, described: _Schema) -> bool:
    match described.get("type"):
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return _is_number(value) and isinstance(value, int | float) and value % 1 == 0
        case "number":
            return _is_number(value)
        case "array":
            each = described.get("items")
            return (
                isinstance(value, list)
                and isinstance(each, Mapping)
                and all(_is_of(one, each) for one in value)
            )
        case _:
            return False


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_length(value: Json) -> bool:
    return _is_number(value) and isinstance(value, int | float) and value >= 0


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_folder(value: Json) -> bool:
    """A folder in which a path can lie: none is looked for above the one where paths begin."""
    return isinstance(value, str) and "\0" not in value and not _climbs(value)


def _climbs(path: str) -> bool:
    return posixpath.normpath(path).startswith("..")


_Takes = tuple[str, Callable[[Json], bool], Sequence[str]]
_TAKES: Mapping[Comparison, _Takes] = {
    **dict.fromkeys(_PATTERNS, ("a pattern", _is_text, ("string",))),
    **dict.fromkeys(_NUMBERS, ("a number", _is_number, ("integer", "number"))),
    Comparison.UNDER: ("a folder without ..", _is_folder, ("string",)),
    Comparison.LONGER_THAN: ("a number from 0", _is_length, ("string", "array")),
}
"""What a comparison takes, whether a value is that, and the types of arguments it looks at."""
