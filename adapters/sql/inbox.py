"""Accepted events: `runtime.ports.Inbox`."""

from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import sending
from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.heard import Heard
from adapters.sql.schema import counters, inbox
from adapters.sql.threads import is_thread, thread_of, thread_values
from adapters.sql.transaction import First, Params, Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import InboxId
from runtime.model.address import Principal, ThreadRef
from runtime.model.audit import AuditEvent
from runtime.model.events import (
    ButtonPress,
    ChannelChanged,
    Command,
    Cursor,
    FormSubmit,
    HomeOpened,
    Inbound,
    Lane,
    Message,
    Received,
    Unknown,
)
from runtime.model.outbox import OutboxItem


class _State(StrEnum):
    """Where an accepted event is."""

    PENDING = "pending"
    DONE = "done"
    """A command was carried out, or a turn has it; the turn's state says the rest."""


PENDING = word(_State.PENDING)
DONE = word(_State.DONE)

_APPEND = (
    insert(inbox)
    .values({column.name: bindparam(column.name) for column in inbox.c})
    .on_conflict_do_nothing()
)
"""Stores an event unless one of its two keys is there: one statement, so that a retry costs one."""

_MOVED = insert(counters).values(
    name=bindparam("name", type_=sa.Text), value=bindparam("value", type_=sa.BigInteger)
)
_MOVE = _MOVED.on_conflict_do_update(
    index_elements=[counters.c.name], set_={"value": _MOVED.excluded.value}
)
"""Writes where a stream goes on; back as well, for a platform may begin to count anew."""

_POSITION = sa.select(counters.c.value).where(counters.c.name == bindparam("name", type_=sa.Text))
"""Reads that, at the start of a listener."""

_CURSOR = "cursor:"
"""Before the name of a stream, apart from the names of other counters."""

RECEIVED = (
    inbox.c.id,
    inbox.c.lane,
    inbox.c.event_key,
    inbox.c.content_key,
    inbox.c.platform,
    inbox.c.workspace,
    inbox.c.channel,
    inbox.c.root,
    inbox.c.body,
    inbox.c.received_at,
)
"""What `received_of` reads."""

