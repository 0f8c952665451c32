"""The conversation log: appending to it and reading what it still says.

A row holds one entry, or some of a turn that were written together, under the first one's number.
What a turn was asked waits in the turn's own row for the first thing that the turn says, and goes
into the log with that: a turn that answers at once writes one row.
"""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam, literal_column

from adapters.sql.codec import decoder, encode, plain
from adapters.sql.constants import word
from adapters.sql.schema import conversations, entries, turns
from adapters.sql.transaction import Transaction, Value
from adapters.sql.upsert import insert as upsert
from runtime.ids import ConversationId, Platform
from runtime.model.address import Principal, key_of
from runtime.model.conversation import Entry, Role, latest, since_summary, title_of
from runtime.model.turn import TurnState

_read = decoder(list[Entry])
_read_plainly = decoder(list[list[Any]])
_by_number = attrgetter("seq")

_SEQ = Entry._fields.index("seq")
_BY = Entry._fields.index("by")
_USUAL = Entry._fields.index("tool_calls")
"""How many fields of an entry are stored where the others are empty."""
_EMPTY = tuple(Entry._field_defaults.values())[_USUAL - len(Entry._fields) :]

_INSERT = sa.insert(entries)
_INSERT = _INSERT.values({column.name: bindparam(column.name) for column in entries.c})
"""Writes a row. Of two that take the same number, Postgres lets one run again."""

_INSERT_IF_FREE = upsert(entries)
_INSERT_IF_FREE = _INSERT_IF_FREE.values(
    {column.name: bindparam(column.name) for column in entries.c}
).on_conflict_do_nothing()
"""Writes a row under a number that is believed to be the next; none where it is taken."""

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

_LAST = (
    sa.select(entries.c.body)
    .where(entries.c.conversation == bindparam("this"))
    .order_by(entries.c.seq.desc())
    .limit(literal_column("1", sa.Integer))
)
"""Reads a log's last row, which has its last entry."""

# A word of the text: the parameter that SQLAlchemy would make is filled in by its own execution.
_COMMA: Any = literal_column("','")
_ZERO = literal_column("0", sa.BigInteger)
_after = bindparam("after", type_=sa.BigInteger)
_SINCE = sa.select(sa.func.aggregate_strings(entries.c.body, _COMMA)).where(
    entries.c.conversation == bindparam("this"),
    entries.c.seq > _after,
)
"""Reads what a turn that begins does not know yet of what the log still says, as one text: to get
each row by itself takes twice as long.
"""

WITH_PLACE = (
    sa.select(sa.func.aggregate_strings(entries.c.body, _COMMA))
    .where(
        entries.c.conversation == conversations.c.id,
        entries.c.seq > _after,
        sa.or_(conversations.c.covered == _ZERO, _after > _ZERO),
    )
    .correlate(conversations)
    .scalar_subquery()
)
"""Reads the same beside where the conversation stands: a statement costs as much as ten rows.
Nothing of a log of which the beginning is summarised and nothing is known.
"""

_earlier = entries.alias("earlier")
_of_covered = (
    sa.select(sa.func.coalesce(sa.func.max(_earlier.c.seq), _ZERO))
    .where(
        _earlier.c.conversation == bindparam("this"),
        _earlier.c.seq <= bindparam("covered", type_=sa.BigInteger),
    )
    .scalar_subquery()
)
"""Where the row begins that has the last entry which a summary stands for; it may have more."""
_SINCE_COVERED = sa.select(sa.func.aggregate_strings(entries.c.body, _COMMA)).where(
    entries.c.conversation == bindparam("this"), entries.c.seq >= _of_covered
)
"""Reads what a log says beside its summary."""

