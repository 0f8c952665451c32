"""Lines from a pipe or a file, read without holding up the loop."""

import asyncio
import os
import selectors
from codecs import getincrementaldecoder
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

_CHUNK = 65_536


class LineReader:
    """Reads a file descriptor line by line in a thread of its own; used as a context manager.

    Bytes that are no UTF-8 come as U+FFFD. Of a line longer than `longest` characters only the
    first `longest + 1` are kept, which is enough to see that it is too long. Leaving the context
    ends the thread even while it waits for input; the descriptor stays open, it is the caller's.
    """

    def __init__(self, descriptor: int, *, longest: int) -> None:
        self._descriptor = descriptor
        self._keep = longest + 1
        self._decoder = getincrementaldecoder("utf-8-sig")(errors="replace")
        self._text = ""
        self._ended = False

    async def __aenter__(self) -> Self:
        self._woken, self._wake = os.pipe()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="terminal-lines")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._wake, b"\0")
        self._thread.shutdown(wait=True)
        os.close(self._wake)
        os.close(self._woken)

    async def next(self) -> str | None:
        """The next line without its end; None at the end of input."""
        while "\n" not in self._text and not self._ended:
            await self._more()
        if not self._text:
            return None
        line, _, self._text = self._text.partition("\n")
        return line.removesuffix("\r")[: self._keep]

    async def _more(self) -> None:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self._thread, self._read)
        self._ended = not data
        # Nothing waiting here has a line end in it, so what is beyond the limit is of no use.
        self._text = self._text[: self._keep] + self._decoder.decode(data, final=self._ended)

    def _read(self) -> bytes:
        """What there is to read, waiting for it; nothing at the end, or when woken to leave."""
        # epoll refuses regular files, and select high numbers; poll takes both.
        with selectors.PollSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select()}
        if self._woken in ready:
            return b""
        try:
            return os.read(self._descriptor, _CHUNK)
        except OSError:  # a terminal that was closed ends like a file
            return b""
