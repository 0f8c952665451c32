"""Looks through what was said in a thread or a channel."""

from collections.abc import AsyncIterator, Awaitable
from datetime import datetime

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.slack.faults import read
from runtime.errors import Permanent
from runtime.model.address import ThreadRef

_PAGES = 25
_PAGE = 200


def ts_of(moment: datetime) -> str:
    """The time as Slack writes it."""
    return f"{moment.timestamp():.6f}"


async def messages(
    client: AsyncWebClient, thread: ThreadRef, *, oldest: str, latest: str | None
) -> AsyncIterator[dict[str, object]]:
    """Messages of the thread, or of the channel, between two times.

    Raises:
        Retryable: Slack did not answer.
        Refusal: Slack said no.
        Permanent: there are too many.
    """
    cursor: str | None = None
    for _ in range(_PAGES):
        answer = await read(_page(client, thread, oldest, latest, cursor))
        for message in answer["messages"] or ():
            yield message
        cursor = (answer["response_metadata"] or {}).get("next_cursor") or None
        if cursor is None:
            return
    raise Permanent(f"there are more than {_PAGES * _PAGE} messages to look through")


def _page(
    client: AsyncWebClient, thread: ThreadRef, oldest: str, latest: str | None, cursor: str | None
) -> Awaitable[AsyncSlackResponse]:
    channel = thread.channel.channel
    if thread.root:
        return client.conversations_replies(
            channel=channel,
            ts=thread.root,
            oldest=oldest,
            latest=latest,
            inclusive=True,
            include_all_metadata=True,
            limit=_PAGE,
            cursor=cursor,
        )
    return client.conversations_history(
        channel=channel,
        oldest=oldest,
        latest=latest,
        inclusive=True,
        include_all_metadata=True,
        limit=_PAGE,
        cursor=cursor,
    )
