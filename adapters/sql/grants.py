"""Grants: `runtime.ports.Grants`."""

from dataclasses import replace
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.database import Database
from adapters.sql.schema import counters
from adapters.sql.schema_approvals import grants
from adapters.sql.transaction import Params, Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.errors import Conflict
from runtime.ids import AgentName, ApprovalId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.approval import Frozen, Grant

_COLUMNS = (
    grants.c.id,
    grants.c.number,
    grants.c.agent,
    grants.c.digest,
    grants.c.body,
    grants.c.given_at,
    grants.c.expires_at,
)
_INSERT = insert(grants).values({column.name: bindparam(column.name) for column in grants.c})
_INSERT = _INSERT.on_conflict_do_nothing(index_elements=[grants.c.id])
_NUMBER = (
    insert(counters)
    .values(name="grant", value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    .returning(counters.c.value)
)
_BY_ID = sa.select(*_COLUMNS).where(grants.c.id == bindparam("this"))
_in_force = sa.and_(
    grants.c.revoked_at.is_(None),
    grants.c.expires_at > bindparam("now", type_=sa.BigInteger),
)
_on_the_page = grants.c.number >= bindparam("since", type_=sa.BigInteger)
_FIND = (
    sa.select(*_COLUMNS)
    .where(grants.c.agent == bindparam("agent"), grants.c.digest == bindparam("digest"), _in_force)
    .order_by(grants.c.number)
)
_ACTIVE = (
    sa.select(*_COLUMNS)
    .where(_in_force, _on_the_page)
    .order_by(grants.c.number)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_COUNT = sa.select(sa.func.count()).select_from(grants).where(_in_force, _on_the_page)
_NUMBERED = sa.select(*_COLUMNS).where(grants.c.number == bindparam("this"))
_REVOKE = (
    sa.update(grants)
    .where(grants.c.number == bindparam("this", type_=sa.BigInteger), _in_force)
    .values(revoked_at=bindparam("now", type_=sa.BigInteger))
)
"""Ends a grant that is in force."""


class _Given(msgspec.Struct, kw_only=True):
    """What was allowed, and by whom. It never changes."""

    frozen: Frozen
    given_by: Principal
    varies: tuple[str, ...] = ()


_decode = decoder(_Given)


class SqlGrants:
    """Grants in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, grant: Grant) -> Grant:
        """Store a grant under the next number: see the port."""

        def work(transaction: Transaction) -> Row | None:
            this: Params = {"this": grant.id}
            if (known := transaction.one(_BY_ID, this)) is not None:
                return known
            [number] = transaction.one(_NUMBER) or (0,)
            if transaction.run(_INSERT, _row(grant, number)):
                transaction.audit(recorded.grant_given(replace(grant, number=number)))
            return transaction.one(_BY_ID, this)

        row = await self._database.write(work)
        if row is None:
            raise Conflict("the grant was not stored")
        return _grant(row)

    async def find(self, agent: AgentName, digest: str, *, now: datetime) -> list[Grant]:
        """The grants that cover it: see the port."""
        asked: Params = {"agent": agent, "digest": digest, "now": micros(now)}
        rows = await self._database.scan(lambda t: t.all(_FIND, asked))
        return [_grant(row) for row in rows]

    async def active(self, *, now: datetime, since: int = 0, limit: int = 100) -> list[Grant]:
        """Grants in force: see the port."""
        page: Params = {"now": micros(now), "since": since, "limit": limit}
        return [_grant(row) for row in await self._database.scan(lambda t: t.all(_ACTIVE, page))]

    async def count(self, *, now: datetime, since: int = 0) -> int:
        """How many are in force: see the port."""
        counted: Params = {"now": micros(now), "since": since}
        row = await self._database.scan(lambda t: t.one(_COUNT, counted))
        return 0 if row is None else int(row[0])

    async def revoke(
        self, number: int, *, now: datetime, by: Principal | None = None
    ) -> Grant | None:
        """End a grant: see the port."""

        def work(transaction: Transaction) -> Grant | None:
            if not transaction.run(_REVOKE, {"this": number, "now": micros(now)}):
                return None
            row = transaction.one(_NUMBERED, {"this": number})
            revoked = None if row is None else _grant(row)
            if revoked is not None:
                transaction.audit(recorded.grant_revoked(revoked, by))
            return revoked

        return await self._database.write(work)


def _row(grant: Grant, number: int) -> dict[str, Value]:
    return {
        "id": grant.id,
        "number": number,
        "agent": grant.agent,
        "digest": grant.digest,
        "body": encode(_Given(frozen=grant.frozen, given_by=grant.given_by, varies=grant.varies)),
        "given_at": micros(grant.given_at),
        "expires_at": micros(grant.expires_at),
        "revoked_at": None,
    }


def _grant(row: Row) -> Grant:
    this, number, agent, digest, body, given_at, expires_at = row
    given = _decode(body)
    return Grant(
        id=ApprovalId(this),
        number=number,
        agent=AgentName(agent),
        frozen=given.frozen,
        varies=given.varies,
        digest=digest,
        given_by=given.given_by,
        given_at=moment(given_at),
        expires_at=moment(expires_at),
    )
