"""The address that Slack gives with each command and press, at which it takes answers for a while.

What is posted there is shown where the person is, also where the bot is not, and to them alone
where it says so.
"""

from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from adapters.slack import render
from adapters.slack.faults import by_status, network
from runtime.clock import Clock
from runtime.model.outbox import OutboxItem

_AGE = timedelta(minutes=25)
"""Slack takes answers at a command's own address for 30 minutes."""
_HOSTS = (".slack.com", ".slack-gov.com")


class AnswerUrls:
    """Answers at such addresses."""

    def __init__(self, session: aiohttp.ClientSession, *, base_url: str, clock: Clock) -> None:
        """Answer over `session`; what is at `base_url` is Slack's, too."""
        self._session = session
        self._base_url = base_url
        self._clock = clock

    async def answered(self, item: OutboxItem, kind: str) -> bool:
        """Answer at the item's own address; False where there is none that takes answers.

        Args:
            item: the message.
            kind: for whom: `ephemeral`, or `in_channel`.

        Raises:
            Retryable, Permanent, Ambiguous: as of any call of Slack's.
        """
        young = self._clock.now() - item.created_at < _AGE
        if not (item.reply_url and young and self._is_slacks(item.reply_url)):
            return False
        body: dict[str, object] = {
            "response_type": kind,
            "replace_original": False,
            "text": render.plain(item.content.text),
            "blocks": render.blocks(item.content),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if item.thread.root:
            body["thread_ts"] = item.thread.root
        with network():
            async with self._session.post(
                item.reply_url, json=body, allow_redirects=False
            ) as response:
                told = by_status(response.status, response.headers.get("Retry-After"))
                if told is not None:
                    raise told
                return response.status == HTTPStatus.OK

    def _is_slacks(self, url: str) -> bool:
        """Whether the address is Slack's: what it is sent is for one person's eyes."""
        parts, ours = urlsplit(url), urlsplit(self._base_url)
        if (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc):
            return True
        host = parts.hostname or ""
        return parts.scheme == "https" and f".{host}".endswith(_HOSTS)
