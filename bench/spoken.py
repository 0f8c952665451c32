"""What is said in every conversation under measurement, and what that came to."""

from collections.abc import Sequence

import msgspec

from bench.spread import ratio

HISTORY = 50
"""Messages that a conversation has before its first turn here."""
AT_ONCE = 64
"""People who talk at the same time."""
SENTENCE = (
    "The nightly run of the billing export finished at 02:14 with two warnings; the second one "
    "is about the invoice numbers of the Berlin office, which skip from 4711 to 4713. "
)
"""What everybody says: some 270 characters with its envelope, as an ordinary message has."""


class Stretch(msgspec.Struct, kw_only=True):
    """Which conversations have a turn: from that number on, up to and without the other."""

    first: int
    after: int

    def numbers(self) -> range:
        """Their numbers."""
        return range(self.first, self.after)


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


def together(passes: Sequence[Turns]) -> Turns:
    """Some passes as one; its percentiles are the passes' means."""
    return Turns(
        count=sum(one.count for one in passes),
        seconds=sum(one.seconds for one in passes),
        cpu=sum(one.cpu for one in passes),
        p50=ratio(sum(one.p50 for one in passes), len(passes)),
        p99=ratio(sum(one.p99 for one in passes), len(passes)),
    )
