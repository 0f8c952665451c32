"""The agent's session in a thread: that it works, with Slack's stop button, and that it is done.

https://docs.slack.dev/ai/agent-sessions
"""

import logging
from collections import OrderedDict
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack import render
from adapters.slack.faults import Refusal, written
from runtime.errors import Ambiguous, Retryable
from runtime.model.address import ThreadRef

log = logging.getLogger("nightdesk.slack")

_NOWHERE: Final = frozenset(
    {"unknown_method", "missing_scope", "not_allowed_token_type", "not_an_agent", "access_denied"}
)
"""Refusals that hold for every thread."""
_REMEMBERED: Final = 1_000
_LONGEST: Final = 100


class Sessions:
    """The sessions of one Slack app. Nothing that goes wrong here is anybody's trouble."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._working: OrderedDict[ThreadRef, None] = OrderedDict()
        self._no_status = False
        self._no_sessions = False

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show "Nightdesk is ..." under the thread, with a stop button; an empty text clears it.

        Slack takes both in threads only.
        """
        if not thread.root:
            return
        if text:
            self._working[thread] = None
            while len(self._working) > _REMEMBERED:
                self._working.popitem(last=False)
            await self._set_session(thread, "processing")
        else:
            await self.done(thread)
        await self._set_status(thread, text)

    async def done(self, thread: ThreadRef) -> None:
        """Say that nothing is worked on in the thread, where this process said that something was.

        Of a process that died, the end of its stream says it.
        """
        if thread in self._working:
            del self._working[thread]
            await self._set_session(thread, "active")

    async def _set_session(self, thread: ThreadRef, status: str) -> None:
        if self._no_sessions or not thread.root:
            return
        try:
            await written(
                self._client.agents_sessions_setStatus(
                    channel_id=thread.channel.channel, thread_ts=thread.root, status=status
                )
            )
        except (Refusal, Retryable, Ambiguous) as error:
            self._no_sessions = isinstance(error, Refusal) and error.code in _NOWHERE
            log.info("slack.no_session", extra={"why": str(error)})

    async def _set_status(self, thread: ThreadRef, text: str) -> None:
        if self._no_status:
            return
        try:
            await written(
                self._client.assistant_threads_setStatus(
                    channel_id=thread.channel.channel,
                    thread_ts=thread.root,
                    status=render.quiet(text)[:_LONGEST],
                )
            )
        except (Refusal, Retryable, Ambiguous) as error:
            self._no_status = isinstance(error, Refusal) and error.code in _NOWHERE
            log.info("slack.no_status", extra={"why": str(error)})
