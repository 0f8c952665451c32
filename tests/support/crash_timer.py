"""A process that the system kills once it has used a processor for so long.

How far a process gets in a time says what else the machine does; how far it gets with so much of a
processor does not.
"""

import ctypes
import os
import signal
import struct
from dataclasses import dataclass

_PROCESS_CPU_CLOCK = 2
_SENDS_A_SIGNAL = 0
_NANOSECONDS = 1_000_000_000
_LEAST = 0.0001


@dataclass(frozen=True, slots=True)
class Span:
    """How much of a processor a process may use; then it is killed.

    Attributes:
        starts: seconds from its start on; None for as many as it takes until it is ready.
        works: after that, as a part of what its start took.
    """

    starts: float | None = None
    works: float = 0.0


def kill_after(seconds: float) -> None:
    """Have this process killed with SIGKILL once its threads have used a processor so much longer.

    The numbers and the layouts of the two structures are as in
    https://man7.org/linux/man-pages/man2/timer_create.2.html and `<time.h>`.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "timer_create"):  # before glibc 2.34
        library = ctypes.CDLL("librt.so.1", use_errno=True)
    timer = ctypes.c_void_p()
    event = struct.pack("@Pii48x", 0, signal.SIGKILL, _SENDS_A_SIGNAL)
    once_after = struct.pack(
        "@4l", 0, 0, *divmod(round(max(seconds, _LEAST) * _NANOSECONDS), _NANOSECONDS)
    )
    made = library.timer_create(_PROCESS_CPU_CLOCK, event, ctypes.byref(timer))
    if made != 0 or library.timer_settime(timer, 0, once_after, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
