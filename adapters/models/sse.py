"""Server-sent events, as far as streams of completions use them. Pure, and bounded.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from runtime.errors import ModelOutputUnusable

LONGEST_EVENT = 4_194_304
"""Bytes of one event; and so of what is held back while it comes in."""
MOST_BYTES = 268_435_456
"""Bytes of a whole answer, its envelopes included."""


class Events:
    """Takes bytes as they come, and gives the data of each event that they complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._held = 0
        self._taken = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that ends within these bytes, in order.

        Raises:
            ModelOutputUnusable: an event, or the whole, is longer than any answer needs.
        """
        self._taken += len(data)
        if self._taken > MOST_BYTES:
            raise ModelOutputUnusable(f"the server sent more than {MOST_BYTES} bytes")
        if b"\r" in data:
            data = data.replace(b"\r", b"")
        lines = data.split(b"\n")
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        self._check(len(self._rest))
        events: list[bytes] = []
        for line in lines:
            self._line(line, events)
        return events

    def end(self) -> list[bytes]:
        """The data of the last event, where the server left out the empty line after it."""
        events: list[bytes] = []
        self._line(self._rest, events)
        self._line(b"", events)
        self._rest = b""
        return events

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if line.startswith(b"data:"):
            self._held += len(line)
            self._check(self._held)
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif not line and self._data:
            events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
            self._data, self._held = [], 0

    def _check(self, held: int) -> None:
        if held > LONGEST_EVENT:
            raise ModelOutputUnusable(f"the server sent a line of more than {LONGEST_EVENT} bytes")
