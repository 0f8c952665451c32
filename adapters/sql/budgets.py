"""What people decided about money: `runtime.ports.Budgets`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import modelbook, sending
from adapters.sql.codec import decoder, encode, micros, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema_ledger import alerts, limits, pauses
from adapters.sql.transaction import Params, Row, Transaction
from adapters.sql.upsert import insert
from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, ModelName, OutboxId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal, ThreadRef
from runtime.model.budget import (
    NO_AGENT,
    NO_ALERT,
    NO_MODEL,
    Alert,
    AlertId,
    AlertState,
    LimitChange,
    Pause,
)
from runtime.model.choice import Chosen
from runtime.model.meter import DOLLARS, Bound, Meter, Period, Scope
from runtime.model.outbox import OutboxItem

_SET = insert(limits).values({name: bindparam(name) for name in ("key", "stamp", "at", "body")})
_SET = _SET.on_conflict_do_nothing(index_elements=[limits.c.key])
_LIMITS = (
    sa.select(limits.c.body)
    .where(
        sa.or_(
            limits.c.stamp == sa.literal_column("''", sa.Text),
            limits.c.at >= bindparam("since", type_=sa.BigInteger),
        )
    )
    .order_by(limits.c.position.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_ALERT = insert(alerts).values({column.name: bindparam(column.name) for column in alerts.c})
_ALERT = _ALERT.on_conflict_do_nothing(index_elements=[alerts.c.id])
_BY_ID = sa.select(alerts.c.state, alerts.c.body, alerts.c.note, alerts.c.answered).where(
    alerts.c.id == bindparam("this")
)
_OPEN = sa.select(
    alerts.c.id, alerts.c.state, alerts.c.body, alerts.c.note, alerts.c.answered
).where(alerts.c.state == word(AlertState.OPEN))
_ANSWER = (
    sa.update(alerts)
    .where(alerts.c.id == bindparam("this"), alerts.c.state == word(AlertState.OPEN))
    .values(state=bindparam("becomes"), note=bindparam("why"), answered=bindparam("by"))
)
_PAUSE = insert(pauses).values({column.name: bindparam(column.name) for column in pauses.c})
_PAUSE = _PAUSE.on_conflict_do_update(
    index_elements=[pauses.c.turn],
    set_={"at": _PAUSE.excluded.at, "body": _PAUSE.excluded.body},
)
_PAUSES = sa.select(pauses.c.turn, pauses.c.at, pauses.c.body).order_by(pauses.c.at, pauses.c.turn)
_PAUSED = sa.select(pauses.c.turn, pauses.c.at, pauses.c.body).where(
    pauses.c.turn == bindparam("this")
)
_GO_ON = sa.delete(pauses).where(
    pauses.c.turn == bindparam("this"), pauses.c.at == bindparam("since", type_=sa.BigInteger)
)


class _Meter(msgspec.Struct, kw_only=True):
    """A limited meter."""

    scope: Scope
    subject: str
    period: Period
    stamp: str
    limit: int
    currency: str = DOLLARS


class _Alert(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an alert is about. It never changes."""

    bound: _Meter
    share: int
    at: int
    turn: TurnId | None = None
    thread: ThreadRef | None = None
    agent: AgentName = NO_AGENT
    wanted: int = 0
    instead: ModelName = NO_MODEL
    cards: tuple[OutboxId, ...] = ()


