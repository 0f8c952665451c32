"""What is said in every conversation under measurement, and what that came to."""

import msgspec

HISTORY = 50
"""Messages that a conversation has before its first turn here."""
AT_ONCE = 64
"""People who talk at the same time."""
SENTENCE = (
    "The nightly run of the billing export finished at 02:14 with two warnings; the second one "
    "is about the invoice numbers of the Berlin office, which skip from 4711 to 4713. "
)
"""What everybody says: some 270 characters with its envelope, as an ordinary message has."""


class Turns(msgspec.Struct, kw_only=True):
    """What some turns came to.

    Attributes:
        count: how many.
        seconds: how long they took together.
        cpu: seconds of CPU of the process, all its threads together.
        p50: the median time from a message to its answer's delivery, in milliseconds.
        p99: its 99th percentile.
    """

    count: int
    seconds: float
    cpu: float
    p50: float
    p99: float
