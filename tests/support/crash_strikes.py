"""Requests at which a process dies: a judge in a fake kills who asks.

Before the platform has done what was asked, or after, when the process cannot know that it was.
"""

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from tests.support.crash_points import BEFORE


@dataclass(frozen=True, slots=True)
class Strike:
    """A request at which a process dies.

    Attributes:
        method: as the fake names it.
        phase: `before` the platform does it, or `after`.
    """

    method: str
    phase: str

    def __str__(self) -> str:
        return f"{self.method}:{self.phase}"


@dataclass(slots=True)
class Striker:
    """A judge of a fake's requests that kills who asks.

    Attributes:
        lose: lets the fake do nothing about the request it is judging.
        armed: the next request to kill at, and whom; None for none.
    """

    lose: Callable[[str], None] = lambda _: None
    armed: tuple[Strike, int] | None = None

    def __call__(self, method: str, _: object) -> Iterable[str]:
        """Judge a request; it finds nothing wrong with any."""
        if self.armed is not None and self.armed[0].method == method:
            (strike, pid), self.armed = self.armed, None
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if strike.phase == BEFORE:
                self.lose(method)
        return ()
