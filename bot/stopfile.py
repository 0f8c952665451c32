"""`nightdesk stop`: a file in the data folder stops everything, whatever the process is doing.

For whoever sits at the machine. The process looks for it twice a second, and so does the thread
that looks after its event loop; where no process runs, it holds from the next start on.
"""

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path

from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.ids import Platform, StopId, derived
from runtime.model.address import Principal
from runtime.model.stop import EVERYTHING
from runtime.model.value import value
from runtime.stopping import Stopping

NAME = "stop"
"""The file's name in the data folder."""
WAIT = 3.0
"""Seconds that `nightdesk stop` waits for a process to take it up."""
_LOOK_EVERY = 0.05
SHELL = Platform("shell")


@value(kw_only=True)
class Asked:
    """What the file says.

    Attributes:
        by: who asks.
        at: when they did.
        key: of the stop; another asking has another.
    """

    by: Principal
    at: datetime
    key: StopId


def write(path: Path) -> None:
    """Ask for the stop; again changes nothing.

    Raises:
        ConfigurationError: nothing ever ran here, or the folder is another user's.
    """
    try:
        path.write_text(_user())
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}. "
            "Call this as the user, and with the settings, with which Nightdesk runs."
        ) from error


def _user() -> str:
    """The name of whoever asks; the number of somebody without one."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def taken_up(path: Path, clock: Clock) -> bool:
    """Whether a process took it up in time."""
    until = clock.monotonic() + WAIT
    while is_there(path):
        if clock.monotonic() > until:
            return False
        await clock.sleep(_LOOK_EVERY)
    return True


async def obey(path: Path, stopping: Stopping) -> None:
    """Stop everything where the file is there; it goes once the stop is stored."""
    asked = read(path)
    if asked is None:
        return
    await stopping.stop_agent(EVERYTHING, by=asked.by, key=asked.key, at=asked.at)
    _remove(path)


def is_there(path: Path) -> bool:
    """Whether somebody asks for the stop."""
    return path.exists()


def read(path: Path) -> Asked | None:
    """What it says; None where nobody asks."""
    try:
        name, found = path.read_text("utf-8", "replace"), path.stat()
    except FileNotFoundError:
        return None
    return Asked(
        by=Principal(SHELL, "", name.strip()[:60] or "somebody"),
        at=datetime.fromtimestamp(found.st_mtime, UTC),
        key=StopId(derived(NAME, name, str(found.st_mtime_ns))),
    )


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
