"""The machine: which core, how long a slice, how much CPU and memory. Linux only."""

import ctypes
import ctypes.util
import os
import platform
import struct
import time
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1

_SLICE_NANOSECONDS = 100_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The number of the system call, which the C library has no function for."""
_SCHED_ATTR = struct.Struct("=IIQiIQQQ")
"""`struct sched_attr` of sched_setattr(2): size, policy, flags, nice, priority, runtime (for the
ordinary policy the length of a slice, in nanoseconds), deadline, period."""
_TICKS = os.sysconf("SC_CLK_TCK")
_MEGABYTE = 1e6


def pin(core: int) -> bool:
    """Keep this process, and the threads it starts from now on, to one core.

    Returns False where the machine has only one, so that there is nothing to keep apart.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    return len(cores) > 1


def shorten_slice() -> bool:
    """Ask for slices of 0.1 ms: the same share of the CPU, and an earlier turn after a wait.

    On a shared machine a thread that was woken by a finished fsync waits milliseconds for its
    turn, which says nothing about the program. Threads started from now on inherit it. Returns
    False where the kernel knows no such wish (before Linux 6.12 it ignores it).
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return False
    wish = _SCHED_ATTR.pack(_SCHED_ATTR.size, 0, 0, 0, 0, _SLICE_NANOSECONDS, 0, 0)
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    return bool(libc.syscall(number, 0, wish, 0) == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used so far.

    Attributes:
        cpu: seconds of CPU, all its threads together, with the children that it has waited for.
        rss: megabytes (of 1,000,000 bytes) of memory in use now.
        peak: the most of them at any time.
    """

    cpu: float
    rss: float
    peak: float


def usage_of(process: int) -> Usage:
    """What another process has used so far; its CPU is counted in ticks of some 10 ms."""
    folder = Path("/proc") / str(process)
    # The command's name, in brackets, may hold blanks; everything after it is fixed.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        cpu=sum(map(int, fields[11:15])) / _TICKS,
        rss=_kilobytes(folder, "VmRSS") * 1024 / _MEGABYTE,
        peak=_kilobytes(folder, "VmHWM") * 1024 / _MEGABYTE,
    )


def own_usage() -> Usage:
    """What this process has used so far; its CPU is exact."""
    usage, times = usage_of(os.getpid()), os.times()
    children = times.children_user + times.children_system
    return Usage(cpu=time.process_time() + children, rss=usage.rss, peak=usage.peak)


def busy_seconds() -> float:
    """Seconds of CPU that all processes of the machine have used since it was started."""
    first = Path("/proc/stat").read_text().partition("\n")[0].split()
    user, nice, system, _, _, irq, softirq, *_ = map(int, first[1:])
    return (user + nice + system + irq + softirq) / _TICKS


def describe() -> str:
    """The machine in a few words."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    model = models[0] if models else platform.machine()
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}"


def _kilobytes(folder: Path, name: str) -> int:
    for line in (folder / "status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
