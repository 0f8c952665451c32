"""Answers that grow while the model writes: a message that is edited, at a gentle pace.

A draft is known by the mark that it ends with (`render.GROWING`), so that a draft of a process that
died is found and finished like any other.
"""

import hashlib
import logging
from collections import OrderedDict
from typing import TypeVar

from adapters.discord import render, wire
from adapters.discord.inbound import SUPPRESS_EMBEDS
from adapters.discord.rest import DiscordRest, Route
from adapters.discord.threads import Spot
from runtime.clock import Clock
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import MessageId
from runtime.model.address import Principal

log = logging.getLogger("nightdesk.discord")

_K = TypeVar("_K")
_V = TypeVar("_V")

EDIT_PAUSE = 1.5
"""Seconds between two edits in one channel. Discord takes five requests in five seconds."""
TYPING_LASTS = 8.0
"""Seconds after which a channel no longer shows that the bot is typing; Discord says ten."""
_LEAVE_FOR_ANSWERS = 2
"""Requests of a channel's rate limit that drafts do not use up."""
_REMEMBERED = 1_000


def post_to(channel: str) -> Route:
    """The route of a new message."""
    return Route("POST", "/channels/{}/messages", (channel,))


def reference(spot: Spot) -> dict[str, object]:
    """What makes a message an answer to the one that it cannot have a thread under."""
    if not spot.answers:
        return {}
    return {"message_reference": {"message_id": spot.answers, "fail_if_not_exists": False}}


def edit_of(channel: str, message: str) -> Route:
    """The route of an edited message."""
    return Route("PATCH", "/channels/{}/messages/{}", (channel, message))


class Drafts:
    """The drafts of one bot."""

    def __init__(self, rest: DiscordRest, clock: Clock) -> None:
        """Show drafts through `rest`."""
        self._rest = rest
        self._clock = clock
        self._shown: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._edited: OrderedDict[str, float] = OrderedDict()
        self._typed: OrderedDict[str, float] = OrderedDict()

    async def begin(self, spot: Spot, requester: Principal, text: str) -> MessageId | None:
        """Begin a draft; None where Discord takes none here or now."""
        channel = spot.channel
        route, shown = post_to(channel), render.growing(text)
        if self._rest.room(route) < _LEAVE_FOR_ANSWERS:
            return None
        moment = f"{channel} {spot.answers} {self._clock.now().isoformat()} {shown}"
        body = _body(shown, requester)
        body |= {"nonce": hashlib.sha256(moment.encode()).hexdigest()[:25], "enforce_nonce": True}
        body |= reference(spot)
        try:
            try:
                made = await self._rest.told(wire.Message, route, body)
            except Ambiguous:  # the nonce finds it, where it was made
                made = await self._rest.told(wire.Message, route, body)
        except (Retryable, Ambiguous, Permanent) as error:
            log.info("discord.no_draft", extra={"channel": channel, "why": str(error)})
            return None
        if made.id is None:
            return None
        self._keep(self._shown, (channel, made.id), shown)
        self._keep(self._edited, channel, self._clock.monotonic())
        return MessageId(made.id)

    async def grow(self, channel: str, draft: MessageId, text: str) -> None:
        """Show the answer so far. Too soon after the last time it does nothing. Never raises."""
        known, now = self._shown.get((channel, draft)), self._clock.monotonic()
        if known is None or now - self._edited.get(channel, 0.0) < EDIT_PAUSE:
            return
        route, shown = edit_of(channel, draft), render.growing(text)
        if shown == known or self._rest.room(route) < _LEAVE_FOR_ANSWERS:
            return
        self._keep(self._edited, channel, now)
        try:
            await self._rest.write(route, _body(shown, None))
            self._keep(self._shown, (channel, str(draft)), shown)
        except Retryable as error:
            self._keep(self._edited, channel, now + (error.after or 0.0))
        except Ambiguous:
            return  # the next edit shows all of it again
        except Permanent as error:
            self._shown.pop((channel, draft), None)
            log.info("discord.draft_stuck", extra={"channel": channel, "why": str(error)})

    def finished(self, channel: str, draft: str) -> None:
        """The draft became its message."""
        self._shown.pop((channel, draft), None)

    async def typing(self, channel: str) -> None:
        """Show that the bot is typing, unless it is shown already. Never raises."""
        now = self._clock.monotonic()
        if now - self._typed.get(channel, -TYPING_LASTS) < TYPING_LASTS:
            return
        self._keep(self._typed, channel, now)
        try:
            await self._rest.write(Route("POST", "/channels/{}/typing", (channel,)))
        except (Retryable, Ambiguous, Permanent) as error:
            log.debug("discord.no_typing", extra={"channel": channel, "why": str(error)})

    def _keep(self, known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
        known[key] = value
        known.move_to_end(key)
        if len(known) > _REMEMBERED:
            known.popitem(last=False)


def _body(shown: str, requester: Principal | None) -> dict[str, object]:
    return {
        "content": shown,
        "flags": SUPPRESS_EMBEDS,
        "allowed_mentions": render.mentions(requester),
    }
