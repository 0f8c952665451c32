"""Stops: `runtime.ports.Stops`."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import beginning, sending
from adapters.sql.beginning import LOCK, OPEN, RUNNING, TURN
from adapters.sql.codec import decoder, encode, micros, moment, plain
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.inbox import FINISH
from adapters.sql.letters import ITEM, item_of
from adapters.sql.schema import conversations, outbox, turns
from adapters.sql.schema_stops import stops
from adapters.sql.transaction import First, Params, Row, Transaction
from adapters.sql.unsaid import Unsaid
from adapters.sql.upsert import insert
from runtime.clock import Clock
from runtime.ids import AgentName, InboxId, OutboxId, StopId, TurnId
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.stop import Ended, Lifted, Stop, StopKind, Stopped, Work
from runtime.model.turn import Turn, TurnState, handed_row_of, turn_id_of
from runtime.ports import Closing

_PENDING, _SENDING = word(OutboxState.PENDING), word(OutboxState.SENDING)
_HELD, _WITHHELD = word(OutboxState.HELD), word(OutboxState.WITHHELD)
_OPEN = outbox.c.state.in_((_PENDING, _SENDING))
"""What the partial index over unsent messages is named by."""

_STOP = (stops.c.id, stops.c.kind, stops.c.agent, stops.c.stopped_at, stops.c.body)
_INSERT = insert(stops).values({column.name: bindparam(column.name) for column in stops.c})
_INSERT = _INSERT.on_conflict_do_nothing(
    index_elements=[stops.c.agent], index_where=sa.text("lifted_at IS NULL")
)
_BY_ID = sa.select(*_STOP).where(stops.c.id == bindparam("this"))
_ACTIVE = sa.select(*_STOP).where(stops.c.lifted_at.is_(None)).order_by(stops.c.stopped_at)
_ACTIVE_OF = _ACTIVE.where(stops.c.agent == bindparam("agent"))
_LIFTED = sa.select(sa.func.coalesce(sa.func.max(stops.c.lifted_at), 0)).where(
    stops.c.kind != word(StopKind.TURNS)
)
"""When the last one was lifted, which says that another was."""
_FORGET = sa.delete(stops).where(
    stops.c.lifted_at < bindparam("before", type_=sa.BigInteger),
    sa.or_(
        stops.c.kind == word(StopKind.TURNS),
        stops.c.lifted_at != bindparam("last", type_=sa.BigInteger),
    ),
)
_NOTE = sa.update(stops).where(stops.c.id == bindparam("this")).values(body=bindparam("said"))
"""Writes what a stop did into it."""
_LIFT = (
    sa.update(stops)
    .where(stops.c.agent == bindparam("of"), stops.c.lifted_at.is_(None))
    .values(lifted_at=bindparam("at"), lifted_by=bindparam("by"), lifted_with=bindparam("key"))
    .returning(*_STOP)
)
_LIFTED_WITH = sa.select(*_STOP).where(stops.c.lifted_with == bindparam("key"))

_agent_is_stopped = sa.exists(
    sa.select(stops.c.id).where(
        conversations.c.id == turns.c.conversation,
        stops.c.lifted_at.is_(None),
        stops.c.agent.in_((sa.literal_column("''", sa.Text), conversations.c.agent)),
    )
).correlate(turns)
_END = (
    sa.update(turns)
    .where(turns.c.state == RUNNING, OPEN, _agent_is_stopped)
    .values(state=word(TurnState.STOPPED), ended_at=bindparam("at"))
    .returning(*TURN, turns.c.asked)
)
"""Ends what runs for an agent that is stopped, whoever owns it."""
_END_ONE = (
    sa.update(turns)
    .where(turns.c.id == bindparam("this"), OPEN)
    .values(state=word(TurnState.STOPPED), ended_at=bindparam("at"))
    .returning(*TURN, turns.c.asked)
)
"""Ends a turn, whether it runs or waits."""

_is_stopped = sa.exists(
    sa.select(stops.c.id).where(
        stops.c.lifted_at.is_(None),
        stops.c.agent.in_(
            (
                sa.literal_column("''", sa.Text),
                sa.func.coalesce(outbox.c.agent, sa.literal_column("''", sa.Text)),
            )
        ),
    )
).correlate(outbox)
_HOLD = (
    sa.update(outbox)
    .where(outbox.c.state == _PENDING, _OPEN, outbox.c.agent.is_not(None), _is_stopped)
    .values(state=_HELD)
)
"""Holds what agents that are stopped have written. What nobody asked for and no agent wrote, the
dispatcher holds when it comes to it."""
_RELEASE = sa.update(outbox).where(outbox.c.state == _HELD, ~_is_stopped).values(state=_PENDING)
"""Lets go of what no stop holds any more."""
WITHHOLD = tuple(
    sa.update(outbox)
    .where(outbox.c.turn == bindparam("this"), outbox.c.state == state, among)
    .values(state=_WITHHELD, error=bindparam("why"))
    .returning(*ITEM)
    for state, among in ((_PENDING, _OPEN), (_HELD, sa.true()))
)
"""Take back what a turn has written and was not begun to be sent.

