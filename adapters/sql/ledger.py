"""The ledger: `runtime.ports.Ledger`.

A reservation is one transaction. Each of its meters is raised by one statement that does so only
where the limit allows it, which decides on Postgres too, where others reserve at the same time; the
look before it only spares the undoing. Meters are always taken in one order, the organisation's
last: it is everybody's, so its row is locked for the shortest time, and nobody waits in a circle.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.callrows import call_of, outcome_of, row_of
from adapters.sql.codec import micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.meters import forget_meters
from adapters.sql.schema_ledger import calls, entries, meters
from adapters.sql.transaction import Params, Row, Transaction
from adapters.sql.upsert import insert
from runtime.errors import Conflict, StorageUnavailable
from runtime.ids import HoldId
from runtime.model.ledger import (
    Call,
    CallState,
    Change,
    EntryKind,
    LedgerEntry,
    Settlement,
    overdue,
    reserved,
    settled,
    share_of,
    within,
)
from runtime.model.meter import DOLLARS, Balance, Bound, Meter, Period, Scope, Short

_UNBOUND = 1 << 62
"""More than anybody spends: the limit of a meter that has none."""
_TRIES = 20
"""Reservations that met others on the way, before it is said that the database is too busy."""
_PAGE = 200

_ADDED = ("spent", "held", "calls", "prompt_tokens", "completion_tokens")
_RAISE = insert(meters).values({column.name: bindparam(column.name) for column in meters.c})
_RAISE = _RAISE.on_conflict_do_update(
    index_elements=[meters.c.id],
    set_={name: meters.c[name] + _RAISE.excluded[name] for name in _ADDED}
    | {"used_at": _RAISE.excluded.used_at},
    where=meters.c.spent + meters.c.held + _RAISE.excluded.held
    <= bindparam("cap", type_=sa.BigInteger),
)
"""Raises a meter, if it stays within its limit; whoever calls looked whether a new one does."""
_CHANGE = (
    sa.update(meters)
    .where(meters.c.id == bindparam("this"))
    .values(
        {name: meters.c[name] + bindparam(f"by_{name}", type_=sa.BigInteger) for name in _ADDED}
        | {"used_at": bindparam("now", type_=sa.BigInteger)}
    )
)
"""Changes a meter, whatever its limit: what was spent was spent."""
_SAYS = sa.select(*(meters.c[name] for name in _ADDED)).where(meters.c.id == bindparam("this"))
_METER = (meters.c.scope, meters.c.subject, meters.c.period, meters.c.stamp, meters.c.currency)
_DEAREST = (
    sa.select(*_METER, *(meters.c[name] for name in _ADDED))
    .where(
        meters.c.scope == bindparam("scope"),
        meters.c.period == bindparam("period"),
        meters.c.stamp == bindparam("stamp"),
        meters.c.currency == bindparam("currency"),
        sa.or_(meters.c.spent + meters.c.held > 0, meters.c.calls > 0),
    )
    .order_by(meters.c.spent.desc(), meters.c.subject)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_SERIES = (
    sa.select(*_METER, *(meters.c[name] for name in _ADDED))
    .where(
        meters.c.scope == bindparam("scope"),
        meters.c.subject == bindparam("subject"),
        meters.c.period == bindparam("period"),
        meters.c.currency == bindparam("currency"),
    )
    .order_by(meters.c.stamp.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)

_CALL = tuple(calls.c)
_STORE = insert(calls).values({column.name: bindparam(column.name) for column in calls.c})
_BY_ID = sa.select(*_CALL).where(calls.c.id == bindparam("this"))
_LOCK = sa.select(calls.c.id).where(calls.c.id == bindparam("this")).with_for_update()
_END = (
    sa.update(calls)
    .where(calls.c.id == bindparam("this"))
    .values(
        state=bindparam("becomes"),
        spent=bindparam("cost", type_=sa.BigInteger),
        outcome=bindparam("became"),
    )
)
_SPENT = sa.select(sa.func.coalesce(sa.func.sum(calls.c.spent), 0)).where(
    calls.c.at >= bindparam("since", type_=sa.BigInteger),
    calls.c.currency == bindparam("currency"),
)
_HELD = (
    sa.select(*_CALL)
    .where(calls.c.state == word(CallState.HELD))
    .order_by(calls.c.expires_at, calls.c.id)
)
_WITHIN = sa.select(*_CALL).where(
    calls.c.at >= bindparam("since", type_=sa.BigInteger),
    calls.c.spent > 0,
    calls.c.body.like(bindparam("like", type_=sa.Text)),
)
_LATE = (
    sa.select(calls.c.id)
    .where(
        calls.c.state == word(CallState.HELD),
        calls.c.expires_at <= bindparam("now", type_=sa.BigInteger),
    )
    .order_by(calls.c.expires_at, calls.c.id)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_OLD = (
    sa.select(calls.c.id)
    .where(
        calls.c.at < bindparam("before", type_=sa.BigInteger),
        calls.c.state != word(CallState.HELD),
    )
    .order_by(calls.c.at)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_DELETE = sa.delete(calls).where(calls.c.id == bindparam("this"))

_ENTRY = insert(entries).values({column.name: bindparam(column.name) for column in entries.c})
_LAST = sa.select(sa.func.count()).where(entries.c.call == bindparam("this"))
_ENTRIES = (
    sa.select(entries.c.kind, entries.c.at, entries.c.held, entries.c.spent, entries.c.note)
    .where(entries.c.call == bindparam("this"))
    .order_by(entries.c.seq)
)
_DELETE_ENTRIES = sa.delete(entries).where(entries.c.call == bindparam("this"))


class _Met(Exception):
    """Somebody else reserved since we looked."""


class SqlLedger:
    """The ledger in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, call: Call, bounds: Sequence[Bound]) -> Short | None:
        """Hold the worst case in every meter: see the port."""
        raises = _raises(call, bounds)
        for _ in range(_TRIES):
            try:
                return await self._database.write(lambda t: _reserve(t, call, bounds, raises))
            except _Met:
                continue
        raise StorageUnavailable("others reserve all the time")

    async def settle(self, hold: HoldId, by: Settlement) -> Call:
        """Replace what is held by what it cost: see the port."""
        return await self._database.write(lambda t: _settle(t, hold, by))

    async def sweep(self, *, now: datetime, limit: int = 100) -> list[Call]:
        """Count the worst case of calls whose time is over: see the port."""
        page: Params = {"now": micros(now), "limit": limit}
        late = await self._database.scan(lambda t: t.all(_LATE, page))
        swept = [await self._sweep(HoldId(row[0]), now) for row in late]
        return [call for call in swept if call is not None]

    async def _sweep(self, hold: HoldId, now: datetime) -> Call | None:
        return await self._database.write(lambda t: _sweep(t, hold, now))

    async def call(self, hold: HoldId) -> Call | None:
        """The call: see the port."""
        row = await self._database.read(lambda t: t.one(_BY_ID, {"this": hold}))
        return None if row is None else call_of(row)

    async def under_way(self) -> list[Call]:
        """Calls whose worst case is held: see the port."""
        rows = await self._database.read(lambda t: t.all(_HELD))
        return [call_of(row) for row in rows]

    async def entries(self, hold: HoldId) -> list[LedgerEntry]:
        """What happened to a call: see the port."""
        rows = await self._database.read(lambda t: t.all(_ENTRIES, {"this": hold}))
        return [
            LedgerEntry(
                call=hold, kind=EntryKind(kind), at=moment(at), held=held, spent=spent, note=note
            )
            for kind, at, held, spent, note in rows
        ]

    async def balances(self, meters: Sequence[Meter]) -> list[Balance]:
        """What the meters say: see the port."""
        return await self._database.read(lambda t: [_balance(t, meter) for meter in meters])

    async def spent(self, *, since: datetime, currency: str = DOLLARS) -> int:
        """What calls cost since then: see the port."""
        asked: Params = {"since": micros(since), "currency": currency}
        row = await self._database.scan(lambda t: t.one(_SPENT, asked))
        return int(row[0]) if row else 0

    async def dearest(
        self,
        scope: Scope,
        period: Period,
        stamp: str,
        *,
        currency: str = DOLLARS,
        limit: int = 10,
    ) -> list[Balance]:
        """The meters with the most spent: see the port."""
        page: Params = {
            "scope": scope,
            "period": period,
            "stamp": stamp,
            "currency": currency,
            "limit": limit,
        }
        return [_said(row) for row in await self._database.scan(lambda t: t.all(_DEAREST, page))]

    async def within(self, meter: Meter, *, since: datetime) -> list[Balance]:
        """Who spent what a meter counted: see the port."""
        # What names the meter is somewhere in what was reserved; the rest is decided by its parts.
        page: Params = {"since": micros(since), "like": f"%{meter.stamp}%"}
        rows = await self._database.scan(lambda t: t.all(_WITHIN, page))
        return within(map(call_of, rows), meter)

    async def series(
        self,
        scope: Scope,
        subject: str,
        period: Period,
        *,
        currency: str = DOLLARS,
        limit: int = 62,
    ) -> list[Balance]:
        """The meters of one subject: see the port."""
        page: Params = {
            "scope": scope,
            "subject": subject,
            "period": period,
            "currency": currency,
            "limit": limit,
        }
        return [_said(row) for row in await self._database.scan(lambda t: t.all(_SERIES, page))]

    async def forget(self, *, before: datetime) -> int:
        """Delete old calls: see the port."""
        forgotten = 0
        page: Params = {"before": micros(before), "limit": _PAGE}
        while True:
            rows = await self._database.scan(lambda t: t.all(_OLD, page))
            if not rows:
                return forgotten
            await self._delete(rows)
            forgotten += len(rows)

    async def _delete(self, rows: Sequence[Row]) -> None:
        these: list[Params] = [{"this": row[0]} for row in rows]

        def work(transaction: Transaction) -> None:
            transaction.each(_DELETE_ENTRIES, these)
            transaction.each(_DELETE, these)

        await self._database.write(work)

    async def forget_meters(
        self, *, runs: datetime, periods: datetime, waiting: Collection[str] = ()
    ) -> int:
        """Delete old meters: see the port."""
        return await forget_meters(self._database, runs=runs, periods=periods, waiting=waiting)


