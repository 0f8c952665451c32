"""What a provider's answer to a free question says of the key. Pure.

Only a 2xx that has what was asked for means that the key is good. Providers say of a bad one: 401
(most), 403, 400 (Google, xAI: https://docs.x.ai/docs/key-information/debugging), 498 (Cohere), or
200 with an error in it. What is none of these is unclear, and what came is said.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum

from adapters.models.provider_errors import fit_to_log, is_about_the_key
from bot.doctor.freecalls import FreeCall
from bot.doctor.reach import Answer
from runtime.model.value import value

_REFUSED = frozenset({401, 498})
_FORBIDDEN = 403
_PAY_FIRST = 402
_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_MAY_NOT = re.compile(
    r"missing scopes?|insufficient permissions?|missing permissions?", re.IGNORECASE
)
"""Of OpenAI, for a key that is good and may not see the list of models."""
_LONGEST = 160


class KeyVerdict(StrEnum):
    """What an answer says."""

    GOOD = "good"
    REFUSED = "refused"
    NO_CREDIT = "no credit"
    UNREACHED = "unreached"
    UNCLEAR = "unclear"


@value()
class Reading:
    """What an answer says.

    Attributes:
        verdict: of the key, or of the server.
        said: what came, in words, where it is not good.
        models: the names of the models in it; empty where it is no list of them.
    """

    verdict: KeyVerdict
    said: str = ""
    models: tuple[str, ...] = ()


def read(call: FreeCall, answer: Answer, key: str) -> Reading:
    """What the answer to that question says; the key is struck out of what it quotes."""
    status = answer.status
    if status is None:
        return Reading(KeyVerdict.UNREACHED, answer.why)
    if status >= _SERVER_ERROR:
        return Reading(KeyVerdict.UNREACHED, f"status {status}")
    body = _parsed(answer.said)
    words = _words(body, answer.said)
    came = f"status {status}: {fit_to_log(words, key)[:_LONGEST]}" if words else f"status {status}"
    refused = Reading(
        KeyVerdict.REFUSED, f"status {status}"
    )  # servers repeat parts of the key there
    if status in _REFUSED:
        return refused
    if status == _PAY_FIRST:
        return Reading(KeyVerdict.NO_CREDIT, came)
    if status == _FORBIDDEN:
        return Reading(KeyVerdict.UNCLEAR, came) if _MAY_NOT.search(words) else refused
    names = _names(body)
    expected = names is not None if not call.shows else _has(body, call.shows)
    if 200 <= status < 300 and expected:  # noqa: PLR2004 - what HTTP calls success
        return Reading(KeyVerdict.GOOD, models=names or ())
    is_error = status >= _CLIENT_ERROR or _is_error(body)
    if is_error and is_about_the_key(words):
        return refused
    return Reading(KeyVerdict.UNCLEAR, came)


def _parsed(said: bytes) -> object:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None


def _names(body: object) -> tuple[str, ...] | None:
    """The names of the models in a list; None where it is none.

    OpenAI gives it as `data` with an `id` each, Ollama, Google and Cohere as `models` with a
    `name`, Together as the list alone.
    """
    listed = body
    if isinstance(body, dict):
        if _is_error(body):
            return None
        listed = body["data"] if isinstance(body.get("data"), list) else body.get("models")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return None
    names = [each.get("id") or each.get("name") for each in listed]
    found = tuple(name for name in names if isinstance(name, str))
    return found if len(found) == len(listed) else None


def _has(body: object, field: str) -> bool:
    return isinstance(body, dict) and not _is_error(body) and body.get(field) is not None


def _is_error(body: object) -> bool:
    return isinstance(body, dict) and bool(body.get("error") or body.get("errors"))


def _words(body: object, said: bytes) -> str:
    """What the server says is wrong, else the beginning of what it says."""
    found = body
    for field in ("error", "errors", "message", "detail"):
        if isinstance(found, Mapping) and found.get(field):
            found = found[field]
    if isinstance(found, str):
        return found
    return json.dumps(found) if found is not None else said[:2_000].decode("utf-8", "replace")
