"""Does Telegram send this request? Pure, constant in time where it matters, and it never raises.

Telegram signs nothing: it repeats the secret that `setWebhook` was given in a header (Bot API,
"setWebhook", `secret_token`). So everything is decided before the body is read. The library's own
check compares with `!=` and logs the wrong token; this one does neither.
"""

import hmac
import re
from collections.abc import Mapping, Sequence

from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest, VerifiedRequest

SECRET_TOKEN = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name
CONTENT_TYPE = "content-type"

SHORTEST = 32
"""Characters of a secret of ours; Telegram would take one."""

_GRAMMAR = re.compile(r"[A-Za-z0-9_-]{1,256}")


def plausible(headers: Mapping[str, str]) -> bool:
    """Whether the header has the form that Telegram gives it."""
    return _GRAMMAR.fullmatch(headers.get(SECRET_TOKEN, "")) is not None


def matches(headers: Mapping[str, str], secrets: Sequence[str]) -> bool:
    """Whether the header holds one of the secrets.

    Each is compared whichever fits, so that the time taken tells nothing. A blank one fits nothing.
    """
    if not plausible(headers):
        return False
    claimed = headers[SECRET_TOKEN].encode()
    matched = False
    for secret in secrets:
        same = hmac.compare_digest(secret.encode(errors="surrogatepass"), claimed)
        matched |= same and bool(secret)
    return matched


def verify(request: RawRequest, *, secrets: Sequence[str]) -> VerifiedRequest | None:
    """The request, vouched for; None where its header holds none of the secrets.

    There is no time in it: a repeated one is known by its `update_id`.
    """
    headers = request.headers
    if not matches(headers, secrets):
        return None
    content_type = headers.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
    return VerifiedRequest("telegram", request.body, content_type)


class TelegramVerifier:
    """`verify` with its secrets, for the HTTP server."""

    headers = (SECRET_TOKEN, CONTENT_TYPE)
    """The headers it reads; a server need not copy others."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Verify.

        Args:
            secrets: the secret, and where it was changed lately, the one before.

        Raises:
            ConfigurationError: there is no secret, or one that cannot be one.
        """
        if not secrets:
            raise ConfigurationError(_ADVICE.format("is missing"))
        for secret in secrets:
            if not _GRAMMAR.fullmatch(secret) or len(secret) < SHORTEST:
                raise ConfigurationError(_ADVICE.format("cannot be used"))
        self._secrets = tuple(secrets)

    def plausible(self, headers: Mapping[str, str]) -> bool:
        """Whether the header has the right form and holds a secret of ours.

        Asked before the body is read: the header is all there is to judge by.
        """
        return matches(headers, self._secrets)

    def __call__(self, request: RawRequest) -> VerifiedRequest | None:
        """The request, vouched for, or None."""
        return verify(request, secrets=self._secrets)

    def each(self, requests: Sequence[RawRequest]) -> Sequence[VerifiedRequest | None]:
        """The same for each of what came together."""
        return [self(request) for request in requests]


_ADVICE = (
    "NIGHTDESK_TELEGRAM__WEBHOOK_SECRET {}: set it to 32 to 256 random characters of A-Z, a-z, "
    "0-9, _ and -, for example the output of `openssl rand -hex 32`"
)
