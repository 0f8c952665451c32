"""A window of a real pseudo-terminal, with a program running in it."""

import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")
_PATIENCE = 60.0


class Window:
    """A terminal window of 80 columns and 30 lines. Used by one thread, which looks and waits."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._master, self._slave = pty.openpty()
        ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        self._sent = b""
        self._hung_up = False

    @property
    def seen(self) -> str:
        return _ESCAPES.sub("", self._sent.decode(errors="replace")).replace("\r", "")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, text: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} did not appear in:\n{self.seen}"
            self._look()

    def ended(self) -> int:
        """The program's exit code, once it ended."""
        deadline = time.monotonic() + _PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end:\n{self.seen}"
            self._look()
        return self.process.returncode

    @property
    def restored(self) -> bool:
        """Whether the terminal is in the mode that it was in before."""
        return termios.tcgetattr(self._slave) == self.before

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._master)
        self._hung_up = True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if not self._hung_up:
            os.close(self._master)
        os.close(self._slave)

    def _look(self) -> None:
        if not select.select([self._master], [], [], 0.02)[0]:
            return
        data = os.read(self._master, 65_536)
        self._sent += data
        if b"\x1b[6n" in data:
            self.type("\x1b[1;1R")  # a terminal says where its cursor is
