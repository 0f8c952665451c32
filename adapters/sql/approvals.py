"""Approvals: `runtime.ports.Approvals`."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import sending
from adapters.sql.approvalrows import Whole, approval_of, is_edited, row_of
from adapters.sql.codec import encode, maybe_moment, micros
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema_approvals import approval_cards, approval_votes, approvals
from adapters.sql.threads import thread_values
from adapters.sql.transaction import First, Params, Row, Statement, Transaction, Value
from adapters.sql.upsert import insert
from runtime.errors import Conflict
from runtime.ids import (
    AgentName,
    ApprovalId,
    TurnId,
)
from runtime.model import recorded
from runtime.model.address import Principal
from runtime.model.approval import (
    Approval,
    ApprovalEvent,
    ApprovalState,
    Card,
    Vote,
    after,
    may_follow,
)
from runtime.model.outbox import OutboxItem

_PENDING = word(ApprovalState.PENDING)
_APPROVED = word(ApprovalState.APPROVED)
_EXECUTING = word(ApprovalState.EXECUTING)

_COLUMNS = tuple(approvals.c)
_ASK = insert(approvals).values({column.name: bindparam(column.name) for column in approvals.c})
_ASK = _ASK.on_conflict_do_nothing()
_BY_CALL = sa.select(*_COLUMNS).where(
    approvals.c.turn == bindparam("turn"), approvals.c.call == bindparam("call")
)
_BY_ID = sa.select(*_COLUMNS).where(approvals.c.id == bindparam("this"))
_LOCK = sa.select(approvals.c.id).where(approvals.c.id == bindparam("this")).with_for_update()
_OF_TURN = (
    sa.select(*_COLUMNS)
    .where(approvals.c.turn == bindparam("turn"))
    .order_by(approvals.c.created_at, approvals.c.id)
)
_OPEN = (
    sa.select(*_COLUMNS)
    .where(approvals.c.state == _PENDING)
    .order_by(approvals.c.created_at, approvals.c.id)
)
_UNCLEAR = (
    sa.select(*_COLUMNS)
    .where(approvals.c.state == word(ApprovalState.UNKNOWN))
    .order_by(approvals.c.created_at, approvals.c.id)
)
_BEGINNING = (
    sa.select(*_COLUMNS)
    .where(
        sa.func.substr(approvals.c.id, 1, bindparam("length", type_=sa.Integer))
        == bindparam("written", type_=sa.Text)
    )
    .order_by(approvals.c.created_at.desc(), approvals.c.id.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""For people who write the beginning of an id that waits no more."""
