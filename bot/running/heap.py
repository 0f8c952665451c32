"""Memory that was freed, given back to the system.

glibc keeps what a program frees, in case it asks again. What is left of a burst stays with the
process so, in pieces between what is in use, and looks like a leak. Other C libraries, and other
systems than Linux, keep less and have no such call; nothing happens there.
"""

import asyncio
import sys
from collections.abc import Callable

from runtime.activity import Activity

LOOK_EVERY = 60.0
"""Seconds between two looks whether nothing is under way."""
MOST_PUT_OFF = 9
"""Looks in a row at which too much was under way; then it is done all the same."""


def give_back() -> bool:
    """Ask glibc for it; whether there was something. Takes 1 ms for some 10 MB in use."""
    import ctypes  # noqa: PLC0415 - kept out of the start

    if not sys.platform.startswith("linux"):
        return False
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    return bool(trim(0))


class Heap:
    """Gives memory back while nobody waits for anything."""

    def __init__(self, activity: Activity, give: Callable[[], object] = give_back) -> None:
        """Look at `activity`; `give` is called in a thread."""
        self._activity = activity
        self._give = give
        self._put_off = 0

    async def look(self) -> None:
        """Give memory back, unless something is under way and it can be put off."""
        if not self._activity.quiet and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            return
        self._put_off = 0
        await asyncio.to_thread(self._give)
