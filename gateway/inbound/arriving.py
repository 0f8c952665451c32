"""Threads of which an event is on its way to its conversation."""

from runtime.model.address import ThreadRef


class Arriving:
    """Threads of which an event is on its way to its conversation, which may not be there yet.

    Who follows up on what was accepted a moment ago, or by a life that ended, is heard without
    mentioning us again.
    """

    def __init__(self) -> None:
        self._counts: dict[ThreadRef, int] = {}

    def __contains__(self, thread: ThreadRef) -> bool:
        return thread in self._counts

    def begin(self, thread: ThreadRef) -> None:
        """Count one; the caller ends it."""
        self._counts[thread] = self._counts.get(thread, 0) + 1

    def end(self, thread: ThreadRef) -> None:
        """End one, if one is counted."""
        if not self._counts:  # most often: nothing of a new thread is on its way
            return
        count = self._counts.get(thread)
        if count is None:
            return
        if count > 1:
            self._counts[thread] = count - 1
        else:
            del self._counts[thread]
