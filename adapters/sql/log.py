"""The conversation log: appending to it and reading what it still says."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import decoder, encode, plain
from adapters.sql.schema import conversations, entries, turns
from adapters.sql.transaction import Transaction, Value
from runtime.ids import ConversationId
from runtime.model.conversation import Entry, Role, latest, since_summary, title_of

_decode = decoder(list[Entry])

_BEHIND = bindparam("behind", type_=sa.BigInteger)
_ADVANCE = sa.update(conversations).values(
    last_seq=conversations.c.last_seq + bindparam("entries", type_=sa.BigInteger),
    covered=sa.func.coalesce(bindparam("covers", type_=sa.BigInteger), conversations.c.covered),
    summary=sa.func.coalesce(conversations.c.last_seq + _BEHIND, conversations.c.summary),
    title=sa.case(
        (conversations.c.title == sa.literal_column("''"), bindparam("words", type_=sa.Text)),
        else_=conversations.c.title,
    ),
)

ADVANCE = _ADVANCE.where(conversations.c.id == bindparam("this")).returning(
    conversations.c.last_seq
)
"""Takes the next numbers of a log. It writes the row that is the conversation's lock."""

ADVANCE_OF_TURN = _ADVANCE.where(
    conversations.c.id
    == sa.select(turns.c.conversation).where(turns.c.id == bindparam("turn")).scalar_subquery()
).returning(conversations.c.last_seq, conversations.c.id)
"""The same for the conversation of a turn, which it finds and locks in one."""

_INSERT = sa.insert(entries)
_INSERT = _INSERT.values({column.name: bindparam(column.name) for column in entries.c})
"""Writes entries under the numbers that were taken for them."""

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


class Advance(NamedTuple):
    """What appending some entries changes in the conversation's own row.

    Attributes:
        entries: how many there are.
        covers: what the latest summary among them stands for, or None.
        behind: the place of that summary among them, counted from 1, or None.
        words: the first words that a person says in them.
    """

    entries: int
    covers: int | None
    behind: int | None
    words: str

    @classmethod
    def of(cls, new: Sequence[Entry]) -> "Advance":
        """The change that these entries make."""
        covers = behind = None
        words = ""
        for place, entry in enumerate(new, start=1):
            if entry.role is Role.SUMMARY:
                covers, behind = entry.covers, place
            elif entry.role is Role.USER and not words:
                words = plain(title_of(entry.text))
        return cls(len(new), covers, behind, words)


def advance(
    transaction: Transaction, conversation: ConversationId, new: Sequence[Entry]
) -> int | None:
    """Lock the conversation and take numbers for the entries; the last one, None if it is gone."""
    row = transaction.one(ADVANCE, {"this": conversation, **Advance.of(new)._asdict()})
    return None if row is None else int(row[0])


def write(
    transaction: Transaction, conversation: ConversationId, new: Sequence[Entry], last: int
) -> list[Entry]:
    """Write entries whose numbers end with `last`; returns them with their numbers."""
    first = last - len(new) + 1
    numbered = [replace(entry, seq=first + place) for place, entry in enumerate(new)]
    rows: list[dict[str, Value]] = [
        {"conversation": conversation, "seq": entry.seq, "body": encode(entry)}
        for entry in numbered
    ]
    transaction.each(_INSERT, rows)
    return numbered


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