def in_order(call: Call) -> list[Meter]:
    """The call's meters, in the order in which everybody takes them."""
    return sorted(call.meters, key=lambda meter: (meter.scope is Scope.ORGANISATION, meter.id))


def _raises(call: Call, bounds: Sequence[Bound]) -> list[Params]:
    caps = {bound.meter: bound.limit for bound in bounds}
    share = share_of(call)
    return [
        {
            "id": meter.id,
            "scope": meter.scope.value,
            "subject": meter.subject,
            "period": meter.period.value,
            "stamp": meter.stamp,
            "currency": meter.currency,
            "spent": share.spent,
            "held": share.held,
            "calls": share.calls,
            "prompt_tokens": share.prompt_tokens,
            "completion_tokens": share.completion_tokens,
            "used_at": micros(call.at),
            "cap": caps.get(meter, _UNBOUND),
        }
        for meter in in_order(call)
    ]


def _reserve(
    transaction: Transaction, call: Call, bounds: Sequence[Bound], raises: Sequence[Params]
) -> Short | None:
    for bound in bounds:
        balance = _balance(transaction, bound.meter)
        if balance.taken + call.held > bound.limit:
            return Short(bound, balance, call.held)
    if transaction.each(_RAISE, raises) != len(raises):
        raise _Met
    transaction.run(_STORE, row_of(call))
    _note(transaction, reserved(call), 1)
    return None


