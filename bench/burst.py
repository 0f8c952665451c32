"""What a burst of due work came to: shared by the scheduler and what it is measured against."""

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bench.spread import percentile

DUE = 1_000
"""How many fall due in the same second."""
LEAD = 0.6
"""Seconds between the moment that everything is ready and the moment it falls due."""


class Burst(msgspec.Struct, kw_only=True):
    """A burst.

    Attributes:
        count: how many were started.
        p50: the median lateness in milliseconds.
        p99: its 99th percentile.
        stall: the longest that the event loop kept everybody waiting, in milliseconds.
        cpu: seconds of CPU.
    """

    count: int
    p50: float
    p99: float
    stall: float
    cpu: float


def burst(started: Sequence[float], due: datetime, *, stall: float, cpu: float) -> Burst:
    """The burst whose pieces were started at those moments (seconds since 1970)."""
    late = [(moment - due.timestamp()) * 1000 for moment in started]
    return Burst(
        count=len(late),
        p50=percentile(late, 0.5),
        p99=percentile(late, 0.99),
        stall=stall,
        cpu=time.process_time() - cpu,
    )
