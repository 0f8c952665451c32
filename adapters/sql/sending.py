"""Putting messages into the outbox, inside the transaction of whatever made them."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import encode, micros, plain
from adapters.sql.constants import word
from adapters.sql.schema import outbox
from adapters.sql.threads import is_thread, thread_values
from adapters.sql.transaction import Params, Transaction, Value
from adapters.sql.upsert import insert
from runtime.ids import MessageId, TurnId
from runtime.model.address import Principal
from runtime.model.audit import AuditEvent
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState

_ENQUEUE = (
    insert(outbox)
    .values({column.name: bindparam(column.name) for column in outbox.c if not column.identity})
    .on_conflict_do_nothing(index_elements=[outbox.c.id])
)
"""Stores a message unless it is there, so that what makes it may be done twice."""

_SENDING, _PENDING = OutboxState.SENDING, OutboxState.PENDING
_BEFORE = sa.select(
    sa.exists().where(is_thread(outbox), outbox.c.state.in_((word(_PENDING), word(_SENDING))))
)
"""Tells whether a message of a thread waits or is being sent. Not a condition of the insertion:
SQLite puts what is selected into a table of its own first, where that reads the table too.
"""


class Letter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What of a message has no column of its own: the dispatcher reads it, no statement does."""

    content: Content
    proactive: bool
    only_for: Principal | None = None
    reply_url: str = ""
    draft: MessageId | None = None
    turn: TurnId | None = None
    """Of a message that was stored before it had a column."""


def enqueue(
    transaction: Transaction, items: Sequence[OutboxItem], audit: Sequence[AuditEvent] = ()
) -> None:
    """Store messages to be sent, in this order; those that are there are left as they are.

    `audit` is recorded with them, unless all of them are there.
    """
    rows = [_row(item) for item in items]
    if not audit:
        transaction.each(_ENQUEUE, rows)
    elif sum(transaction.run(_ENQUEUE, row) for row in rows):
        transaction.audit(*audit)


def enqueue_claimed(
    transaction: Transaction, items: Sequence[OutboxItem], *, sender: str
) -> list[OutboxItem]:
    """Store messages, those that are `SENDING` claimed by `sender`; returns which of them are.

    A thread's messages go out in order, so one that stands behind another waits as all do. What is
    claimed so has no attempts; what the dispatcher claims has.
    """
    claimed: list[OutboxItem] = []
    for item in items:
        row = _row(item)
        first = item.state is _SENDING and not _stands_behind(transaction, row)
        if first:
            row["owner"] = sender
        elif item.state is _SENDING:
            row["state"] = _PENDING.value
        if transaction.run(_ENQUEUE, row) and first:
            claimed.append(item)
    return claimed


def _stands_behind(transaction: Transaction, row: Params) -> bool:
    found = transaction.one(_BEFORE, row)
    return found is not None and bool(found[0])


def _row(item: OutboxItem) -> dict[str, Value]:
    letter = Letter(
        content=item.content,
        proactive=item.proactive,
        only_for=item.only_for,
        reply_url=item.reply_url,
        draft=item.draft,
    )
    return {
        "id": item.id,
        **thread_values(item.thread),
        "state": str(item.state),
        "attempts": item.attempts,
        "not_before": micros(item.not_before),
        "created_at": micros(item.created_at),
        "owner": None,
        "binds": item.binds,
        "message_id": item.message_id,
        "error": plain(item.error),
        "body": encode(letter),
        "turn": item.turn,
        "agent": item.agent,
        "taken_back": None,
    }
