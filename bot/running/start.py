"""How a process that works begins: what it needs once is loaded, used and forgotten first."""

# ruff: noqa: PLC0415 - imports inside functions are the point of this module
import importlib
import signal

from bot.role import Role


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
