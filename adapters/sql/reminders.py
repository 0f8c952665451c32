"""Reminders: `runtime.ports.Reminders`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import sending
from adapters.sql.codec import decoder, encode, maybe_micros, maybe_moment, micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema import counters, reminders
from adapters.sql.transaction import Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.errors import Conflict
from runtime.ids import Platform, ReminderId
from runtime.model.address import Principal, ThreadRef
from runtime.model.outbox import OutboxItem
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.schedule import When

_WAITING = word(ReminderState.WAITING)
_SENT = word(ReminderState.SENT)

_COLUMNS = tuple(reminders.c)

_INSERT = (
    insert(reminders)
    .values({column.name: bindparam(column.name) for column in reminders.c})
    .on_conflict_do_nothing(index_elements=[reminders.c.id])
)
_NUMBER = (
    insert(counters)
    .values(name="reminder", value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    .returning(counters.c.value)
)
_BY_ID = sa.select(*_COLUMNS).where(reminders.c.id == bindparam("this"))
_BY_NUMBER = sa.select(*_COLUMNS).where(reminders.c.number == bindparam("this"))
_OPEN_OF = sa.select(*_COLUMNS).where(
    reminders.c.platform == bindparam("platform"),
    reminders.c.workspace == bindparam("workspace"),
    reminders.c.user == bindparam("user"),
    sa.or_(reminders.c.state == _WAITING, reminders.c.state == _SENT),
)
_DUE = (
    sa.select(*_COLUMNS)
    .where(
        reminders.c.state == _WAITING,
        reminders.c.next_at <= bindparam("now", type_=sa.BigInteger),
        reminders.c.platform == bindparam("platform"),
    )
    .order_by(reminders.c.next_at)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_MOVE = (
    sa.update(reminders)
    .where(
        reminders.c.id == bindparam("this"),
        reminders.c.state == _WAITING,
        reminders.c.next_at == bindparam("planned"),
    )
    .values(state=bindparam("becomes"), next_at=bindparam("at"))
)
"""Moves a due reminder on, if no other process did."""
_CHANGE = (
    sa.update(reminders)
    .where(reminders.c.id == bindparam("this"), reminders.c.state == bindparam("was"))
    .values(state=bindparam("becomes"), next_at=bindparam("at"))
)
_NEXT_TIME = sa.select(sa.func.min(reminders.c.next_at)).where(
    reminders.c.state == _WAITING,
    reminders.c.next_at > bindparam("after", type_=sa.BigInteger),
)
_EVER = -1
"""Before every time that is stored."""


class _Terms(msgspec.Struct, kw_only=True):
    """What a person decided when the reminder was made. It never changes."""

    text: str
    when: When
    made_in: ThreadRef


_decode = decoder(_Terms)


class SqlReminders:
    """Reminders in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, reminder: Reminder) -> Reminder:
        """Store the reminder under the next number: see the port."""

        def work(transaction: Transaction) -> Row | None:
            this = {"this": reminder.id}
            if (known := transaction.one(_BY_ID, this)) is not None:
                return known
            number = transaction.one(_NUMBER)
            transaction.run(_INSERT, _row(reminder, int(number[0]) if number else 0))
            return transaction.one(_BY_ID, this)

        return _reminder_of(await self._database.write(work))

    async def get(self, number: int) -> Reminder | None:
        """The reminder of that number: see the port."""
        row = await self._database.read(lambda t: t.one(_BY_NUMBER, {"this": number}))
        return None if row is None else _reminder_of(row)

    async def by_id(self, reminder: ReminderId) -> Reminder | None:
        """The reminder of that id: see the port."""
        row = await self._database.read(lambda t: t.one(_BY_ID, {"this": reminder}))
        return None if row is None else _reminder_of(row)

    async def open_of(self, people: Sequence[Principal], *, limit: int = 50) -> list[Reminder]:
        """The people's reminders that are not done: see the port."""

        def work(transaction: Transaction) -> list[Row]:
            return [row for who in people for row in transaction.all(_OPEN_OF, _person(who))]

        found = [_reminder_of(row) for row in await self._database.scan(work)]
        found.sort(key=lambda r: (r.next_at is None, r.next_at or r.created_at, r.number))
        return found[:limit]

    async def due(self, *, now: datetime, platform: Platform, limit: int = 200) -> list[Reminder]:
        """Reminders whose time has come: see the port."""
        page: dict[str, Value] = {"now": micros(now), "platform": platform, "limit": limit}
        rows = await self._database.scan(lambda t: t.all(_DUE, page))
        return [_reminder_of(row) for row in rows]

    async def remind(
        self,
        reminder: Reminder,
        *,
        becomes: ReminderState,
        next_at: datetime | None,
        rows: Sequence[OutboxItem],
    ) -> bool:
        """Move a due reminder on and enqueue its message: see the port."""
        move: dict[str, Value] = {
            "this": reminder.id,
            "planned": maybe_micros(reminder.next_at),
            "becomes": becomes.value,
            "at": maybe_micros(next_at),
        }

        def work(transaction: Transaction) -> bool:
            moved = transaction.run(_MOVE, move) == 1
            if moved:
                sending.enqueue(transaction, rows)
            return moved

        return await self._database.write(work)

    async def change(
        self,
        reminder: ReminderId,
        *,
        was: ReminderState,
        becomes: ReminderState,
        next_at: datetime | None,
    ) -> None:
        """Change the state: see the port."""
        change: dict[str, Value] = {
            "this": reminder,
            "was": was.value,
            "becomes": becomes.value,
            "at": maybe_micros(next_at),
        }
        if not await self._database.write(lambda t: t.run(_CHANGE, change)):
            raise Conflict(f"reminder {reminder} is no longer {was}")

    async def next_time(self, *, after: datetime | None = None) -> datetime | None:
        """The earliest time of a waiting reminder: see the port."""
        since: dict[str, Value] = {"after": _EVER if after is None else micros(after)}
        row = await self._database.read(lambda t: t.one(_NEXT_TIME, since))
        return None if row is None else maybe_moment(row[0])


def _person(who: Principal) -> dict[str, Value]:
    return {"platform": who.platform, "workspace": who.workspace, "user": who.user}


def _row(reminder: Reminder, number: int) -> dict[str, Value]:
    terms = _Terms(text=reminder.text, when=reminder.when, made_in=reminder.made_in)
    return {
        "id": reminder.id,
        "number": number,
        **_person(reminder.person),
        "state": reminder.state.value,
        "next_at": maybe_micros(reminder.next_at),
        "created_at": micros(reminder.created_at),
        "body": encode(terms),
    }


def _reminder_of(row: Row | None) -> Reminder:
    if row is None:
        raise Conflict("the reminder is not there any more")
    this, number, platform, workspace, user, state, next_at, created_at, body = row
    terms = _decode(body)
    return Reminder(
        id=ReminderId(this),
        number=number,
        person=Principal(Platform(platform), workspace, user),
        text=terms.text,
        when=terms.when,
        made_in=terms.made_in,
        state=ReminderState(state),
        next_at=maybe_moment(next_at),
        created_at=moment(created_at),
    )
