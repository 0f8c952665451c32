"""Schedules and their planned times: `runtime.ports.Schedules`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import occurrences
from adapters.sql.codec import decoder, encode, maybe_micros, maybe_moment, micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema import counters, schedules
from adapters.sql.schema import occurrences as planned
from adapters.sql.transaction import Row, Statement, Transaction, Value, Work
from adapters.sql.upsert import insert
from runtime.errors import Conflict
from runtime.ids import AgentName, RunId, ScheduleId
from runtime.model import recorded
from runtime.model.address import Principal, ThreadRef
from runtime.model.schedule import (
    Due,
    Occurrence,
    OccurrenceState,
    Schedule,
    ScheduleState,
    When,
)
from runtime.ports import Claim

_ACTIVE = word(ScheduleState.ACTIVE)
_DELETED = word(ScheduleState.DELETED)

_GOES_ON = ScheduleState.ACTIVE.value
_ENDS = ScheduleState.FINISHED.value

_COLUMNS = tuple(schedules.c)

_INSERT = (
    insert(schedules)
    .values({column.name: bindparam(column.name) for column in schedules.c})
    .on_conflict_do_nothing(index_elements=[schedules.c.id])
)
"""Stores a schedule, unless another process stored the same one in this moment."""

_NUMBER = (
    insert(counters)
    .values(name="schedule", value=1)
    .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + 1})
    .returning(counters.c.value)
)
"""Takes the next number; the counter's row is locked until the transaction ends."""

_BY_ID = sa.select(*_COLUMNS).where(schedules.c.id == bindparam("this"))
"""Reads a schedule for its run."""

_BY_NUMBER = sa.select(*_COLUMNS).where(schedules.c.number == bindparam("this"))
"""Reads a schedule by the number that people use."""

_ALL = (
    sa.select(*_COLUMNS)
    .where(schedules.c.state != _DELETED)
    .order_by(schedules.c.next_at.is_(None), schedules.c.next_at, schedules.c.number)
)
"""Lists schedules for `/schedule list` and for briefings."""

_CHANGE = (
    sa.update(schedules)
    .where(schedules.c.id == bindparam("this"), schedules.c.state == bindparam("was"))
    .values(state=bindparam("becomes"), next_at=bindparam("at"), held=bindparam("held"))
)
"""Changes the state, if it is still what the caller saw."""

_DUE = (
    sa.select(schedules.c.id, schedules.c.next_at, schedules.c.body)
    .where(
        schedules.c.state == _ACTIVE, schedules.c.next_at <= bindparam("now", type_=sa.BigInteger)
    )
    # The index's own order: sorting those of the same moment would read all of them for a page.
    .order_by(schedules.c.next_at, schedules.c.id)
    .limit(bindparam("limit", type_=sa.BigInteger))
    .offset(bindparam("skip", type_=sa.BigInteger))
)
"""Finds what a tick has to fire."""

_place = sa.tuple_(schedules.c.next_at, schedules.c.id)
"""The order of claims (`_in_order`), and of the index."""


def _end(time: str, schedule: str) -> sa.Tuple:
    """An end of a stretch in that order: the pair of two parameters."""
    return sa.tuple_(bindparam(time, type_=sa.BigInteger), bindparam(schedule, type_=sa.Text))


_AS_READ = (
    sa.select(schedules.c.id, schedules.c.next_at)
    .where(
        schedules.c.state == _ACTIVE,
        # By both: of fifty thousand that are due at one instant, a batch is a thousand.
        _place >= _end("first", "first_id"),
        _place <= _end("last", "last_id"),
    )
    .order_by(schedules.c.next_at, schedules.c.id)
)
"""Finds what is due still, of many. A thousand schedules lie on nearly as many pages of the table,
and side by side in the index, which has all that is asked for here."""
_LOCK_AS_READ = _AS_READ.with_for_update()

_ONE_AS_READ = sa.select(schedules.c.id).where(
    schedules.c.id == bindparam("this"),
    schedules.c.state == _ACTIVE,
    schedules.c.next_at == bindparam("planned"),
)
"""Finds whether one is due still."""
_LOCK_ONE = _ONE_AS_READ.with_for_update()

_MOVE_ON = (
    sa.update(schedules)
    .where(
        schedules.c.id == bindparam("this"),
        schedules.c.state == _ACTIVE,
        schedules.c.next_at == bindparam("planned"),
        sa.exists().where(
            planned.c.schedule == schedules.c.id,
            planned.c.planned_at == bindparam("latest"),
            planned.c.manual == sa.literal_column("''", sa.Text),
        ),
    )
    .values(state=bindparam("becomes"), next_at=bindparam("at"))
)
"""Moves a schedule on whose planned time is written, if no other process did."""