Two, for each state has an index of its own, and SQLite takes neither for both in one statement.
"""
_TAKE_BACK = (
    sa.update(outbox)
    .where(outbox.c.turn == bindparam("this"), outbox.c.state == _SENDING, _OPEN)
    .values(taken_back=bindparam("why"))
)
"""Sees to it that what is being sent is not tried again."""

_UNSENT = (
    sa.select(outbox.c.turn, sa.func.count())
    .where(_OPEN, outbox.c.turn.is_not(None))
    .group_by(outbox.c.turn)
)
_WORK = sa.select(*TURN, turns.c.state, conversations.c.agent).join(
    conversations, conversations.c.id == turns.c.conversation
)
UNDER_WAY = sa.union_all(
    _WORK.where(OPEN),
    _WORK.where(~OPEN, turns.c.id.in_(sa.select(outbox.c.turn).where(_OPEN))),
)
"""Finds what has not ended, and what has and is not said yet.

One statement sees one state of the tables: of two, both would find what ends between them.
"""
_WORK_OF = _WORK.where(turns.c.id == bindparam("this"))


class _Did(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who stopped it, and what that did."""

    by: Principal
    ended: tuple[Ended, ...] = ()
    messages: int = 0
    unbegun: int = 0


_decode = decoder(_Did)


class SqlStops:
    """Stops in a database."""

    def __init__(self, database: Database, *, clock: Clock, unsaid: Unsaid) -> None:
        self._database = database
        self._clock = clock
        self._unsaid = unsaid

    async def active(self) -> list[Stop]:
        """The stops in force: see the port."""
        return [_stop(row) for row in await self._database.read(lambda t: t.all(_ACTIVE))]

    async def lifted(self) -> int:
        """A number that grows with each that is lifted: see the port."""
        return await self._database.read(_last_lifted)

    async def under_way(self) -> list[Work]:
        """What is under way: see the port."""

        def work(transaction: Transaction) -> list[Work]:
            unsent = {row[0]: int(row[1]) for row in transaction.all(_UNSENT)}
            found = [_work(row, unsent.get(row[0], 0)) for row in transaction.all(UNDER_WAY)]
            return sorted(found, key=lambda one: (one.turn.started_at, one.turn.id))

        return await self._database.scan(work)

    async def order(
        self,
        stop: Stop,
        *,
        closing: Closing,
        turns: Sequence[TurnId] = (),
        unbegun: Sequence[InboxId] = (),
        behind: bool = False,
        why: str = "",
    ) -> Stopped:
        """Store a stop and do what it says: see the port."""

        def work(transaction: Transaction) -> Stopped:
            known = transaction.one(_BY_ID, {"this": stop.id})
            if known is None and not transaction.run(_INSERT, _row(stop)):
                known = transaction.one(_ACTIVE_OF, {"agent": stop.agent})
            if known is not None:
                return _stopped(known)
            kept = 0
            if stop.kind is StopKind.TURNS:
                because = plain(why)
                ended, messages = self._end_turns(transaction, stop, turns, closing, because)
                if behind or not ended:
                    rest = [row for row in unbegun if not transaction.run(FINISH, {"this": row})]
                    kept = len(unbegun) - len(rest)
                    begun = [turn_id_of(row) for row in rest]
                    more, taken = self._end_turns(transaction, stop, begun, closing, because)
                    ended, messages = ended + more, messages + taken
            else:
                transaction.audit(recorded.stop_ordered(stop))
                ended, messages = self._enforce(transaction, closing)
            did = _Did(by=stop.by, ended=tuple(ended), messages=messages, unbegun=kept)
            transaction.run(_NOTE, {"this": stop.id, "said": encode(did)})
            return _told(stop, did, fresh=True)

        # What was submitted before, and begins a turn, finds this process told of the stop.
        done = await self._database.write(First(work))
        self._unsaid.drop(one.turn for one in done.ended)
        return done

    async def enforce(self, *, closing: Closing) -> list[Ended]:
        """End and hold what a stop covers: see the port."""
        ended, _ = await self._database.write(First(lambda t: self._enforce(t, closing)))
        self._unsaid.drop(one.turn for one in ended)
        return ended

    async def lift(
        self, agent: AgentName, *, by: Principal, at: datetime, key: StopId
    ) -> Lifted | None:
        """End a stop: see the port."""

        def work(transaction: Transaction) -> Lifted | None:
            row = transaction.one(_LIFTED_WITH, {"key": key})
            if row is not None:
                return Lifted(stop=_stop(row), messages=0)
            when = max(micros(at), _last_lifted(transaction) + 1)
            given: Params = {"of": agent, "by": encode(by), "at": when, "key": key}
            row = transaction.one(_LIFT, given)
            if row is None:
                return None
            transaction.audit(recorded.stop_lifted(_stop(row), by))
            return Lifted(stop=_stop(row), messages=transaction.run(_RELEASE))

        return await self._database.write(work)

    async def lifted_with(self, key: StopId) -> Stop | None:
        """The stop that was ended with that key: see the port."""
        row = await self._database.read(lambda t: t.one(_LIFTED_WITH, {"key": key}))
        return None if row is None else _stop(row)

    async def forget(self, *, before: datetime) -> int:
        """Delete stops that hold no more: see the port."""

        def work(transaction: Transaction) -> int:
            old: Params = {"before": micros(before), "last": _last_lifted(transaction)}
            return transaction.run(_FORGET, old)

        return await self._database.write(work)

    def _enforce(self, transaction: Transaction, closing: Closing) -> tuple[list[Ended], int]:
        active = transaction.all(_ACTIVE)
        if not active:
            return [], 0
        rows = transaction.all(_END, {"at": micros(self._clock.now())})
        ended = [_logged(transaction, row) for row in rows]
        _close(transaction, ended, closing, by=_stop(active[0]).by)
        return [_ended(turn) for turn in ended], transaction.run(_HOLD)

    def _end_turns(
        self,
        transaction: Transaction,
        stop: Stop,
        chosen: Sequence[TurnId],
        closing: Closing,
        why: str,
    ) -> tuple[list[Ended], int]:
        ended: list[Ended] = []
        messages = 0
        left = list(reversed(chosen))
        while left:
            this = left.pop()
            row = transaction.one(_WORK_OF, {"this": this})
            if row is None:
                continue
            turn = beginning.turn_of(row[: len(TURN)])
            transaction.lock(LOCK, {"this": turn.conversation})
            now: Params = {"this": this, "at": micros(self._clock.now())}
            over = [_logged(transaction, row) for row in transaction.all(_END_ONE, now)]
            _close(transaction, over, closing, by=stop.by)
            because: Params = {"this": this, "why": why}
            unsent, taken_back = _take_back(transaction, because)
            transaction.audit(
                *(recorded.message_settled(item.id, OutboxState.WITHHELD) for item in unsent)
            )
            messages += len(unsent)
            handed = handed_row_of(this)
            kept = transaction.run(FINISH, {"this": handed})
            if not kept:  # it handed nothing on, or that has begun its turn
                left.append(turn_id_of(handed))
            if over or unsent or taken_back or kept:
                ended.append(_ended(turn, [item.id for item in unsent]))
        return ended, messages


