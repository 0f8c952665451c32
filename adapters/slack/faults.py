"""What became of a call to Slack, in the words of `runtime.errors`."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from runtime.errors import Ambiguous, Permanent, Retryable

_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable"})
"""Slack documents of these that a part of the work may have been done."""

_LATER: dict[str, float] = {
    "ratelimited": 30.0,
    "rate_limited": 30.0,
    "message_limit_exceeded": 60.0,
    "request_timeout": 1.0,
    "streaming_state_conflict": 2.0,
    "team_added_to_org": 60.0,
}
"""Nothing was done; seconds to wait where Slack does not say."""

_INVITE = "invite the bot there (/invite @nightdesk)"
_SET_IT = "set NIGHTDESK_SLACK__BOT_TOKEN to the Bot User OAuth Token of the app's page"
_WORDS = {
    "channel_not_found": f"Slack knows no such channel, or the bot cannot see it: correct the id "
    f"in nightdesk.toml, or {_INVITE}",
    "is_archived": "the channel is archived: unarchive it, or take it out of nightdesk.toml",
    "not_in_channel": f"the bot is not in the channel: {_INVITE}",
    "user_not_in_channel": "the person is not in the channel, so it cannot be shown to them there",
    "msg_too_long": "the message is longer than Slack takes",
    "msg_blocks_too_long": "the message is longer than Slack takes",
    "restricted_action": "the workspace does not let the bot post in the channel: an admin of "
    "Slack can allow it",
    "invalid_auth": f"Slack refused the token: {_SET_IT}",
    "not_authed": f"Slack was given no token: {_SET_IT}",
    "account_inactive": f"the app was removed from the workspace: install it again and {_SET_IT}",
    "token_revoked": f"the token was revoked: install the app again and {_SET_IT}",
    "token_expired": f"the token has expired: install the app again and {_SET_IT}",
    "missing_scope": "the app lacks a permission: update it with the output of `nightdesk slack "
    "manifest` and install it again",
    "user_not_found": "Slack knows no such person: correct the id in nightdesk.toml",
    "cannot_dm_bot": "the id in nightdesk.toml is a bot's, and bots get no direct messages",
}


class Refusal(Permanent):
    """Slack said no.

    Attributes:
        code: Slack's word for the reason: `channel_not_found`.
        needed: the permission that is missing, where Slack names it.
    """

    def __init__(self, code: str, needed: str = "") -> None:
        words = _WORDS.get(code, "Slack refused it")
        super().__init__(f"{words} ({code}{f': {needed}' if needed else ''})")
        self.code = code
        self.needed = needed


async def written(call: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
    """The answer to a call that changes something.

    Raises:
        Retryable: nothing was changed.
        Ambiguous: it may have been changed.
        Refusal: Slack said no.
    """
    try:
        with network():
            return await call
    except SlackApiError as error:
        raise _told(error.response) from error
    except AttributeError as error:
        # The SDK trips over an answer in plain text, which a proxy in between may give.
        raise Ambiguous("Slack's answer cannot be read") from error


async def read(call: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
    """The answer to a call that changes nothing, so that it can always be made again.

    Raises:
        Retryable: Slack did not answer.
        Refusal: Slack said no.
    """
    try:
        return await written(call)
    except Ambiguous as error:
        raise Retryable(str(error)) from error


@contextmanager
def network() -> Iterator[None]:
    """Tell a request that was never written from one that may have arrived.

    Raises:
        Retryable: there was no connection, so not a byte was written.
        Ambiguous: the connection failed later.
    """
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Retryable(f"Slack cannot be reached: {type(error).__name__}") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Ambiguous(f"Slack did not answer: {type(error).__name__}") from error


def by_status(status: int, retry_after: str | None) -> Exception | None:
    """What an HTTP status alone tells; None where it tells nothing."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Retryable("Slack asks us to slow down", after=_seconds(retry_after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguous(f"Slack answered {status}")
    return None


def _told(response: object) -> Exception:
    if not isinstance(response, AsyncSlackResponse):
        return Ambiguous("Slack's answer cannot be read")
    told = by_status(response.status_code, response.headers.get("Retry-After"))
    if told is not None:
        return told
    data = response.data if isinstance(response.data, dict) else {}
    if not data.get("error"):
        # Not Slack's word: a proxy in between may answer anything, with any status.
        return Ambiguous(f"Slack's answer cannot be read ({response.status_code})")
    code = str(data["error"])
    if code in _UNSURE:
        return Ambiguous(f"Slack answered {code}")
    if code in _LATER:
        return Retryable(f"Slack answered {code}", after=_LATER[code])
    return Refusal(code, str(data.get("needed") or ""))


def _seconds(retry_after: str | None) -> float:
    try:
        return max(1.0, float(retry_after or ""))
    except ValueError:
        return _LATER["ratelimited"]
