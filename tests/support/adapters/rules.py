"""Which test shows which rule of `docs/adapters.md`, and for which platforms it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tests.support.adapters.harness import Absent, Act, Harness, Kind, Trouble
from tests.support.adapters.platforms import HARNESSES

MARK: Final = "kept_rule"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Kept:
    """What a test shows.

    Attributes:
        rule: the id of the rule.
        kinds: it is run for each of these events that a platform has.
        lacking: it is run for each event that a platform does not have.
        troubles: it is run for each of these that can happen on a platform,
        acts: and to each of these.
    """

    rule: str
    kinds: tuple[Kind, ...] = ()
    lacking: bool = False
    troubles: tuple[Trouble, ...] = ()
    acts: tuple[Act, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the test's parameters."""
        extra = ["kind"] if self.kinds or self.lacking else []
        extra += ["trouble"] if self.troubles else []
        return ("platform", *extra, *(["act"] if self.acts else []))

    def cases(self) -> list[tuple[Any, ...]]:
        """What they are."""
        return [
            (harness, *case)
            for harness in HARNESSES
            if self.rule not in harness.exceptions
            for case in self._of(harness)
        ]

    def _of(self, harness: type[Harness]) -> list[tuple[Any, ...]]:
        if self.lacking:
            return [(kind,) for kind in harness.absent]
        if self.kinds:
            return [(kind,) for kind in self.kinds if kind not in harness.absent]
        troubles = [trouble for trouble in self.troubles if trouble not in harness.spared]
        if self.acts:
            return [(trouble, act) for trouble in troubles for act in self.acts]
        return [(trouble,) for trouble in troubles] if self.troubles else [()]


def keeps(
    rule: str,
    *,
    kinds: Sequence[Kind] = (),
    lacking: bool = False,
    troubles: Sequence[Trouble] = (),
    acts: Sequence[Act] = (),
) -> Callable[[F], F]:
    """Say that the test shows the rule, over every platform whose adapter keeps it."""
    kept = Kept(rule, tuple(kinds), lacking, tuple(troubles), tuple(acts))

    def note(test: F) -> F:
        setattr(test, MARK, kept)
        return test

    return note


def name_of(value: object) -> str:
    """What a parameter is called in the name of a test."""
    if isinstance(value, type) and issubclass(value, Harness):
        return str(value.platform)
    return value.name.lower() if isinstance(value, Kind | Trouble | Act) else str(value)


def told_by(harness: type[Harness]) -> list[str]:
    """What the documentation must say of a platform, a sentence each."""
    lacking: list[Absent] = list(harness.absent.values())
    return [
        *harness.exceptions.values(),
        *harness.differences.values(),
        *harness.spared.values(),
        *(absent.why for absent in lacking),
    ]
