"""The conversation log: appending to it and reading what it still says."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import bindparam, literal_column

from adapters.sql.codec import decoder, encode, plain
from adapters.sql.schema import conversations, entries
from adapters.sql.transaction import Transaction, Value
from runtime.ids import ConversationId
from runtime.model.conversation import Entry, Role, latest, since_summary, title_of

_decode = decoder(list[Entry])

_INSERT = sa.insert(entries)
_INSERT = _INSERT.values({column.name: bindparam(column.name) for column in entries.c})
"""Writes entries. Of two that take the same number, Postgres lets one run again."""

_ENTITLE = (
    sa.update(conversations)
    .where(conversations.c.id == bindparam("this"), conversations.c.title == literal_column("''"))
    .values(title=bindparam("words"))
)
"""Names a conversation after the first words that a person says in it."""

_SUMMARISE = (
    sa.update(conversations)
    .where(conversations.c.id == bindparam("this"))
    .values(summary=bindparam("place"), covered=bindparam("covers"))
)
"""Remembers where the latest summary is, and how far it reaches."""

_SINCE = (
    sa.select(entries.c.body)
    .where(
        entries.c.conversation == bindparam("this"),
        entries.c.seq > bindparam("after", type_=sa.BigInteger),
    )
    .order_by(entries.c.seq)
)
"""Reads what a turn that begins does not know yet of what the log still says."""

_END = (
    sa.select(entries.c.body)
    .where(
        entries.c.conversation == bindparam("this"),
        entries.c.seq > bindparam("covered", type_=sa.BigInteger),
    )
    .order_by(entries.c.seq.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads the last entries after what the summary stands for, for whoever looks back."""

_ONE = sa.select(entries.c.body).where(
    entries.c.conversation == bindparam("this"),
    entries.c.seq == bindparam("summary", type_=sa.BigInteger),
)
"""Reads the summary where it is not among them."""


def last_of(conversation: sa.Column[str]) -> sa.ScalarSelect[int]:
    """The number of the last entry of the log of a row's conversation, 0 where it is empty."""
    last = sa.select(sa.func.coalesce(sa.func.max(entries.c.seq), 0))
    mine = last.where(entries.c.conversation == conversation)
    # Not for a RETURNING: for SQLite, SQLAlchemy leaves the names of the tables out there.
    return mine.correlate(conversation.table).scalar_subquery()


def write(
    transaction: Transaction,
    conversation: ConversationId,
    new: Sequence[Entry],
    *,
    last: int,
    titled: bool = False,
) -> None:
    """Append entries to a log whose last number is `last`; `titled` says that it has a title."""
    numbered = [replace(entry, seq=seq) for seq, entry in enumerate(new, start=last + 1)]
    this: dict[str, Value] = {"this": conversation}
    transaction.each(
        _INSERT,
        [
            {"conversation": conversation, "seq": entry.seq, "body": encode(entry)}
            for entry in numbered
        ],
    )
    for entry in numbered:
        if entry.role is Role.SUMMARY:
            extent = {"place": entry.seq, "covers": entry.covers}
            transaction.run(_SUMMARISE, {**this, **extent})
        elif entry.role is Role.USER and not titled:
            transaction.run(_ENTITLE, {**this, "words": plain(title_of(entry.text))})
            titled = True


def read(
    transaction: Transaction,
    conversation: ConversationId,
    covered: int,
    known: Sequence[Entry] = (),
) -> list[Entry]:
    """What the log still says: see `runtime.model.conversation.since_summary`.

    `known` is what it said before. An entry never changes, so only what came since is read.
    """
    kept = known if known and covered >= known[0].covers else ()
    after = max(kept[0].seq, kept[-1].seq) if kept else covered
    rows = transaction.all(_SINCE, {"this": conversation, "after": after})
    return since_summary([*kept, *_entries([row[0] for row in rows])])


def read_end(
    transaction: Transaction,
    conversation: ConversationId,
    *,
    covered: int,
    summary: int,
    limit: int,
) -> list[Entry]:
    """The last of it, at most `limit` entries, the summary among them."""
    this = {"this": conversation}
    bodies = [row[0] for row in transaction.all(_END, {**this, "covered": covered, "limit": limit})]
    end = _entries(bodies[::-1])
    if summary and end and end[0].seq > summary:
        found = transaction.one(_ONE, {**this, "summary": summary})
        end = [*_entries(found or ()), *end]
    return latest(since_summary(end), limit)


def _entries(bodies: Sequence[str]) -> list[Entry]:
    """Decode bodies all at once, which costs less than one by one."""
    return _decode(f"[{','.join(bodies)}]")
