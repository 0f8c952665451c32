"""Which processes are alive: `runtime.ports.Workers`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros, moment
from adapters.sql.database import Database
from adapters.sql.schema import workers
from adapters.sql.transaction import Row, Value
from adapters.sql.upsert import insert
from runtime.ports import Worker

_BEAT = insert(workers).values(
    slot=bindparam("slot"),
    role=bindparam("role"),
    seen_at=bindparam("seen_at"),
    life=bindparam("life"),
)
_BEAT = _BEAT.on_conflict_do_update(
    index_elements=[workers.c.slot],
    set_={
        "role": _BEAT.excluded.role,
        "seen_at": _BEAT.excluded.seen_at,
        "life": _BEAT.excluded.life,
    },
    where=sa.or_(workers.c.life.is_(None), workers.c.life == _BEAT.excluded.life),
)
"""Writes a sign of life, unless another life has the slot."""

_WORKER = (workers.c.slot, workers.c.role, workers.c.seen_at, workers.c.life)

_GET = sa.select(*_WORKER).where(workers.c.slot == bindparam("this"))
"""Reads who has a slot."""

_LET_GO = (
    sa.update(workers)
    .where(
        workers.c.slot == bindparam("this"),
        workers.c.life == bindparam("was"),
        workers.c.seen_at == bindparam("at"),
    )
    .values(life=None)
)
"""Frees a slot, unless its life gave a sign since."""

_NOT_TAKEN = sa.or_(workers.c.taken_at.is_(None), workers.c.taken_at != workers.c.seen_at)

_KNOWN = sa.select(*_WORKER).where(_NOT_TAKEN).order_by(workers.c.seen_at, workers.c.slot)
"""Finds the processes whose work nobody took over since their last sign of life."""

_TAKE_OVER = (
    sa.update(workers)
    .where(workers.c.slot == bindparam("this"), workers.c.seen_at == bindparam("at"), _NOT_TAKEN)
    .values(taken_at=workers.c.seen_at, taken_by=bindparam("by"))
)
"""Lets one process take over, if the silent one has not come back since."""

_INHERIT = (
    sa.update(workers)
    .where(workers.c.taken_by == bindparam("of"), workers.c.taken_at == workers.c.seen_at)
    .values(taken_by=bindparam("by"))
    .returning(workers.c.slot)
)
"""Hands on what a process was taking over when it was gone itself."""

_TAKEN_UP = (
    sa.update(workers)
    .where(workers.c.slot == bindparam("this"), workers.c.taken_by == bindparam("by"))
    .values(taken_by=None)
)
"""Ends a take-over."""


class SqlWorkers:
    """Process slots in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, worker: Worker) -> bool:
        """Write a sign of life: see the port."""
        sign: dict[str, Value] = {
            "slot": worker.slot,
            "role": worker.role,
            "seen_at": micros(worker.seen_at),
            "life": worker.life or None,
        }
        return await self._database.write(lambda t: t.run(_BEAT, sign)) == 1

    async def get(self, slot: str) -> Worker | None:
        """The worker of that slot: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": slot}))
        return None if row is None else _worker(row)

    async def let_go(self, worker: Worker) -> bool:
        """End a life's hold on its slot: see the port."""
        seen_at = micros(worker.seen_at)
        hold: dict[str, Value] = {"this": worker.slot, "was": worker.life, "at": seen_at}
        return await self._database.write(lambda t: t.run(_LET_GO, hold)) == 1

    async def known(self) -> list[Worker]:
        """Workers whose work nobody took over: see the port."""
        rows = await self._database.read(lambda t: t.all(_KNOWN))
        return [_worker(row) for row in rows]

    async def take_over(self, slot: str, *, seen_at: datetime, by: str) -> bool:
        """Claim a silent worker's work: see the port."""
        claim: dict[str, Value] = {"this": slot, "at": micros(seen_at), "by": by}
        return await self._database.write(lambda t: t.run(_TAKE_OVER, claim)) == 1

    async def inherit(self, slot: str, *, by: str) -> list[str]:
        """Claim the take-overs that a worker left under way: see the port."""
        claim: dict[str, Value] = {"of": slot, "by": by}
        rows = await self._database.write(lambda t: t.all(_INHERIT, claim))
        return sorted(str(row[0]) for row in rows)

    async def taken_up(self, slot: str, *, by: str) -> None:
        """End a take-over: see the port."""
        mine: dict[str, Value] = {"this": slot, "by": by}
        await self._database.write(lambda t: t.run(_TAKEN_UP, mine))


def _worker(row: Row) -> Worker:
    slot, role, seen_at, life = row
    return Worker(slot=slot, role=role, seen_at=moment(seen_at), life=life or "")