_ASKED = sa.select(approvals.c.body).where(
    approvals.c.agent == bindparam("agent"),
    approvals.c.created_at >= bindparam("since", type_=sa.BigInteger),
)
_STARTED = (
    sa.select(*_COLUMNS)
    .where(approvals.c.state == _EXECUTING)
    .order_by(approvals.c.created_at, approvals.c.id)
)
_TIMED = sa.or_(approvals.c.state == _PENDING, approvals.c.state == _APPROVED)
_READY = (
    sa.select(*_COLUMNS)
    .where(_TIMED, approvals.c.state == _APPROVED)
    .order_by(approvals.c.created_at, approvals.c.id)
)
_OVERDUE = (
    sa.select(*_COLUMNS)
    .where(_TIMED, approvals.c.expires_at <= bindparam("now", type_=sa.BigInteger))
    .order_by(approvals.c.expires_at)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_NEXT_TIME = sa.select(sa.func.min(approvals.c.expires_at)).where(_TIMED)
_VOTE = insert(approval_votes).values(
    {column.name: bindparam(column.name) for column in approval_votes.c}
)
_VOTE = _VOTE.on_conflict_do_nothing()
_VOTES = (
    sa.select(
        approval_votes.c.platform,
        approval_votes.c.workspace,
        approval_votes.c.user,
        approval_votes.c.voted_at,
    )
    .where(approval_votes.c.approval == bindparam("this"))
    .order_by(approval_votes.c.voted_at, approval_votes.c.platform, approval_votes.c.user)
)
_CARD = insert(approval_cards).values(
    {column.name: bindparam(column.name) for column in approval_cards.c}
)
_CARD = _CARD.on_conflict_do_nothing()
_CARDS = (
    sa.select(
        approval_cards.c.platform,
        approval_cards.c.workspace,
        approval_cards.c.channel,
        approval_cards.c.root,
        approval_cards.c.message,
    )
    .where(approval_cards.c.approval == bindparam("this"))
    .order_by(approval_cards.c.platform, approval_cards.c.channel, approval_cards.c.message)
)


def _open_to_vote() -> sa.Update:
    """Grants the approval, if it is still the question that was answered, and in time."""
    return (
        sa.update(approvals)
        .where(
            approvals.c.id == bindparam("this"),
            approvals.c.state == _PENDING,
            approvals.c.digest == bindparam("shown"),
            approvals.c.expires_at > bindparam("now", type_=sa.BigInteger),
        )
        .values(state=bindparam("becomes"), decided=bindparam("by"))
    )


_GRANT = _open_to_vote()


def _changing(event: ApprovalEvent) -> sa.Update:
    """Lets the event happen, if the state is one in which it applies."""
    applies = approvals.c.state.in_([word(state) for state in may_follow(event)])
    where = [approvals.c.id == bindparam("this"), applies]
    if event is ApprovalEvent.BEGIN:
        where.append(approvals.c.expires_at > bindparam("now", type_=sa.BigInteger))
    return (
        sa.update(approvals)
        .where(*where)
        .values(
            state=bindparam("becomes"),
            decided=sa.func.coalesce(bindparam("by", type_=sa.Text), approvals.c.decided),
            note=sa.func.coalesce(bindparam("why", type_=sa.Text), approvals.c.note),
        )
    )


_EXCHANGE = (
    sa.update(approvals)
    .where(
        approvals.c.id == bindparam("this"),
        approvals.c.state == _PENDING,
        approvals.c.expires_at > bindparam("now", type_=sa.BigInteger),
    )
    .values(state=word(ApprovalState.CANCELLED), decided=bindparam("by"), note=bindparam("why"))
)
"""Ends a question that another one replaces, if nobody decided it and it is in time."""
_FIRST = (
    ApprovalEvent.CANCEL,
    ApprovalEvent.LOSE,
    ApprovalEvent.SUCCEED,
    ApprovalEvent.FAIL,
)
"""What a STOP takes back, its answer waits for; what had ended before, it is not to overtake."""
_CHANGES = {event: _changing(event) for event in ApprovalEvent}


class SqlApprovals:
    """Approvals in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, approval: Approval) -> Approval:
        """Store a question: see the port."""

        def work(transaction: Transaction) -> Whole | None:
            if transaction.run(_ASK, row_of(approval)):
                transaction.audit(recorded.approval_asked(approval))
            call: Params = {"turn": approval.turn, "call": approval.call}
            return _whole(transaction, _BY_CALL, call)

        return _existing(await self._database.write(work))

    async def get(self, approval: ApprovalId) -> Approval | None:
        """The approval: see the port."""
        found = await self._database.read(lambda t: _whole(t, _BY_ID, {"this": approval}))
        return None if found is None else approval_of(found)

    async def of_turn(self, turn: TurnId) -> list[Approval]:
        """The approvals of a turn: see the port."""
        return await self._all(_OF_TURN, {"turn": turn})

    async def open(self) -> list[Approval]:
        """Questions that wait for people: see the port."""
        return await self._all(_OPEN, {})

    async def unclear(self) -> list[Approval]:
        """Approvals that wait for a person to look: see the port."""
        return await self._all(_UNCLEAR, {})

    async def beginning(self, written: str, *, limit: int = 2) -> list[Approval]:
        """Approvals whose id begins so: see the port."""
        asked: Params = {"written": written, "length": len(written), "limit": limit}
        return await self._all(_BEGINNING, asked)

    async def count(self, agent: AgentName, *, since: datetime) -> int:
        """How many questions the agent asked since then: see the port."""
        asked: Params = {"agent": agent, "since": micros(since)}
        rows = await self._database.scan(lambda t: t.all(_ASKED, asked))
        return sum(not is_edited(body) for (body,) in rows)

    async def vote(
        self, approval: ApprovalId, vote: Vote, *, digest: str, rows: Sequence[OutboxItem] = ()
    ) -> Approval:
        """Note one person's yes: see the port."""
        cast: dict[str, Value] = {
            "approval": approval,
            "platform": vote.by.platform,
            "workspace": vote.by.workspace,
            "user": vote.by.user,
            "voted_at": micros(vote.at),
        }

        def work(transaction: Transaction) -> Approval:
            transaction.lock(_LOCK, {"this": approval})
            before = _existing(_whole(transaction, _BY_ID, {"this": approval}))
            others = [known for known in before.votes if known.by != vote.by]
            enough = len(others) + 1 >= before.needed
            state = after(before.state, ApprovalEvent.APPROVE) if enough else before.state
            grant: dict[str, Value] = {
                "this": approval,
                "shown": digest,
                "now": micros(vote.at),
                "becomes": state.value,
                "by": encode(vote.by) if enough else None,
            }
            if not transaction.run(_GRANT, grant):
                raise Conflict(_why_not(before, digest))
            new = transaction.run(_VOTE, cast)
            sending.enqueue(transaction, rows)
            now = _existing(_whole(transaction, _BY_ID, {"this": approval}))
            if new:
                transaction.audit(recorded.approval_voted(now, vote))
            return now

        return await self._database.write(work)

    async def change(
        self,
        approval: ApprovalId,
        event: ApprovalEvent,
        *,
        now: datetime,
        by: Principal | None = None,
        note: str = "",
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Let something happen to it: see the port."""

        def work(transaction: Transaction) -> Approval:
            transaction.lock(_LOCK, {"this": approval})
            before = _existing(_whole(transaction, _BY_ID, {"this": approval}))
            change: dict[str, Value] = {
                "this": approval,
                "becomes": after(before.state, event).value,
                "by": encode(by) if by else None,
                "why": note or None,
            }
            if event is ApprovalEvent.BEGIN:
                change["now"] = micros(now)
            if not transaction.run(_CHANGES[event], change):
                raise Conflict("the approval's time is over")
            sending.enqueue(transaction, rows)
            changed = _existing(_whole(transaction, _BY_ID, {"this": approval}))
            transaction.audit(recorded.approval_changed(changed, by))
            return changed

        return await self._database.write(First(work) if event in _FIRST else work)

    async def exchange(
        self,
        old: ApprovalId,
        new: Approval,
        *,
        now: datetime,
        by: Principal,
        note: str,
        rows: Sequence[OutboxItem] = (),
    ) -> Approval:
        """Cancel a question and ask another instead: see the port."""
        ends: Params = {"this": old, "now": micros(now), "by": encode(by), "why": note}

        def work(transaction: Transaction) -> Approval:
            transaction.lock(_LOCK, {"this": old})
            before = _existing(_whole(transaction, _BY_ID, {"this": old}))
            if not transaction.run(_EXCHANGE, ends):
                raise Conflict(_why_not(before, before.digest))
            sending.enqueue(transaction, rows)
            ended = _existing(_whole(transaction, _BY_ID, {"this": old}))
            transaction.audit(recorded.approval_changed(ended, by))
            if transaction.run(_ASK, row_of(new)):
                transaction.audit(recorded.approval_asked(new))
            return ended

        return await self._database.write(work)

    async def overdue(self, *, now: datetime, limit: int = 100) -> list[Approval]:
        """Approvals whose time is over: see the port."""
        return await self._all(_OVERDUE, {"now": micros(now), "limit": limit})

    async def executing(self) -> list[Approval]:
        """Approvals that are executing: see the port."""
        return await self._all(_STARTED, {})

    async def approved(self) -> list[Approval]:
        """Approvals that may begin: see the port."""
        return await self._all(_READY, {})

    async def next_time(self) -> datetime | None:
        """When the next one's time is over: see the port."""
        row = await self._database.read(lambda t: t.one(_NEXT_TIME))
        return None if row is None else maybe_moment(row[0])

    async def note_card(self, approval: ApprovalId, card: Card) -> None:
        """Remember a message that shows it: see the port."""
        noted: dict[str, Value] = {
            "approval": approval,
            **thread_values(card.thread),
            "message": card.message,
        }
        await self._database.write(lambda t: t.run(_CARD, noted))

    async def _all(self, statement: Statement, params: Params) -> list[Approval]:
        def work(transaction: Transaction) -> list[Whole]:
            return [_with_rest(transaction, row) for row in transaction.all(statement, params)]

        return [approval_of(whole) for whole in await self._database.scan(work)]


def _why_not(before: Approval, digest: str) -> str:
    if before.state is not ApprovalState.PENDING:
        return f"the approval is {before.state}"
    if before.digest != digest:
        return "the approval is bound to something else"
    return "the approval's time is over"


def _whole(transaction: Transaction, statement: Statement, params: Params) -> Whole | None:
    row = transaction.one(statement, params)
    return None if row is None else _with_rest(transaction, row)


def _with_rest(transaction: Transaction, row: Row) -> Whole:
    this = {"this": row[0]}
    return Whole(row, transaction.all(_VOTES, this), transaction.all(_CARDS, this))


def _existing(whole: Whole | None) -> Approval:
    if whole is None:
        raise Conflict("there is no such approval")
    return approval_of(whole)
