"""Looks through what was said in a thread or a channel."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from adapters.slack.api import SlackApi
from adapters.slack.faults import read
from runtime.errors import Permanent
from runtime.model.address import ThreadRef

_PAGES = 25
_PAGE = 200


def ts_of(moment: datetime) -> str:
    """The time as Slack writes it."""
    return f"{moment.timestamp():.6f}"


async def messages(
    api: SlackApi, thread: ThreadRef, *, oldest: str, latest: str | None
) -> AsyncIterator[Mapping[str, object]]:
    """Messages of the thread, or of the channel, between two times.

    Raises:
        Retryable: Slack did not answer.
        Refusal: Slack said no.
        Permanent: there are too many.
    """
    cursor: str | None = None
    for _ in range(_PAGES):
        answer = await read(
            api.ask(
                "conversations.replies" if thread.root else "conversations.history",
                channel=thread.channel.channel,
                ts=thread.root or None,
                oldest=oldest,
                latest=latest,
                inclusive=True,
                include_all_metadata=True,
                limit=_PAGE,
                cursor=cursor,
            )
        )
        for message in answer.objects("messages"):
            yield message
        cursor = str(answer.fields("response_metadata").get("next_cursor") or "") or None
        if cursor is None:
            return
    raise Permanent(f"there are more than {_PAGES * _PAGE} messages to look through")
