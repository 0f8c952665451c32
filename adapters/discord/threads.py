"""Where a message for a thread goes: into the thread, which is opened where it is not there yet."""

import logging
from collections import OrderedDict
from http import HTTPStatus

from adapters.discord import render, wire
from adapters.discord.faults import THREAD_EXISTS, UNKNOWN_MESSAGE, Refusal
from adapters.discord.places import Places
from adapters.discord.rest import DiscordRest, Route
from runtime.errors import Permanent
from runtime.model.address import ThreadRef
from runtime.model.value import value

log = logging.getLogger("nightdesk.discord")

ARCHIVE_AFTER = 4_320
"""Minutes after which Discord folds a quiet thread away; a new message unfolds it."""
_REMEMBERED = 5_000


@value()
class Spot:
    """Where a message goes.

    Attributes:
        channel: the channel or thread to post to.
        answers: the message that it answers, where no thread can be opened; else empty.
    """

    channel: str
    answers: str = ""


class Threads:
    """Finds threads and opens them.

    A thread that hangs from a message has the message's id, so the address of a conversation is
    known before its thread is there, and opening one twice opens one.
    """

    def __init__(self, rest: DiscordRest, places: Places) -> None:
        """Ask and open through `rest`; remember in `places`."""
        self._rest = rest
        self._places = places
        self._without: OrderedDict[str, Spot] = OrderedDict()

    async def spot(self, thread: ThreadRef) -> Spot:
        """Where a message for the thread goes.

        Raises:
            Retryable: Discord cannot be asked.
            Ambiguous: the thread may have been opened; ask again.
            Permanent: the thread is another channel's.
        """
        channel, root = thread.channel.channel, thread.root
        if not root:
            return Spot(channel)
        known = self._places.parent(root)
        if known is not None:
            return _belonging(root, known, channel)
        if root in self._without:
            return self._without[root]
        there = await self._asked(root)
        if there is not None:
            self._places.learn(there)
            return _belonging(root, there.parent_id or "", channel)
        return await self._opened(channel, root)

    async def _asked(self, root: str) -> wire.Channel | None:
        """The thread, or None where there is none that we can see."""
        try:
            return await self._rest.read(wire.Channel, Route("GET", "/channels/{}", (root,)))
        except Refusal as refusal:
            if refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}:
                return None
            raise

    async def _opened(self, channel: str, root: str) -> Spot:
        """Open the thread; where that cannot be, say which message to answer instead."""
        name = render.thread_name(await self._words(channel, root))
        route = Route("POST", "/channels/{}/messages/{}/threads", (channel, root))
        try:
            await self._rest.write(route, {"name": name, "auto_archive_duration": ARCHIVE_AFTER})
        except Refusal as refusal:
            if refusal.code != THREAD_EXISTS:
                log.info("discord.no_thread", extra={"channel": channel, "why": str(refusal)})
                return self._in_the_channel(
                    channel, "" if refusal.code == UNKNOWN_MESSAGE else root, root
                )
        self._places.learn(wire.Channel(id=root, type=11, parent_id=channel))
        return Spot(root)

    async def _words(self, channel: str, root: str) -> str:
        """What the message says that the thread hangs from; empty where that is not known."""
        known = self._places.title(root)
        if known is not None:
            return known
        route = Route("GET", "/channels/{}/messages/{}", (channel, root))
        try:
            return (await self._rest.read(wire.Message, route)).content or ""
        except Refusal:
            return ""

    def _in_the_channel(self, channel: str, answers: str, root: str) -> Spot:
        self._without[root] = Spot(channel, answers)
        if len(self._without) > _REMEMBERED:
            self._without.popitem(last=False)
        return self._without[root]


def _belonging(thread: str, parent: str, channel: str) -> Spot:
    """The thread, which must be one of that channel: the allow-list knows the channel only.

    Raises:
        Permanent: it is not.
    """
    if parent != channel:
        raise Permanent(f"the thread {thread} is in another channel than {channel}")
    return Spot(thread)
