"""Typed arguments: a function's signature is the schema that a model sees and the reader it meets.

The arguments of a tool are the keyword-only parameters of an async function. Each is `str`, `int`,
`float`, `bool`, a `Literal` of words, a list of one of these, or one of these `| None`;
`Annotated[str, "what it means"]` says what it is for. What a model writes is untrusted: an argument
that is missing, unknown or of another type is refused in words that say what would fit.
"""

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from runtime.errors import Refused
from runtime.model.tools import Json
from runtime.model.value import value
from runtime.near import nearest

_NAMES: Mapping[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
LONGEST_ARGUMENTS = 200_000
"""Characters of JSON that the arguments of a call may have."""
DEEPEST = 32
"""Levels of lists and objects in them."""

Arguments = Mapping[str, Any]
"""The arguments, read: what they were declared as."""


@value()
class _Kind:
    """What an argument may be."""

    schema: dict[str, Json]
    words: str
    read: Callable[[Any], Any]


class _Wrong(Exception):
    """It is something else."""


@value()
class Parameter:
    """One argument of a tool.

    Attributes:
        name: its name.
        kind: what it may be.
        about: what it is for.
        required: it must be given.
        default: what it is where it is not given.
    """

    name: str
    kind: _Kind
    about: str
    required: bool
    default: object


@value()
class Signature:
    """The arguments of a tool."""

    parameters: tuple[Parameter, ...]

    def schema(self) -> dict[str, Json]:
        """The JSON schema of the arguments object, as models are given it."""
        properties: dict[str, Json] = {}
        for parameter in self.parameters:
            described = dict(parameter.kind.schema)
            if parameter.about:
                described["description"] = parameter.about
            properties[parameter.name] = described
        schema: dict[str, Json] = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        required: list[Json] = [p.name for p in self.parameters if p.required]
        if required:
            schema["required"] = required
        return schema

    def read(self, text: str) -> Arguments:
        """The arguments in a model's JSON.

        Raises:
            Refused: they do not fit; says what is wrong, and what the tool takes.
        """
        try:
            return self._read(_object(text))
        except _Wrong as wrong:
            raise Refused(f"{wrong}.", hint=self._usage()) from None

    def canonical(self, text: str) -> str:
        """The arguments in a model's JSON in one spelling, without those that were left out.

        Read again, it gives what `read` gives now: what is not said is declared (`digest`).

        Raises:
            Refused: as for `read`.
        """
        arguments = self.read(text)
        return canonical({name: arguments[name] for name in _object(text)})

    def digest(self) -> str:
        """SHA-256 over what is declared, defaults included, in hexadecimal."""
        defaults = [[p.name, repr(p.default)] for p in self.parameters if not p.required]
        whole = json.dumps([self.schema(), defaults], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _read(self, given: Mapping[str, Any]) -> Arguments:
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                near = nearest(name, known)
                meant = f"; did you mean {near}?" if near else ""
                raise _Wrong(f"there is no argument {name[:40]!r}{meant}")
        arguments = {}
        for name, parameter in known.items():
            if name not in given:
                if parameter.required:
                    raise _Wrong(f"the argument {name} is missing")
                arguments[name] = parameter.default
                continue
            try:
                arguments[name] = parameter.kind.read(given[name])
            except _Wrong:
                shown = json.dumps(given[name], ensure_ascii=False)[:60]
                raise _Wrong(f"{name} must be {parameter.kind.words}, not {shown}") from None
        return arguments

    def _usage(self) -> str:
        if not self.parameters:
            return "It takes no arguments: {}."
        each = (
            f"{p.name}: {p.kind.words}{'' if p.required else ' (optional)'}"
            for p in self.parameters
        )
        return f"It takes {'; '.join(each)}."


def signature_of(function: Callable[..., Awaitable[object]]) -> Signature:
    """The arguments that the function declares.

    Raises:
        TypeError: it declares something that a model cannot give; a mistake in the program.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        hint, about = hints[name], ""
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            about = next((note for note in notes if isinstance(note, str)), "")
        required = parameter.default is inspect.Parameter.empty
        parameters.append(
            Parameter(
                name=name,
                kind=_kind(hint),
                about=about,
                required=required,
                default=None if required else parameter.default,
            )
        )
    return Signature(tuple(parameters))


def canonical(arguments: Arguments) -> str:
    """The arguments in one spelling, whatever a model's was: what a hash is made of."""
    return json.dumps(arguments, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > LONGEST_ARGUMENTS:
        raise _Wrong(f"the arguments are longer than {LONGEST_ARGUMENTS} characters")
    if depth(text) > DEEPEST:
        raise _Wrong("the arguments are nested too deeply")
    try:
        value = json.loads(text or "{}", object_pairs_hook=_once, parse_constant=_no_constant)
    except ValueError:
        raise _Wrong("the arguments are not JSON") from None
    if not isinstance(value, dict):
        raise _Wrong("the arguments are not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that comes twice would mean one thing to us and another to a reader."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("an argument is given twice")
    return found


def _no_constant(name: str) -> float:
    raise _Wrong(f"{name} is no number")


def depth(text: str) -> int:
    """How deep the brackets go, at the most: brackets in texts count too."""
    now = deepest = 0
    for character in text:
        if character in "[{":
            now += 1
            deepest = max(deepest, now)
        elif character in "]}":
            now -= 1
    return deepest


def _kind(hint: Any) -> _Kind:
    if hint in _NAMES:
        name = _NAMES[hint]
        return _Kind({"type": name}, _WORDS[name], lambda value: _exactly(hint, value))
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        listed = " or ".join(f'"{word}"' for word in inner)
        return _Kind(
            {"type": "string", "enum": list(inner)}, listed, lambda value: _one_of(inner, value)
        )
    if origin is list:
        each = _kind(inner[0])
        return _Kind(
            {"type": "array", "items": each.schema},
            f"a list, each {each.words}",
            lambda value: _each(each, value),
        )
    if origin in (Union, UnionType) and NoneType in inner and len(inner) == len((hint, None)):
        return _kind(next(part for part in inner if part is not NoneType))
    raise TypeError(f"a tool's argument cannot be {hint!r}")


def _exactly(hint: type, value: Any) -> Any:
    # A bool is an int to Python, and nobody means 1 by true.
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise _Wrong
    if isinstance(value, str) and any(0xD800 <= ord(c) <= 0xDFFF for c in value):  # noqa: PLR2004 - halves of surrogate pairs, which nothing can store
        raise _Wrong
    return value


def _one_of(words: tuple[str, ...], value: Any) -> str:
    if value not in words or not isinstance(value, str):
        raise _Wrong
    return value


def _each(kind: _Kind, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong
    return [kind.read(item) for item in value]