def _settle(transaction: Transaction, hold: HoldId, by: Settlement) -> Call:
    transaction.lock(_LOCK, {"this": hold})
    row = transaction.one(_BY_ID, {"this": hold})
    if row is None:
        raise Conflict("there is no such call")
    call, entry, change = settled(call_of(row), by)
    transaction.run(
        _END,
        {"this": hold, "becomes": call.state.value, "cost": call.spent, "became": outcome_of(call)},
    )
    last = transaction.one(_LAST, {"this": hold})
    _note(transaction, entry, (int(last[0]) if last else 0) + 1)
    transaction.each(_CHANGE, [_changed(meter, change, by.at) for meter in in_order(call)])
    return call


def _sweep(transaction: Transaction, hold: HoldId, now: datetime) -> Call | None:
    """Let the call expire; None where somebody settled it meanwhile."""
    row = transaction.one(_BY_ID, {"this": hold})
    try:
        return None if row is None else _settle(transaction, hold, overdue(call_of(row), now))
    except Conflict:
        return None


def _changed(meter: Meter, change: Change, at: datetime) -> Params:
    return {
        "this": meter.id,
        "now": micros(at),
        "by_spent": change.spent,
        "by_held": change.held,
        "by_calls": change.calls,
        "by_prompt_tokens": change.prompt_tokens,
        "by_completion_tokens": change.completion_tokens,
    }


def _note(transaction: Transaction, entry: LedgerEntry, seq: int) -> None:
    transaction.run(
        _ENTRY,
        {
            "call": entry.call,
            "seq": seq,
            "kind": entry.kind.value,
            "at": micros(entry.at),
            "held": entry.held,
            "spent": entry.spent,
            "note": entry.note,
        },
    )


def _balance(transaction: Transaction, meter: Meter) -> Balance:
    row = transaction.one(_SAYS, {"this": meter.id})
    return Balance(meter, *(row or ()))


def _said(row: Row) -> Balance:
    scope, subject, period, stamp, currency, *counts = row
    meter = Meter(
        scope=Scope(scope),
        subject=subject,
        period=Period(period),
        stamp=stamp,
        currency=currency,
    )
    return Balance(meter, *counts)
