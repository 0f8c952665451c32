"""What an agent does on the way to its answer, for whoever looks on."""

from dataclasses import dataclass
from enum import StrEnum


class StepState(StrEnum):
    """How far a step is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        id: the same for the same step of an answer.
        title: what is done, some words.
        state: how far it is.
    """

    id: str
    title: str
    state: StepState
