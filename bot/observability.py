"""The log: one line for each event, in JSON or, for a person, by structlog, and no secrets.

Modules log constants with identifiers: `log.info("outbox.sent", extra={"item": item.id})`. What is
rendered passes the redactor last, tracebacks and the lines of libraries included, so that no line
carries a secret whoever wrote it.
"""

import json
import logging
import logging.handlers
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from bot.redaction import redactor
from runtime.errors import ModelError

_QUIET = (
    # At INFO they write the address of every request, at DEBUG its headers.
    "aiohttp.access",
    "httpcore",
    "httpx",
    "LiteLLM",
    "openai",
    "slack_bolt",
    "slack_sdk",
    "telegram",
    "urllib3",
    # Their own housekeeping.
    "alembic",
    "apscheduler",
    "asyncio",
    "dbos",
    "sqlalchemy",
    "adapters.sql.postgres",  # so SQLAlchemy calls the log of the pool whose class is ours
)
"""Libraries whose lines below a warning say nothing to an operator, whatever level is asked for."""

_Event = dict[str, object]
_Render = Callable[[_Event], str]

_OF_EVERY_RECORD = frozenset(
    # The last two are what the standard library's own formatters leave on a record.
    (*vars(logging.makeLogRecord({})), "message", "asctime")
)
"""What is no field that somebody gave."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LARGEST_FILE = 10_000_000
_OLDER_FILES = 3


class Look(StrEnum):
    """How a line looks."""

    JSON = "json"
    TEXT = "text"


class Destination(StrEnum):
    """Where lines go."""

    STDERR = "stderr"
    FILE = "file"
    """Only to the file: the screen belongs to the terminal chat."""
    FILE_AND_WARNINGS = "file_and_warnings"
    """To the file, and warnings to standard error too, with the cause in a few words instead of a
    stack trace: the terminal chat in a script, where somebody may be looking."""


@contextmanager
def logging_to(
    destination: Destination,
    *,
    file: Path,
    level: str,
    look: Look | None,
    secrets: Iterable[str],
    stderr: TextIO | None = None,
) -> Iterator[None]:
    """Send every log line of this process there while the block runs.

    Args:
        destination: where to.
        file: the log file, whose folder is there. It is kept below 40 MB in all.
        level: the least important line that is written: `debug`, `info`, `warning`, `error`.
        look: how a line looks; None for text where somebody watches, else JSON.
        secrets: what must not appear in any line, beside what looks like a secret.
        stderr: standard error, for tests.
    """
    redact = redactor(secrets)
    with ExitStack() as stack:
        for handler in _handlers(destination, file, stderr or sys.stderr, look, redact):
            stack.callback(handler.close)
            logging.root.addHandler(handler)
            stack.callback(logging.root.removeHandler, handler)
        _for_now(stack, logging.root, level.upper())
        for name in _QUIET:
            _for_now(stack, logging.getLogger(name), "WARNING")
        # A line that cannot be written must not become a stack trace on the screen.
        stack.callback(setattr, logging, "raiseExceptions", logging.raiseExceptions)
        logging.raiseExceptions = False
        logging.captureWarnings(capture=True)
        stack.callback(logging.captureWarnings, capture=False)
        stack.enter_context(_threads_log())
        yield


def formatter(
    look: Look, redact: Callable[[str], str], *, colours: bool = False, traces: bool = True
) -> logging.Formatter:
    """Renders records, our own and those of libraries, and takes secrets out of the result.

    Without `traces`, a line says in `why` what went wrong and not where. So it always does of a
    model that could not answer: that is expected, and where in our code tells nothing.
    """
    return _Redacting(_renderer(look, colours=colours), redact=redact, traces=traces)


class _Redacting(logging.Formatter):
    def __init__(self, render: _Render, *, redact: Callable[[str], str], traces: bool) -> None:
        super().__init__()
        self._render = render
        self._redact = redact
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """One record as a line without secrets."""
        return self._redact(self._render(self._event(record)))

    def _event(self, record: logging.LogRecord) -> _Event:
        # Library lines may hold what somebody wrote in a chat, so control characters are spelled.
        said = record.getMessage().rstrip("\n")
        # From the record: the log reads no clock.
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: _Event = {
            "timestamp": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": _CONTROL.sub(lambda match: repr(match.group())[1:-1], said),
            "logger": record.name,
        }
        event |= {key: value for key, value in vars(record).items() if key not in _OF_EVERY_RECORD}
        if record.exc_info and record.exc_info[1] is not None:
            # As text: a traceback as a structure would hold the values of local variables.
            error = record.exc_info[1]
            if self._traces and not isinstance(error, ModelError):
                event["exception"] = self.formatException(record.exc_info)
            else:
                event["why"] = _CONTROL.sub(" ", str(error)) or type(error).__name__
        if record.stack_info:
            event["stack"] = record.stack_info
        return event


def _renderer(look: Look, *, colours: bool) -> _Render:
    match look:
        case Look.JSON:
            return _json
        case Look.TEXT:
            # Where somebody watches; a service does without the 6 MB that it brings along.
            import structlog.dev  # noqa: PLC0415

            # Its default shows the values of local variables with each traceback.
            plain = structlog.dev.plain_traceback
            console = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)
            return lambda event: str(console(None, "", event))


def _json(event: _Event) -> str:
    return json.dumps(event, default=str, ensure_ascii=False)


def _handlers(
    destination: Destination,
    file: Path,
    stderr: TextIO,
    look: Look | None,
    redact: Callable[[str], str],
) -> Iterator[logging.Handler]:
    watched = stderr.isatty()
    if destination is not Destination.STDERR:
        to_file = _PrivateFile(
            file, maxBytes=_LARGEST_FILE, backupCount=_OLDER_FILES, encoding="utf-8", delay=True
        )
        to_file.setFormatter(formatter(look or Look.JSON, redact))
        yield to_file
    if destination is not Destination.FILE:
        to_stderr = logging.StreamHandler(stderr)
        look_here = look or (Look.TEXT if watched else Look.JSON)
        scripted = destination is Destination.FILE_AND_WARNINGS
        to_stderr.setFormatter(formatter(look_here, redact, colours=watched, traces=not scripted))
        if scripted:
            to_stderr.setLevel(logging.WARNING)
        yield to_stderr


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A log file for its owner's eyes: it names people and channels."""

    def _open(self) -> TextIO:  # type: ignore[override]
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()

    def close(self) -> None:
        """Close the file; what a full disk had no room for is lost, quietly."""
        with suppress(OSError):
            super().close()


def _for_now(stack: ExitStack, logger: logging.Logger, level: str) -> None:
    stack.callback(logger.setLevel, logger.level)
    logger.setLevel(level)


@contextmanager
def _threads_log() -> Iterator[None]:
    """Let a thread that dies say so in the log and not, unredacted, on the screen."""

    def died(what: threading.ExceptHookArgs) -> None:
        value = what.exc_value
        if value is not None:
            name = what.thread.name if what.thread else ""
            logging.getLogger("nightdesk").error(
                "thread.died", extra={"name_of_thread": name}, exc_info=value
            )

    before, threading.excepthook = threading.excepthook, died
    try:
        yield
    finally:
        threading.excepthook = before
