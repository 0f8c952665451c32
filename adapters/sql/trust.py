"""What became known of channels: `runtime.ports.ChannelTrust`."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import maybe_moment, micros
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema import channel_states
from adapters.sql.transaction import Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.errors import NightdeskError
from runtime.ids import Platform
from runtime.model import recorded
from runtime.model.address import ChannelRef, Principal
from runtime.model.events import ChannelChange
from runtime.model.trust import ChannelState

_NONE = sa.literal_column("''", sa.Text)
_KEY = (channel_states.c.platform, channel_states.c.workspace, channel_states.c.channel)
_OF = sa.select(*channel_states.c).where(*(column == bindparam(column.name) for column in _KEY))
_ALL = sa.select(*channel_states.c).order_by(*_KEY)

_DISTRUST = insert(channel_states).values(
    {column.name: bindparam(column.name) for column in channel_states.c}
)
_DISTRUST = _DISTRUST.on_conflict_do_update(
    index_elements=_KEY,
    set_={name: _DISTRUST.excluded[name] for name in ("change", "detail", "since")},
    where=sa.or_(
        channel_states.c.change == _NONE,
        channel_states.c.change == word(ChannelChange.ARCHIVED),
    ),
)
"""Writes the reason, unless there is one that is more than that nothing can be posted."""

_RENAME = insert(channel_states).values(
    {column.name: bindparam(column.name) for column in channel_states.c}
)
_RENAME = _RENAME.on_conflict_do_update(index_elements=_KEY, set_={"name": _RENAME.excluded.name})

_TRUST = (
    sa.update(channel_states)
    .where(
        *(column == bindparam(f"this_{column.name}") for column in _KEY),
        channel_states.c.change != _NONE,
        sa.or_(
            bindparam("only", type_=sa.Text) == _NONE,
            channel_states.c.change == bindparam("only", type_=sa.Text),
        ),
    )
    .values(change="", detail="", since=None)
)
"""Takes the reason away; an empty `only` means any."""


class SqlChannelTrust:
    """Channels in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, channel: ChannelRef) -> ChannelState | None:
        """What is known of the channel: see the port."""
        row = await self._database.read(lambda t: t.one(_OF, _key(channel)))
        return _state(row) if row else None

    async def all(self) -> list[ChannelState]:
        """Every channel of which something became known: see the port."""
        return [_state(row) for row in await self._database.scan(lambda t: t.all(_ALL))]

    async def distrust(
        self, channel: ChannelRef, change: ChannelChange, *, detail: str, now: datetime
    ) -> ChannelState:
        """Trust the channel no more: see the port."""
        values: dict[str, Value] = {
            **_key(channel),
            "name": "",
            "change": change.value,
            "detail": detail,
            "since": micros(now),
        }

        def work(transaction: Transaction) -> ChannelState:
            if transaction.run(_DISTRUST, values):
                transaction.audit(recorded.channel_distrusted(channel, change))
            row = transaction.one(_OF, _key(channel))
            if row is None:
                raise NightdeskError("a channel's row is not there after it was written")
            return _state(row)

        return await self._database.write(work)

    async def trust(
        self,
        channel: ChannelRef,
        *,
        only: ChannelChange | None = None,
        by: Principal | None = None,
    ) -> bool:
        """Trust the channel again: see the port."""
        values: dict[str, Value] = {f"this_{name}": v for name, v in _key(channel).items()}
        values["only"] = only.value if only else ""

        def work(transaction: Transaction) -> bool:
            changed = transaction.run(_TRUST, values) == 1
            if changed:
                transaction.audit(recorded.channel_trusted(channel, by))
            return changed

        return await self._database.write(work)

    async def rename(self, channel: ChannelRef, name: str) -> None:
        """Remember the channel's name: see the port."""
        nothing: dict[str, Value] = {"name": name, "change": "", "detail": "", "since": None}
        await self._database.write(lambda t: t.run(_RENAME, {**_key(channel), **nothing}))


def _key(channel: ChannelRef) -> dict[str, Value]:
    return {
        "platform": channel.platform,
        "workspace": channel.workspace,
        "channel": channel.channel,
    }


def _state(row: Row) -> ChannelState:
    return ChannelState(
        channel=ChannelRef(Platform(row[0]), row[1], row[2]),
        name=row[3],
        change=ChannelChange(row[4]) if row[4] else None,
        detail=row[5],
        since=maybe_moment(row[6]),
    )
