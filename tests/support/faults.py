"""Methods of a store that fail before they work, or once they have."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from runtime.errors import StorageUnavailable

P = ParamSpec("P")
T = TypeVar("T")


def failing_once(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The method, whose first call finds a database that takes nothing."""
    return failing_times(method, 1)


def failing_times(
    method: Callable[P, Awaitable[T]], times: int, error: type[Exception] = StorageUnavailable
) -> Callable[P, Awaitable[T]]:
    """The same for the first so many calls, and any error."""
    left = times

    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal left
        if left:
            left -= 1
            raise error
        return await method(*args, **kwargs)

    return call


def unheard_once(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """The method, whose first call works and seems to have failed."""
    heard = False

    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        nonlocal heard
        done = await method(*args, **kwargs)
        if not heard:
            heard = True
            raise StorageUnavailable
        return done

    return call
