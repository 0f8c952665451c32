"""Values that are made for each event on its way to the acknowledgement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A data class with slots that the type checker holds to be frozen, like every other value.

    One that is frozen while it runs as well sets each field by a call of its own and takes two to
    three times as long to make, which was a twentieth of an event's acknowledgement.

    Args:
        kw_only: fields are given by name alone.
    """
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)
