"""A terminal, put together: attached to a person, or to pipes and files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from adapters.terminal.copies import FOLDER, Copies, ReadFile
from adapters.terminal.inbound import LOCAL_FORMS
from adapters.terminal.journal import Journal
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.rooms import Board
from adapters.terminal.screen import Keyboard, PlainScreen
from runtime.ids import IdSource
from runtime.model.team import ChannelRule
from runtime.model.value import value

JOURNAL_FILE = "terminal-journal.jsonl"
HISTORY_FILE = "terminal-history"

_HINT = "/help · Tab completes · Esc Enter for a new line · Ctrl-D leaves"


@value(kw_only=True)
class Terminal:
    """A terminal.

    Attributes:
        chat: its outgoing side, for the dispatcher.
        keyboard: where a person types; None where input or output is no terminal.
        source: the file descriptor that lines are read from where there is no keyboard.
    """

    chat: TerminalChat
    keyboard: Keyboard | None
    source: int


def open_terminal(  # noqa: PLR0913 - the one place where a terminal's parts meet
    *,
    stdin: TextIO,
    stdout: TextIO,
    ids: IdSource,
    rules: Sequence[ChannelRule] = (),
    forms: Mapping[str, str] | None = None,
    data: Path | None = None,
    user: str = "you",
    agent: str = "desk",
    zone: str = "UTC",
    read: ReadFile | None = None,
) -> Terminal:
    """Put a terminal together; inside a running event loop.

    A person is there where both streams are terminals; only then are prompt_toolkit and rich
    imported.

    Args:
        stdin: where lines come from.
        stdout: where the chat is shown.
        ids: for new messages.
        rules: the team's channels; those of other platforms are passed over.
        forms: the commands as help shows them, each with what it does, for completion.
        data: the folder for the journal and the history of input; None keeps neither.
        user: the id of the person, as the team's members name it.
        agent: who answers in the direct message.
        zone: the IANA zone that times are shown in.
        read: reads a file that goes out; it is copied into the data folder.

    Raises:
        OSError: the journal is there and cannot be read.
    """
    journal = Journal(data / JOURNAL_FILE if data else None)
    journal.open()
    board = Board(rules, user=user, agent=agent)
    copies = Copies(data / FOLDER if data else None, read)
    if not (stdin.isatty() and stdout.isatty()):
        shown = PlainScreen(stdout)
        plain = TerminalChat(board=board, screen=shown, journal=journal, ids=ids, copies=copies)
        return Terminal(chat=plain, keyboard=None, source=stdin.fileno())
    from prompt_toolkit.input import create_input  # noqa: PLC0415 - only a person needs them
    from prompt_toolkit.output import create_output  # noqa: PLC0415

    from adapters.terminal.live import LiveScreen  # noqa: PLC0415

    screen = LiveScreen(
        board,
        forms={**(forms or {}), **LOCAL_FORMS},
        history=data / HISTORY_FILE if data else None,
        zone=ZoneInfo(zone),
        hint=_HINT,
        source=create_input(stdin),
        output=create_output(stdout),
    )
    chat = TerminalChat(board=board, screen=screen, journal=journal, ids=ids, copies=copies)
    return Terminal(chat=chat, keyboard=screen, source=stdin.fileno())
