"""Did Slack sign this request? Pure, constant in time where it matters, and it never raises.

The rule is Slack's ("Verifying requests from Slack"): HMAC-SHA256, keyed with the app's signing
secret, over `v0:` + timestamp + `:` + the raw body, sent in hex with the prefix `v0=`. The SDK's
verifier raises on a timestamp that is no number, a signature that is not ASCII and a body that is
not UTF-8, so that a stranger chooses between 401 and 500; this one answers None to all of them.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest, VerifiedRequest

FRESH_SECONDS = 300
"""How far the request's time may be from ours, in either direction. Slack's own advice."""

TIMESTAMP = "x-slack-request-timestamp"
SIGNATURE = "x-slack-signature"
CONTENT_TYPE = "content-type"

_DIGITS = 10
_GRAMMAR = re.compile(r"[0-9]{10} v0=[0-9a-f]{64}")
_BAD_SECRET = re.compile(r"[^!-~]|\$\{")


def plausible(headers: Mapping[str, str]) -> bool:
    """Whether the two headers have the form that Slack gives them: ten digits, 64 hex digits."""
    # One match for both; a space in either makes it no match, and so does one that is missing.
    both = f"{headers.get(TIMESTAMP)} {headers.get(SIGNATURE)}"
    return _GRAMMAR.fullmatch(both) is not None


def verify(request: RawRequest, *, now: datetime, secrets: Sequence[str]) -> VerifiedRequest | None:
    """The request, vouched for; None where Slack did not sign it, or not within five minutes.

    Args:
        request: as it came.
        now: our time, aware.
        secrets: the signing secret and, for a while after a change, the one before. Each is tried
            whichever fits, so that the time taken tells nothing. A blank one fits nothing.
    """
    return _vouched(request, now.timestamp(), secrets)


def _vouched(request: RawRequest, now: float, secrets: Sequence[str]) -> VerifiedRequest | None:
    headers = request.headers
    timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
    # What is no hex digits equals no signature; this much keeps the rest from raising.
    if not (timestamp.isascii() and timestamp.isdecimal() and signature.isascii()):
        return None
    if len(timestamp) != _DIGITS or abs(now - int(timestamp)) > FRESH_SECONDS:
        return None
    body = request.body
    signed = b"v0:%b:%b" % (timestamp.encode(), body)
    matched = False
    for secret in secrets:
        mac = _keyed(secret).copy()
        mac.update(signed)
        same = hmac.compare_digest(f"v0={mac.hexdigest()}", signature)
        matched |= same and not _blank(secret)
    if not matched:
        return None
    content_type = _media_type(headers.get(CONTENT_TYPE, ""))
    return VerifiedRequest("slack", body, content_type, _moment(int(timestamp)))


@lru_cache(maxsize=8)
def _media_type(header: str) -> str:
    """The type without its parameters. Slack has two of them."""
    return header.partition(";")[0].strip().lower()


@lru_cache(maxsize=8)
def _moment(seconds: int) -> datetime:
    """The time of the signature. What comes together has one and the same."""
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=8)
def _keyed(secret: str) -> hmac.HMAC:
    """An HMAC that has taken the secret up already: half of what a short message costs."""
    return hmac.new(secret.strip().encode("utf-8", "surrogatepass"), digestmod="sha256")


def _blank(secret: str) -> bool:
    return not secret or secret.isspace()


class SlackVerifier:
    """`verify` with its clock and its secrets, for the HTTP server."""

    headers = (TIMESTAMP, SIGNATURE, CONTENT_TYPE)
    """The headers it reads; a server need not copy others."""

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        """Verify.

        Args:
            secrets: the signing secret, and where it was changed lately, the one before.
            clock: tells whether a request is fresh.

        Raises:
            ConfigurationError: there is no secret, or one that cannot be one.
        """
        if not secrets:
            raise ConfigurationError(_ADVICE.format("is missing"))
        for secret in secrets:
            if _blank(secret):
                raise ConfigurationError(_ADVICE.format("is empty"))
            if _BAD_SECRET.search(secret.strip()):
                raise ConfigurationError(
                    _ADVICE.format("is no secret: it has spaces, odd characters or ${...} in it")
                )
        self._secrets = tuple(secrets)
        self._clock = clock

    def plausible(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers have the right form; asked before the body is read."""
        return plausible(headers)

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        """The request, vouched for, or None."""
        return verify(request, now=self._clock.now(), secrets=self._secrets)

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        """The same for each of what came together, by one look at the clock."""
        now, secrets = self._clock.now().timestamp(), self._secrets
        return [_vouched(request, now, secrets) for request in requests]


_ADVICE = (
    "NIGHTDESK_SLACK__SIGNING_SECRET {}: copy it from the Slack app's page, Basic Information, "
    "App Credentials, Signing Secret"
)
