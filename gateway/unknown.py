"""Messages of which only the platform knows whether they were sent."""

from dataclasses import dataclass
from datetime import datetime

from runtime.model.outbox import OutboxItem

FIRST_PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of which only the platform knows whether it was sent.

    Attributes:
        item: the message; `SENDING` on disk.
        ask_at: when to ask.
        pause: seconds until the question after that, should this one find no answer.
        again_after: seconds to wait before sending it again, should it not be there.
        orphaned: the process that was sending it is gone.
    """

    item: OutboxItem
    ask_at: datetime
    pause: float = FIRST_PAUSE
    again_after: float = 0.0
    orphaned: bool = False
