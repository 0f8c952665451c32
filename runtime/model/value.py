"""Values: what is made once and never changed, compared by what it holds."""

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A data class with slots that the type checker holds to be frozen.

    One that is frozen while it runs as well sets each field by a call of its own and takes two to
    three times as long to make, which was a twentieth of an event's acknowledgement. Comparing,
    hashing and showing are the same few functions for all of them: a data class compiles its own,
    which for three hundred of them was a tenth of a second of every start.

    Args:
        kw_only: fields are given by name alone.
    """
    made = dataclass(slots=True, kw_only=kw_only, repr=False, eq=False)

    def decorated(kind: type[T]) -> type[T]:
        return _compared(made(kind))

    return decorated


def _compared(kind: type[T]) -> type[T]:
    """That class, with values that are equal where their fields are."""
    held = _reader([one.name for one in _fields(kind) if one.compare])

    def equal(self: object, other: object) -> bool:
        return held(self) == held(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: object) -> int:
        return hash(held(self))

    for name, function in (("__eq__", equal), ("__hash__", hashed), ("__repr__", _shown)):
        if name not in kind.__dict__:
            setattr(kind, name, function)
    return kind


def _reader(names: Sequence[str]) -> Callable[[object], object]:
    """A function that reads those fields of a value."""
    return attrgetter(*names) if names else lambda _: None


def _shown(self: object) -> str:
    held = (f"{one.name}={getattr(self, one.name)!r}" for one in _fields(type(self)) if one.repr)
    return f"{type(self).__qualname__}({', '.join(held)})"


def _fields(kind: type) -> "tuple[Field[Any], ...]":
    """Its fields, all that are given and all that are not."""
    return fields(kind)
