"""What agents keep, and share."""

from typing import Protocol

from runtime.model.state import Kept, Space


class States(Protocol):
    """Small values by key, in spaces that know nothing of each other."""

    async def get(self, space: Space, key: str) -> Kept | None:
        """The value, or None."""
        ...

    async def put(self, space: Space, kept: Kept, *, read: int | None, most: int) -> Kept:
        """Write a value under the next version; returns it as it is stored.

        `kept.version` does not count. `read` is the version that the writer has read, 0 for a
        value that is not there; None writes whatever is there. A value that the same
        `kept.call` wrote is returned as it is, so that a call may be done twice.

        Raises:
            VersionConflict: the value has another version than `read`.
            StateFull: the value would be a new one, and `most` are kept.
        """
        ...

    async def delete(self, space: Space, key: str, *, read: int | None) -> bool:
        """Delete a value of the version that was read (None: of any); False where there is none.

        Raises:
            VersionConflict: the value has another version.
        """
        ...

    async def list(self, space: Space, *, beginning: str = "", limit: int = 200) -> list[Kept]:
        """The values whose keys begin so, by key."""
        ...
