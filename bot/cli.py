"""Where `nightdesk` begins.

A process that works goes straight to its work: what reads a command line, and explains it, would
stay in its memory to the end.
"""

import os
import sys

from bot.role import Role
from bot.running.start import work

INTERRUPTED = 130
"""What a command ends with that Ctrl-C breaks off, as shells say it: 128 and the signal."""


def main() -> None:
    """Run the program; ends the process."""
    try:
        _main()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def _main() -> None:
    hold_standard_streams()
    match sys.argv[1:]:
        case ["run"]:
            work(Role.ALL, terminal=True)
        case ["run", "--no-terminal"]:
            work(Role.ALL)
        case ["web" | "worker" | "clock" as role]:
            work(Role(role))
        case _:
            from bot.commandline import app  # noqa: PLC0415 - the point of this module

            app()


def hold_standard_streams() -> None:
    """Put /dev/null where a standard stream was closed before the start (`<&-`).

    What is opened next would get its number otherwise, and libuv ends the process that closes it.
    What is written goes there then; closed input stays None, for it is no empty one.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
