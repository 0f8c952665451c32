"""How long the event loop kept everybody waiting."""

import asyncio
import time

_EVERY = 0.001


class StallProbe:
    """Looks at the time each millisecond; what is more than that between two looks is a stall."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self.longest = 0.0

    def start(self) -> None:
        """Look from now on, and forget what was."""
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = self._loop.call_later(_EVERY, self._look)

    def stop(self) -> float:
        """Look no more; the longest stall in milliseconds."""
        if self._timer is not None:
            self._timer.cancel()
        self._note()
        return self.longest * 1000

    def _look(self) -> None:
        self._note()
        self._timer = self._loop.call_later(_EVERY, self._look)

    def _note(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last - _EVERY)
        self._last = now
