"""What agents keep: `runtime.ports.States`."""

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros, moment, plain
from adapters.sql.database import Database
from adapters.sql.schema import counters
from adapters.sql.schema_state import agent_state
from adapters.sql.transaction import Params, Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import AgentName
from runtime.model.state import Kept, Space, StateFull, VersionConflict

_COLUMNS = (
    agent_state.c.key,
    agent_state.c.value,
    agent_state.c.version,
    agent_state.c.agent,
    agent_state.c.call,
    agent_state.c.written_at,
)
_this = sa.and_(
    agent_state.c.space == bindparam("of_space"), agent_state.c.key == bindparam("of_key")
)
_GET = sa.select(*_COLUMNS).where(_this)

_VERSION = (
    insert(counters)
    .values(name="state", value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    .returning(counters.c.value)
)
"""The next version. On Postgres it is also the lock under which one writes at a time."""

_COUNT = sa.select(sa.func.count()).where(agent_state.c.space == bindparam("of_space"))

_written = insert(agent_state).values(
    {column.name: bindparam(column.name) for column in agent_state.c}
)
_WRITE = _written.on_conflict_do_update(
    index_elements=list(agent_state.primary_key),
    set_={
        column.name: _written.excluded[column.name]
        for column in agent_state.c
        if not column.primary_key
    },
)
"""Writes a value over the one that is there."""

_DELETE = sa.delete(agent_state).where(_this)

_LIST = sa.select(*_COLUMNS).where(agent_state.c.space == bindparam("of_space"))
"""Reads a whole space: there are never many, and databases differ in how they sort."""


class SqlStates:
    """What agents keep, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, space: Space, key: str) -> Kept | None:
        """The value: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, _place(space, key)))
        return None if row is None else _kept(row)

    async def put(self, space: Space, kept: Kept, *, read: int | None, most: int) -> Kept:
        """Write a value: see the port."""
        place = _place(space, kept.key)

        def work(transaction: Transaction) -> Row:
            [version] = transaction.one(_VERSION) or (0,)
            known = transaction.one(_GET, place)
            if known is not None and _kept(known).call == kept.call:
                return known
            _require(known, read)
            if known is None and _count(transaction, space) >= most:
                raise StateFull
            row: dict[str, Value] = {
                "space": space.name,
                "key": kept.key,
                "value": plain(kept.value),
                "version": version,
                "agent": kept.agent,
                "call": kept.call,
                "written_at": micros(kept.at),
            }
            transaction.run(_WRITE, row)
            return tuple(row[column.name] for column in _COLUMNS)

        return _kept(await self._database.write(work))

    async def delete(self, space: Space, key: str, *, read: int | None) -> bool:
        """Delete a value: see the port."""
        place = _place(space, key)

        def work(transaction: Transaction) -> bool:
            transaction.one(_VERSION)
            known = transaction.one(_GET, place)
            if known is None:
                return False
            _require(known, read)
            return bool(transaction.run(_DELETE, place))

        return await self._database.write(work)

    async def list(self, space: Space, *, beginning: str = "", limit: int = 200) -> list[Kept]:
        """The values: see the port."""
        asked: Params = {"of_space": space.name}
        rows = await self._database.scan(lambda t: t.all(_LIST, asked))
        found = [kept for kept in map(_kept, rows) if kept.key.startswith(beginning)]
        return sorted(found, key=lambda kept: kept.key)[:limit]


def _place(space: Space, key: str) -> Params:
    return {"of_space": space.name, "of_key": key}


def _count(transaction: Transaction, space: Space) -> int:
    [count] = transaction.one(_COUNT, {"of_space": space.name}) or (0,)
    return int(count)


def _require(known: Row | None, read: int | None) -> None:
    present = 0 if known is None else _kept(known).version
    if read not in (None, present):
        raise VersionConflict(present)


def _kept(row: Row) -> Kept:
    key, value, version, agent, call, written_at = row
    return Kept(
        key=key,
        value=value,
        version=version,
        agent=AgentName(agent),
        call=call,
        at=moment(written_at),
    )