def _last_lifted(transaction: Transaction) -> int:
    row = transaction.one(_LIFTED)
    return 0 if row is None else int(row[0])


def _close(
    transaction: Transaction, ended: Sequence[Turn], closing: Closing, *, by: Principal
) -> None:
    sending.enqueue(transaction, [row for turn in ended for row in closing(turn)])
    transaction.audit(*(recorded.turn_stopped(turn, by) for turn in ended))


def _take_back(transaction: Transaction, because: Params) -> tuple[list[OutboxItem], bool]:
    """What was not begun to be sent and is not any more, and whether something is being sent."""
    pending, held = WITHHOLD
    rows = list(transaction.all(pending, because))
    being_sent = transaction.run(_TAKE_BACK, because) > 0
    # On Postgres another process may free meanwhile what it held (a resume) or was sending (it is
    # told to wait): that was not pending yet when it was asked for, so it is asked for once more.
    rows += [*transaction.all(held, because), *transaction.all(pending, because)]
    return [item_of(row) for row in rows], being_sent


def _logged(transaction: Transaction, row: Row) -> Turn:
    """A turn that was ended: what it was asked is in the log from now on."""
    turn = beginning.turn_of(row[: len(TURN)])
    beginning.to_log(transaction, turn.id, turn.conversation, row[len(TURN)])
    return turn


def _ended(turn: Turn, withheld: Iterable[OutboxId] = ()) -> Ended:
    return Ended(turn=turn.id, conversation=turn.conversation, withheld=tuple(withheld))


def _row(stop: Stop) -> Params:
    return {
        "id": stop.id,
        "kind": stop.kind.value,
        "agent": stop.agent,
        "stopped_at": micros(stop.at),
        "body": encode(_Did(by=stop.by)),
        # Turns have ended with it: nothing of it is in force afterwards.
        "lifted_at": micros(stop.at) if stop.kind is StopKind.TURNS else None,
        "lifted_by": None,
        "lifted_with": None,
    }


def _stop(row: Row) -> Stop:
    this, kind, agent, at, body = row
    return Stop(
        id=StopId(this),
        kind=StopKind(kind),
        agent=AgentName(agent),
        by=_decode(body).by,
        at=moment(at),
    )


def _stopped(row: Row) -> Stopped:
    did = _decode(row[-1])
    return _told(_stop(row), did, fresh=False)


def _told(stop: Stop, did: _Did, *, fresh: bool) -> Stopped:
    return Stopped(
        stop=stop, fresh=fresh, ended=did.ended, messages=did.messages, unbegun=did.unbegun
    )


def _work(row: Row, unsent: int) -> Work:
    *turn, state, agent = row
    return Work(
        turn=beginning.turn_of(turn),
        agent=AgentName(agent),
        state=TurnState(state),
        unsent=unsent,
    )
