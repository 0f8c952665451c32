"""A durable run: where it is."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    """Under way, waiting for a signal included."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
