"""What the terminal has shown, kept over a restart: ids only, never what was said."""

import json
import os
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from adapters.terminal.rooms import place_of
from runtime.ids import MessageId, OutboxId
from runtime.model.address import ThreadRef

_SENT_KEPT = 5_000
_THREADS_KEPT = 500
_TOO_LONG = 2 * (_SENT_KEPT + _THREADS_KEPT)


class Journal:
    """An append-only file of the messages shown and the numbers of threads.

    A record is on disk when its method returns. A record that a crash cut short is passed over.
    The file is shortened when it is opened, so that it does not grow for ever. The caller makes
    sure that nobody else writes to it (the data folder has one owner).
    """

    def __init__(self, path: Path | None) -> None:
        """Keep the journal at `path`, or in memory only where it is None."""
        self._path = path
        self._sent: dict[OutboxId, MessageId] = {}
        self._threads: dict[int, ThreadRef] = {}

    @property
    def threads(self) -> dict[int, ThreadRef]:
        """The threads by number, oldest first."""
        return self._threads

    def open(self) -> None:
        """Read the file, and shorten it to what is still of use where it has grown long.

        Raises:
            OSError: it is there and cannot be read.
        """
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        records = _read(self._path)
        kept: deque[list[str]] = deque(maxlen=_SENT_KEPT)
        threads: deque[list[str]] = deque(maxlen=_THREADS_KEPT)
        for record in records:
            match record:
                case ["sent", item, message]:
                    self._sent[OutboxId(item)] = MessageId(message)
                    kept.append(record)
                case ["thread", number, channel, root] if number.isdecimal():
                    self._threads[int(number)] = place_of(channel, root)
                    threads.append(record)
                case _:
                    continue
        if len(records) > _TOO_LONG:
            # What does not fit on a full disk stays as long as it is.
            with suppress(OSError):
                _replace(self._path, [*threads, *kept])

    def message_of(self, item: OutboxId) -> MessageId | None:
        """The message that the outbox row was shown as, or None."""
        return self._sent.get(item)

    def note(
        self,
        *,
        sent: tuple[OutboxId, MessageId] | None = None,
        thread: tuple[int, ThreadRef] | None = None,
    ) -> None:
        """Remember a message that was shown, a thread that got a number, or both.

        Raises:
            OSError: it is remembered until the process ends, and not beyond.
        """
        records = []
        if thread is not None:
            number, place = thread
            self._threads[number] = place
            records.append(["thread", str(number), place.channel.channel, place.root])
        if sent is not None:
            self._sent[sent[0]] = sent[1]
            records.append(["sent", *sent])
        if self._path is not None and records:
            _append(self._path, records)


def _read(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [record for line in text.splitlines() if (record := _record(line))]


def _record(line: str) -> list[str]:
    """One record, or an empty one where the line is damaged."""
    try:
        record = json.loads(line)
    except ValueError:
        return []
    sound = isinstance(record, list) and all(isinstance(part, str) for part in record)
    return record if sound else []


def _lines(records: Iterable[list[str]]) -> bytes:
    return "".join((json.dumps(record) if record else "") + "\n" for record in records).encode()


def _append(path: Path, records: Iterable[list[str]]) -> None:
    # An empty record first: should an earlier write have been cut short, its line ends here.
    _write(path, [[], *records], os.O_APPEND)


def _replace(path: Path, records: Iterable[list[str]]) -> None:
    fresh = path.with_name(path.name + ".new")
    _write(fresh, records, os.O_TRUNC)
    fresh.replace(path)


def _write(path: Path, records: Iterable[list[str]], how: int) -> None:
    """Write for the owner's eyes only, and wait until it is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_lines(records))
        file.flush()
        os.fsync(file.fileno())
