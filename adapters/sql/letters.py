"""Rows of the outbox as messages, and those that were sent lately, for people who ask."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql import sending
from adapters.sql.codec import decoder, moment
from adapters.sql.constants import word
from adapters.sql.database import Database
from adapters.sql.schema import outbox
from adapters.sql.threads import thread_columns, thread_of
from adapters.sql.transaction import Row, Statement, Value
from runtime.ids import AgentName, ConversationId, MessageId, OutboxId, Platform, TurnId
from runtime.model.address import ChannelRef
from runtime.model.outbox import OutboxItem, OutboxState

ITEM = (
    outbox.c.id,
    *thread_columns(outbox),
    outbox.c.state,
    outbox.c.attempts,
    outbox.c.not_before,
    outbox.c.created_at,
    outbox.c.binds,
    outbox.c.message_id,
    outbox.c.error,
    outbox.c.body,
    outbox.c.turn,
    outbox.c.agent,
    outbox.c.position,
)

_PLACE = (outbox.c.platform, outbox.c.workspace, outbox.c.channel)
_SENT = outbox.c.state == word(OutboxState.SENT)

_LAST_SENT = sa.select(*_PLACE, sa.func.max(outbox.c.created_at)).where(_SENT).group_by(*_PLACE)
"""When something was last sent to each channel. Reads the whole table: for people who ask."""

_LATELY = (
    sa.select(*ITEM)
    .where(
        _SENT,
        outbox.c.platform == bindparam("platform"),
        outbox.c.workspace == bindparam("workspace"),
        outbox.c.channel == bindparam("channel"),
    )
    .order_by(outbox.c.position.desc())
    .limit(bindparam("limit", type_=sa.BigInteger))
)
"""Reads the end of the table; `lately` adds conditions to it. For people who ask, too."""

_decode = decoder(sending.Letter)


@lru_cache(maxsize=64)
def lately(*, root: bool, messages: int) -> Statement:
    """Finds what was sent to a channel, of a thread or of so many messages where these are asked.

    One statement for each form of the question, which is compiled once, as all are.
    """
    statement = _LATELY
    if root:
        statement = statement.where(outbox.c.root == bindparam("root"))
    if messages:
        names = [bindparam(f"message{n}", type_=sa.Text) for n in range(messages)]
        statement = statement.where(outbox.c.message_id.in_(names))
    return statement


class SqlSent:
    """The part of the outbox that looks back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_sent(self) -> dict[ChannelRef, datetime]:
        """For each channel, when the latest message sent there was written: see the port."""
        rows = await self._database.scan(lambda t: t.all(_LAST_SENT))
        return {ChannelRef(Platform(row[0]), row[1], row[2]): moment(row[3]) for row in rows}

    async def sent_to(
        self,
        channel: ChannelRef,
        *,
        root: str | None = None,
        messages: Sequence[MessageId] = (),
        limit: int = 20,
    ) -> list[OutboxItem]:
        """Messages that were sent there, the latest first: see the port."""
        statement = lately(root=root is not None, messages=len(messages))
        place: dict[str, Value] = {
            "platform": channel.platform,
            "workspace": channel.workspace,
            "channel": channel.channel,
            "limit": limit,
            **{f"message{n}": message for n, message in enumerate(messages)},
        }
        if root is not None:
            place["root"] = root
        rows = await self._database.scan(lambda t: t.all(statement, place))
        return [item_of(row) for row in rows]


def item_of(row: Row) -> OutboxItem:
    """The message of a row that was read with `ITEM`."""
    key, *thread, state, attempts, not_before, created_at, binds, message, error, body = row[:-3]
    turn, agent, _ = row[-3:]
    letter = _decode(body)
    return OutboxItem(
        id=OutboxId(key),
        thread=thread_of(*thread),
        content=letter.content,
        proactive=letter.proactive,
        only_for=letter.only_for,
        reply_url=letter.reply_url,
        draft=letter.draft,
        binds=None if binds is None else ConversationId(binds),
        turn=letter.turn if turn is None else TurnId(turn),
        agent=None if agent is None else AgentName(agent),
        state=OutboxState(state),
        attempts=attempts,
        not_before=moment(not_before),
        created_at=moment(created_at),
        message_id=None if message is None else MessageId(message),
        error=error,
    )
