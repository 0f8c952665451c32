"""The conversation log: appending to it and reading what it still says."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam, literal_column

from adapters.sql.codec import decoder, encode, plain
from adapters.sql.schema import conversations, entries
from adapters.sql.transaction import Transaction, Value
from adapters.sql.upsert import insert as upsert
from runtime.ids import ConversationId
from runtime.model.conversation import Entry, Role, latest, since_summary, title_of

_decode = decoder(list[Entry])
_by_number = attrgetter("seq")

_INSERT = sa.insert(entries)
_INSERT = _INSERT.values({column.name: bindparam(column.name) for column in entries.c})
"""Writes entries. Of two that take the same number, Postgres lets one run again."""

_INSERT_IF_FREE = upsert(entries)
_INSERT_IF_FREE = _INSERT_IF_FREE.values(
    {column.name: bindparam(column.name) for column in entries.c}
).on_conflict_do_nothing()
"""Writes an entry under a number that is believed to be the next; none where it is taken."""

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

_LAST = sa.select(sa.func.coalesce(sa.func.max(entries.c.seq), 0)).where(
    entries.c.conversation == bindparam("this")
)
"""Finds the number of a log's last entry."""

# A word of the text: the parameter that SQLAlchemy would make is filled in by its own execution.
_COMMA: Any = literal_column("','")
_SINCE = sa.select(sa.func.aggregate_strings(entries.c.body, _COMMA)).where(
    entries.c.conversation == bindparam("this"),
    entries.c.seq > bindparam("after", type_=sa.BigInteger),
)
"""Reads what a turn that begins does not know yet of what the log still says, as one text: a row
for each entry takes twice as long.
"""

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
    transaction.each(
        _INSERT, [_row(conversation, entry, seq) for seq, entry in enumerate(new, start=last + 1)]
    )
    this: dict[str, Value] = {"this": conversation}
    for seq, entry in enumerate(new, start=last + 1):
        if entry.role is Role.SUMMARY:
            extent = {"place": seq, "covers": entry.covers}
            transaction.run(_SUMMARISE, {**this, **extent})
        elif entry.role is Role.USER and not titled:
            transaction.run(_ENTITLE, {**this, "words": plain(title_of(entry.text))})
            titled = True


def write_after(
    transaction: Transaction, conversation: ConversationId, new: Sequence[Entry], *, last: int
) -> None:
    """Append to a log whose last number was `last` a moment ago.

    It costs no look unless somebody else appended meanwhile: numbers have no gaps, so an entry of
    theirs has the next one.
    """
    if len(new) == 1 and new[0].role is Role.ASSISTANT:
        row = _row(conversation, new[0], last + 1)
        if transaction.run(_INSERT_IF_FREE, row):
            return
    [last] = transaction.one(_LAST, {"this": conversation}) or (0,)
    write(transaction, conversation, new, last=last)


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
    [bodies] = transaction.one(_SINCE, {"this": conversation, "after": after}) or (None,)
    later = _decode(f"[{bodies or ''}]")
    later.sort(key=_by_number)  # an aggregate promises no order
    return since_summary([*kept, *later]) if covered else [*kept, *later]


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
    end = _decode(f"[{','.join(bodies[::-1])}]")
    if summary and end and end[0].seq > summary:
        found = transaction.one(_ONE, {**this, "summary": summary})
        end = [*_decode(f"[{','.join(found or ())}]"), *end]
    return latest(since_summary(end), limit)


_USUAL = Entry._fields.index("tool_calls")
"""How many fields of an entry are stored where the others are empty."""
_EMPTY = tuple(Entry._field_defaults.values())[_USUAL - len(Entry._fields) :]


def _row(conversation: ConversationId, entry: Entry, seq: int) -> dict[str, Value]:
    said = entry._replace(seq=seq)
    body = said[:_USUAL] if said[_USUAL:] == _EMPTY else said
    return {"conversation": conversation, "seq": seq, "body": encode(body)}
