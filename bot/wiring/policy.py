"""The policy's file as it is now: read at the start, and again when it changes."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from runtime.errors import ConfigurationError
from runtime.ids import AgentName
from runtime.model.tools import ToolSpec
from runtime.policy.book import PolicyBook

log = logging.getLogger("nightdesk.policy")

LOOK_EVERY = 5.0
"""Seconds between looks whether the file has changed."""

Read = Callable[[Sequence[ToolSpec], Sequence[AgentName]], PolicyBook]


class LivePolicy:
    """The rules, from a file that may change while we run.

    A change that cannot be used changes nothing: the rules that were read last hold until the file
    is right again, and the owners can see what is wrong by `/policy show` and in the log.
    """

    def __init__(
        self,
        path: Path | None,
        read: Read,
        *,
        specs: Callable[[], Sequence[ToolSpec]],
        agents: Callable[[], Sequence[AgentName]],
        noted: Callable[[bool], Awaitable[None]],
    ) -> None:
        """Hold the rules that hold without a file, until `read` is called.

        Args:
            path: the file, which need not exist; None where nothing is to be looked at.
            read: reads it.
            specs: the tools there are.
            agents: the agents there are.
            noted: is told when the file changed, and whether it could be used.
        """
        self._noted = noted
        self._path = path
        self._reader = read
        self._specs = specs
        self._agents = agents
        self._seen: tuple[int, int, int] | None = None
        self._book = PolicyBook()
        self.trouble = ""
        """What is wrong with the file as it is now, or empty."""

    def book(self) -> PolicyBook:
        """The rules that hold."""
        return self._book

    def read(self) -> None:
        """Read the file, at the start.

        Raises:
            ConfigurationError: it cannot be used as it is.
        """
        self._seen = self._stamp()
        self._book = self._reader(self._specs(), self._agents())

    async def look(self) -> None:
        """Read the file again where it has changed."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._book = self._reader(self._specs(), self._agents())
        except ConfigurationError as error:
            self.trouble = str(error)
            log.error("policy.not_read", extra={"why": self.trouble})  # noqa: TRY400 - the lines say where and why
            await self._noted(False)
        else:
            self.trouble = ""
            log.warning("policy.read", extra={"path": str(self._path)})
            await self._noted(True)

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes when the file does."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
