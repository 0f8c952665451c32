"""What can be shown, and the plain screen for output that is no terminal."""

import asyncio
import os
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Protocol, TextIO

from adapters.terminal.text import one_line, visible
from runtime.errors import Retryable
from runtime.model.address import ThreadRef
from runtime.model.value import value

_TRY_AGAIN_SECONDS = 60.0


class ScreenGone(Retryable):
    """Nobody reads the output any more."""


@value(kw_only=True)
class Said:
    """A message as it is shown.

    Attributes:
        speaker: who says it.
        place: where, as people see it: `#ops [1]`.
        text: what: CommonMark, untrusted.
        mine: the person at the terminal typed it.
        private: others in the room do not see it.
        buttons: the number and label of each button.
        at: when it was written, or None where that is plain.
    """

    speaker: str
    place: str
    text: str
    mine: bool = False
    private: bool = False
    buttons: tuple[tuple[int, str], ...] = ()
    at: datetime | None = None


class Interrupted(Exception):
    """The person pressed Ctrl-C."""


class Keyboard(Protocol):
    """Where a person types, while a live screen shows the chat."""

    async def read(self) -> str:
        """The next line that the person enters; it may hold line feeds.

        Raises:
            Interrupted: Ctrl-C.
            EOFError: Ctrl-D on an empty line, or the terminal is closed.
        """
        ...

    async def greet(self, *lines: str) -> None:
        """Show the first lines that a person sees.

        Raises:
            ScreenGone: the terminal is closed.
        """
        ...

    def held(self) -> AbstractContextManager[None]:
        """Hold the terminal: what is typed between two reads is kept for the next.

        What others print meanwhile appears above the input line and does not break it.
        """
        ...


class Screen(Protocol):
    """Where the chat is shown. One at a time; what is shown first stands first."""

    @property
    def live(self) -> bool:
        """Whether a person looks at it, so that progress and growing answers can be shown."""
        ...

    @property
    def gone(self) -> asyncio.Event:
        """Set once nobody reads it any more."""
        ...

    async def say(self, said: Said) -> None:
        """Show a message; it is out of this process when this returns.

        Raises:
            ScreenGone: nobody reads the output any more.
        """
        ...

    async def note(self, *lines: str) -> None:
        """Show what the terminal itself has to say.

        Raises:
            ScreenGone: as for `say`.
        """
        ...

    async def warn(self, line: str) -> None:
        """Show what went wrong, and what would be right.

        Raises:
            ScreenGone: as for `say`.
        """
        ...

    async def echo(self, line: str) -> None:
        """Show a line that was for the terminal itself.

        Raises:
            ScreenGone: as for `say`.
        """
        ...

    def status(self, place: ThreadRef, text: str) -> None:
        """Show that the agent works there, or, with an empty text, that it no longer does."""
        ...

    def draft(self, place: ThreadRef, text: str) -> None:
        """Show the answer so far, or, with an empty text, take it away."""
        ...


class PlainScreen:
    """Lines of text without colour, the same for the same messages: for pipes and files.

    A message is `speaker · place: text`, its further lines indented by two spaces, so that no text
    can pass for another message. A note begins with `--`, a line for the terminal itself with `>`.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._gone = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    @property
    def live(self) -> bool:
        """Nobody watches a file grow."""
        return False

    @property
    def gone(self) -> asyncio.Event:
        """Set once a write failed."""
        return self._gone

    async def say(self, said: Said) -> None:
        """Write a message."""
        await self._write(plain(said))

    async def note(self, *lines: str) -> None:
        """Write notes, one a line."""
        await self._write("".join(f"-- {one_line(line)}\n" for line in lines))

    async def warn(self, line: str) -> None:
        """Write it as a note."""
        await self.note(line)

    async def echo(self, line: str) -> None:
        """Write the line after `>`."""
        await self._write(f"> {one_line(line)}\n")

    def status(self, place: ThreadRef, text: str) -> None:
        """Progress is not written."""

    def draft(self, place: ThreadRef, text: str) -> None:
        """An answer is written once, when it is whole."""

    async def _write(self, text: str) -> None:
        """Write in a thread: a slow reader holds up the chat, never the loop."""
        async with self._one_at_a_time:
            if self._gone.is_set():
                raise ScreenGone(after=_TRY_AGAIN_SECONDS)
            try:
                await asyncio.to_thread(self._put, text)
            except (OSError, ValueError) as error:
                self._gone.set()
                detach(self._out)
                raise ScreenGone(f"standard output: {error}", after=_TRY_AGAIN_SECONDS) from error

    def _put(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()


def plain(said: Said) -> str:
    """The message as plain lines, the last one ended."""
    private = " (only you see this)" if said.private else ""
    first, *rest = visible(said.text).rstrip().split("\n")
    lines = [f"{one_line(said.speaker)} · {said.place}{private}: {first}".rstrip()]
    lines += [f"  {line}".rstrip() for line in rest]
    if said.buttons:
        lines.append("  " + "   ".join(f"[{n}] {one_line(label)}" for n, label in said.buttons))
    return "\n".join(lines) + "\n"


class _Descriptor(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int: ...


def detach(out: _Descriptor) -> None:
    """Let the interpreter's last flush go nowhere: it would complain about a closed output."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
