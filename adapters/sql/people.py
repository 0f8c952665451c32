"""People over several platforms: `runtime.ports.People`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros, moment
from adapters.sql.database import Database
from adapters.sql.schema import link_codes, links
from adapters.sql.transaction import Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import Platform
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.ports import Link

_LINKS = sa.select(*links.c).order_by(links.c.linked_at)
_LINK = insert(links).values({column.name: bindparam(column.name) for column in links.c})
_LINK = _LINK.on_conflict_do_update(
    index_elements=[links.c.platform, links.c.workspace, links.c.user],
    set_={
        name: _LINK.excluded[name]
        for name in ("anchor_platform", "anchor_workspace", "anchor_user", "linked_at")
    },
)
_UNLINK = sa.delete(links).where(
    links.c.platform == bindparam("platform"),
    links.c.workspace == bindparam("workspace"),
    links.c.user == bindparam("user"),
)
_OFFER = insert(link_codes).values({column.name: bindparam(column.name) for column in link_codes.c})
_OFFER = _OFFER.on_conflict_do_nothing()
_FORGET = sa.delete(link_codes).where(
    sa.or_(
        sa.and_(
            link_codes.c.anchor_platform == bindparam("platform"),
            link_codes.c.anchor_workspace == bindparam("workspace"),
            link_codes.c.anchor_user == bindparam("user"),
        ),
        link_codes.c.expires_at <= bindparam("now", type_=sa.BigInteger),
    )
)
"""Forgets the earlier codes of a person, and all that are too old."""
_CODE = sa.select(
    link_codes.c.anchor_platform,
    link_codes.c.anchor_workspace,
    link_codes.c.anchor_user,
    link_codes.c.expires_at,
).where(link_codes.c.code == bindparam("code"))
_USE = sa.delete(link_codes).where(link_codes.c.code == bindparam("code"))


class SqlPeople:
    """People in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def links(self) -> list[Link]:
        """Who is who on further platforms: see the port."""
        rows = await self._database.scan(lambda t: t.all(_LINKS))
        return [
            Link(
                who=Principal(Platform(row[0]), row[1], row[2]),
                anchor=Principal(Platform(row[3]), row[4], row[5]),
                linked_at=moment(row[6]),
            )
            for row in rows
        ]

    async def offer(
        self, code: str, anchor: Principal, *, now: datetime, expires_at: datetime
    ) -> None:
        """Remember a one-time code: see the port."""
        offer: dict[str, Value] = {
            "code": code,
            **_person(anchor, "anchor_"),
            "expires_at": micros(expires_at),
        }
        forget: dict[str, Value] = {**_person(anchor), "now": micros(now)}

        def work(transaction: Transaction) -> None:
            transaction.run(_FORGET, forget)
            transaction.run(_OFFER, offer)

        await self._database.write(work)

    async def redeem(self, code: str, who: Principal, *, now: datetime) -> Principal | None:
        """Use a one-time code: see the port."""

        def work(transaction: Transaction) -> Principal | None:
            row = transaction.one(_CODE, {"code": code})
            if row is None or not transaction.run(_USE, {"code": code}) or row[3] <= micros(now):
                return None
            anchor = Principal(Platform(row[0]), row[1], row[2])
            link: dict[str, Value] = {
                **_person(who),
                **_person(anchor, "anchor_"),
                "linked_at": micros(now),
            }
            transaction.run(_LINK, link)
            transaction.audit(recorded.account_linked(who, anchor))
            return anchor

        return await self._database.write(work)

    async def unlink(self, who: Principal) -> bool:
        """Forget a link: see the port."""

        def work(transaction: Transaction) -> bool:
            found = transaction.run(_UNLINK, _person(who)) == 1
            if found:
                transaction.audit(recorded.account_unlinked(who))
            return found

        return await self._database.write(work)


def _person(who: Principal, prefix: str = "") -> dict[str, Value]:
    return {
        f"{prefix}platform": who.platform,
        f"{prefix}workspace": who.workspace,
        f"{prefix}user": who.user,
    }
