"""What `nightdesk doctor` finds, a layer at a time."""

from collections.abc import Sequence
from enum import StrEnum

from runtime.model.value import value


class State(StrEnum):
    """How a layer is."""

    OK = "ok"
    MISSING = "missing"
    """Not there yet; nothing is broken."""
    WRONG = "wrong"


@value()
class Diagnosis:
    """What was found in one layer.

    Attributes:
        layer: which.
        state: how it is.
        found: what was found.
        todo: the one thing to do, or empty.
    """

    layer: str
    state: State
    found: str
    todo: str = ""


def healthy(findings: Sequence[Diagnosis]) -> bool:
    """Whether nothing is wrong; what is missing was perhaps not wanted."""
    return all(finding.state is not State.WRONG for finding in findings)
