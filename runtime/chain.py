"""Verifies the audit log: walks the chain record by record, and says what is wrong first.

It needs no database and no key: anybody who has the records can do it. What it can show, and what
only a head that was noted elsewhere can, is in `docs/audit.md`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from runtime.errors import Refused
from runtime.model.audit import AuditRecord, Head, digest_of
from runtime.model.value import value

PAGE = 500
"""Records that are in memory at the same time."""
_NEAR = 1_000
"""How far from its place a record that was moved is looked for."""
_HASH = 64
_BEGINNING = -(2**63)
"""Below every number that a database can hold: what is put in before the first is found, too."""


@value()
class Break:
    """Where the chain is broken first.

    Attributes:
        seq: the number of the first record that is not as it was, or not there.
        why: what is wrong with it, in words.
    """

    seq: int
    why: str


@value()
class Checked:
    """What a walk found.

    Attributes:
        count: records that are as they were recorded, from the first.
        head: the last of them: where the chain ends, as far as it is whole.
        broken: where it is broken first, or None.
    """

    count: int
    head: Head
    broken: Break | None


def read_head(written: str) -> Head:
    """A head as people write it down: `1234:ab12...`.

    Raises:
        Refused: it is none.
    """
    number, _, digest = written.strip().partition(":")
    digest = digest.casefold()
    right = number.isdecimal() and number.isascii() and len(digest) == _HASH
    if not right or set(digest) - set("0123456789abcdef"):
        raise Refused(
            f"“{written[:40]}” is no head of an audit log.",
            hint="It is the number of a record, a colon and its hash of 64 characters, "
            "as `nightdesk audit show` and the log print it.",
        )
    return Head(int(number), digest)


async def walk(
    page: Callable[[int], Awaitable[Iterable[AuditRecord]]], *, heads: Iterable[Head] = ()
) -> Checked:
    """Walk the whole chain.

    Args:
        page: the next records after that number, in order; none at the end.
        heads: where it ended at some time, as it was noted elsewhere: the chain must go through
            each of them. Where it does not, only what lies up to one that it goes through counts.
    """
    noted = set(heads)
    head = vouched = Head()
    async for record in _all(page):
        why = _wrong(record, head)
        if why:
            whole = _whole(head, vouched, noted)
            return Checked(whole.seq, whole, Break(_first(record, head), why))
        head = Head(record.seq, record.hash)
        here = {known for known in noted if known.seq == head.seq}
        if here - {head}:
            return Checked(vouched.seq, vouched, Break(head.seq, _REWRITTEN))
        vouched = head if here else vouched
    whole = _whole(head, vouched, noted)
    return Checked(whole.seq, whole, _cut(head, noted))


async def _all(
    page: Callable[[int], Awaitable[Iterable[AuditRecord]]],
) -> AsyncIterator[AuditRecord]:
    after, more = _BEGINNING, True
    while more:
        more = False
        for record in await page(after):
            yield record
            after, more = record.seq, True


_REWRITTEN = (
    "it is another record than the one whose hash you gave: this chain was written anew, by "
    "somebody who could, from this record or one before it"
)


def _wrong(record: AuditRecord, head: Head) -> str:
    """What is wrong with a record that should follow that head; empty where nothing is."""
    own = digest_of(record)
    expected = head.seq + 1
    if record.seq < expected:
        return "added: no record ever had that number"
    if record.seq != expected:
        if own != record.hash:
            return f"missing: the next record there is calls itself {record.seq}, and was changed"
        last = record.seq - 1
        gone = f"record {expected} is" if last == expected else f"records {expected} to {last} are"
        return f"missing: {gone} not there"
    if own != record.hash:
        place = _place_of(record)
        if place is not None:
            return f"reordered: what stands here was recorded as number {place}"
        return "changed: its hash is not the hash of what it says"
    if record.before != head.hash:
        return (
            "replaced: it is whole in itself, and does not follow the record before it; this one "
            "or the one before it was put in the place of another"
        )
    return ""


def _first(record: AuditRecord, head: Head) -> int:
    return min(record.seq, head.seq + 1)


def _place_of(record: AuditRecord) -> int | None:
    """The number under which the record is right, if that is near."""
    for far in range(1, _NEAR):
        for place in (record.seq - far, record.seq + far):
            if digest_of(record._replace(seq=place)) == record.hash:
                return place
    return None


def _whole(head: Head, vouched: Head, noted: Iterable[Head]) -> Head:
    """How far it is whole; where it misses a noted head, only to the last it went through."""
    return vouched if any(known.seq > head.seq for known in noted) else head


def _cut(head: Head, noted: Iterable[Head]) -> Break | None:
    """Whether the chain ended later than it does now."""
    later = [known.seq for known in noted if known.seq > head.seq]
    if not later:
        return None
    return Break(
        head.seq + 1,
        f"cut: the chain ends with record {head.seq}, and once had {max(later)} and more",
    )
