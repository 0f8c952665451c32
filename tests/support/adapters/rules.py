"""Which test shows which rule of `docs/adapters.md`, and for which platforms it runs."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar

from tests.support.adapters.harness import Act, Harness, Kind, Trouble
from tests.support.adapters.platforms import HARNESSES

MARK: Final = "kept_rule"

_ROW = re.compile(r"^\| (\w+|---) \|[^|]*\|([^|]*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(test_\w+)`")

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
    given = [f"**{rule}** does not apply: {why}" for rule, why in harness.exceptions.items()]
    given += [f"**{rule}**, with a difference: {why}" for rule, why in harness.differences.items()]
    lacking = [absent.why for absent in harness.absent.values()]
    return [*given, *lacking, *harness.spared.values()]


def documented(page: str) -> dict[str, list[str]]:
    """The rules of the page, and the tests that each names."""
    return {
        row[1]: _TEST.findall(row[2]) for row in _ROW.finditer(page) if row[1] not in {"id", "---"}
    }


def shown_by(suite: ModuleType) -> dict[str, str]:
    """The tests of the suite, and the rule that each says it shows."""
    return {
        name: getattr(test, MARK).rule for name, test in vars(suite).items() if hasattr(test, MARK)
    }


def objections(
    page: str, suite: ModuleType, collected: Collection[str], harnesses: Sequence[type[Harness]]
) -> list[str]:
    """What does not fit: the page, the tests, what was collected of them, what adapters declare.

    Args:
        page: the text of `docs/adapters.md`.
        suite: the module of the suite.
        collected: the tests that pytest would run, `test_name[platform-...]`.
        harnesses: the platforms.
    """
    rules, tests = documented(page), shown_by(suite)
    found = [f"{rule} has no test" for rule, named in rules.items() if not named]
    for rule, named in rules.items():
        found += [
            f"{rule} names {test}, which is no test of it"
            for test in named
            if tests.get(test) != rule
        ]
    for test, rule in tests.items():
        if rule not in rules:
            found.append(f"{test} shows {rule}, which is no rule")
        elif test not in rules[rule]:
            found.append(f"{test} is not named by {rule}")
    for harness in harnesses:
        found += _objections_to(harness, page, rules, collected)
    return found


def _objections_to(
    harness: type[Harness], page: str, rules: Mapping[str, list[str]], collected: Collection[str]
) -> Iterator[str]:
    name = str(harness.platform)
    for rule in (*harness.exceptions, *harness.differences):
        if rule not in rules:
            yield f"{name} speaks of {rule}, which is no rule"
    for rule, named in rules.items():
        runs = [test for test in named if any(_is_of(test, name, case) for case in collected)]
        if rule not in harness.exceptions and not runs:
            yield f"{name} declares {rule}, and no test of it runs for it"
        if rule in harness.exceptions and runs:
            yield f"{name} does not keep {rule}, and {runs} run for it"
    for sentence in told_by(harness):
        if sentence not in page:
            yield f"the page does not say of {name}: {sentence}"


def _is_of(test: str, platform: str, case: str) -> bool:
    return case == f"{test}[{platform}]" or case.startswith(f"{test}[{platform}-")
