"""The replies to interactions, which Discord takes for fifteen minutes at an address of their own.

A command was answered with "later" (`inbound.LATER`): a reply that only its sender sees, and that
is filled in here. What is for everybody is posted as a plain message instead, which can carry a
nonce, and the empty reply is taken back. A button was answered with nothing, and what it says comes
as a message of its own.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal, cast

import msgspec

from adapters.discord import wire
from adapters.discord.faults import Refusal
from adapters.discord.inbound import Answers
from adapters.discord.rest import Body, DiscordRest, Route, Upload
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import MessageId, OutboxId
from runtime.model.outbox import OutboxItem
from runtime.model.value import value

log = logging.getLogger("nightdesk.discord")

ANSWERS_FOR = timedelta(minutes=14)
"""Discord takes replies for 15 minutes; the last one is left for clocks that differ."""

_ON_ITS_WAY = timedelta(seconds=10)
"""How long Discord may not know yet of an interaction that we have put off."""

_REPLY_URL = re.compile(r"(answer|under|within)/([0-9]{1,20})/([A-Za-z0-9_.=-]{1,1000})")
_LOADING = 1 << 7
_REMEMBERED = 5_000
_ORIGINAL = "/webhooks/{}/{}/messages/@original"

Message = tuple[Body, Sequence[Upload]]
"""The body of a message, and the files that go with it."""


@value()
class Reply:
    """Where an interaction takes its replies.

    Attributes:
        answers: how it was answered so far; see `inbound.Answers`.
        application: our application.
        token: the secret of this interaction.
        fresh: it is so young that "later" may still be on its way to Discord.
    """

    answers: Answers
    application: str
    token: str
    fresh: bool = False

    def route(self, method: Literal["GET", "POST", "PATCH", "DELETE"], path: str) -> Route:
        """A route to it."""
        return Route(method, path, (self.application, self.token), counted=False, secret=True)


def usable(item: OutboxItem, *, now: datetime) -> Reply | None:
    """Where the interaction takes the item as a reply; None where it does not, or no longer."""
    found = _REPLY_URL.fullmatch(item.reply_url)
    age = now - item.created_at
    if found is None or age > ANSWERS_FOR:
        return None
    return Reply(cast("Answers", found[1]), found[2], found[3], fresh=age < _ON_ITS_WAY)


class Replies:
    """Replies to interactions."""

    def __init__(self, rest: DiscordRest) -> None:
        """Reply through `rest`."""
        self._rest = rest
        self._filled: OrderedDict[str, OutboxId] = OrderedDict()

    async def acknowledge(self, interaction: str, token: str, answer: bytes) -> None:
        """Answer an interaction that came over the gateway, within its three seconds."""
        path = "/interactions/{}/{}/callback"
        route = Route("POST", path, (interaction, token), counted=False, secret=True)
        await self._rest.write(route, msgspec.json.decode(answer, type=dict[str, object]))

    async def privately(self, reply: Reply, item: OutboxId, message: Message) -> MessageId | None:
        """Show the message to the sender of the interaction; None where it takes none any more."""
        try:
            if reply.answers == "answer" and await self._may_fill(reply, item):
                self._fill(reply, item)
                return await self.update(reply, message)
            return await self.follow_up(reply, message)
        except Refusal as refusal:
            if refusal.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED}:
                raise
            if reply.fresh:
                raise Retryable("Discord does not take the reply yet", after=0.5) from refusal
            log.info("discord.reply_too_late", extra={"why": str(refusal)})
            return None

    async def update(self, reply: Reply, message: Message) -> MessageId:
        """Fill in the reply that was put off, or change the private message with the button."""
        body, uploads = message
        made = await self._rest.told(
            wire.Message, reply.route("PATCH", _ORIGINAL), body, uploads=uploads
        )
        return MessageId(made.id or "")

    async def follow_up(self, reply: Reply, message: Message) -> MessageId:
        """Reply with one more message."""
        body, uploads = message
        route = reply.route("POST", "/webhooks/{}/{}")
        made = await self._rest.told(wire.Message, route, body, uploads=uploads)
        return MessageId(made.id or "")

    async def take_back(self, reply: Reply | None) -> None:
        """Remove the empty reply, if any, where all were shown the answer. Never raises."""
        if reply is None or reply.answers != "answer":
            return
        try:
            await self._rest.write(reply.route("DELETE", _ORIGINAL))
        except (Retryable, Ambiguous, Permanent) as error:
            log.info("discord.reply_stays", extra={"why": str(error)})

    async def find(self, reply: Reply, item: OutboxId, content: str) -> MessageId | None:
        """Whether the reply holds that message; None where filling it in again does no harm.

        Raises:
            Permanent: it was a message of its own, and a private one is in nobody's history.
        """
        filled = self._filled.get(reply.token)
        if reply.answers == "answer" and filled in {None, item}:
            there = await self._original(reply)
            if there is None or (there.flags or 0) & _LOADING:
                return None
            if there.content == content:
                return MessageId(there.id or "")
            if filled == item:
                return None
        raise Permanent("Discord cannot say whether a person was shown a private answer")

    async def _may_fill(self, reply: Reply, item: OutboxId) -> bool:
        """Whether the reply is still empty, or this very message fills it."""
        filled = self._filled.get(reply.token)
        if filled is not None:
            return filled == item
        # Another process, or an earlier life of this one, may have filled it with the first part.
        there = await self._original(reply)
        return there is not None and bool((there.flags or 0) & _LOADING)

    async def _original(self, reply: Reply) -> wire.Message | None:
        try:
            return await self._rest.read(wire.Message, reply.route("GET", _ORIGINAL))
        except Refusal as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _fill(self, reply: Reply, item: OutboxId) -> None:
        self._filled[reply.token] = item
        if len(self._filled) > _REMEMBERED:
            self._filled.popitem(last=False)
