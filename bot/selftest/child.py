"""`nightdesk run --no-terminal`, which can reach nothing but this machine.

The interpreter's own event loop is used: connections of the fast one, uvloop, are made below
Python, where the guard could not see them.
"""

import sys

from bot.selftest import guard


def main() -> None:
    """Be the program under test."""
    guard.install()
    sys.modules["uvloop"] = None  # type: ignore[assignment] # which makes its import fail
    sys.argv = ["nightdesk", "run", "--no-terminal"]
    from bot.cli import main as run  # noqa: PLC0415 - what it imports is guarded too

    run()


if __name__ == "__main__":
    main()
