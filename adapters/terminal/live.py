"""The screen a person looks at. Imports prompt_toolkit and rich: import this module late."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from prompt_toolkit import PromptSession
from prompt_toolkit.application import in_terminal
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style
from rich.console import RenderableType
from rich.text import Text

from adapters.terminal import render
from adapters.terminal.completion import FormCompleter
from adapters.terminal.rooms import Board
from adapters.terminal.screen import Interrupted, Said, ScreenGone, detach
from adapters.terminal.text import one_line, received, visible
from runtime.model.address import ThreadRef

_DRAFT_LINES = 8
_DRAFT_CHARACTERS = 2_000
_HISTORY_BYTES = 256_000

_STYLE = Style.from_dict(
    {
        "place": "bold ansicyan",
        "prompt": "ansicyan",
        "draft-head": "bold ansicyan",
        "dim": "ansibrightblack",
        # The default of the toolbar is a bright bar; a quiet line is enough.
        "bottom-toolbar": "noreverse ansibrightblack",
        "bottom-toolbar.busy": "noreverse ansiyellow",
    }
)


class LiveScreen:
    """Messages scroll above an input line; answers under way grow right above it."""

    def __init__(
        self,
        board: Board,
        *,
        forms: Mapping[str, str],
        history: Path | None,
        zone: ZoneInfo,
        hint: str,
        source: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._board = board
        self._zone = zone
        self._hint = hint
        self._gone = asyncio.Event()
        self._statuses: dict[ThreadRef, str] = {}
        self._drafts: dict[ThreadRef, str] = {}
        self._wrapping: tuple[tuple[str, int], list[str]] = (("", 0), [])
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            multiline=True,
            key_bindings=_keys(),
            prompt_continuation="  ",
            completer=FormCompleter(forms, board),
            complete_while_typing=True,
            reserve_space_for_menu=6,
            history=_history(history),
            bottom_toolbar=self._toolbar,
            style=_STYLE,
            erase_when_done=True,
            interrupt_exception=Interrupted,
            input=source,
            output=output,
        )
        self._app = self._session.app
        depth = self._app.output.get_default_color_depth()
        self._paint = render.painter(colour=depth != ColorDepth.DEPTH_1_BIT)

    @property
    def live(self) -> bool:
        """Somebody looks."""
        return True

    @property
    def gone(self) -> asyncio.Event:
        """Set once the terminal is closed."""
        return self._gone

    async def read(self) -> str:
        """The next line that the person enters.

        Raises:
            Interrupted: Ctrl-C.
            EOFError: Ctrl-D on an empty line, or the terminal is closed.
        """
        # A signal from outside is the lifecycle's; Ctrl-C comes as a key.
        try:
            return await self._session.prompt_async(handle_sigint=False)
        except OSError as error:
            self._lose()
            raise EOFError from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what is typed between two lines, and stray output above the input line."""
        with self._app.input.raw_mode(), patch_stdout(raw=True):
            yield

    async def say(self, said: Said) -> None:
        """Show a message above the input line."""
        await self._print(render.message(said, local=self._local))

    async def note(self, *lines: str) -> None:
        """Show notes above the input line."""
        await self._print(render.note(lines))

    async def greet(self, *lines: str) -> None:
        """Show the first lines, the very first in bold."""
        await self._print(render.greeting(lines))

    async def warn(self, line: str) -> None:
        """Show what went wrong, so that it is not overlooked."""
        await self._print(render.note((line,), style="yellow"))

    async def echo(self, line: str) -> None:
        """Show the line, without a blank one after it."""
        await self._print(Text(f"> {one_line(line)}", style="dim"))

    def status(self, place: ThreadRef, text: str) -> None:
        """Show in the toolbar that the agent works."""
        _put(self._statuses, place, text)
        self._app.invalidate()

    def draft(self, place: ThreadRef, text: str) -> None:
        """Show the end of the answer so far, above the input line."""
        _put(self._drafts, place, text[-_DRAFT_CHARACTERS:])
        self._app.invalidate()

    async def _print(self, drawn: RenderableType) -> None:
        text = self._paint(drawn, self._columns())
        try:
            async with in_terminal():
                self._app.output.write_raw(text)
                self._app.output.flush()
        except OSError as error:
            self._lose()
            raise ScreenGone(f"the terminal: {error}") from error

    def _lose(self) -> None:
        self._gone.set()
        detach(self._app.output)

    def _columns(self) -> int:
        return self._app.output.get_size().columns

    def _local(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%H:%M}"

    def _prompt(self) -> StyleAndTextTuples:
        lines: StyleAndTextTuples = []
        for place, text in self._drafts.items():
            room = self._board.room(place)
            lines.append(("class:draft-head", one_line(room.agent)))
            lines.append(("class:dim", f" · {self._board.label(place)}\n"))
            lines += [("", f"  {line}\n") for line in self._wrapped(text)]
            lines.append(("", "\n"))
        lines.append(("class:place", self._board.label(self._board.place)))
        lines.append(("class:prompt", " > "))
        return lines

    def _wrapped(self, text: str) -> list[str]:
        """The last lines of a draft. Kept, because every redraw asks for them several times."""
        key = (text, self._columns())
        if self._wrapping[0] != key:
            drawn = self._paint(Text(visible(text).rstrip()), key[1] - 3)
            self._wrapping = (key, drawn.rstrip("\n").split("\n")[-_DRAFT_LINES:])
        return self._wrapping[1]

    def _toolbar(self) -> StyleAndTextTuples:
        busy = [
            f"{self._board.label(place)}: {self._board.room(place).agent} {text}"
            for place, text in self._statuses.items()
        ]
        if busy:
            return [("class:bottom-toolbar.busy", " " + "   ".join(busy))]
        return [("", f" {self._hint}")]


def _put(where: dict[ThreadRef, str], place: ThreadRef, text: str) -> None:
    if text:
        where[place] = text
    else:
        where.pop(place, None)


def _keys() -> KeyBindings:
    """Enter sends; Escape and Enter begin a new line, as a paste of several lines does."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class _History(FileHistory):
    """A file of what was typed, for its owner's eyes only."""

    def store_string(self, string: str) -> None:
        # What a terminal sends need not be UTF-8, and the file must be.
        # A full disk costs the history, not the chat.
        with suppress(OSError):
            super().store_string(received(string))


def _history(path: Path | None) -> History:
    """The history in that file, cut to its newest part; without one, that of this process."""
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        text = path.read_bytes()
        if len(text) > _HISTORY_BYTES:
            # An entry begins with a line that begins with "# ".
            path.write_bytes(text[text.find(b"\n# ", len(text) - _HISTORY_BYTES) :])
    except OSError:
        return InMemoryHistory()
    return _History(str(path))
