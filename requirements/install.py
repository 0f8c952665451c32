"""Install one lock file with pip, hashes required, showing in few lines how far it is.

For the Makefile, run by the environment's own interpreter. It reads no standard input, which
belongs to whatever runs afterwards, and writes to standard error only.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

_LINES_WITHOUT_A_TERMINAL = 5


def main() -> int:
    """Install; return pip's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", required=True, help="what is installed, for the first line")
    parser.add_argument("--no-deps", action="store_true", help="this file alone")
    parser.add_argument("lock", type=Path)
    wanted = parser.parse_args()

    packages = len(re.findall(r"^[a-z0-9]\S*==", wanted.lock.read_text(), re.MULTILINE))
    _say(f"Installing {wanted.what}: up to {packages} packages from {wanted.lock}")
    began = time.monotonic()
    command = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off"]
    command += ["--no-deps"] if wanted.no_deps else []
    with subprocess.Popen(
        [*command, "--requirement", str(wanted.lock)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        _follow(pip, packages)
    if pip.returncode == 0:
        _say(f"Installed in {time.monotonic() - began:.0f} s")
    else:
        _say(f"pip ended with {pip.returncode}, for the reason above; try the same again.")
    return pip.returncode


def _follow(pip: subprocess.Popen[str], packages: int) -> None:
    live = sys.stderr.isatty()
    every = 1 if live else max(1, packages // _LINES_WITHOUT_A_TERMINAL)
    done = 0
    for line in pip.stdout or ():
        word, _, rest = line.strip().partition(" ")
        if word in {"Collecting", "Requirement"}:
            done += 1
            if done % every == 0:
                name = rest.removeprefix("already satisfied: ").split("==")[0]
                _say(f"  {done:>3}  {name}", over=live)
        elif word == "Installing":
            _say(f"  {done:>3}  fetched; unpacking", over=live)
    if live:
        _say("", over=True)


def _say(text: str, *, over: bool = False) -> None:
    """Write a line, or write over the last one where there is a terminal to do it on."""
    sys.stderr.write(f"\r{text:<60}\r" if over else f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
