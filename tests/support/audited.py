"""Whether the audit log of a database is whole, and says exactly what its other tables say."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from runtime.chain import walk
from runtime.model.audit import AuditRecord

Rows = Callable[[str], Sequence[tuple[Any, ...]]]
"""Asks the database, past the program."""

_ENDED = {"done": "turn.ended", "failed": "turn.ended", "stopped": "turn.stopped"}
_FIRED = {"missed": "schedule.missed"}


async def disagreements(rows: Rows) -> list[str]:
    """What is wrong with the chain, done without its record, or recorded and not done."""
    records = [AuditRecord(*row) for row in rows("SELECT * FROM audit ORDER BY seq")]
    said = Counter(_said(record) for record in records)
    found = []
    checked = await walk(_pages(records))
    if checked.broken is not None:
        found.append(f"record {checked.broken.seq}: {checked.broken.why}")
    done = Counter(_done(rows))
    found += [f"done and not recorded: {what}" for what in done - said]
    found += [f"recorded and not done: {what}" for what in _only(said, done) - done]
    return found


def _pages(
    records: Sequence[AuditRecord],
) -> Any:
    async def page(after: int) -> Sequence[AuditRecord]:
        return records[after : after + 500]

    return page


def _said(record: AuditRecord) -> tuple[str, str]:
    """A kind, and what it happened to."""
    noun = record.kind.partition(".")[0]
    facts = json.loads(record.body)
    if noun == "turn" or record.kind in ("schedule.fired", "schedule.missed", "schedule.ended"):
        return record.kind, record.turn
    if record.kind == "approval.asked":
        return record.kind, str(facts["approval"])
    if record.kind == "command.done":
        return record.kind, str(facts["row"])
    return record.kind, str(facts.get("schedule", ""))


def _done(rows: Rows) -> Iterable[tuple[str, str]]:
    """The same, as the tables say it."""
    for turn, state in rows("SELECT id, state FROM turns"):
        yield "turn.started", turn
        if state in _ENDED:
            yield _ENDED[state], turn
    for schedule in rows("SELECT id FROM schedules"):
        yield "schedule.made", schedule[0]
    for run, state in rows("SELECT run, state FROM occurrences"):
        yield _FIRED.get(state, "schedule.fired"), run
        if state in ("done", "failed"):
            yield "schedule.ended", run
    for approval in rows("SELECT id FROM approvals"):
        yield "approval.asked", approval[0]


def _only(said: Counter[tuple[str, str]], done: Counter[tuple[str, str]]) -> Counter[Any]:
    """Of what is said, the kinds that the tables can answer for."""
    kinds = {kind for kind, _ in done} | {"turn.started", "turn.ended", "schedule.fired"}
    return Counter({what: count for what, count in said.items() if what[0] in kinds})
