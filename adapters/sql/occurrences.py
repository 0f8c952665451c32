"""Planned times: the half of `runtime.ports.Schedules` that is about single firings."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import upsert
from adapters.sql.codec import maybe_micros, maybe_moment, micros, moment, plain
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema import occurrences
from adapters.sql.transaction import Params, Row, Transaction, Value
from runtime.ids import RunId, ScheduleId
from runtime.model import recorded
from runtime.model.schedule import Occurrence, OccurrenceState

_DUE = word(OccurrenceState.DUE)
_COLUMNS = tuple(occurrences.c)

_INSERT = (
    upsert.insert(occurrences)
    .values({column.name: bindparam(column.name) for column in occurrences.c})
    .on_conflict_do_nothing()
)
"""Writes a planned time, unless it is there: this is what makes a firing happen once."""

_INSERT_DUE = (
    upsert.insert(occurrences)
    .values(
        run=bindparam("run"),
        schedule=bindparam("schedule"),
        planned_at=bindparam("planned_at"),
        manual=sa.literal_column("''", sa.Text),
        state=_DUE,
        finished_at=sa.null(),
        result=sa.literal_column("''", sa.Text),
        delivery=sa.literal_column("''", sa.Text),
        error=sa.literal_column("''", sa.Text),
    )
    .on_conflict_do_nothing()
)
"""The same for one that has just come due: a thousand may at once, and this takes a third."""

_UNFINISHED = (
    sa.select(*_COLUMNS)
    .where(occurrences.c.state == _DUE)
    .order_by(occurrences.c.planned_at, occurrences.c.run)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Finds planned times whose runs may have to be started again."""

_UNFINISHED_AFTER = _UNFINISHED.where(
    sa.tuple_(occurrences.c.planned_at, occurrences.c.run)
    > sa.tuple_(bindparam("at", type_=sa.BigInteger), bindparam("after", type_=sa.Text))
)
"""Reads the next page of them."""

_IS_OF = occurrences.c.schedule + sa.literal_column("''", sa.Text) == bindparam("of")
"""Whose it is. Not by an index: that of what is due is short, and a schedule's history is long."""

_UNFINISHED_OF = _UNFINISHED.where(_IS_OF)
"""Finds those of a schedule, for one that is deleted."""

_UNFINISHED_OF_AFTER = _UNFINISHED_AFTER.where(_IS_OF)
"""Reads the next page of those."""

_END = (
    sa.update(occurrences)
    .where(occurrences.c.run == bindparam("this"), occurrences.c.state == _DUE)
    .values(
        state=bindparam("becomes"),
        finished_at=bindparam("at"),
        result=bindparam("said"),
        delivery=sa.case(
            (occurrences.c.delivery == "", bindparam("delivered")), else_=occurrences.c.delivery
        ),
        error=bindparam("because"),
    )
)
"""Ends a planned time, once; a delivery that was noted before is the later knowledge."""

_NOTE = (
    sa.update(occurrences)
    .where(occurrences.c.run == bindparam("this"))
    .values(delivery=bindparam("delivered"))
)
"""Writes what became of a result after its run had ended."""

_GET = sa.select(*_COLUMNS).where(occurrences.c.run == bindparam("this"))
"""Reads a planned time for its run."""