class _Pause(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a turn waits for."""

    bound: _Meter
    conversation: ConversationId
    wanted: int
    thread: ThreadRef | None = None
    until: int | None = None
    instead: ModelName = NO_MODEL
    alert: AlertId = NO_ALERT
    card: OutboxId | None = None


_change = decoder(LimitChange)
_principal = decoder(Principal)
_alert = decoder(_Alert)
_pause = decoder(_Pause)


class SqlBudgets:
    """What people decided about money, in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_limit(self, change: LimitChange) -> None:
        """Remember a limit: see the port."""
        row: Params = {
            "key": change.key,
            "stamp": change.stamp,
            "at": micros(change.at),
            "body": encode(change),
        }

        def work(transaction: Transaction) -> None:
            if transaction.run(_SET, row):
                transaction.audit(recorded.limit_changed(change))

        await self._database.write(work)

    async def limits(self, *, since: datetime, limit: int = 1_000_000) -> list[LimitChange]:
        """Limits that people set: see the port."""
        page: Params = {"since": micros(since), "limit": limit}
        return [
            _change(row[0]) for row in await self._database.read(lambda t: t.all(_LIMITS, page))
        ]

    async def raise_alert(self, alert: Alert, rows: Sequence[OutboxItem] = ()) -> bool:
        """Store an alert: see the port."""
        body = _Alert(
            bound=_meter(alert.bound),
            share=alert.share,
            at=micros(alert.at),
            turn=alert.turn,
            thread=alert.thread,
            agent=alert.agent,
            wanted=alert.wanted,
            instead=alert.instead,
            cards=alert.cards,
        )
        row: Params = {
            "id": alert.id,
            "state": alert.state.value,
            "body": encode(body),
            "note": alert.note,
            "answered": encode(alert.by) if alert.by else None,
        }

        def work(transaction: Transaction) -> bool:
            if not transaction.run(_ALERT, row):
                return False
            sending.enqueue(transaction, rows)
            return True

        return await self._database.write(work)

    async def alert(self, alert: AlertId) -> Alert | None:
        """The alert: see the port."""
        row = await self._database.read(lambda t: t.one(_BY_ID, {"this": alert}))
        return None if row is None else _alerted(alert, row)

    async def open_alerts(self) -> list[Alert]:
        """Alerts that nobody answered: see the port."""
        rows = await self._database.scan(lambda t: t.all(_OPEN))
        return [_alerted(AlertId(row[0]), row[1:]) for row in rows]

    async def answer_alert(
        self,
        alert: AlertId,
        *,
        state: AlertState,
        by: Principal,
        note: str,
        chosen: Chosen | None = None,
    ) -> Alert:
        """Note what a person did about it: see the port."""
        answer: Params = {"this": alert, "becomes": state.value, "why": note, "by": encode(by)}

        def work(transaction: Transaction) -> Row:
            row = transaction.one(_BY_ID, {"this": alert})
            if row is None or not transaction.run(_ANSWER, answer):
                raise Conflict("somebody did something about the alert before")
            if chosen is not None:
                modelbook.choose(transaction, chosen)
            transaction.audit(recorded.alert_answered(alert, state, by))
            return transaction.one(_BY_ID, {"this": alert}) or row

        return _alerted(alert, await self._database.write(work))

    async def pause(self, pause: Pause) -> None:
        """Remember that a turn waits: see the port."""
        body = _Pause(
            bound=_meter(pause.bound),
            conversation=pause.conversation,
            wanted=pause.wanted,
            thread=pause.thread,
            until=None if pause.until is None else micros(pause.until),
            instead=pause.instead,
            alert=pause.alert,
            card=pause.card,
        )
        row: Params = {"turn": pause.turn, "at": micros(pause.at), "body": encode(body)}
        await self._database.write(lambda t: t.run(_PAUSE, row))

    async def pauses(self) -> list[Pause]:
        """Turns that wait: see the port."""
        return [_paused(row) for row in await self._database.scan(lambda t: t.all(_PAUSES))]

    async def paused(self, turn: TurnId) -> Pause | None:
        """What the turn waits for: see the port."""
        row = await self._database.read(lambda t: t.one(_PAUSED, {"this": turn}))
        return None if row is None else _paused(row)

    async def forget_pause(self, pause: Pause) -> None:
        """The turn waits no more since then: see the port."""
        this: Params = {"this": pause.turn, "since": micros(pause.at)}
        await self._database.write(lambda t: t.run(_GO_ON, this))


def _meter(bound: Bound) -> _Meter:
    meter = bound.meter
    return _Meter(
        scope=meter.scope,
        subject=meter.subject,
        period=meter.period,
        stamp=meter.stamp,
        currency=meter.currency,
        limit=bound.limit,
    )


def _bound(kept: _Meter) -> Bound:
    meter = Meter(
        scope=kept.scope,
        subject=kept.subject,
        period=kept.period,
        stamp=kept.stamp,
        currency=kept.currency,
    )
    return Bound(meter, kept.limit)


def _alerted(this: AlertId, row: Row) -> Alert:
    state, body, note, answered = row
    about = _alert(body)
    return Alert(
        id=this,
        bound=_bound(about.bound),
        share=about.share,
        turn=about.turn,
        thread=about.thread,
        agent=about.agent,
        at=moment(about.at),
        wanted=about.wanted,
        instead=about.instead,
        cards=about.cards,
        state=AlertState(state),
        by=_principal(answered) if answered else None,
        note=note,
    )


def _paused(row: Row) -> Pause:
    turn, at, body = row
    kept = _pause(body)
    return Pause(
        turn=TurnId(turn),
        conversation=kept.conversation,
        thread=kept.thread,
        bound=_bound(kept.bound),
        wanted=kept.wanted,
        until=None if kept.until is None else moment(kept.until),
        at=moment(at),
        instead=kept.instead,
        alert=kept.alert,
        card=kept.card,
    )
