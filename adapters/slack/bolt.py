"""Bolt's app, with one global middleware that stores an event before Slack hears that we have it.

What comes over a socket is dispatched by Bolt, before anything of Bolt's own: nobody gets past the
middleware, for what an event means and who may do what are decided by the rest of the program, from
the stored row. The answer is Bolt's: 200 is acknowledged, with what is to be said at once, and
anything else is not, so that Slack delivers again. https://docs.slack.dev/tools/bolt-python
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from runtime.errors import Retryable
from runtime.model.events import Inbound, Parsed
from runtime.ports import Accept

log = logging.getLogger("nightdesk.slack")

_LOG_OF_BOLT: Final = "nightdesk.slack.bolt"

STORED: Final = 200
NOT_STORED: Final = 503

_KIND = "nightdesk_kind"
_RAW = "nightdesk_raw"

Read = Callable[[str, bytes], Parsed]
"""Reads an envelope of that kind from the bytes of its payload. Never raises."""


class Bolt:
    """One workspace's app."""

    def __init__(
        self, client: AsyncWebClient, *, read: Read, accept: Accept, logger: logging.Logger
    ) -> None:
        """Dispatch.

        Args:
            client: the Web API, which Bolt wants to know and which is not called here.
            read: reads envelopes.
            accept: stores what is heard.
            logger: Bolt's log.
        """
        self._read = read
        self._accept = accept
        self._app = AsyncApp(
            # A log of that name gets the level of `logger` whenever something is dispatched, so it
            # must be no log of ours.
            name=_LOG_OF_BOLT,
            logger=logger,
            client=client,
            authorize=_nobody,
            before_authorize=self._store,
            # The socket was opened with our own app-level token: there is nothing to verify.
            request_verification_enabled=False,
            ssl_check_enabled=False,
            url_verification_enabled=False,
        )

    async def dispatch(self, kind: str, body: dict[str, Any], raw: bytes) -> BoltResponse:
        """Hand one envelope to the app.

        Args:
            kind: the envelope's type: `events_api`, `slash_commands`, `interactive`.
            body: its payload.
            raw: the same as it came.

        Returns:
            `STORED`, with what is to be said at once, or another status: not to be acknowledged.
        """
        request = AsyncBoltRequest(mode="socket_mode", body=body, context={_KIND: kind, _RAW: raw})
        return await self._app.async_dispatch(request)

    async def _store(self, req: AsyncBoltRequest) -> BoltResponse:
        """The middleware. It calls no `next`, so that nothing of Bolt's runs after it."""
        parsed = self._read(req.context[_KIND], req.context[_RAW])
        if not isinstance(parsed, Inbound):
            return BoltResponse(status=STORED)
        try:
            await self._accept(parsed)
        except Retryable as error:
            log.warning("slack.socket_not_stored", extra={"why": str(error)})
            return BoltResponse(status=NOT_STORED)
        return BoltResponse(status=STORED, body=parsed.acknowledgement)


async def _nobody() -> AuthorizeResult:
    """Bolt asks this after the middleware, and so never."""
    raise BoltError("nothing goes past the middleware that stores")