_LATEST = (
    sa.select(*_COLUMNS)
    .where(occurrences.c.planned_at >= bindparam("since", type_=sa.BigInteger))
    .order_by(occurrences.c.planned_at.desc(), occurrences.c.run)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads what ran lately, for briefings."""

_LATEST_OF = _LATEST.where(occurrences.c.schedule == bindparam("of"))
"""Reads what a schedule did, for `/schedule show`."""

_BEGINNING = -(2**62)
"""A time before every other."""


def insert(transaction: Transaction, occurrence: Occurrence) -> bool:
    """Write a planned time; False where it is there already. Whoever calls has it recorded."""
    return transaction.run(_INSERT, row(occurrence)) == 1


def insert_due(transaction: Transaction, rows: Sequence[Params]) -> int:
    """Write planned times that have come due: `run`, `schedule`, `planned_at`; returns how many."""
    return transaction.each(_INSERT_DUE, rows)


def insert_all(transaction: Transaction, rows: Sequence[Params]) -> int:
    """Write planned times, given by `row`, that are not there already; returns how many."""
    return transaction.each(_INSERT, rows)


class SqlOccurrences:
    """Planned times in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_occurrence(self, occurrence: Occurrence) -> None:
        """Store a planned time that a person asked for: see the port."""

        def work(transaction: Transaction) -> None:
            if insert(transaction, occurrence):
                transaction.audit(recorded.occurrence_claimed(occurrence))

        await self._database.write(work)

    async def unfinished(
        self,
        *,
        schedule: ScheduleId | None = None,
        after: Occurrence | None = None,
        limit: int = 500,
    ) -> list[Occurrence]:
        """Planned times that are due: see the port."""
        page: dict[str, Value] = {"limit": limit}
        statement = _UNFINISHED
        if after is not None:
            page |= {"at": micros(after.planned_at), "after": after.run}
            statement = _UNFINISHED_AFTER
        if schedule is not None:
            page["of"] = schedule
            statement = _UNFINISHED_OF if after is None else _UNFINISHED_OF_AFTER
        rows = await self._database.read(lambda t: t.all(statement, page))
        return [_occurrence_of(row) for row in rows]

    async def end_occurrence(
        self,
        run: RunId,
        *,
        state: OccurrenceState,
        now: datetime,
        result: str = "",
        delivery: str = "",
        error: str = "",
    ) -> None:
        """Write how a planned time ended: see the port."""
        end: dict[str, Value] = {
            "this": run,
            "becomes": state.value,
            "at": micros(now),
            "said": plain(result),
            "delivered": plain(delivery),
            "because": plain(error),
        }

        def work(transaction: Transaction) -> None:
            if transaction.run(_END, end):
                transaction.audit(recorded.occurrence_ended(run, state))

        await self._database.write(work)

    async def note_delivery(self, run: RunId, delivery: str) -> None:
        """Write what became of the result: see the port."""
        note: dict[str, Value] = {"this": run, "delivered": plain(delivery)}
        await self._database.write(lambda t: t.run(_NOTE, note))

    async def occurrence(self, run: RunId) -> Occurrence | None:
        """The planned time of the run: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": run}))
        return None if row is None else _occurrence_of(row)

    async def history(
        self, *, schedule: ScheduleId | None = None, since: datetime | None = None, limit: int = 20
    ) -> list[Occurrence]:
        """Planned times, latest first: see the port."""
        first = _BEGINNING if since is None else micros(since)
        page: dict[str, Value] = {"since": first, "limit": limit}
        statement = _LATEST if schedule is None else _LATEST_OF
        given = page if schedule is None else {**page, "of": schedule}
        rows = await self._database.scan(lambda t: t.all(statement, given))
        return [_occurrence_of(row) for row in rows]


def row(occurrence: Occurrence) -> dict[str, Value]:
    """The columns of a planned time."""
    return {
        "run": occurrence.run,
        "schedule": occurrence.schedule,
        "planned_at": micros(occurrence.planned_at),
        "manual": occurrence.run if occurrence.manual else "",
        "state": occurrence.state.value,
        "finished_at": maybe_micros(occurrence.finished_at),
        "result": plain(occurrence.result),
        "delivery": plain(occurrence.delivery),
        "error": plain(occurrence.error),
    }


def _occurrence_of(row: Row) -> Occurrence:
    run, schedule, planned_at, manual, state, finished_at, result, delivery, error = row
    return Occurrence(
        schedule=ScheduleId(schedule),
        planned_at=moment(planned_at),
        run=RunId(run),
        state=OccurrenceState(state),
        manual=bool(manual),
        finished_at=maybe_moment(finished_at),
        result=result,
        delivery=delivery,
        error=error,
    )
