"""Conversations and their threads: `runtime.ports.Conversations`."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import log
from adapters.sql.codec import micros, moment
from adapters.sql.database import Database
from adapters.sql.schema import bindings, conversations, past_bindings
from adapters.sql.threads import is_thread, thread_values
from adapters.sql.transaction import Row, Transaction, Value
from adapters.sql.upsert import insert
from runtime.clock import Clock
from runtime.ids import AgentName, ConversationId, IdSource
from runtime.model.address import ThreadRef
from runtime.model.conversation import Conversation, Entry

_CREATE = (
    insert(conversations)
    .values({column.name: bindparam(column.name) for column in conversations.c})
    .on_conflict_do_nothing()
)
"""Makes a conversation, or leaves the one with that id alone."""

_DISCARD = sa.delete(conversations).where(conversations.c.id == bindparam("this"))
"""Takes back a conversation made for a thread that another process bound in the same moment."""

_BOUND = sa.select(bindings.c.conversation).where(is_thread(bindings))
"""Finds the conversation of a thread: asked for every message."""

_BIND = (
    insert(bindings)
    .values({column.name: bindparam(column.name) for column in bindings.c})
    .on_conflict_do_nothing()
)
"""Binds a thread that has no conversation; of two at once the second waits and changes nothing."""

_BOUND_LOCKED = _BOUND.with_for_update()
"""The same for whoever is about to bind it to another: on Postgres others wait."""

_MOVE = (
    sa.update(bindings)
    .where(is_thread(bindings, prefix="of_"))
    .values(conversation=bindparam("becomes"))
)
"""Binds a thread to another conversation."""

_REMEMBER = insert(past_bindings).values(
    {
        **{column.name: bindparam(column.name) for column in bindings.c},
        "place": sa.select(sa.func.coalesce(sa.func.max(past_bindings.c.place), 0) + 1)
        .where(is_thread(past_bindings))
        .scalar_subquery(),
    }
)
_REMEMBER = _REMEMBER.on_conflict_do_update(
    index_elements=list(past_bindings.primary_key), set_={"place": _REMEMBER.excluded.place}
)
"""Puts the conversation that a thread leaves at the top of the thread's past, once."""

_CONVERSATION = (
    conversations.c.id,
    conversations.c.agent,
    conversations.c.created_at,
    conversations.c.title,
)

_GET = sa.select(*_CONVERSATION).where(conversations.c.id == bindparam("this"))
"""Reads a conversation, for its agent."""

_PRESENT = (
    sa.select(*_CONVERSATION)
    .select_from(bindings.join(conversations, bindings.c.conversation == conversations.c.id))
    .where(is_thread(bindings))
)
"""Reads what a thread talks about now, for `/resume`."""

_PAST = (
    sa.select(*_CONVERSATION)
    .select_from(
        past_bindings.join(conversations, past_bindings.c.conversation == conversations.c.id)
    )
    .where(is_thread(past_bindings))
    .order_by(past_bindings.c.place.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads what it talked about before."""

_EXTENT = sa.select(conversations.c.covered, conversations.c.summary).where(
    conversations.c.id == bindparam("this")
)
"""Finds where in a log its latest summary is, and how far that reaches."""


class SqlConversations:
    """Conversations in a database."""

    def __init__(self, database: Database, *, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def bind(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        """The conversation of the thread, made if it has none: see the port."""
        fresh = _row(ConversationId(self._ids.new()), agent, self._clock.now())
        return await self._database.write(lambda t: _bind(t, thread, fresh))

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation of the thread, or None: see the port."""
        return await self._database.read(lambda t: _bound(t, thread))

    async def bound_among(self, threads: Collection[ThreadRef]) -> dict[ThreadRef, ConversationId]:
        """Those of the threads that have a conversation: see the port."""

        def work(transaction: Transaction) -> dict[ThreadRef, ConversationId]:
            found = ((thread, _bound(transaction, thread)) for thread in threads)
            return {thread: conversation for thread, conversation in found if conversation}

        return await self._database.read(work)

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread from now on: see the port."""
        await self._database.write(lambda t: rebind(t, thread, conversation))

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        """Make the conversation unless it is there: see the port."""
        now = self._clock.now()
        await self._database.write(lambda t: create(t, conversation, agent, opening, at=now))

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, or None: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": conversation}))
        return None if row is None else _conversation_of(row)

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        """Conversations of the thread, latest first: see the port."""
        this = thread_values(thread)

        def work(transaction: Transaction) -> list[Conversation]:
            present = transaction.all(_PRESENT, this)
            # One more than asked for: the present one may stand among those of the past.
            past = transaction.all(_PAST, {**this, "limit": limit + 1})
            now = {row[0] for row in present}
            rows = [*present, *(row for row in past if row[0] not in now)]
            return [_conversation_of(row) for row in rows[:limit]]

        return await self._database.read(work)

    async def entries(self, conversation: ConversationId, *, limit: int = 200) -> list[Entry]:
        """The end of the log since its last summary: see the port."""

        def work(transaction: Transaction) -> list[Entry]:
            extent = transaction.one(_EXTENT, {"this": conversation})
            if extent is None:
                return []
            covered, summary = extent
            return log.read_end(
                transaction, conversation, covered=covered, summary=summary, limit=limit
            )

        return await self._database.scan(work)


def create(
    transaction: Transaction,
    conversation: ConversationId,
    agent: AgentName,
    opening: Sequence[Entry],
    *,
    at: datetime,
) -> None:
    """Make the conversation with its first entries, unless it is there."""
    if transaction.run(_CREATE, _row(conversation, agent, at)):
        log.write(transaction, conversation, opening, last=0)


def bound_locked(transaction: Transaction, thread: ThreadRef) -> ConversationId | None:
    """The conversation of the thread, for whoever is about to bind it to another."""
    row = transaction.one(_BOUND_LOCKED, thread_values(thread))
    return None if row is None else ConversationId(row[0])


def _row(conversation: ConversationId, agent: AgentName, at: datetime) -> dict[str, Value]:
    return {
        "id": conversation,
        "agent": agent,
        "title": "",
        "summary": 0,
        "covered": 0,
        "created_at": micros(at),
    }


def rebind(transaction: Transaction, thread: ThreadRef, conversation: ConversationId) -> None:
    """Bind the thread to the conversation from now on, and remember what it leaves."""
    this = thread_values(thread)
    if transaction.run(_BIND, {**this, "conversation": conversation}):
        return
    left = transaction.one(_BOUND_LOCKED, this)
    if left is not None and left[0] != conversation:
        transaction.run(_REMEMBER, {**this, "conversation": left[0]})
        places: dict[str, Value] = {f"of_{name}": value for name, value in this.items()}
        transaction.run(_MOVE, {**places, "becomes": conversation})


def _bound(transaction: Transaction, thread: ThreadRef) -> ConversationId | None:
    row = transaction.one(_BOUND, thread_values(thread))
    return None if row is None else ConversationId(row[0])


def _bind(transaction: Transaction, thread: ThreadRef, fresh: dict[str, Value]) -> ConversationId:
    known = _bound(transaction, thread)
    if known is not None:
        return known
    mine = ConversationId(str(fresh["id"]))
    transaction.run(_CREATE, fresh)
    if transaction.run(_BIND, {**thread_values(thread), "conversation": mine}):
        return mine
    transaction.run(_DISCARD, {"this": mine})
    return _bound(transaction, thread) or mine


def _conversation_of(row: Row) -> Conversation:
    key, agent, created_at, title = row
    return Conversation(
        id=ConversationId(key), agent=AgentName(agent), created_at=moment(created_at), title=title
    )
