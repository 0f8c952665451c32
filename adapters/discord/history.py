"""Looks through what was said in a channel."""

from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus

from adapters.discord import wire
from adapters.discord.faults import Refusal
from adapters.discord.rest import DiscordRest, Route
from runtime.errors import Permanent

_PAGE = 100
_PAGES = 20


async def message(rest: DiscordRest, channel: str, this: str) -> wire.Message | None:
    """The message with that id; None where it is not there."""
    route = Route("GET", "/channels/{}/messages/{}", (channel, this))
    try:
        return await rest.read(wire.Message, route)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            return None
        raise


async def messages(
    rest: DiscordRest, channel: str, *, since: datetime, by: str
) -> AsyncIterator[wire.Message]:
    """The messages of that author in the channel since then, oldest first.

    Raises:
        Permanent: there are too many to look through.
    """
    after = wire.snowflake_at(since)
    path = f"/channels/{{}}/messages?after={{}}&limit={_PAGE}"
    for _ in range(_PAGES):
        page = await rest.read(list[wire.Message], Route("GET", path, (channel, after)))
        page.sort(key=lambda one: int(one.id or 0))
        for one in page:
            if (one.author or wire.User()).id == by:
                yield one
        if len(page) < _PAGE:
            return
        after = page[-1].id or after
    raise Permanent(f"there are more than {_PAGES * _PAGE} messages to look through")
