"""The shapes of Slack's requests that we read, and strict decoding.

Field names are Slack's; fields we do not read are skipped. Slack sends null and empty text where it
means that there is nothing, so every text may be either.

What a signed body may not be: longer than the server lets through, other than UTF-8, nested deeper
than 32, `NaN`, half a surrogate pair. Of a repeated key the last counts: Slack signed the body, so
there is no second reader whom it could deceive.
"""

import re
from typing import TypeVar
from urllib.parse import unquote_plus

import msgspec

from runtime.errors import Malformed

MAX_DEPTH = 32
MAX_FIELDS = 64

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

T = TypeVar("T")


class _Shape(msgspec.Struct, frozen=True, gc=False):
    """A part of a request."""


class Authorization(_Shape, frozen=True):
    """For whom the event was delivered: our bot user, and the workspace that installed it."""

    team_id: str | None = None
    user_id: str | None = None
    is_bot: bool | None = None


class Field(_Shape, frozen=True):
    """A line of an attachment."""

    title: str | None = None
    value: str | None = None


class Attachment(_Shape, frozen=True):
    """What hangs under a message and was not typed: a shared message, a preview."""

    pretext: str | None = None
    author_name: str | None = None
    title: str | None = None
    text: str | None = None
    fallback: str | None = None
    footer: str | None = None
    fields: list[Field] | None = None


class File(_Shape, frozen=True):
    """A file that was sent along."""

    name: str | None = None
    title: str | None = None


class Edited(_Shape, frozen=True):
    """Present where the message is not as it was first sent."""

    ts: str | None = None


class Event(_Shape, frozen=True):
    """What happened: `app_mention`, `message` and its subtypes, or something else."""

    type: str = ""
    subtype: str | None = None
    hidden: bool | None = None
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    ts: str | None = None
    thread_ts: str | None = None
    channel: str | None = None
    channel_type: str | None = None
    team: str | None = None
    user_team: str | None = None
    source_team: str | None = None
    edited: Edited | None = None
    attachments: list[Attachment] | None = None
    files: list[File] | None = None


class _Kind(_Shape, frozen=True):
    """Only what kind of event it is: the others have fields of the same names and other types."""

    type: str = ""


class Envelope(_Shape, frozen=True):
    """A request of the Events API."""

    type: str
    challenge: str | None = None
    team_id: str | None = None
    api_app_id: str | None = None
    event_id: str | None = None
    authorizations: list[Authorization] | None = None
    authed_users: list[str] | None = None
    event: Event | None = None


class _OtherEnvelope(_Shape, frozen=True):
    """A request of the Events API whose event is of another shape."""

    type: str
    event: _Kind


class Team(_Shape, frozen=True):
    """The workspace in which a button was pressed."""

    id: str | None = None


class User(_Shape, frozen=True):
    """Who pressed it."""

    id: str | None = None
    team_id: str | None = None


class Channel(_Shape, frozen=True):
    """Where."""

    id: str | None = None


class Container(_Shape, frozen=True):
    """What the button is on."""

    type: str | None = None
    message_ts: str | None = None
    thread_ts: str | None = None
    channel_id: str | None = None
    is_ephemeral: bool | None = None


class PressedOn(_Shape, frozen=True):
    """The message that the button is on; absent for a private one."""

    ts: str | None = None
    thread_ts: str | None = None


class Action(_Shape, frozen=True):
    """The button."""

    type: str | None = None
    action_id: str | None = None
    value: str | None = None
    action_ts: str | None = None


class Interaction(_Shape, frozen=True):
    """A request of interactivity, as its form field `payload` holds it."""

    type: str
    team: Team | None = None
    user: User | None = None
    channel: Channel | None = None
    container: Container | None = None
    message: PressedOn | None = None
    response_url: str | None = None
    actions: list[Action] | None = None


_ENVELOPE = msgspec.json.Decoder(Envelope)
_OTHER = msgspec.json.Decoder(_OtherEnvelope)
_INTERACTION = msgspec.json.Decoder(Interaction)


def envelope(body: bytes, kinds: frozenset[str]) -> Envelope:
    """Read a request of the Events API; the event of it only where it is of those kinds.

    Raises:
        Malformed: it is none, or its event is not of the shape that its kind has.
    """
    refuse_loose(body)
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError as error:
        other = _decode(_OTHER, body)
        if other.event.type in kinds:
            raise Malformed(f"the event cannot be read: {error}") from error
        return Envelope(other.type)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(error) from error


def interaction(body: bytes) -> Interaction:
    """Read a request of interactivity.

    Raises:
        Malformed: it is none.
    """
    refuse_loose(body)
    return _decode(_INTERACTION, body)


def form(body: bytes) -> dict[str, str]:
    """Read a form. Twice as fast as `urllib.parse.parse_qs`, and strict.

    Raises:
        Malformed: it is none, has a field twice, or is not UTF-8.
    """
    try:
        pairs = body.decode("ascii").split("&", MAX_FIELDS)
        fields = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            if not equals or name in fields:
                raise Malformed("the form has a field without a value, or one twice")
            fields[name] = _plain(value)
    except UnicodeDecodeError as error:
        raise Malformed("the form is not UTF-8") from error
    if len(fields) > MAX_FIELDS:
        raise Malformed("the form has too many fields")
    return fields


def refuse_loose(body: bytes) -> None:
    """Refuse what the decoder would let through: other text than UTF-8, levels beyond 32.

    Raises:
        Malformed: it is so.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Malformed("the body is not UTF-8") from error
    # Nearly every request has fewer opening brackets in all than it may have levels.
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"the body is nested deeper than {MAX_DEPTH}")


def _plain(value: str) -> str:
    return unquote_plus(value, errors="strict") if "%" in value or "+" in value else value


def _decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> Malformed:
    return Malformed(f"the body cannot be read: {error}")
