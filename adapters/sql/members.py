"""People who were made members in the chat: `runtime.ports.Members`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema_members import members, owner_codes
from adapters.sql.transaction import Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import Platform
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.member import Enrolled, Enrolment
from runtime.model.team import MemberRole

_OWNER = word(MemberRole.OWNER)
_KEY = (members.c.platform, members.c.workspace, members.c.user)
_ALL = (
    sa.select(*members.c)
    .where(members.c.role != sa.literal_column("''", sa.Text))
    .order_by(members.c.name, *_KEY)
)
_GET = sa.select(*members.c).where(*(column == bindparam(column.name) for column in _KEY))
_OWNERS = sa.select(*_KEY).where(members.c.role == _OWNER)
_LOCK = sa.select(*_KEY).where(members.c.role == _OWNER).order_by(*_KEY).with_for_update()
"""Of two who let each other go at the same moment, the second sees what the first did."""
_PUT = insert(members).values({column.name: bindparam(column.name) for column in members.c})
_PUT = _PUT.on_conflict_do_update(
    index_elements=_KEY,
    set_={
        name: _PUT.excluded[name]
        for name in ("name", "role", "was", "by_platform", "by_workspace", "by_user", "at", "key")
    },
)
_CHANGE = (
    sa.update(members)
    .where(
        *(column == bindparam(f"this_{column.name}") for column in _KEY),
        members.c.role == bindparam("this_role", type_=sa.Text),
    )
    .values({c.name: bindparam(c.name) for c in members.c if c not in _KEY})
)
"""Writes what is said now, if the role is still what the caller saw."""
_ADD = insert(members).values({column.name: bindparam(column.name) for column in members.c})
_ADD = _ADD.on_conflict_do_nothing(index_elements=_KEY)

_OFFER = insert(owner_codes).values({c.name: bindparam(c.name) for c in owner_codes.c})
_OFFER = _OFFER.on_conflict_do_nothing()
_FORGET_SLOT = sa.delete(owner_codes).where(owner_codes.c.slot == bindparam("slot"))
_FORGET = sa.delete(owner_codes)
_USE = sa.delete(owner_codes).where(
    owner_codes.c.code == bindparam("code"),
    owner_codes.c.expires_at > bindparam("now", type_=sa.BigInteger),
)
"""Takes the code away; of two who say it at the same moment, one."""


class SqlMembers:
    """Members in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Enrolment]:
        """Everybody who is a member by it: see the port."""
        return [_enrolment(row) for row in await self._database.scan(lambda t: t.all(_ALL))]

    async def get(self, who: Principal) -> Enrolment | None:
        """What was last said of the person: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, _person(who)))
        return _enrolment(row) if row else None

    async def put(self, enrolment: Enrolment, *, owned: bool) -> Enrolled:
        """Write what is said of the person now: see the port."""
        row, this, was = _row(enrolment), _person(enrolment.who), enrolment.was
        steps_down = was is MemberRole.OWNER and enrolment.role is not MemberRole.OWNER
        change = {name: value for name, value in row.items() if name not in this}
        change |= {f"this_{name}": value for name, value in this.items()}
        change["this_role"] = row["was"]

        def work(transaction: Transaction) -> Enrolled:
            if steps_down and not owned:
                transaction.lock(_LOCK, {})
                mine = tuple(this.values())
                if all(tuple(other) == mine for other in transaction.all(_OWNERS)):
                    return Enrolled.LAST_OWNER
            written = transaction.run(_CHANGE, change)
            if not written and was is None:
                written = transaction.run(_ADD, row)
            if written:
                transaction.audit(recorded.member_changed(enrolment))
            return Enrolled.DONE if written else Enrolled.CHANGED

        return await self._database.write(work)

    async def offer(self, code: str, slot: str, *, expires_at: datetime) -> None:
        """Remember a code that makes an owner: see the port."""
        offer: dict[str, Value] = {"code": code, "slot": slot, "expires_at": micros(expires_at)}

        def work(transaction: Transaction) -> None:
            transaction.run(_FORGET_SLOT, {"slot": slot})
            transaction.run(_OFFER, offer)

        await self._database.write(work)

    async def withdraw(self) -> None:
        """Forget every such code: see the port."""
        await self._database.write(lambda t: t.run(_FORGET))

    async def claim(self, code: str, enrolment: Enrolment, *, now: datetime) -> bool:
        """Use a code that makes an owner: see the port."""

        def work(transaction: Transaction) -> bool:
            if not transaction.run(_USE, {"code": code, "now": micros(now)}):
                return False
            transaction.run(_FORGET)
            transaction.run(_PUT, _row(enrolment))
            transaction.audit(recorded.member_changed(enrolment))
            return True

        return await self._database.write(work)


def _person(who: Principal, prefix: str = "") -> dict[str, Value]:
    return {
        f"{prefix}platform": who.platform,
        f"{prefix}workspace": who.workspace,
        f"{prefix}user": who.user,
    }


def _row(enrolment: Enrolment) -> dict[str, Value]:
    return {
        **_person(enrolment.who),
        "name": enrolment.name,
        "role": enrolment.role.value if enrolment.role else "",
        "was": enrolment.was.value if enrolment.was else "",
        **_person(enrolment.by, "by_"),
        "at": micros(enrolment.at),
        "key": enrolment.key,
    }


def _enrolment(row: Row) -> Enrolment:
    return Enrolment(
        who=Principal(Platform(row[0]), row[1], row[2]),
        name=row[3],
        role=MemberRole(row[4]) if row[4] else None,
        was=MemberRole(row[5]) if row[5] else None,
        by=Principal(Platform(row[6]), row[7], row[8]),
        at=moment(row[9]),
        key=row[10],
    )
