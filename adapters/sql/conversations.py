"""Conversations and their threads: `runtime.ports.Conversations`."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql

from adapters.sql import log
from adapters.sql.codec import micros, moment
from adapters.sql.database import Database
from adapters.sql.schema import bindings, conversations, past_bindings
from adapters.sql.threads import is_thread, thread_values
from adapters.sql.transaction import Row, Transaction, Value
from runtime.clock import Clock
from runtime.ids import AgentName, ConversationId, IdSource
from runtime.model.address import ThreadRef
from runtime.model.conversation import Conversation, Entry

_CREATE = (
    postgresql.insert(conversations)
    .values({column.name: bindparam(column.name) for column in conversations.c})
    .on_conflict_do_nothing()
)
"""Makes a conversation, or leaves the one with that id alone."""

_DISCARD = sa.delete(conversations).where(conversations.c.id == bindparam("this"))
"""Takes back a conversation made for a thread that another process bound in the same moment."""

_BOUND = sa.select(bindings.c.conversation).where(is_thread(bindings))
"""Finds the conversation of a thread: asked for every message."""

_BIND = (
    postgresql.insert(bindings)
    .values({column.name: bindparam(column.name) for column in bindings.c})
    .on_conflict_do_nothing()
)
"""Binds a thread that has no conversation; of two at once the second waits and changes nothing."""

_REBIND = postgresql.insert(bindings).values(
    {column.name: bindparam(column.name) for column in bindings.c}
)
_REBIND = _REBIND.on_conflict_do_update(
    index_elements=list(bindings.primary_key),
    set_={"conversation": _REBIND.excluded.conversation},
)
"""Binds a thread whatever it was bound to. The row it writes is the lock for `_REMEMBER`."""

_REMEMBER = postgresql.insert(past_bindings).values(
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
"""Puts a conversation at the top of the thread's history, once, for `/resume`."""

_CONVERSATION = (
    conversations.c.id,
    conversations.c.agent,
    conversations.c.created_at,
    conversations.c.title,
)

_GET = sa.select(*_CONVERSATION).where(conversations.c.id == bindparam("this"))
"""Reads a conversation, for its agent."""

_EARLIER = (
    sa.select(*_CONVERSATION)
    .select_from(
        past_bindings.join(conversations, past_bindings.c.conversation == conversations.c.id)
    )
    .where(is_thread(past_bindings))
    .order_by(past_bindings.c.place.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads what a thread talked about before, for `/resume`."""

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
        known = await self.bound(thread)
        if known is not None:
            return known
        fresh = self._row(ConversationId(self._ids.new()), agent)
        return await self._database.write(lambda t: _bind(t, thread, fresh))

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        """The conversation of the thread, or None: see the port."""
        return await self._database.read(lambda t: _bound(t, thread))

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread from now on: see the port."""
        await self._database.write(lambda t: rebind(t, thread, conversation))

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        """Make the conversation unless it is there: see the port."""
        fresh = self._row(conversation, agent)

        def work(transaction: Transaction) -> None:
            if transaction.run(_CREATE, fresh) and opening:
                last = log.advance(transaction, conversation, opening)
                log.write(transaction, conversation, opening, last or 0)

        await self._database.write(work)

    async def get(self, conversation: ConversationId) -> Conversation | None:
        """The conversation, or None: see the port."""
        row = await self._database.read(lambda t: t.one(_GET, {"this": conversation}))
        return None if row is None else _conversation_of(row)

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        """Conversations of the thread, latest first: see the port."""
        page = {**thread_values(thread), "limit": limit}
        rows = await self._database.read(lambda t: t.all(_EARLIER, page))
        return [_conversation_of(row) for row in rows]

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

    def _row(self, conversation: ConversationId, agent: AgentName) -> dict[str, Value]:
        return {
            "id": conversation,
            "agent": agent,
            "title": "",
            "last_seq": 0,
            "summary": 0,
            "covered": 0,
            "created_at": micros(self._clock.now()),
        }


def rebind(transaction: Transaction, thread: ThreadRef, conversation: ConversationId) -> None:
    """Bind the thread to the conversation from now on, and remember that it was."""
    row = {**thread_values(thread), "conversation": conversation}
    transaction.run(_REBIND, row)
    transaction.run(_REMEMBER, row)


def _bound(transaction: Transaction, thread: ThreadRef) -> ConversationId | None:
    row = transaction.one(_BOUND, thread_values(thread))
    return None if row is None else ConversationId(row[0])


def _bind(transaction: Transaction, thread: ThreadRef, fresh: dict[str, Value]) -> ConversationId:
    mine = ConversationId(str(fresh["id"]))
    transaction.run(_CREATE, fresh)
    row = {**thread_values(thread), "conversation": mine}
    if transaction.run(_BIND, row):
        transaction.run(_REMEMBER, row)
        return mine
    transaction.run(_DISCARD, {"this": mine})
    return _bound(transaction, thread) or mine


def _conversation_of(row: Row) -> Conversation:
    key, agent, created_at, title = row
    return Conversation(
        id=ConversationId(key), agent=AgentName(agent), created_at=moment(created_at), title=title
    )
