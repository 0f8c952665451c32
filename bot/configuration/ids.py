"""How each platform spells its ids, and how a person finds them.

Slack ids are a letter for the kind and then capitals and digits (https://docs.slack.dev, "Object
types"); their length is not promised.
"""

import re
from urllib.parse import urlsplit

from adapters.terminal import rooms
from bot.configuration import discord, telegram
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal

SLACK = Platform("slack")
TERMINAL = rooms.PLATFORM
EMAIL = Platform("email")
WEBHOOK = Platform("webhook")
FILE = Platform("file")
ONE_WAY = (EMAIL, WEBHOOK, FILE)
"""Channels of these only take messages: nobody writes to us from there."""
PLATFORMS = (SLACK, telegram.TELEGRAM, discord.DISCORD, TERMINAL, *ONE_WAY)

_SLACK_CHANNEL = (
    'a channel is named by its id here, such as "C0123ABCD" (Slack: channel details, at the bottom)'
)
_SLACK_USER = (
    'a person is named by their member id here, such as "U0123ABCD" '
    "(Slack: their profile, the three dots, Copy member ID)"
)
_SLACK_WORKSPACE = (
    'a workspace is named by its id here, such as "T0123ABCD" '
    "(the part of app.slack.com/client/T0123ABCD/… that begins with T)"
)
_NO_WORKSPACE = (
    'which workspace? write "T0123ABCD/{id}", or once for the whole file: '
    '[slack] workspace = "T0123ABCD"'
)
_TERMINAL_USER = 'a person at the terminal is a short lower-case word, such as "you"'
_TERMINAL_CHANNEL = 'a terminal channel is a short lower-case word without "#", such as "ops"'
_TERMINAL_DIRECT = "that is the direct message, which is always there: choose another id"

_EMAIL_CHANNEL = 'an e-mail channel is an address alone, such as "ops@example.org"'
_FILE_CHANNEL = (
    'a file is a short lower-case word, such as "night", for the file night.md in the data folder'
)
_WEBHOOK_CHANNEL = 'a webhook is a web address, such as "https://ci.example.org/nightdesk"'

# One mailbox (RFC 5321, section 4.1.2) in its common form: no quotes, no comments, no list.
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def slack_workspace(text: str) -> str:
    """The id of a Slack workspace or Enterprise organisation.

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    if not _is_slack_id(text, "TE"):
        raise ValueError(_SLACK_WORKSPACE)
    return text


def principal(platform: Platform, text: str, *, slack_workspace_id: str) -> Principal:
    """The person that `text` names on the platform.

    Raises:
        ValueError: it names nobody there; the message says what would.
    """
    if platform == TERMINAL:
        # With the workspace before it, as we spell everybody.
        user = text.removeprefix(f"{rooms.WORKSPACE}/")
        if not _WORD.fullmatch(user):
            raise ValueError(_TERMINAL_USER)
        return Principal(TERMINAL, rooms.WORKSPACE, user)
    if platform == telegram.TELEGRAM:
        return telegram.principal(text)
    if platform == discord.DISCORD:
        return discord.principal(text)
    workspace, user = _slack(text, "UW", _SLACK_USER, slack_workspace_id)
    return Principal(SLACK, workspace, user)


def channel(platform: Platform, text: str, *, slack_workspace_id: str) -> ChannelRef:
    """The channel that `text` names on the platform.

    Raises:
        ValueError: it names none there; the message says what would.
    """
    if platform in ONE_WAY:
        return ChannelRef(platform, "", _one_way(platform, text))
    if platform == telegram.TELEGRAM:
        return telegram.channel(text)
    if platform == discord.DISCORD:
        return discord.channel(text)
    if platform == TERMINAL:
        if not _WORD.fullmatch(text):
            raise ValueError(_TERMINAL_CHANNEL)
        if text == rooms.DIRECT:
            raise ValueError(_TERMINAL_DIRECT)
        return ChannelRef(TERMINAL, rooms.WORKSPACE, text)
    workspace, here = _slack(text, "CGD", _SLACK_CHANNEL, slack_workspace_id)
    return ChannelRef(SLACK, workspace, here)


def _one_way(platform: Platform, text: str) -> str:
    if platform == EMAIL:
        if not _MAIL_ADDRESS.fullmatch(text):
            raise ValueError(_EMAIL_CHANNEL)
        return text
    if platform == FILE:
        if not _WORD.fullmatch(text):
            raise ValueError(_FILE_CHANNEL)
        return text
    if not _is_web_address(text):
        raise ValueError(_WEBHOOK_CHANNEL)
    return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    good = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return good and "@" not in parts.netloc


def _slack(text: str, kinds: str, otherwise: str, default_workspace: str) -> tuple[str, str]:
    """Take `T…/X…`, or `X…` of the default workspace, apart."""
    workspace, slash, thing = text.rpartition("/")
    if not _is_slack_id(thing, kinds):
        raise ValueError(otherwise)
    if slash:
        return slack_workspace(workspace), thing
    if not default_workspace:
        raise ValueError(_NO_WORKSPACE.format(id=thing))
    return default_workspace, thing


def _is_slack_id(text: str, kinds: str) -> bool:
    """Whether it looks like an id of those kinds, and not like a word in capitals."""
    shape = re.fullmatch(rf"[{kinds}][A-Z0-9]{{2,30}}", text)
    return shape is not None and (any(c.isdigit() for c in text) or len(text) >= _SURELY_NO_WORD)


_SURELY_NO_WORD = 9
