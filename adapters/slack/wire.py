"""The shapes of Slack's requests that we read, and strict decoding.

Field names are Slack's; fields we do not read are skipped. Slack sends null and empty text where it
means that there is nothing, so every text may be either.

What a signed body may not be: longer than the server lets through, other than UTF-8, nested deeper
than 32, `NaN`, half a surrogate pair. Of a repeated key the last counts: Slack signed the body, so
there is no second reader whom it could deceive.
"""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import unquote_plus

import msgspec

from adapters.strictjson import refuse_loose
from runtime.errors import Malformed

MAX_DEPTH = 32
MAX_FIELDS = 64


T = TypeVar("T")


class Shape(msgspec.Struct, frozen=True, gc=False):
    """A part of a request."""


class Authorization(Shape, frozen=True):
    """For whom the event was delivered: our bot user, and the workspace that installed it."""

    team_id: str | None = None
    user_id: str | None = None
    is_bot: bool | None = None


class Field(Shape, frozen=True):
    """A line of an attachment."""

    title: str | None = None
    value: str | None = None


class Attachment(Shape, frozen=True):
    """What hangs under a message and was not typed: a shared message, a preview."""

    pretext: str | None = None
    author_name: str | None = None
    title: str | None = None
    text: str | None = None
    fallback: str | None = None
    footer: str | None = None
    fields: list[Field] | None = None


class File(Shape, frozen=True):
    """A file that was sent along. Of one from another organisation there is only the id."""

    id: str | None = None
    name: str | None = None
    title: str | None = None
    mimetype: str | None = None
    size: int | None = None
    mode: str | None = None
    url_private_download: str | None = None
    url_private: str | None = None


class Edited(Shape, frozen=True):
    """Present where the message is not as it was first sent."""

    ts: str | None = None


class Event(Shape, frozen=True):
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


class Kind(Shape, frozen=True):
    """Only what kind of event it is: the others have fields of the same names and other types."""

    type: str = ""


class Envelope(Shape, frozen=True):
    """A request of the Events API."""

    type: str
    challenge: str | None = None
    team_id: str | None = None
    api_app_id: str | None = None
    event_id: str | None = None
    authorizations: list[Authorization] | None = None
    authed_users: list[str] | None = None
    event: Event | None = None


class _OtherEnvelope(Shape, frozen=True):
    """A request of the Events API whose event is of another shape."""

    type: str
    event: Kind


class Team(Shape, frozen=True):
    """The workspace in which a button was pressed."""

    id: str | None = None


class User(Shape, frozen=True):
    """Who pressed it."""

    id: str | None = None
    team_id: str | None = None


class Channel(Shape, frozen=True):
    """Where."""

    id: str | None = None


class Container(Shape, frozen=True):
    """What the button is on."""

    type: str | None = None
    message_ts: str | None = None
    thread_ts: str | None = None
    channel_id: str | None = None
    is_ephemeral: bool | None = None


class PressedOn(Shape, frozen=True):
    """The message that the button is on; absent for a private one."""

    team: str | None = None
    ts: str | None = None
    thread_ts: str | None = None


class Action(Shape, frozen=True):
    """The button."""

    type: str | None = None
    action_id: str | None = None
    value: str | None = None
    action_ts: str | None = None


class FormAnswer(Shape, frozen=True):
    """What was written in one field."""

    value: str | None = None


class ViewState(Shape, frozen=True):
    """What was written in a form: by the block's id, then by the field's."""

    values: dict[str, dict[str, FormAnswer]] | None = None


class View(Shape, frozen=True):
    """A form that was filled in."""

    id: str | None = None
    hash: str | None = None
    callback_id: str | None = None
    private_metadata: str | None = None
    state: ViewState | None = None


class Interaction(Shape, frozen=True):
    """A request of interactivity, as its form field `payload` holds it."""

    type: str
    trigger_id: str | None = None
    view: View | None = None
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
_FIELDS = msgspec.json.Decoder(dict[str, str | bool | int | float | None])


def envelope(body: bytes, kinds: frozenset[str]) -> Envelope:
    """Read a request of the Events API; the event of it only where it is of those kinds.

    Raises:
        Malformed: it is none, or its event is not of the shape that its kind has.
    """
    refuse_loose(body, deepest=MAX_DEPTH)
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError as error:
        other = decode(_OTHER, body)
        if other.event.type in kinds:
            raise Malformed(f"the event cannot be read: {error}") from error
        return Envelope(other.type)
    except (msgspec.DecodeError, RecursionError) as error:
        raise unreadable(error) from error


def fields_of(body: bytes) -> dict[str, str]:
    """Read a command as Socket Mode delivers it: the fields of the form as JSON.

    Raises:
        Malformed: it is none.
    """
    refuse_loose(body, deepest=MAX_DEPTH)
    return {name: v for name, v in decode(_FIELDS, body).items() if isinstance(v, str)}


def bot_of(authorizations: Sequence[Authorization] | None) -> str | None:
    """Our bot's user, as the event names it; never the person who installed the app."""
    for authorization in authorizations or ():
        if authorization.user_id and authorization.is_bot is not False:
            return authorization.user_id
    return None


def installed(authorizations: Sequence[Authorization] | None) -> str | None:
    """The workspace that installed the app: in a shared channel the sender's may be another."""
    for authorization in authorizations or ():
        return authorization.team_id
    return None


def given(value: str | None, name: str) -> str:
    """The value of a field that must be there.

    Raises:
        Malformed: it is not.
    """
    if not value or "\0" in value:
        raise Malformed(f"the request has no {name}")
    return value


def root(*candidates: str | None) -> str:
    """The root of a thread: the first of those that is there, else empty.

    Raises:
        Malformed: no database takes it.
    """
    for candidate in candidates:
        if candidate:
            return given(candidate, "thread")
    return ""


def key(*parts: str | None) -> str:
    """The key of a delivery, from ids that must all be there.

    Raises:
        Malformed: one is not.
    """
    present = [part for part in parts if part]
    joined = ":".join(present)
    if len(present) < len(parts) or "\0" in joined:
        raise Malformed("the request lacks an id")
    return joined


def interaction(body: bytes) -> Interaction:
    """Read a request of interactivity.

    Raises:
        Malformed: it is none.
    """
    refuse_loose(body, deepest=MAX_DEPTH)
    return decode(_INTERACTION, body)


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


def _plain(value: str) -> str:
    return unquote_plus(value, errors="strict") if "%" in value or "+" in value else value


def decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Decode a body that `refuse_loose` has let through.

    Raises:
        Malformed: it is not of that shape.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> Malformed:
    """The error of a body that cannot be read."""
    return Malformed(f"the body cannot be read: {error}")
