"""What a provider's failure means to us: LiteLLM's errors as `runtime.errors`. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
)

_TOO_LONG = re.compile(
    r"context_length_exceeded|maximum context length|context window|exceed_context_size"
    r"|exceeds? the (available|model's) context|prompt is too long|input is too long"
    r"|too many tokens|reduce the length",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Timeout): )+(?:\w+Exception - )?")
_LONGEST_WAIT = 3_600.0
_LONGEST_MESSAGE = 300
_SLOW_DOWN = 429
_KEY_REFUSED = frozenset({401, 403})
_TIMED_OUT = frozenset({408, 504})


def translate(error: Exception, *, now: datetime, started: bool, secret: str | None) -> ModelError:
    """The error that the port promises for what LiteLLM raised.

    Args:
        error: what was raised.
        now: for a `Retry-After` that is a date.
        started: whether a part of the answer had come.
        secret: the key, which is struck out where a server repeats it.
    """
    cause = getattr(error, "original_exception", None)
    inner = cause if isinstance(cause, Exception) else error
    status = getattr(inner, "status_code", None)
    message = _message(inner, secret)
    kinds = {kind.__name__ for kind in type(inner).__mro__}
    if "ContextWindowExceededError" in kinds or (
        status != _SLOW_DOWN and _TOO_LONG.search(message)
    ):
        return ContextTooLong(f"the context is too long for the model: {message}")
    if "Timeout" in kinds or status in _TIMED_OUT or "Timeout on reading" in message:
        return ModelTimeout(f"the model's server timed out: {message}")
    if status == _SLOW_DOWN:
        return ModelRateLimited(f"slow down: {message}", after=retry_after(_headers(inner), now))
    if status in _KEY_REFUSED:
        # Servers like to repeat a part of the key here, so the message is left out.
        return ModelKeyRefused(f"the model's server refused the key (status {status})")
    if "ContentPolicyViolationError" in kinds:
        return ModelOutputUnusable("the provider's content filter declined to answer")
    if "APIConnectionError" in kinds and (started or "payload is not completed" in message):
        return ModelOutputUnusable(f"the answer broke off: {message}")
    return ModelUnavailable(f"the model's server failed (status {status}): {message}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, at most an hour; None where it asks for none."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return min(seconds, _LONGEST_WAIT) if seconds >= 0 else None


def _seconds_until(value: str, now: datetime) -> float:
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return -1.0
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _headers(error: Exception) -> Mapping[str, str]:
    headers = getattr(error, "litellm_response_headers", None)
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _message(error: Exception, secret: str | None) -> str:
    text = _PREFIX.sub("", " ".join(str(error).split()))
    if secret:
        text = text.replace(secret, "***")
    return text[:_LONGEST_MESSAGE]
