"""The chain of the audit log: what `runtime.chain` finds, and what it says."""

from collections.abc import Callable, Sequence

import pytest

from runtime.chain import Break, Checked, read_head, walk
from runtime.errors import Refused
from runtime.model.audit import (
    LONGEST,
    SYSTEM,
    AuditEvent,
    AuditKind,
    AuditRecord,
    Head,
    digest_of,
    sealed,
)
from runtime.model.tools import Json

Tamper = Callable[[list[AuditRecord]], object]


def chain(length: int, word: str = "tool") -> list[AuditRecord]:
    records: list[AuditRecord] = []
    head = Head()
    for number in range(length):
        event = AuditEvent(AuditKind.TOOL_ENDED, SYSTEM, None, {word: number})
        records.append(sealed(event, head, at=number * 1_000_000))
        head = Head(records[-1].seq, records[-1].hash)
    return records


def head_of(records: Sequence[AuditRecord]) -> Head:
    return Head(records[-1].seq, records[-1].hash)


async def check(records: Sequence[AuditRecord], *heads: Head, most: int = 3) -> Checked:
    in_order = sorted(records, key=lambda record: record.seq)

    async def page(after: int) -> Sequence[AuditRecord]:
        return [record for record in in_order if record.seq > after][:most]

    return await walk(page, heads=heads)


def forged(record: AuditRecord, **changes: object) -> AuditRecord:
    """Changed by somebody who knows how to compute the hash."""
    changed = AuditRecord(**{**record._asdict(), **changes})
    return changed._replace(hash=digest_of(changed))


@pytest.mark.parametrize("length", [0, 1, 3, 7])
async def test_a_whole_chain_is_whole(length: int) -> None:
    records = chain(length)
    head = head_of(records) if records else Head()
    assert await check(records, head) == Checked(length, head, None)


@pytest.mark.parametrize("length", [LONGEST - 20, LONGEST, LONGEST + 1, 10 * LONGEST])
def test_a_text_is_cut_and_everything_else_is_kept(length: int) -> None:
    body: dict[str, Json] = {"rule": "é" * length, "runs": {"r" * LONGEST: "s" * LONGEST}}
    for said in (body, {"rule": body["rule"]}):
        record = sealed(AuditEvent(AuditKind.TOOL_ENDED, SYSTEM, None, said), Head(), at=0)
        assert record.facts() == {**said, "rule": "é" * min(length, LONGEST)}


async def test_the_same_things_always_have_the_same_hash() -> None:
    """What is stored stays verifiable: a change of the encoding would fail here."""
    [record] = chain(1)
    assert record.body == '{"tool":0}'
    assert record.hash == "412740c907d72feaaac181bcc3746556a4e0bd93ed9a7c670f70b267c444f5ea"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", 7),
        ("at", "yesterday"),
        ("at", None),
        ("kind", "tool.refused"),
        ("actor", "person:slack/T1/U9"),
        ("turn", "t1"),
        ("body", '{"tool":9}'),
        ("body", "no json"),
        ("body", b"\xff"),
        ("before", "f" * 64),
        ("hash", "f" * 64),
        ("hash", None),
    ],
)
async def test_a_record_that_was_changed_is_found(field: str, value: object) -> None:
    records = chain(7)
    records[3] = AuditRecord(**{**records[3]._asdict(), field: value})
    found = await check(records)
    assert found.count == 3
    assert found.broken == Break(4, "changed: its hash is not the hash of what it says")


def delete(*numbers: int) -> Tamper:
    def tamper(records: list[AuditRecord]) -> None:
        records[:] = [record for record in records if record.seq not in numbers]

    return tamper


def swap(records: list[AuditRecord]) -> None:
    one, other = records[2], records[4]
    records[2], records[4] = other._replace(seq=one.seq), one._replace(seq=other.seq)


def renumber(records: list[AuditRecord]) -> None:
    del records[3]
    records[3:] = [record._replace(seq=record.seq - 1) for record in records[3:]]


def replace_one(records: list[AuditRecord]) -> None:
    records[3] = forged(records[3], actor="agent:desk")


@pytest.mark.parametrize(
    ("tamper", "seq", "why"),
    [
        (delete(4), 4, "missing: record 4 is not there"),
        (delete(1), 1, "missing: record 1 is not there"),
        (delete(2, 3, 4), 2, "missing: records 2 to 4 are not there"),
        (swap, 3, "reordered: what stands here was recorded as number 5"),
        (renumber, 4, "reordered: what stands here was recorded as number 5"),
        (replace_one, 5, "replaced: "),
    ],
)
async def test_what_was_done_to_a_chain_is_said(tamper: Tamper, seq: int, why: str) -> None:
    records = chain(7)
    tamper(records)
    broken = (await check(records)).broken
    assert broken is not None
    assert broken.seq == seq
    assert broken.why.startswith(why)


async def test_a_forgery_at_the_end_that_does_not_follow_is_found() -> None:
    records = chain(3)
    records.append(forged(chain(4, "other")[3], actor="person:slack/T1/U1"))
    broken = (await check(records)).broken
    assert broken is not None
    assert (broken.seq, broken.why[:9]) == (4, "replaced:")


async def test_a_chain_cut_at_its_end_is_found_by_a_head_that_was_noted() -> None:
    records = chain(7)
    assert (await check(records[:5])).broken is None
    broken = (await check(records[:5], head_of(records))).broken
    assert broken == Break(6, "cut: the chain ends with record 5, and once had 7 and more")


async def test_a_chain_that_was_written_anew_is_found_by_a_head_that_was_noted() -> None:
    noted = head_of(chain(5))
    anew = chain(7, "other")
    assert (await check(anew)).broken is None
    broken = (await check(anew, noted)).broken
    assert broken is not None
    assert broken.seq == 5
    assert "written anew" in broken.why


async def test_a_chain_goes_through_every_head_that_was_noted() -> None:
    records = chain(7)
    assert (await check(records, *map(head_of, (records[:2], records[:5], records)))).broken is None


def test_parts_cannot_run_into_each_other() -> None:
    one = AuditRecord(1, 2, "a", "b;1:c", "", "", "", "")
    other = AuditRecord(1, 2, "a", "b", "c", "", "", "")
    assert digest_of(one) != digest_of(other)


@pytest.mark.parametrize("written", ["", "7", "7:", "x:" + "a" * 64, "7:" + "g" * 64, "7:abc"])
def test_what_is_no_head_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="no head"):
        read_head(written)


def test_a_head_is_read_as_it_is_written() -> None:
    head = head_of(chain(2))
    assert read_head(f" {head} ".upper()) == head
