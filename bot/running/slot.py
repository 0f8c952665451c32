"""The name of a process among many: one life at a time has it.

What a process has under way is found again by the name of its slot. Two processes of one name would
each take the other's work for what an earlier life left, and do it twice.
"""

import logging
import os
import socket
from datetime import timedelta
from pathlib import Path

import msgspec

from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.ids import IdSource, unguessable
from runtime.ports import Worker, Workers

log = logging.getLogger("nightdesk.slot")

SILENT_AFTER = timedelta(seconds=9)
"""Without a sign of life for this long, by the clock of whoever looks, a process is dead."""
SILENT_LONG_SINCE = timedelta(minutes=5)
"""A sign of life that is older than this is nobody's who lives: clocks that are further apart serve
no platform either, which date what they sign."""
_ENDED = frozenset("ZXx")
"""A process that was killed stays in the table until its parent has asked after it."""
_IMAGE = unguessable()
"""Another one after the process has begun anew in its own place: see `bot.running.hardstop`."""
LOOK_EVERY = 1.0
"""Seconds between looks whether the process that has the slot lives."""


class Life(msgspec.Struct, kw_only=True, frozen=True):
    """One life of a process, as the others know it.

    Attributes:
        host: the machine's name, for people.
        place: where numbers of processes mean the same; empty where that is not known.
        pid: the number of the process there.
        mark: told from every other life by this.
        image: told from every other program in the same process by this.
    """

    host: str
    place: str
    pid: int
    mark: str
    image: str = ""

    def is_over(self, *, here: str) -> bool:
        """Whether the process is certainly gone; only its own place can know."""
        # Of our own number and another image: this process, before it began anew in its own place.
        was_this = self.pid == os.getpid() and self.image not in ("", _IMAGE)
        return bool(here) and self.place == here and (was_this or not _runs(self.pid))

    def __str__(self) -> str:
        """In words."""
        return f"process {self.pid} on {self.host}"


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    # The command's name, in brackets, may hold anything; the state follows it (proc_pid_stat(5)).
    return stat.rpartition(")")[2].split()[0] not in _ENDED


def place() -> str:
    """Where this process counts: the running kernel, and the namespace of its process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux, or nothing that may be known
        return ""


class Slot:
    """The slot of this process, held by its signs of life."""

    def __init__(
        self, slot: str, role: str, *, workers: Workers, clock: Clock, ids: IdSource
    ) -> None:
        self._slot, self._role = slot, role
        self._workers = workers
        self._clock = clock
        self._here = place()
        life = Life(
            host=socket.gethostname(),
            place=self._here,
            pid=os.getpid(),
            mark=ids.new(),
            image=_IMAGE,
        )
        self._life = msgspec.json.encode(life).decode()
        self._held: Worker | None = None

    async def take(self) -> None:
        """Give the first sign of life; wait for it where it is not yet known that the last is dead.

        Raises:
            ConfigurationError: a living process has the slot.
        """
        first: Worker | None = None
        since = self._clock.monotonic()
        while not await self.beat():
            holder = await self._workers.get(self._slot)
            if holder is None or not holder.life:
                continue
            if first is not None and holder != first:
                raise ConfigurationError(self._in_use(holder))
            if first is None:
                since = self._clock.monotonic()
            if self._is_dead(holder, since=since):
                await self._workers.let_go(holder)
                continue
            if first is None:
                first = holder
                log.warning("slot.waiting", extra={"slot": self._slot, "holder": _words(holder)})
            await self._clock.sleep(LOOK_EVERY)

    async def beat(self) -> bool:
        """Give a sign of life; False where another life has the slot."""
        sign = Worker(slot=self._slot, role=self._role, seen_at=self._clock.now(), life=self._life)
        if not await self._workers.beat(sign):
            self._held = None
            return False
        self._held = sign
        return True

    async def lost(self) -> ConfigurationError:
        """Why this process must end, now that another has its slot."""
        holder = await self._workers.get(self._slot)
        now = f"{_words(holder)} has it now" if holder and holder.life else "another had it since"
        return ConfigurationError(
            f"this process gave no sign of life for more than {_seconds(SILENT_AFTER)} s, so "
            f"that its name {self._slot} was free, and {now}. It ends, so that "
            "nothing is done twice."
        )

    async def leave(self) -> None:
        """Let go of the slot, so that the next life need not wait."""
        if self._held is not None:
            await self._workers.let_go(self._held)

    def _is_dead(self, holder: Worker, *, since: float) -> bool:
        """Whether it is, having given no other sign of life since then, in monotonic seconds."""
        life = _life(holder)
        if life is not None and life.is_over(here=self._here):
            return True
        if holder.seen_at < self._clock.now() - SILENT_LONG_SINCE:
            return True
        return self._clock.monotonic() - since >= SILENT_AFTER.total_seconds()

    def _in_use(self, holder: Worker) -> str:
        return (
            f"the name {self._slot} is in use: {_words(holder)} has it and is alive. Stop that "
            "one, or give this one a name of its own, such as "
            f"NIGHTDESK_SLOT={self._role}-1."
        )


def _life(holder: Worker) -> Life | None:
    try:
        return msgspec.json.decode(holder.life, type=Life)
    except msgspec.DecodeError:
        return None


def _words(holder: Worker) -> str:
    return f"{_life(holder) or 'another process'} ({holder.role})"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
