"""A thread that looks after the event loop: one that is held cannot hear that something stops.

Only while the loop stands still it looks for stops by itself; where there is one, the process is
ended hard. A loop that stands still and is not told to stop is left alone: it may be a long pause
of the machine.
"""

import asyncio
import threading
from collections.abc import Callable

from runtime.stopping import HardStop

LOOK_EVERY = 0.25
"""Seconds between looks whether the loop goes round."""
HELD_AFTER = 0.75
"""Seconds that it stands still before a stop is looked for."""


class Watchdog:
    """Looks after one event loop, from a thread of its own."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stop_is_stored: Callable[[], bool], hard: HardStop
    ) -> None:
        """Look after `loop`.

        Args:
            loop: the loop.
            stop_is_stored: whether something is stored to stop that the loop did not obey yet;
                called from the thread.
            hard: ends the process.
        """
        self._loop = loop
        self._stop_is_stored = stop_is_stored
        self._hard = hard
        self._round = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nightdesk-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._round.set()
        self._thread.start()

    def close(self) -> None:
        """Look no more; returns when the thread has ended."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        held = 0.0
        while not self._closed.wait(LOOK_EVERY):
            if self._round.is_set():
                held = 0.0
                self._round.clear()
                self._loop.call_soon_threadsafe(self._round.set)
                continue
            # Counted in looks: a process that was frozen as a whole stood still with this thread.
            held += LOOK_EVERY
            if held >= HELD_AFTER and self._stop_is_stored():
                self._hard(f"the event loop was held for {held:g} seconds when it was to stop")
                return
