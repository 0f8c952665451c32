"""The last resort of STOP: end this process at once, and begin it anew in its own place.

Everything here is written so that a process may die at any moment, so this loses nothing. What it
ends is what does not listen: a tool that ignores that it is cancelled, a thread, a loop that is
held. The program begins anew with the same number, finds the stop stored, and obeys it.
"""

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

log = logging.getLogger("nightdesk.stopping")

ENDED_HARD = 75
"""The exit code where the program cannot be begun anew; `EX_TEMPFAIL` of sysexits.h."""


def begin_anew(why: str) -> NoReturn:
    """End every thread and every child of this process, and begin the program anew."""
    log.critical("stop.begins_anew", extra={"why": why})
    for handler in logging.getLogger().handlers:
        handler.flush()
    kill_children(os.getpid())
    with suppress(OSError):
        # Replaces this process, its threads included; no file or socket of ours is inherited.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves
    os._exit(ENDED_HARD)


def kill_children(parent: int) -> None:
    """Kill the processes that this one began, and theirs, where the system tells them."""
    for child in _children(parent):
        kill_children(child)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _children(parent: int) -> list[int]:
    """See https://man7.org/linux/man-pages/man5/proc_pid_task.5.html."""
    found: list[int] = []
    with suppress(OSError):
        for listed in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, listed.read_text().split())
    return found
