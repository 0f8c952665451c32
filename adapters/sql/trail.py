"""Adds to the audit log, as the last thing that a transaction does.

Last, because the end of the chain is one for all: on Postgres it is locked from here to the
commit, so a transaction that waits for it holds all the other locks that it needs already, and two
never wait for each other. On SQLite there is one writer, and its commit takes up many units of
work: their records go in together.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import encode, micros
from adapters.sql.schema_audit import audit
from adapters.sql.transaction import Transaction
from runtime.clock import Clock
from runtime.model.audit import AuditEvent, Head, all_sealed

_LOCK_NUMBER = 0x6E696175
"""Of our advisory lock in a Postgres database: whoever has it may add to the chain."""
_LOCK = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_LOCK_NUMBER))))
LAST = (
    sa.select(audit.c.seq, audit.c.hash)
    .order_by(audit.c.seq.desc())
    .limit(sa.literal_column("1", sa.Integer))
)
"""Finds where the chain ends."""
_ADD = sa.insert(audit).values({column.name: bindparam(column.name) for column in audit.c})


class Trail:
    """The end of the chain. Whoever runs transactions calls it before each commit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def add(self, transaction: Transaction, events: Sequence[AuditEvent]) -> None:
        """Add the events in their order. Nothing else may follow in the transaction."""
        if not events:
            return
        transaction.lock(_LOCK, {})
        row = transaction.one(LAST)
        head = Head() if row is None else Head(row[0], row[1])
        at = micros(self._clock.now())
        records = all_sealed(events, head, at=at, in_json=encode)
        transaction.each(_ADD, [record._asdict() for record in records])
