"""The audit log: `runtime.ports.Audit`. Records are added by `adapters.sql.trail`."""

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros
from adapters.sql.database import Database
from adapters.sql.schema_audit import audit
from adapters.sql.trail import LAST
from adapters.sql.transaction import Row, Statement, Transaction, Value
from runtime.ids import TurnId
from runtime.model.audit import AuditEvent, AuditRecord, Head
from runtime.ports import AuditQuery

_COLUMNS = tuple(audit.c)
_limit = bindparam("limit", type_=sa.BigInteger)

_PAGE = (
    sa.select(*_COLUMNS)
    .where(audit.c.seq > bindparam("after", type_=sa.BigInteger))
    .order_by(audit.c.seq)
    .limit(_limit)
)
"""Walks the chain."""

_FIND = sa.select(*_COLUMNS).order_by(audit.c.seq.desc()).limit(_limit)
"""The end of the chain, latest first; `finding` adds conditions to it."""

_since = audit.c.at >= bindparam("since", type_=sa.BigInteger)
_kind = sa.or_(
    audit.c.kind == bindparam("kind", type_=sa.Text),
    sa.and_(
        audit.c.kind > bindparam("above", type_=sa.Text),
        audit.c.kind < bindparam("below", type_=sa.Text),
    ),
)
"""The kind itself, or every kind of that noun: `/` follows the dot."""


@lru_cache(maxsize=64)
def finding(*, since: bool, kind: bool, actors: int) -> Statement:
    """Finds the latest records of a time, of a kind, and of so many actors, where these are asked.

    One statement for each form of the question, which is compiled once, as all are.
    """
    statement = _FIND
    if since:
        statement = statement.where(_since)
    if kind:
        statement = statement.where(_kind)
    if actors:
        names = [bindparam(f"actor{n}", type_=sa.Text) for n in range(actors)]
        statement = statement.where(audit.c.actor.in_(names))
    return statement


_OF_TURN = (
    sa.select(*_COLUMNS)
    .where(audit.c.turn == bindparam("turn"), audit.c.turn != sa.literal_column("''", sa.Text))
    .order_by(audit.c.seq)
    .limit(_limit)
)
"""Explains a turn."""


class SqlAudit:
    """The audit log in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, events: Sequence[AuditEvent]) -> None:
        """Record what changes nothing else: see the port."""

        def work(transaction: Transaction) -> None:
            transaction.audit(*events)

        await self._database.write(work)

    async def page(self, *, after: int = 0, limit: int = 500) -> list[AuditRecord]:
        """The records after that number: see the port."""
        page: dict[str, Value] = {"after": after, "limit": limit}
        return _records(await self._database.scan(lambda t: t.all(_PAGE, page)))

    async def find(self, wanted: AuditQuery) -> list[AuditRecord]:
        """The latest records that are wanted: see the port."""
        since, kind, actors = wanted.since, wanted.kind, wanted.actors
        given: dict[str, Value] = {"limit": wanted.limit}
        if since is not None:
            given["since"] = micros(since)
        if kind:
            given |= {"kind": kind, "above": f"{kind}.", "below": f"{kind}/"}
        given |= {f"actor{n}": actor for n, actor in enumerate(actors)}
        statement = finding(since=since is not None, kind=bool(kind), actors=len(actors))
        return _records(await self._database.scan(lambda t: t.all(statement, given)))

    async def of_turn(self, turn: TurnId, *, limit: int = 200) -> list[AuditRecord]:
        """What happened in a turn: see the port."""
        page: dict[str, Value] = {"turn": turn, "limit": limit}
        return _records(await self._database.scan(lambda t: t.all(_OF_TURN, page)))

    async def head(self) -> Head:
        """Where the chain ends: see the port."""
        row = await self._database.scan(lambda t: t.one(LAST))
        return Head() if row is None else Head(row[0], row[1])


def _records(rows: Sequence[Row]) -> list[AuditRecord]:
    return [AuditRecord(*row) for row in rows]
