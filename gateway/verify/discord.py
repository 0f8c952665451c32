"""Did Discord sign this request? Pure, and it never raises.

The rule is Discord's ("Interactions: Receiving and Responding", security and authorization):
Ed25519 over the timestamp header followed by the raw body, in hex. Discord sends requests with a
wrong signature on purpose, and takes the address out of use where they are not refused with 401.
That a request is fresh is our own demand: Discord signs the time and leaves it there.
"""

import asyncio
import importlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest, VerifiedRequest

FRESH_SECONDS = 300
"""How far the request's time may be from ours, in either direction."""

TIMESTAMP = "x-signature-timestamp"
SIGNATURE = "x-signature-ed25519"
CONTENT_TYPE = "content-type"

_GRAMMAR = re.compile(r"[0-9]{10} [0-9a-f]{128}")
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_LEAST_DIGITS = 4


def plausible(headers: Mapping[str, str]) -> bool:
    """Whether the two headers have the form that Discord gives them: 10 digits, 128 hex digits."""
    # One match for both; a space in either makes it no match, and so does one that is missing.
    both = f"{headers.get(TIMESTAMP)} {headers.get(SIGNATURE)}"
    return _GRAMMAR.fullmatch(both) is not None


def verify(request: RawRequest, *, now: datetime, keys: Sequence[str]) -> VerifiedRequest | None:
    """The request, vouched for; None where Discord did not sign it, or not within five minutes.

    Args:
        request: as it came.
        now: our time, aware.
        keys: the application's public key in hex and, for a while after a change, the one before.
            What is no key fits nothing.
    """
    headers = request.headers
    if not plausible(headers):
        return None
    timestamp = headers[TIMESTAMP]
    if abs(now.timestamp() - int(timestamp)) > FRESH_SECONDS:
        return None
    signature = bytes.fromhex(headers[SIGNATURE])
    signed = timestamp.encode() + request.body
    # Public keys are no secret, so the first that fits may end the search.
    if not any(_signed_by(key, signature, signed) for key in keys):
        return None
    content_type = headers.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
    signed_at = datetime.fromtimestamp(int(timestamp), UTC)
    return VerifiedRequest("discord", request.body, content_type, signed_at)


def _signed_by(key: str, signature: bytes, signed: bytes) -> bool:
    from gateway.verify.ed25519 import signed_by  # noqa: PLC0415 - its library, once it is needed

    public = _public(key)
    return public is not None and signed_by(public, signature, signed)


@lru_cache(maxsize=8)
def _public(key: str) -> bytes | None:
    """The key, or None where the text is none; to the library any 32 bytes are one."""
    text = key.strip()
    # A placeholder such as 64 zeros is one, too, and one that anybody can sign for.
    if not _KEY.fullmatch(text) or len(set(text)) < _LEAST_DIGITS:
        return None
    return bytes.fromhex(text)


async def load() -> None:
    """Bring in what checks signatures: 7 MB and 30 ms, in a thread.

    Without it the first request would bring it in, and everything else would wait.
    """
    await asyncio.to_thread(importlib.import_module, "gateway.verify.ed25519")


class DiscordVerifier:
    """`verify` with its clock and its keys, for the HTTP server."""

    headers = (TIMESTAMP, SIGNATURE, CONTENT_TYPE)
    """The headers it reads; a server need not copy others."""

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        """Verify.

        Args:
            keys: the public key, and where it was changed lately, the one before.
            clock: tells whether a request is fresh.

        Raises:
            ConfigurationError: there is no key, or one that cannot be one.
        """
        if not keys:
            raise ConfigurationError(_ADVICE.format("is missing"))
        for key in keys:
            if not key.strip():
                raise ConfigurationError(_ADVICE.format("is empty"))
            if _public(key) is None:
                raise ConfigurationError(_ADVICE.format("is no public key: it has 64 hex digits"))
        self._keys = tuple(keys)
        self._clock = clock

    def plausible(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers have the right form; asked before the body is read."""
        return plausible(headers)

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        """The request, vouched for, or None."""
        return verify(request, now=self._clock.now(), keys=self._keys)

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        """The same for each of what came together."""
        return [self(request) for request in requests]


_ADVICE = (
    "NIGHTDESK_DISCORD__PUBLIC_KEY {}: copy it from the application's page in the developer "
    "portal, General Information, Public Key"
)
