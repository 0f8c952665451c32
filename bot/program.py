"""What every command shares: loading settings, logging, and saying how it went wrong.

A person gets one clear message on standard error and never a stack trace. What was expected to go
wrong says so itself; what was not gets a reference id, under which the log file has the details.
"""

import asyncio
import errno
import importlib
import logging
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import TextIO, TypeVar

from bot.apart import apart
from bot.environ import load_settings, write_first_config
from bot.observability import Destination, Look, logging_to
from bot.redaction import redactor
from bot.role import Role
from bot.settings import LOG_NAME, LogFormat, Settings
from runtime.errors import ConfigurationError, NightdeskError, Refused, StorageFull

T = TypeVar("T")

_TERMINAL = "terminal"
_SHARED = (
    "adapters.models.catalogue",
    "argparse",
    "fractions",
    "importlib.metadata",
    "platform",
    "runtime.model.messages",
    "runtime.money.amounts",
    "runtime.money.spenders",
    "typing_extensions",
    "uuid",
)
"""What reading the settings needs and working, too: the child would import it once more."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class ExitCode(IntEnum):
    """What the program ends with."""

    OK = 0
    FAILED = 1
    """It could not do it, and said why."""
    CONFIGURATION = 2
    """It cannot start as it is configured; also a command line that makes no sense."""
    UNEXPECTED = 70
    """A mistake of ours; `EX_SOFTWARE` of sysexits.h."""


@contextmanager
def supervised(*, failed: ExitCode = ExitCode.FAILED) -> Iterator["Program"]:
    """Do the work of one command; whatever it raises is told, and ends the process.

    What could not be done ends with `failed`: another code where the first says something else.
    """
    program = Program()
    # A command that keeps no log answers by its own words; without this, a library's warning
    # would be printed as it comes.
    silence = logging.NullHandler()
    logging.root.addHandler(silence)
    try:
        yield program
    except NightdeskError as error:
        raise SystemExit(max(program.told([error]), failed)) from None
    except BrokenPipeError:
        raise SystemExit(_nobody_reads()) from None
    except Exception as error:  # noqa: BLE001 - the outermost place: a person gets a reference
        expected = _expected(error)
        code = max(program.told(expected), failed) if expected else program.crashed(error)
        raise SystemExit(code) from None
    finally:
        logging.root.removeHandler(silence)


class Program:
    """One call of the program.

    Attributes:
        settings: what it runs with, once that is loaded.
    """

    def __init__(self) -> None:
        self.settings: Settings | None = None

    def load(self) -> Settings:
        """Load the settings.

        Raises:
            ConfigurationError: they cannot be used.
        """
        self.settings = load_settings()
        return self.settings

    def load_to_run(
        self, role: Role, *, terminal: bool, meanwhile: Callable[[], object] | None = None
    ) -> Settings:
        """Load the settings for a process that works, and make its data folder.

        The first start of all writes the team's file; every other role expects it. The settings
        are read in a child, because what reads them would stay in memory to the end; what can be
        done beside that is done `meanwhile`.

        Raises:
            ConfigurationError: they cannot be used, or there is no file for this role.
        """
        for name in _SHARED:
            importlib.import_module(name)
        reading = apart(load_settings)
        if meanwhile is not None:
            meanwhile()
        self.settings = settings = reading()
        if not settings.config_found:
            if role is not Role.ALL:
                raise ConfigurationError(
                    f"there is no {settings.config_path}. `nightdesk init` writes one to begin "
                    "with; NIGHTDESK_CONFIG says where another one is."
                )
            write_first_config(settings.config_path)
            say(f"Wrote {settings.config_path}: your team, channels and agents.")
            settings = apart(load_settings)()
        _make_folder(settings.data_dir)
        self.settings = replace(settings, terminal=terminal and _chats(settings))
        return self.settings

    @contextmanager
    def logging(self, role: Role) -> Iterator[None]:
        """Log as it fits a process in that role while the block runs."""
        settings = self.settings or self.load()
        with logging_to(
            destination(settings, role),
            file=settings.log_path,
            level=settings.log_level,
            look=_look(settings.log_format),
            secrets=settings.secrets(),
        ):
            yield

    def told(self, errors: Sequence[NightdeskError]) -> ExitCode:
        """Tell a person what went wrong; what to end with."""
        hide = redactor(self.settings.secrets() if self.settings else ())
        told = [hide(_in_words(error)).splitlines() for error in errors]
        if len(errors) == 1 and (
            len(told[0]) == 1 or not isinstance(errors[0], ConfigurationError)
        ):
            first, *more = told[0]
            say(f"nightdesk: {first}", *(f"  {line.strip()}" for line in more))
        else:
            say("nightdesk cannot go on:", *(f"  {line}" for lines in told for line in lines))
        configuration = any(isinstance(error, ConfigurationError) for error in errors)
        return ExitCode.CONFIGURATION if configuration else ExitCode.FAILED

    def crashed(self, error: BaseException) -> ExitCode:
        """Keep what nobody expected in the log file and tell a person its reference."""
        reference = secrets.token_hex(4)
        settings = self.settings
        file = _writable([settings.data_dir] if settings else [])
        known = settings.secrets() if settings else frozenset()
        with logging_to(Destination.FILE, file=file, level="info", look=Look.JSON, secrets=known):
            log = logging.getLogger("nightdesk")
            log.critical("process.crashed", extra={"reference": reference}, exc_info=error)
        say(
            "nightdesk: something went wrong that should not have. "
            f"The details are in {file}, reference {reference}."
        )
        return ExitCode.UNEXPECTED


def say(*lines: str) -> None:
    """Write lines to standard error."""
    for line in lines:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def complete(work: Coroutine[None, None, T]) -> T:
    """Run the work in an event loop of its own, the fast one where it is installed."""
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:  # not built for this machine
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def _expected(error: BaseException) -> list[NightdeskError]:
    """The errors of a group, where every one of them says itself what went wrong; else none."""
    if isinstance(error, NightdeskError):
        return [error]
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = f" ({error.filename})" if error.filename else ""
        return [StorageFull(f"the disk is full{where}. Make room, then start again.")]
    if isinstance(error, OSError) and error.errno in _CLOSED and error.filename:
        said = f"{error.filename} cannot be used: {error.strerror}"
        return [ConfigurationError(f"{said}. Let this user read and write it.")]
    if not isinstance(error, BaseExceptionGroup):
        return []
    inner = [_expected(each) for each in error.exceptions]
    return [one for each in inner for one in each] if all(inner) else []


def _in_words(error: NightdeskError) -> str:
    hint = error.hint if isinstance(error, Refused) else ""
    return f"{error} {hint}".strip()


def _writable(folders: Sequence[Path]) -> Path:
    """A log file that can be written: in the first of the folders that takes one."""
    for folder in folders:
        file = folder / LOG_NAME
        try:
            file.open("a").close()
        except OSError:  # no such folder, no room, no right
            continue
        return file
    return Path(tempfile.gettempdir()) / f"nightdesk-{os.getuid()}.log"


def _nobody_reads() -> ExitCode:
    """Close standard output quietly: its reader, such as `head`, has seen enough."""
    # https://docs.python.org/3/library/signal.html#note-on-sigpipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.FAILED


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {folder} cannot be made: {error.strerror}. "
            "NIGHTDESK_DATA_DIR says where another one is."
        ) from error


_SERVICE = "this runs as a service"
_MEANT = "`nightdesk run --no-terminal` says that a service is meant."
_AS_SERVICE = "To run as a service, which reads no input: `nightdesk run --no-terminal`."


def _chats(settings: Settings) -> bool:
    """Whether somebody can chat at this terminal; what runs without a chat is a service.

    Raises:
        ConfigurationError: there is input to read, and it is nobody's.
    """
    if sys.stdin is None:  # closed
        say(f"Standard input is closed, so there is no chat here: {_SERVICE}.", _MEANT)
        return False
    if _has_terminal_member(settings):
        if _is_nothing(sys.stdin):
            say("Standard input has no messages to read (/dev/null), so this ends.", _AS_SERVICE)
        return True
    found = f"no member of {settings.config_path} has a name at the terminal"
    todo = 'To chat here, write terminal = "you" under one of the [[members]]'
    if _is_input(sys.stdin):
        raise ConfigurationError(
            f"standard input is to be read as messages, but {found}, so they would be nobody's. "
            f"{todo}. {_AS_SERVICE}"
        )
    say(
        f"There is no chat here, for {found}: {_SERVICE}.",
        f"{todo}; {_MEANT}",
    )
    return False


def _is_input(stream: TextIO) -> bool:
    """Whether somebody prepared what is to be read: a pipe, a socket or a file, not a device."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # none that the system knows
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _is_nothing(stream: TextIO) -> bool:
    """Whether it is the device that has nothing to read, as a service manager gives it."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), Path(os.devnull).stat())
    except (OSError, ValueError):  # none that the system knows
        return False


def _has_terminal_member(settings: Settings) -> bool:
    return any(who.platform == _TERMINAL for m in settings.team.members for who in m.principals)


def destination(settings: Settings, role: Role) -> Destination:
    """Where the log goes: the screen belongs to the terminal chat where there is one."""
    if role is not Role.ALL or not settings.terminal or not _has_terminal_member(settings):
        return Destination.STDERR
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    return Destination.FILE if interactive else Destination.FILE_AND_WARNINGS


def _look(chosen: LogFormat) -> Look | None:
    return None if chosen is LogFormat.AUTO else Look(chosen.value)
