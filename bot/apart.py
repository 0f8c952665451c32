"""Work done in a child process, of which only the result comes back.

For what is done once and would leave its libraries in memory to the end.
"""

import os
import pickle
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from runtime.errors import NightdeskError

T = TypeVar("T")


def apart(work: Callable[[], T]) -> Callable[[], T]:
    """Begin the work in a child; what is returned waits for its result, and returns or raises it.

    Work that ends in any other way than with a result or a `NightdeskError` is done again, here,
    so that it goes wrong where it can be told. Where other threads run, of which a child would
    have none, the work is done here in the first place.
    """
    if threading.active_count() > 1:
        return work
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _do(work, writer)
    os.close(writer)

    def result() -> T:
        with open(reader, "rb") as pipe:  # noqa: PTH123 - a descriptor has no path
            said = pipe.read()
        os.waitpid(child, 0)
        if not said:
            return work()
        outcome: T | NightdeskError = pickle.loads(said)  # noqa: S301 - from our own child
        if isinstance(outcome, NightdeskError):
            raise outcome
        return outcome

    return result


def _do(work: Callable[[], object], writer: int) -> NoReturn:
    """Be the child: nothing of the parent's is flushed, closed or told twice."""
    try:
        try:
            outcome = work()
        except NightdeskError as error:
            outcome = error
        with open(writer, "wb") as pipe:
            pipe.write(pickle.dumps(outcome))
    finally:
        os._exit(0)
