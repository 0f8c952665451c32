"""The shapes of what Discord sends that we read, and strict decoding.

Field names are Discord's; fields we do not read are skipped. Discord sends null where it means
that there is nothing, so every field may be null. What a body may not be: other than UTF-8, nested
deeper than 64, half a surrogate pair, `NaN`.
"""

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from adapters.strictjson import refuse_loose
from runtime.errors import Malformed

MAX_DEPTH = 64
"""Deep enough for an embed in a forwarded message in a reply, which Discord nests 20 deep."""

_EPOCH_MS = 1_420_070_400_000
"""The first moment of 2015, from which Discord counts (https://discord.com/developers/docs)."""
_SNOWFLAKE = re.compile(r"[1-9][0-9]{0,19}")

T = TypeVar("T")


class _Shape(msgspec.Struct, frozen=True, gc=False):
    """A part of what comes."""


class User(_Shape, frozen=True):
    """A person or a bot."""

    id: str | None = None
    bot: bool | None = None
    system: bool | None = None


class Member(_Shape, frozen=True):
    """A person in a server."""

    user: User | None = None


class Attachment(_Shape, frozen=True):
    """A file that came with a message."""

    url: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size: int | None = None


class Named(_Shape, frozen=True):
    """An author of an embed."""

    name: str | None = None


class Text(_Shape, frozen=True):
    """A footer of an embed."""

    text: str | None = None


class Field(_Shape, frozen=True):
    """A line of an embed."""

    name: str | None = None
    value: str | None = None


class Embed(_Shape, frozen=True):
    """What hangs under a message and was not typed."""

    title: str | None = None
    description: str | None = None
    author: Named | None = None
    fields: list[Field] | None = None
    footer: Text | None = None


class Reference(_Shape, frozen=True):
    """What a message answers or forwards."""

    message_id: str | None = None
    channel_id: str | None = None


class Said(_Shape, frozen=True):
    """The words of a message that another one carries."""

    content: str | None = None
    embeds: list[Embed] | None = None
    author: User | None = None
    id: str | None = None
    message_reference: Reference | None = None


class Snapshot(_Shape, frozen=True):
    """A forwarded message."""

    message: Said | None = None


class Message(_Shape, frozen=True):
    """A message, as the gateway and the REST API tell it."""

    id: str | None = None
    channel_id: str | None = None
    guild_id: str | None = None
    author: User | None = None
    content: str | None = None
    type: int | None = None
    flags: int | None = None
    nonce: str | int | None = None
    webhook_id: str | None = None
    mentions: list[User] | None = None
    mention_roles: list[str] | None = None
    attachments: list[Attachment] | None = None
    embeds: list[Embed] | None = None
    message_reference: Reference | None = None
    referenced_message: Said | None = None
    message_snapshots: list[Snapshot] | None = None


class Tags(_Shape, frozen=True):
    """What a role is for."""

    bot_id: str | None = None


class Role(_Shape, frozen=True):
    """A role of a server."""

    id: str | None = None
    tags: Tags | None = None
    permissions: str | None = None


class Overwrite(_Shape, frozen=True):
    """What a channel allows or denies somebody, beside the server's roles."""

    id: str | None = None
    allow: str | None = None
    deny: str | None = None


class Channel(_Shape, frozen=True):
    """A channel or a thread."""

    id: str | None = None
    type: int | None = None
    parent_id: str | None = None
    guild_id: str | None = None
    name: str | None = None
    permission_overwrites: list[Overwrite] | None = None


class Guild(_Shape, frozen=True):
    """A server, when the bot comes into it or hears of it again."""

    id: str | None = None
    name: str | None = None
    unavailable: bool | None = None
    channels: list[Channel] | None = None
    threads: list[Channel] | None = None
    roles: list[Role] | None = None


class Ready(_Shape, frozen=True):
    """The beginning of a session of the gateway."""

    session_id: str | None = None
    user: User | None = None
    guilds: list[Guild] | None = None


class Application(_Shape, frozen=True):
    """The application that the token belongs to."""

    id: str | None = None
    flags: int | None = None
    verify_key: str | None = None


class Given(_Shape, frozen=True):
    """An option of a command: a sub-command with options, or an argument with a value."""

    name: str | None = None
    type: int | None = None
    value: str | int | float | bool | None = None
    options: "list[Given] | None" = None
    focused: bool | None = None


class Component(_Shape, frozen=True):
    """A part of a form that was sent in."""

    type: int | None = None
    custom_id: str | None = None
    value: str | None = None
    component: "Component | None" = None
    components: "list[Component] | None" = None


class InteractionData(_Shape, frozen=True):
    """What was done: the command, the button or the form."""

    name: str | None = None
    type: int | None = None
    options: list[Given] | None = None
    custom_id: str | None = None
    component_type: int | None = None
    components: list[Component] | None = None


class Pressed(_Shape, frozen=True):
    """The message that a button is on."""

    id: str | None = None
    flags: int | None = None


class Interaction(_Shape, frozen=True):
    """A command, a button, a form, a choice that is being typed, or Discord's own check."""

    type: int
    id: str | None = None
    application_id: str | None = None
    token: str | None = None
    data: InteractionData | None = None
    guild_id: str | None = None
    channel_id: str | None = None
    channel: Channel | None = None
    member: Member | None = None
    user: User | None = None
    message: Pressed | None = None
    context: int | None = None
    authorizing_integration_owners: dict[str, str] | None = None


class Frame(_Shape, frozen=True):
    """A frame of the gateway."""

    op: int
    t: str | None = None
    s: int | None = None
    d: msgspec.Raw = msgspec.Raw(b"null")


class Complaint(_Shape, frozen=True):
    """Why Discord refused a request.

    `global` is a word of Python, so that field has another name here.
    """

    code: int | None = None
    message: str | None = None
    retry_after: float | None = None
    everywhere: bool | None = msgspec.field(name="global", default=None)


def decoded(kind: type[T], body: bytes | msgspec.Raw) -> T:
    """Read a body of that shape.

    Raises:
        Malformed: it has another one.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"the body cannot be read: {error}") from error


def interaction(body: bytes) -> Interaction:
    """Read an interaction that came over HTTP.

    Raises:
        Malformed: it is none.
    """
    refuse_loose(body, deepest=MAX_DEPTH)
    return decoded(Interaction, body)


def snowflake(value: str | None, name: str) -> str:
    """An id of Discord.

    Raises:
        Malformed: it is none.
    """
    if value is None or not is_snowflake(value):
        raise Malformed(f"the event has no {name}")
    return value


def is_snowflake(value: str) -> bool:
    """Whether it is an id of Discord: up to 20 digits."""
    return _SNOWFLAKE.fullmatch(value) is not None


def moment(snowflake_id: str) -> datetime:
    """When the thing with that id was made; its first 42 bits are milliseconds.

    Raises:
        Malformed: there was no such moment.
    """
    try:
        return datetime.fromtimestamp(((int(snowflake_id) >> 22) + _EPOCH_MS) / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{snowflake_id[:40]!r} has no time") from error


def snowflake_at(when: datetime) -> str:
    """The least id that something made at that time can have."""
    return str(max(1, (int(when.timestamp() * 1000) - _EPOCH_MS) << 22))
