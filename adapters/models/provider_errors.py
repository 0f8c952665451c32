"""What a provider's failure means to us, as one of `runtime.errors`. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
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
_OK = 200
_SLOW_DOWN = 429
_KEY_REFUSED = frozenset({401, 403})
_NO_SUCH_PLACE = frozenset({301, 302, 303, 307, 308, 404, 405, 410})
"""Nothing here answers, or somewhere else does, where no key is sent; 404 is said of models too."""
_MISSING = frozenset({400, 403})
_NO_SUCH_MODEL = re.compile(
    r"model_not_found|does not have access to model|model\b.{1,120}\b(does not exist|not found)"
    r"|LLM Provider NOT provided",  # LiteLLM, of a provider that it does not know
    re.IGNORECASE,
)
_TIMED_OUT = frozenset({408, 504})
_PAY_FIRST = 402
_OVERLOADED = frozenset({503, 529})
_NOT_REACHED = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError"})
"""Of httpx and aiohttp, by their names: neither is imported for this."""
_NO_CREDIT = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance is too low|billing_not_active",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"api_key_invalid|invalid (x-api-key|authentication|credentials?)"
    r"|(invalid|incorrect|wrong|unknown|bad|expired|revoked) api[ _-]?(key|token)"
    r"|api[ _-]?(key|token)( provided)? (is |was |has )?"
    r"(not (valid|found)|invalid|incorrect|expired|revoked)",
    re.IGNORECASE,
)
_MAY_BE_THE_KEY = frozenset({400, 422})
"""Google and xAI answer 400 where the key is bad, and so for a request that is."""
_FILTERED = re.compile(
    r"content_filter|content management policy|responsible ai policy", re.IGNORECASE
)


def translate(
    error: Exception, *, now: datetime, started: bool, secret: str | None, local: bool
) -> ModelError:
    """The error that the port promises for what LiteLLM raised.

    Args:
        error: what was raised.
        now: for a `Retry-After` that is a date.
        started: whether a part of the answer had come.
        secret: the key, which is struck out where a server repeats it.
        local: whether the model's address is on this machine.
    """
    cause = getattr(error, "original_exception", None)
    inner = cause if isinstance(cause, Exception) else error
    status = getattr(inner, "status_code", None)
    message = _message(inner, secret)
    kinds = {kind.__name__ for kind in type(inner).__mro__}
    if "ContextWindowExceededError" in kinds:
        return ContextTooLong(f"the context is too long for the model: {message}")
    if "Timeout" in kinds or "Timeout on reading" in message:
        return ModelTimeout(f"the model's server timed out: {message}")
    if "ContentPolicyViolationError" in kinds:
        return ModelOutputUnusable("the provider's content filter declined to answer")
    if "payload is not completed" in message or (started and "APIConnectionError" in kinds):
        return ModelOutputUnusable(f"the answer broke off: {message}")
    if status == _OK:
        return ModelOutputUnusable(f"the server sent no answer: {message}")
    if _not_reached(error):
        words = f"the model's server cannot be reached: {message}"
        return ModelNotRunning(words) if local else ModelUnavailable(words, undone=True)
    return refused(status, message, headers=_headers(inner), now=now)


def _not_reached(error: BaseException | None) -> bool:
    """Whether no connection came about: no request was sent."""
    while error is not None:
        if any(kind.__name__ in _NOT_REACHED for kind in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False


def refused(
    status: object, message: str, *, headers: Mapping[str, str], now: datetime
) -> ModelError:
    """The error that the port promises for a server's refusal.

    Args:
        status: the HTTP status, or what the server named so in the middle of its answer.
        message: what it said, without the key.
        headers: those of its answer, by their names in lower case.
        now: for a `Retry-After` that is a date.
    """
    if status == _PAY_FIRST or _NO_CREDIT.search(message):
        # More of the same will not help: it takes somebody to pay.
        return ModelKeyRefused("the model's server says that the account of the key has no credit")
    if status == _SLOW_DOWN:
        return ModelRateLimited(f"slow down: {message}", after=retry_after(headers, now))
    if status in _NO_SUCH_PLACE or (status in _MISSING and _NO_SUCH_MODEL.search(message)):
        return ModelMissing(f"there is no such model or address (status {status}): {message}")
    may_be = status in _MAY_BE_THE_KEY and is_about_the_key(message)
    if status in _KEY_REFUSED or may_be:
        # Servers like to repeat a part of the key here, so the message is left out.
        return ModelKeyRefused(f"the model's server refused the key (status {status})")
    if _TOO_LONG.search(message):
        return ContextTooLong(f"the context is too long for the model: {message}")
    if status in _TIMED_OUT:
        return ModelTimeout(f"the model's server timed out: {message}")
    if _FILTERED.search(message):
        return ModelOutputUnusable("the provider's content filter declined to answer")
    return ModelUnavailable(
        f"the model's server failed (status {status}): {message}", undone=_undone(status)
    )


def is_about_the_key(message: str) -> bool:
    """Whether a server says that it does not take the key, in words alone."""
    return _BAD_KEY.search(message) is not None


def _undone(status: object) -> bool:
    """Whether the status means that the server did nothing; after a 500 or 502 nobody knows."""
    return isinstance(status, int) and (300 <= status < 500 or status in _OVERLOADED)  # noqa: PLR2004


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
    except (ValueError, OverflowError):  # the latter: a zone beyond any
        return -1.0
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _headers(error: Exception) -> Mapping[str, str]:
    headers = getattr(error, "litellm_response_headers", None)
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _message(error: Exception, secret: str | None) -> str:
    return fit_to_log(_PREFIX.sub("", " ".join(str(error).split())), secret)


def fit_to_log(text: str, secret: str | None) -> str:
    """What a server said, on one line, short, and without the key."""
    line = " ".join(text.split())
    if secret:
        line = line.replace(secret, "***")
    return line[:_LONGEST_MESSAGE]