_NEXT_TIME = sa.select(sa.func.min(schedules.c.next_at)).where(schedules.c.state == _ACTIVE)
"""Finds how long the ticker may sleep."""


class _Terms(msgspec.Struct, kw_only=True):
    """What a person decided when the schedule was made. It never changes."""

    when: When
    instruction: str
    agent: AgentName
    target: ThreadRef
    made_by: Principal
    made_in: ThreadRef


class _Times(msgspec.Struct):
    """The part of the terms that planning takes; reading the others would take three times it."""

    when: When


_decode = decoder(_Terms)
_decode_times = decoder(_Times)


class _Raced(Exception):
    """Some of the claims were somebody else's, so that all of them have to be looked at singly."""


class SqlSchedules(occurrences.SqlOccurrences):
    """Schedules in a database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    async def add(self, schedule: Schedule) -> Schedule:
        """Store the schedule under the next number: see the port."""

        def work(transaction: Transaction) -> Row | None:
            this = {"this": schedule.id}
            if (known := transaction.one(_BY_ID, this)) is not None:
                return known
            [number] = transaction.one(_NUMBER) or (0,)
            if transaction.run(_INSERT, _row(schedule, number)):
                transaction.audit(recorded.schedule_made(replace(schedule, number=number)))
            return transaction.one(_BY_ID, this)

        return _schedule_of(await self._database.write(work))

    async def get(self, number: int) -> Schedule | None:
        """The schedule of that number: see the port."""
        return await self._one(_BY_NUMBER, number)

    async def by_id(self, schedule: ScheduleId) -> Schedule | None:
        """The schedule of that id: see the port."""
        return await self._one(_BY_ID, schedule)

    async def all(self) -> list[Schedule]:
        """Every schedule that is not deleted: see the port."""
        return await self._database.scan(lambda t: [_schedule_of(row) for row in t.all(_ALL)])

    async def change(
        self,
        schedule: ScheduleId,
        *,
        was: ScheduleState,
        becomes: ScheduleState,
        next_at: datetime | None,
        held: RunId | None = None,
        by: Principal | None = None,
    ) -> None:
        """Change the state: see the port."""
        change: dict[str, Value] = {
            "this": schedule,
            "was": was.value,
            "becomes": becomes.value,
            "at": maybe_micros(next_at),
            "held": held,
        }

        def work(transaction: Transaction) -> None:
            if not transaction.run(_CHANGE, change):
                raise Conflict(f"the schedule is no longer {was}")
            transaction.audit(recorded.schedule_changed(schedule, was, becomes, by))

        await self._database.write(work)

    async def due(self, *, now: datetime, limit: int = 200, skip: int = 0) -> list[Due]:
        """Schedules whose time has come: see the port."""
        page: dict[str, Value] = {"now": micros(now), "limit": limit, "skip": skip}
        return await self._database.read(lambda t: [_due_of(row) for row in t.all(_DUE, page)])

    async def claim(self, claims: Sequence[Claim]) -> list[Occurrence]:
        """Write planned times: see the port."""
        if not claims:
            return []
        ordered = _in_order(claims)
        written: set[RunId] | None = None
        try:
            await self._database.write(_claiming_all(ordered))
        except _Raced:
            written = await self._database.write(_claiming_each(ordered))
        return [
            occurrence
            for claim in claims
            for occurrence in claim.occurrences
            if occurrence.state is OccurrenceState.DUE
            and (written is None or occurrence.run in written)
        ]

    async def move_on(self, claims: Sequence[Claim]) -> None:
        """Write next times: see the port."""
        moves = [_move(claim) for claim in _in_order(claims)]
        await self._database.write(lambda t: t.each(_MOVE_ON, moves))

    async def next_time(self) -> datetime | None:
        """The earliest next time: see the port."""
        row = await self._database.read(lambda t: t.one(_NEXT_TIME))
        return None if row is None else maybe_moment(row[0])

    async def _one(self, statement: Statement, key: str | int) -> Schedule | None:
        row = await self._database.read(lambda t: t.one(statement, {"this": key}))
        return None if row is None else _schedule_of(row)


def _in_order(claims: Sequence[Claim]) -> list[Claim]:
    """One order for everybody, so that two processes that want the same never deadlock."""
    return sorted(claims, key=lambda claim: (claim.due.next_at, claim.due.schedule))


def _claiming_all(claims: Sequence[Claim]) -> Work[None]:
    """Writes the planned times of all of them, or raises `_Raced` and writes none."""
    read: set[tuple[str, int]] = set()
    due: list[dict[str, Value]] = []
    missed: list[dict[str, Value]] = []
    for claim in claims:
        read.add((claim.due.schedule, micros(claim.due.next_at)))
        for one in claim.occurrences:
            if one.state is OccurrenceState.DUE:
                at = micros(one.planned_at)
                due.append({"run": one.run, "schedule": one.schedule, "planned_at": at})
            else:
                missed.append(occurrences.row(one))
    events = recorded.occurrences_claimed(one for claim in claims for one in claim.occurrences)
    ends = [_move(claim) for claim in claims if claim.next_at is None]
    stretch = _stretch(claims)

    def work(transaction: Transaction) -> None:
        transaction.lock(_LOCK_AS_READ, stretch)
        if (
            not read.issubset(map(tuple, transaction.all(_AS_READ, stretch)))
            or occurrences.insert_all(transaction, missed) != len(missed)
            or occurrences.insert_due(transaction, due) != len(due)
            or transaction.each(_MOVE_ON, ends) != len(ends)
        ):
            raise _Raced
        transaction.audit(*events)

    return work


def _stretch(claims: Sequence[Claim]) -> dict[str, Value]:
    """The parameters of `_AS_READ`, for claims in order."""
    first, last = claims[0].due, claims[-1].due
    return {
        "first": micros(first.next_at),
        "first_id": first.schedule,
        "last": micros(last.next_at),
        "last_id": last.schedule,
    }


def _claiming_each(claims: Sequence[Claim]) -> Work[set[RunId]]:
    """Writes those that nobody else did; the runs of the planned times that this wrote."""

    def work(transaction: Transaction) -> set[RunId]:
        written = list[Occurrence]()
        for claim in claims:
            if _as_read(transaction, claim):
                all_of = claim.occurrences
                written += [one for one in all_of if occurrences.insert(transaction, one)]
                transaction.each(_MOVE_ON, [] if claim.next_at else [_move(claim)])
        transaction.audit(*recorded.occurrences_claimed(written))
        return {occurrence.run for occurrence in written}

    return work


def _as_read(transaction: Transaction, claim: Claim) -> bool:
    """Whether the schedule is as it was read; it stays so until the transaction ends."""
    this: dict[str, Value] = {"this": claim.due.schedule, "planned": micros(claim.due.next_at)}
    transaction.lock(_LOCK_ONE, this)
    return transaction.one(_ONE_AS_READ, this) is not None


def _move(claim: Claim) -> dict[str, Value]:
    """The parameters of `_MOVE_ON`."""
    next_at = claim.next_at
    return {
        "this": claim.due.schedule,
        "planned": micros(claim.due.next_at),
        "latest": micros(claim.occurrences[-1].planned_at),
        "becomes": _GOES_ON if next_at is not None else _ENDS,
        "at": maybe_micros(next_at),
    }


def _due_of(row: Row) -> Due:
    key, next_at, body = row
    return Due(ScheduleId(key), _decode_times(body).when, moment(next_at))


def _row(schedule: Schedule, number: int) -> dict[str, Value]:
    terms = _Terms(
        when=schedule.when,
        instruction=schedule.instruction,
        agent=schedule.agent,
        target=schedule.target,
        made_by=schedule.made_by,
        made_in=schedule.made_in,
    )
    return {
        "id": schedule.id,
        "number": number,
        "state": schedule.state.value,
        "next_at": maybe_micros(schedule.next_at),
        "created_at": micros(schedule.created_at),
        "body": encode(terms),
        "held": schedule.held,
    }


def _schedule_of(row: Row | None) -> Schedule:
    if row is None:
        raise Conflict("the schedule is gone")
    key, number, state, next_at, created_at, body, held = row
    terms = _decode(body)
    return Schedule(
        id=ScheduleId(key),
        number=number,
        when=terms.when,
        instruction=terms.instruction,
        agent=terms.agent,
        target=terms.target,
        made_by=terms.made_by,
        made_in=terms.made_in,
        state=ScheduleState(state),
        next_at=maybe_moment(next_at),
        created_at=moment(created_at),
        held=RunId(held) if held else None,
    )
