"""What a measurement found, as a line for people and as JSON for machines."""

from dataclasses import dataclass, field
from enum import StrEnum


class Bound(StrEnum):
    """On which side of the target a figure has to be."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A figure that is promised.

    Attributes:
        words: what it says, with `{}` for the figure: "events {} of bare".
        value: the figure.
        bound: whether it must be at least or at most the limit.
        limit: the target.
        places: digits after the point.
        unit: what follows the number, on both sides: `x`, ` ms`.
    """

    words: str
    value: float
    bound: Bound
    limit: float
    places: int = 2
    unit: str = ""

    @property
    def ok(self) -> bool:
        """Whether the promise is kept. What could not be measured (not a number) keeps nothing."""
        if self.bound is Bound.AT_LEAST:
            return self.value >= self.limit
        return self.value <= self.limit

    @property
    def said(self) -> str:
        """The figure in words."""
        return self.words.format(f"{self.value:,.{self.places}f}{self.unit}")

    @property
    def target(self) -> str:
        """The target in words."""
        return f"{self.bound}{self.limit:,.{_places_of(self.limit)}f}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that was measured, to be read beside the others of its report.

    Attributes:
        what: what was measured, and of whom.
        value: the number.
        unit: its unit.
        places: digits after the point.
    """

    what: str
    value: float
    unit: str
    places: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one speed id came to.

    Attributes:
        id: the id in the promises: `S1`.
        gates: the promised figures.
        figures: everything they were computed from.
        notes: what a reader has to know: what was not measured, and why.
    """

    id: str
    gates: tuple[Gate, ...]
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every promise is kept."""
        return all(gate.ok for gate in self.gates)

    def line(self) -> str:
        """The report on one line."""
        said = ", ".join(gate.said for gate in self.gates)
        targets = ", ".join(gate.target for gate in self.gates)
        return f"{self.id:<3} {said}  target {targets}  {'pass' if self.ok else 'short'}"

    def table(self) -> list[str]:
        """The figures behind the line, one on each line, and the notes."""
        width = max((len(figure.what) for figure in self.figures), default=0)
        rows = [
            f"      {figure.what:<{width}}  {figure.value:>12,.{figure.places}f} {figure.unit}"
            for figure in self.figures
        ]
        short = [f"      short: {g.said}, target {g.target}" for g in self.gates if not g.ok]
        return rows + short + [f"      note: {note}" for note in self.notes]

    def to_json(self) -> dict[str, object]:
        """The report for machines."""
        return {
            "id": self.id,
            "pass": self.ok,
            "gates": [_gate_json(gate) for gate in self.gates],
            "figures": [
                {"what": figure.what, "value": _number(figure.value), "unit": figure.unit}
                for figure in self.figures
            ],
            "notes": list(self.notes),
        }


def _gate_json(gate: Gate) -> dict[str, object]:
    return {
        "what": gate.words.format("").strip(),
        "value": _number(gate.value),
        "unit": gate.unit.strip(),
        "target": gate.limit,
        "bound": gate.bound.value,
        "pass": gate.ok,
    }


def _number(value: float) -> float | None:
    """The number, or None for what JSON has no number for."""
    return value if value - value == 0 else None


def _places_of(limit: float) -> int:
    """Shares are written with two digits after the point, everything else with what it needs."""
    if 0 < limit < 1:
        return 2
    return len(f"{limit:.3f}".rstrip("0").partition(".")[2])
