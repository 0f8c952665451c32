"""Where `nightdesk` begins.

A process that works goes straight to its work: what reads a command line, and explains it, would
stay in its memory to the end.
"""

# ruff: noqa: PLC0415 - imports inside functions are the point of this module
import importlib
import os
import signal
import sys

from bot.role import Role

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
            from bot.commandline import app

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


def work(role: Role, *, terminal: bool = False) -> None:
    """Run a process in that role until it is told to stop; ends the process.

    Before it listens to signals, and after, Ctrl-C ends it as SIGTERM does: at once, and silently.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bot import collector

    collector.spare(collector.YOUNG_OF_A_START)
    from bot.program import complete, supervised

    with supervised() as program:
        settings = program.load_to_run(role, terminal=terminal, meanwhile=_import_the_rest)
        with program.logging(role):
            from bot.running.hardstop import begin_anew
            from bot.running.lifecycle import run as live

            raise SystemExit(complete(live(settings, role, hard=begin_anew)))


def _import_the_rest() -> None:
    from bot import certificates, collector

    certificates.load_aiohttp()
    importlib.import_module("bot.running.lifecycle")
    collector.keep()
