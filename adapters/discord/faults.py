"""What became of a request to Discord, in the words of `runtime.errors`.

Codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import aiohttp

from adapters.discord import wire
from runtime.errors import Ambiguous, Malformed, Permanent, Retryable

UNKNOWN_CHANNEL = 10_003
UNKNOWN_MESSAGE = 10_008
UNKNOWN_WEBHOOK = 10_015
UNKNOWN_INTERACTION = 10_062
ALREADY_ACKNOWLEDGED = 40_060
MISSING_ACCESS = 50_001
NO_DIRECT_MESSAGES = 50_007
MISSING_PERMISSIONS = 50_013
ARCHIVED = 50_083
THREAD_EXISTS = 160_004

LATER = 30.0
"""Seconds to wait where Discord refuses for now and does not say for how long."""

_SET_IT = "set NIGHTDESK_DISCORD__BOT_TOKEN to the token of the application's page, Bot"
_ALLOW = "allow it in the channel's permissions"
_WORDS = {
    UNKNOWN_CHANNEL: "Discord knows no such channel, or it was deleted: correct the id in "
    "nightdesk.toml",
    UNKNOWN_MESSAGE: "the message is no longer there",
    UNKNOWN_WEBHOOK: "the answer came too late for Discord",
    UNKNOWN_INTERACTION: "the answer came too late for Discord",
    MISSING_ACCESS: "the bot cannot see the channel: invite it to the server, and let it view the "
    "channel",
    MISSING_PERMISSIONS: f"the bot may not do that there: {_ALLOW}",
    NO_DIRECT_MESSAGES: "Discord does not let the bot write to this person directly: they have to "
    "allow direct messages from members of a server that they share with it",
    50_008: "nothing can be posted in a channel of this kind",
    ARCHIVED: "the thread is archived",
    160_005: "the thread is locked",
    40_005: "the file is larger than Discord takes",
    50_035: "the message is not as Discord takes it",
    30_046: "the message was edited too often to be edited now",
}
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: f"Discord refused the token: {_SET_IT}",
    HTTPStatus.FORBIDDEN: f"the bot may not do that there: {_ALLOW}",
    HTTPStatus.NOT_FOUND: "Discord knows nothing of that id",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the file is larger than Discord takes",
}


class Refusal(Permanent):
    """Discord said no.

    Attributes:
        status: the HTTP status.
        code: Discord's number for the reason; 0 where it gives none.
    """

    def __init__(self, status: int, code: int = 0, message: str = "") -> None:
        words = _WORDS.get(code) or _BY_STATUS.get(HTTPStatus(status), "Discord refused it")
        # Discord's own words are for the log: they name fields, never what was in them.
        told = f"{code or status}{f': {message}' if message and code not in _WORDS else ''}"
        super().__init__(f"{words} ({told})")
        self.status = status
        self.code = code


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
        raise Retryable(f"Discord cannot be reached: {type(error).__name__}") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Ambiguous(f"Discord did not answer: {type(error).__name__}") from error


def told(status: int, headers: Mapping[str, str], body: bytes | None) -> Exception | None:
    """What an answer says went wrong; None where nothing did.

    A refusal that has no words of Discord's is not Discord's: a proxy in between may answer
    anything. `body` is None where none are to be expected, as beside a file.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    complaint = _complaint(body or b"")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        after = complaint.retry_after or _seconds(headers.get("Retry-After"))
        return Retryable("Discord asks us to slow down", after=max(0.1, after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Ambiguous(f"Discord answered {status}")
    try:
        known = HTTPStatus(status)
    except ValueError:
        return Ambiguous(f"Discord answered {status}")
    if body is not None and complaint.code is None and not complaint.message:
        return Ambiguous(f"Discord's answer cannot be read ({status})")
    return Refusal(known, complaint.code or 0, (complaint.message or "")[:200])


def _complaint(body: bytes) -> wire.Complaint:
    try:
        return wire.decoded(wire.Complaint, body)
    except Malformed:
        return wire.Complaint()


def _seconds(retry_after: str | None) -> float:
    try:
        return float(retry_after or "")
    except ValueError:
        return LATER
