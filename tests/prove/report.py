"""What a proof found, as a line for people and as JSON for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class NotRun(Exception):
    """The proof cannot be run here; the message says why. It counts as short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure that is promised.

    Attributes:
        what: what it counts: `lost`, `double turns`.
        value: what was counted or measured.
        most: the most that it may be.
        unit: its unit, or nothing.
        places: digits after the point.
    """

    what: str
    value: float
    most: float = 0.0
    unit: str = ""
    places: int = 0

    @property
    def ok(self) -> bool:
        """Whether the promise is kept. What is no number keeps nothing."""
        return self.value <= self.most

    @property
    def said(self) -> str:
        """The figure in words."""
        return f"{self.value:,.{self.places}f}{self.unit} {self.what}"

    @property
    def target(self) -> str:
        """The target in words."""
        return f"{self.most:,.{self.places}f}{self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a proof came to.

    Attributes:
        tried: what was tried, and how often: `600 kills`.
        checks: the promised figures.
        figures: further figures, by name, for machines and for whoever asks.
        notes: what a reader has to know.
    """

    tried: str
    checks: tuple[Check, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether every promise is kept, and there is one."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def line(self, name: str) -> str:
        """The outcome on one line."""
        said = ", ".join([self.tried, *(check.said for check in self.checks)])
        target = "/".join(check.target for check in self.checks)
        return f"{name:<4}{said}  target {target}  {'pass' if self.ok else 'short'}"

    def details(self) -> list[str]:
        """What stands behind the line, a line each."""
        short = [f"short: {c.said}, target {c.target}" for c in self.checks if not c.ok]
        figures = [f"{what}: {value:,.10g}" for what, value in self.figures.items()]
        return [f"      {line}" for line in (*figures, *short, *self.notes)]

    def to_json(self, name: str) -> dict[str, object]:
        """The outcome for machines."""
        return {
            "id": name,
            "pass": self.ok,
            "tried": self.tried,
            "checks": [
                {"what": c.what, "value": c.value, "most": c.most, "unit": c.unit, "pass": c.ok}
                for c in self.checks
            ],
            "figures": dict(self.figures),
            "notes": list(self.notes),
        }


def not_run(name: str, why: str) -> str:
    """The line of a proof that could not be run."""
    return f"{name:<4}not run: {why}  short"
