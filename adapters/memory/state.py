"""What agents keep, in memory: the twin of what is kept in a database."""

from dataclasses import replace

from runtime.model.state import Kept, Space, StateFull, VersionConflict


class MemoryStates:
    """`runtime.ports.States` in memory."""

    def __init__(self) -> None:
        self._rows: dict[Space, dict[str, Kept]] = {}
        self._version = 0

    async def get(self, space: Space, key: str) -> Kept | None:
        """The value: see the port."""
        return self._rows.get(space, {}).get(key)

    async def put(self, space: Space, kept: Kept, *, read: int | None, most: int) -> Kept:
        """Write a value: see the port."""
        rows = self._rows.setdefault(space, {})
        known = rows.get(kept.key)
        if known is not None and known.call == kept.call:
            return known
        _require(known, read)
        if known is None and len(rows) >= most:
            raise StateFull
        self._version += 1
        rows[kept.key] = replace(kept, version=self._version)
        return rows[kept.key]

    async def delete(self, space: Space, key: str, *, read: int | None) -> bool:
        """Delete a value: see the port."""
        rows = self._rows.get(space, {})
        known = rows.get(key)
        if known is None:
            return False
        _require(known, read)
        del rows[key]
        return True

    async def list(self, space: Space, *, beginning: str = "", limit: int = 200) -> list[Kept]:
        """The values: see the port."""
        rows = sorted(self._rows.get(space, {}).items())
        return [kept for key, kept in rows if key.startswith(beginning)][:limit]


def _require(known: Kept | None, read: int | None) -> None:
    present = known.version if known is not None else 0
    if read not in (None, present):
        raise VersionConflict(present)
