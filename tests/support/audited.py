"""Whether the audit log of a database is whole, and says exactly what its other tables say."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from runtime.chain import walk
from runtime.model.audit import AuditRecord, micros_of

Rows = Callable[[str], Sequence[tuple[Any, ...]]]
"""Asks the database, past the program."""

_ENDED = {"done": "turn.ended", "failed": "turn.ended", "stopped": "turn.stopped"}
_FIRED = {"missed": "schedule.missed"}


async def disagreements(rows: Rows) -> list[str]:
    """What is wrong with the chain, done without its record, or recorded and not done."""
    records = [AuditRecord(*row) for row in rows("SELECT * FROM audit ORDER BY seq")]
    said = Counter(what for record in records for what in _said(record))
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


def _said(record: AuditRecord) -> list[tuple[str, str]]:
    """A kind, and what it happened to; a planned time with its schedule and its moment."""
    noun, facts = record.kind.partition(".")[0], json.loads(record.body)
    match record.kind:
        case "schedule.fired" | "schedule.missed":
            runs = facts.get("runs") or {record.turn: facts["schedule"]}
            at = str(micros_of(datetime.fromisoformat(facts["planned"])))
            return [(record.kind, f"{run} of {of} at {at}") for run, of in runs.items()]
        case "approval.asked":
            what = str(facts["approval"])
        case "command.done":
            what = str(facts["row"])
        case _:
            own = noun == "turn" or record.kind == "schedule.ended"
            what = record.turn if own else str(facts.get("schedule", ""))
    return [(record.kind, what)]


def _done(rows: Rows) -> Iterable[tuple[str, str]]:
    """The same, as the tables say it."""
    for turn, state in rows("SELECT id, state FROM turns"):
        yield "turn.started", turn
        if state in _ENDED:
            yield _ENDED[state], turn
    for schedule in rows("SELECT id FROM schedules"):
        yield "schedule.made", schedule[0]
    planned = "SELECT run, state, schedule, planned_at FROM occurrences"
    for run, state, of, at in rows(planned):
        yield _FIRED.get(state, "schedule.fired"), f"{run} of {of} at {at}"
        if state in ("done", "failed"):
            yield "schedule.ended", run
    for approval in rows("SELECT id FROM approvals"):
        yield "approval.asked", approval[0]


def _only(said: Counter[tuple[str, str]], done: Counter[tuple[str, str]]) -> Counter[Any]:
    """Of what is said, the kinds that the tables can answer for."""
    kinds = {kind for kind, _ in done} | {"turn.started", "turn.ended", "schedule.fired"}
    return Counter({what: count for what, count in said.items() if what[0] in kinds})