_END = (
    sa.select(entries.c.body)
    .where(entries.c.conversation == bindparam("this"), entries.c.seq >= _of_covered)
    .order_by(entries.c.seq.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads the last rows after what the summary stands for, for whoever looks back."""

_ASKED = (
    sa.select(turns.c.asked)
    .where(
        turns.c.conversation == bindparam("this"),
        sa.or_(
            turns.c.state == word(TurnState.RUNNING),
            turns.c.state == word(TurnState.WAITING),
        ),
        turns.c.asked.is_not(None),
    )
    .order_by(turns.c.id)
)
"""Reads what is asked and has no answer yet."""

_ONE = sa.select(entries.c.body).where(
    entries.c.conversation == bindparam("this"),
    entries.c.seq == bindparam("summary", type_=sa.BigInteger),
)
"""Reads the summary where it is not among them."""


class Asked(NamedTuple):
    """What a turn was asked, as long as it is not in the log.

    Attributes:
        entry: with the log's next number, which another turn may take first.
        body: the entry as it is stored.
    """

    entry: Entry
    body: str


def asked_as(entry: Entry) -> Asked:
    """What a turn is asked, under the number that it has already."""
    body = encode_one(entry, entry.seq)
    # As it is stored, where that may differ: without halves of surrogate pairs.
    return Asked(entry if entry.text.isascii() else decode(body)[0], body)


def asked_of(body: str | None) -> Asked | None:
    """What stands in a turn's row, if anything does."""
    return None if body is None else Asked(decode(body)[0], body)


def decode(body: str) -> list[Entry]:
    """The entries of a row, or of some."""
    try:
        return _read(f"[{body}]")
    except msgspec.ValidationError:
        return _read_earlier(body)


def _read_earlier(body: str) -> list[Entry]:
    """The same of rows from before a person was stored as one text: they are left as they are."""
    stored = _read_plainly(f"[{body}]")
    for fields in stored:
        who = fields[_BY]
        if isinstance(who, dict):
            who = Principal(Platform(who["platform"]), who["workspace"], who["user"])
            fields[_BY] = key_of(who)
    return _read(encode(stored))


def write(
    transaction: Transaction,
    conversation: ConversationId,
    new: Sequence[Entry],
    *,
    last: int,
    titled: bool = False,
) -> None:
    """Append entries to a log whose last number is `last`; `titled` says that it has a title."""
    numbered = [entry._replace(seq=seq) for seq, entry in enumerate(new, start=last + 1)]
    transaction.each(_INSERT, [_row(conversation, together) for together in _rows(numbered)])
    for entry in numbered:
        if entry.role is Role.SUMMARY:
            extent = {"place": entry.seq, "covers": entry.covers}
            transaction.run(_SUMMARISE, {"this": conversation, **extent})
        elif entry.role is Role.USER and not titled:
            entitle(transaction, conversation, entry)
            titled = True


def entitle(transaction: Transaction, conversation: ConversationId, asked: Entry) -> None:
    """Name the conversation after what was asked, unless it has a name."""
    words = plain(title_of(asked.text))
    transaction.run(_ENTITLE, {"this": conversation, "words": words})


def write_with(
    transaction: Transaction, conversation: ConversationId, asked: Asked, new: Sequence[Entry]
) -> None:
    """Append what a turn was asked, which it kept until now, and what it says first.

    It costs no look at the log unless somebody else appended since the turn began: a row of theirs
    then begins with the question's number.
    """
    if all(entry.role is Role.ASSISTANT for entry in new):
        seq = asked.entry.seq
        bodies = [encode_one(e, n) for n, e in enumerate(new, start=seq + 1)]
        body = ",".join([asked.body, *bodies])
        row: dict[str, Value] = {"conversation": conversation, "seq": seq, "body": body}
        if transaction.run(_INSERT_IF_FREE, row):
            return
    together = [asked.entry, *new]
    write(transaction, conversation, together, last=last_of(transaction, conversation), titled=True)


def last_of(transaction: Transaction, conversation: ConversationId) -> int:
    """The number of the log's last entry, 0 where it is empty."""
    row = transaction.one(_LAST, {"this": conversation})
    return 0 if row is None else decode(row[0])[-1].seq


def read(
    transaction: Transaction,
    conversation: ConversationId,
    covered: int,
    known: Sequence[Entry] = (),
) -> tuple[list[Entry], int]:
    """What the log still says (see `since_summary`), and the number of its last entry.

    `known` is all that it said before. A row never changes, so only rows that came since are read.
    """
    kept = known if _is_of_use(known, covered) else ()
    statement = _SINCE if kept or not covered else _SINCE_COVERED
    given: dict[str, Value] = {"this": conversation, "after": end_of(kept), "covered": covered}
    [bodies] = transaction.one(statement, given) or (None,)
    return _together(kept, bodies, covered)


def read_with_place(
    transaction: Transaction,
    conversation: ConversationId,
    covered: int,
    known: Sequence[Entry],
    bodies: str | None,
) -> tuple[list[Entry], int]:
    """The same where `WITH_PLACE` read these, after the end of what is known."""
    if not _is_of_use(known, covered) and (known or covered):
        return read(transaction, conversation, covered)
    return _together(known, bodies, covered)


def end_of(known: Sequence[Entry]) -> int:
    """The number after which a log goes on of which that is known."""
    return max(known[0].seq, known[-1].seq) if known else 0


def _is_of_use(known: Sequence[Entry], covered: int) -> bool:
    return bool(known) and covered >= known[0].covers


def _together(kept: Sequence[Entry], bodies: str | None, covered: int) -> tuple[list[Entry], int]:
    """What the log says by what was known and what was read, and its last number."""
    later = decode(bodies or "")
    later.sort(key=_by_number)  # an aggregate promises no order
    last = later[-1].seq if later else end_of(kept)
    said = [*kept, *later] if kept else later
    return (since_summary(said) if covered else said), last


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
    asked = [row[0] for row in transaction.all(_ASKED, this)]  # first: it may be in the log next
    bodies = [row[0] for row in transaction.all(_END, {**this, "covered": covered, "limit": limit})]
    end = decode(",".join(bodies[::-1]))
    if summary and end and end[0].seq > summary:
        found = transaction.one(_ONE, {**this, "summary": summary})
        end = [*decode(",".join(found or ())), *end]
    logged = {entry.turn for entry in end}
    open_ones = [entry for entry in decode(",".join(asked)) if entry.turn not in logged]
    return latest([*since_summary(end), *open_ones], limit)


def encode_one(entry: Entry, seq: int) -> str:
    """The entry as it is stored under that number."""
    later = entry[_SEQ + 1 : _USUAL] if entry[_USUAL:] == _EMPTY else entry[_SEQ + 1 :]
    return encode((*entry[:_SEQ], seq, *later))


def _row(conversation: ConversationId, together: Sequence[Entry]) -> dict[str, Value]:
    body = ",".join([encode_one(entry, entry.seq) for entry in together])
    return {"conversation": conversation, "seq": together[0].seq, "body": body}


def _rows(numbered: Sequence[Entry]) -> Iterator[list[Entry]]:
    """The entries by rows: of one turn each, from what it was asked on; a summary by itself."""
    row: list[Entry] = []
    for entry in numbered:
        begins = entry.role in (Role.USER, Role.SUMMARY)
        if row and (begins or row[-1].role is Role.SUMMARY or row[-1].turn != entry.turn):
            yield row
            row = []
        row.append(entry)
    if row:
        yield row
