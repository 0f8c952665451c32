"""Everything that is wrong with a configuration, told at once and each with its place."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.redaction import redact
from runtime.errors import ConfigurationError
from runtime.model.value import value
from runtime.near import nearest
from runtime.text import clipped

Place = tuple[str | int, ...]
"""A path into a document: keys and list positions."""

NEAR = 0.7
"""How alike two words of a configuration must be, that one may be meant by the other."""
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: the file as the reader would name it, or empty for the environment.
        line: the line in the file, counted from 1; 0 where there is none.
        text: what is wrong and what would be right.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """`file:line: text`, the form that editors and terminals make clickable."""
        if not self.file:
            return self.text
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(slots=True)
class Problems:
    """Collects problems while reading goes on, so that one start shows them all."""

    found: list[Problem] = field(default_factory=list)

    def variable(self, name: str, text: str) -> None:
        """Note what is wrong with an environment variable."""
        self.found.append(Problem("", 0, f"{name}: {text}"))

    def names(self, *variables: str) -> bool:
        """Whether something was noted of one of these environment variables, or its file."""
        return any(
            not problem.file and problem.text.startswith(variables) for problem in self.found
        )

    def raise_if_any(self) -> None:
        """Say everything that was found.

        Raises:
            ConfigurationError: something was; one line for each problem.
        """
        if self.found:
            raise ConfigurationError("\n".join(str(problem) for problem in sorted(set(self.found))))


@value()
class FileProblems:
    """Notes problems of one file, by the place in its document."""

    problems: Problems
    file: str
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of that place, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 0)

    def at_line(self, line: int, text: str) -> None:
        """Note something by its line alone."""
        self.problems.found.append(Problem(self.file, line, text))

    def at(self, place: Place, text: str) -> None:
        """Note something wrong with what stands there, without showing its value."""
        self.at_line(self.line_of(place), f"{spell(place)}: {text}" if place else text)

    def value(self, place: Place, value: object, text: str) -> None:
        """Note a value that cannot be used, and show it."""
        self.at_line(self.line_of(place), f"{spell(place)} = {shown(value)}: {text}")


def spell(place: Place) -> str:
    """A place as a reader would write it: `channels[1].id`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value roughly as it stands in the file, cut where it is long, without what looks secret."""
    return clipped(redact(json.dumps(value, ensure_ascii=False, default=str)), _LONGEST_VALUE)


def did_you_mean(word: str, known: Sequence[str], otherwise: str) -> str:
    """`did you mean …?` where a known word is near; else what to say instead."""
    near = nearest(word, known, cutoff=NEAR)
    return f"did you mean {near}?" if near else otherwise


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *most, end = list(words)
    return f"{', '.join(most)} {last} {end}" if most else end


@dataclass(slots=True)
class Seen:
    """Values that may come only once, and where each came first."""

    first: dict[object, Place] = field(default_factory=dict)

    def earlier(self, value: object, place: Place) -> Place | None:
        """Where the value came before; None, and remembered, where it did not."""
        before = self.first.setdefault(value, place)
        return before if before != place else None
