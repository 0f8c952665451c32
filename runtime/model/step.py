"""What an agent does on the way to its answer, for whoever looks on."""

from enum import StrEnum

from runtime.model.value import value


class StepState(StrEnum):
    """How far a step is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@value(kw_only=True)
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
