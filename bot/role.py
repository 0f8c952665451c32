"""What a process does. Kept apart so that the command line can name it without loading settings."""

from enum import StrEnum


class Role(StrEnum):
    """The part of the work that one process does."""

    ALL = "all"
    """Everything, in one process over SQLite; with the terminal chat where there is a person."""
    WEB = "web"
    """Verify, store, acknowledge and deliver."""
    WORKER = "worker"
    """Run turns and runs."""
    CLOCK = "clock"
    """Fire schedules."""