_unindexed = inbox.c.id.concat(sa.literal_column("''", sa.Text))
"""The id as an expression, by which no database looks it up: through its own index SQLite would
read all that was ever processed to find the few rows that are pending."""
_PENDING = (
    sa.select(*RECEIVED)
    .where(inbox.c.state == PENDING, _unindexed > bindparam("after", type_=sa.Text))
    .order_by(_unindexed)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Pages through what an earlier life accepted and did not process."""

_UNBEGUN = (
    sa.select(*RECEIVED)
    .where(is_thread(inbox), inbox.c.state == PENDING, inbox.c.lane == word(Lane.TURN))
    .order_by(inbox.c.id)
)
"""Reads the messages of a thread whose turns have not begun, for a STOP there."""

_ALL_UNBEGUN = (
    sa.select(*RECEIVED)
    .where(inbox.c.state == PENDING, inbox.c.lane == word(Lane.TURN))
    .order_by(_unindexed)
)
"""Reads those of all threads, for a STOP of what somebody asked for."""

_GET = sa.select(*RECEIVED).where(inbox.c.id == bindparam("this"), inbox.c.state == PENDING)
"""Reads the row that a queue's worker is told of, unless it is done."""

FINISH = (
    sa.update(inbox)
    .where(inbox.c.id == bindparam("this"), inbox.c.state != DONE)
    .values(state=DONE)
)
"""Takes a row out of its mailbox, for its command or its turn; changes none if it was."""

_OLD = (
    sa.select(inbox.c.id)
    .where(inbox.c.state == DONE, inbox.c.received_at < bindparam("before", type_=sa.BigInteger))
    .order_by(inbox.c.id)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Finds rows to forget, oldest first; apart from the deletion, so that the search blocks nobody."""

_DELETE = sa.delete(inbox).where(inbox.c.id == bindparam("this"), inbox.c.state == DONE)
"""Forgets one row."""

_FORGET_AT_ONCE = 200
"""Rows to delete in one unit, which keeps everybody else waiting for a millisecond or two."""


class _Said(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What of an event has no column of its own. One of the last seven is set."""

    sender: Principal
    sent_at: datetime
    message: Message | None = None
    command: Command | None = None
    press: ButtonPress | None = None
    form: FormSubmit | None = None
    home: HomeOpened | None = None
    changed: ChannelChanged | None = None
    unknown: Unknown | None = None


_decode = decoder(_Said)


class SqlInbox:
    """The inbox in a database."""

    def __init__(self, database: Database, heard: Heard) -> None:
        self._database = database
        self._heard = heard

    def append(self, received: Received) -> Awaitable[bool]:
        """Store the event unless it is there: see the port."""
        row, cursor = _row(received), received.inbound.cursor
        self._heard.keep(received)
        return self._database.write(lambda t: _append(t, row, cursor))

    def append_all(self, many: Sequence[Received]) -> Awaitable[Sequence[bool]]:
        """Store each event unless it is there: see the port."""
        rows = [_row(received) for received in many]
        cursors = [received.inbound.cursor for received in many]
        moves = [_position_of(cursor) for cursor in cursors if cursor is not None]
        for received in many:
            self._heard.keep(received)

        def work(transaction: Transaction) -> list[bool]:
            transaction.each(_MOVE, moves)
            return [count == 1 for count in transaction.counts(_APPEND, rows)]

        # A platform waits for its acknowledgement; an event depends on nothing that is written.
        return self._database.write(First(work))

    async def move(self, cursor: Cursor) -> None:
        """Remember where the stream goes on: see the port."""
        # The stream goes on when this is stored, and a STOP may be behind it.
        await self._database.write(First(lambda t: t.run(_MOVE, _position_of(cursor))))

    async def position(self, name: str) -> int | None:
        """Where the stream goes on: see the port."""
        found = await self._database.read(lambda t: t.one(_POSITION, {"name": _CURSOR + name}))
        return None if found is None else int(found[0])

    async def pending(self, *, after: InboxId | None = None, limit: int = 500) -> list[Received]:
        """Rows still to be processed: see the port."""
        page: dict[str, Value] = {"after": after or "", "limit": limit}
        rows = await self._database.scan(lambda t: t.all(_PENDING, page))
        return [received_of(row) for row in rows]

    async def unbegun(self, thread: ThreadRef) -> list[Received]:
        """The messages of a thread that have begun no turn: see the port."""
        this = thread_values(thread)
        rows = await self._database.read(lambda t: t.all(_UNBEGUN, this))
        return [received_of(row) for row in rows]

    async def unbegun_of(self, people: Collection[Principal]) -> list[Received]:
        """The messages of these people that have begun no turn: see the port."""

        def work(transaction: Transaction) -> list[Received]:
            found = map(received_of, transaction.all(_ALL_UNBEGUN))
            return [row for row in found if row.inbound.sender in people]

        return await self._database.scan(work)

    async def get(self, row: InboxId) -> Received | None:
        """The row if it is still to be processed: see the port."""
        found = await self._database.read(lambda t: t.one(_GET, {"this": row}))
        return None if found is None else received_of(found)

    async def finish(
        self,
        row: InboxId,
        replies: Sequence[OutboxItem],
        *,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Mark the row as processed and enqueue the answers: see the port."""

        def work(transaction: Transaction) -> None:
            if transaction.run(FINISH, {"this": row}):
                sending.enqueue(transaction, replies)
                transaction.audit(*audit)

        # Somebody waits for the answer; the row is stored, and so is what the command did.
        await self._database.write(First(work))

    async def drop(self, rows: Sequence[InboxId]) -> None:
        """Mark rows as processed that start nothing: see the port."""
        these: list[Params] = [{"this": row} for row in rows]
        await self._database.write(lambda t: t.each(FINISH, these))

    async def forget(self, *, before: datetime) -> int:
        """Delete processed rows from before that time: see the port."""
        forgotten = 0
        page: dict[str, Value] = {"before": micros(before), "limit": _FORGET_AT_ONCE}
        while rows := await self._database.scan(lambda t: t.all(_OLD, page)):
            await self._delete(rows)
            forgotten += len(rows)
        return forgotten

    async def _delete(self, rows: Sequence[Row]) -> None:
        these: list[Params] = [{"this": row[0]} for row in rows]
        await self._database.write(lambda t: t.each(_DELETE, these))


def _append(transaction: Transaction, row: Params, cursor: Cursor | None) -> bool:
    if cursor is not None:
        transaction.run(_MOVE, _position_of(cursor))
    return transaction.run(_APPEND, row) == 1


def accept(transaction: Transaction, received: Received) -> bool:
    """Store an event inside the transaction of whatever caused it, unless it is there."""
    return transaction.run(_APPEND, _row(received)) == 1


def _position_of(cursor: Cursor) -> dict[str, Value]:
    return {"name": _CURSOR + cursor.name, "value": cursor.value}


_PENDING_WORD = _State.PENDING.value
_LANES = {lane: lane.value for lane in Lane}
"""A member's `value` is looked up by Python code, and this is done for each event."""


def _row(received: Received) -> dict[str, Value]:
    inbound = received.inbound
    channel = inbound.thread.channel
    said = _Said(sender=inbound.sender, sent_at=inbound.sent_at)
    match inbound.body:
        case Message() as message:
            said.message = message
        case Command() as command:
            said.command = command
        case ButtonPress() as press:
            said.press = press
        case FormSubmit() as form:
            said.form = form
        case HomeOpened() as home:
            said.home = home
        case ChannelChanged() as changed:
            said.changed = changed
        case Unknown() as unknown:
            said.unknown = unknown
    return {
        "id": received.id,
        "platform": channel.platform,
        "workspace": channel.workspace,
        "channel": channel.channel,
        "root": inbound.thread.root,
        "event_key": inbound.event_key,
        "content_key": inbound.content_key or None,
        "lane": _LANES[received.lane],
        "state": _PENDING_WORD,
        "body": encode(said),
        "received_at": micros(received.received_at),
    }


def received_of(row: Row) -> Received:
    """The event of a row of `RECEIVED`."""
    key, lane, event_key, content_key, platform, workspace, channel, root, body, at = row
    said = _decode(body)
    spoken = (
        said.message
        or said.command
        or said.press
        or said.form
        or said.home
        or said.changed
        or said.unknown
    )
    if spoken is None:
        raise ValueError(f"inbox row {key} says nothing")
    thread: ThreadRef = thread_of(platform, workspace, channel, root)
    return Received(
        id=InboxId(key),
        lane=Lane(lane),
        inbound=Inbound(
            event_key=event_key,
            content_key=content_key or "",
            thread=thread,
            sender=said.sender,
            body=spoken,
            sent_at=said.sent_at,
        ),
        received_at=moment(at),
    )
