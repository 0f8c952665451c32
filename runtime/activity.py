"""What is under way in this process, so that a drain or a script can wait for quiet."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Activity:
    """Counts work under way. Everything happens on one event loop."""

    def __init__(self) -> None:
        self._under_way = 0
        self._changed: asyncio.Event | None = None
        self._on_first: Callable[[], None] | None = None

    def on_first(self, call: Callable[[], None] | None) -> None:
        """Call once, with the first work that begins from now on; None: nothing any more."""
        self._on_first = call

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the block as work under way."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self, pieces: int = 1) -> None:
        """Count pieces of work; the caller ends each with `end`."""
        self._under_way += pieces
        if self._on_first is not None:
            call, self._on_first = self._on_first, None
            call()

    def end(self) -> None:
        """End one piece of work."""
        self._under_way -= 1
        self.note()

    def note(self) -> None:
        """Say that something changed, to whoever waits for quiet."""
        if self._changed is not None:  # most changes nobody waits for
            self._changed.set()
            self._changed = None

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return self._under_way == 0

    async def change(self) -> None:
        """Return at the next change."""
        if self._changed is None:
            self._changed = asyncio.Event()
        await self._changed.wait()

    async def idle(self) -> None:
        """Return once nothing is under way; at once where nothing is."""
        while not self.quiet:
            await self.change()
