"""The chunks that servers of OpenAI's chat completions stream, read into an answer. Pure.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from adapters.models import wire
from adapters.models.answer import Answer, usage_of
from adapters.models.provider_errors import fit_to_log, refused
from runtime.errors import ModelError, ModelOutputUnusable

DONE = b"[DONE]"
"""The data of the event after the last chunk."""
_NO_HEADERS: Mapping[str, str] = {}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: str | None = None
    # Read apart: what is wrong with them makes no answer unreadable.
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_CHUNK = msgspec.json.Decoder(_Chunk)
_NULL = b"null"


def take(data: bytes, answer: Answer, *, now: datetime, secret: str | None) -> str:
    """Add a chunk to the answer; returns the text that it adds.

    A whole completion, from a server that does not stream, is taken as well.

    Args:
        data: the chunk.
        answer: what came before.
        now: for an error that says when to try again.
        secret: the key, which is struck out where a server repeats it.

    Raises:
        ModelOutputUnusable: it is no chunk.
        ModelError: it is an error.
    """
    try:
        chunk = _CHUNK.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ModelOutputUnusable(f"the server sent what is no chunk: {error}") from None
    if _is_there(chunk.error):
        raise said_error(chunk.error, None, headers=_NO_HEADERS, now=now, secret=secret)
    if _is_there(chunk.usage):
        _count(chunk.usage, answer)
    if chunk.model:
        answer.model = chunk.model
    return _choose(chunk.choices[0], answer) if chunk.choices else ""


def _choose(choice: _Choice, answer: Answer) -> str:
    delta, text = choice.delta or choice.message, ""
    if delta is not None:
        text = delta.content or ""
        answer.say(text)
        for place, call in enumerate(delta.tool_calls or ()):
            function = call.function or _Function()
            answer.call(
                wire.CallPiece(
                    place=place if call.index is None else call.index,
                    id=call.id or "",
                    name=function.name or "",
                    arguments=function.arguments or "",
                )
            )
    answer.reason = choice.finish_reason or answer.reason
    return text


def _is_there(raw: msgspec.Raw) -> bool:
    return len(bytes(raw)) > 0 and bytes(raw) != _NULL


def _count(raw: msgspec.Raw, answer: Answer) -> None:
    """Take the usage; the last one that comes counts the whole."""
    usage = _object(raw)
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    written = details.get("cache_write_tokens") if isinstance(details, dict) else None
    answer.usage = usage_of(
        usage.get("prompt_tokens"), usage.get("completion_tokens"), (cached, written)
    )


def said_error(
    body: bytes | msgspec.Raw,
    status: int | None,
    *,
    headers: Mapping[str, str],
    now: datetime,
    secret: str | None,
) -> ModelError:
    """The error that a server said, in its own way, with the status of its answer."""
    said = _object(body)
    inner = said.get("error", said)
    if isinstance(inner, dict):
        words = " ".join(str(inner[key]) for key in ("message", "code", "type") if inner.get(key))
        status = _status(inner.get("code")) if status is None else status
    else:
        words = str(inner or "")
    if not said:
        words = bytes(body).decode("utf-8", "replace")
    return refused(status, fit_to_log(words, secret), headers=headers, now=now)


def _status(code: object) -> int | None:
    """What a server that had begun to answer named as the status."""
    return int(str(code)) if str(code).isdecimal() and len(str(code)) == 3 else None  # noqa: PLR2004


def _object(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    if isinstance(value, str):
        return {"error": value}
    return value if isinstance(value, dict) else {}
