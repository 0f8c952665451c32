"""Discord's part of the configuration: how its ids are spelled, and what is set of it where.

Ids of Discord are numbers ("snowflakes"); people see them once Developer Mode is on (User Settings,
Advanced), with Copy ID in the menu of a server, a channel or a person.
"""

import re
from typing import Annotated, Protocol

from pydantic import AfterValidator, SecretStr

from bot.configuration.problems import Problems
from bot.configuration.values import Secret
from bot.settings import DiscordSettings
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal

DISCORD = Platform("discord")
BASE_URL = "https://discord.com/api/v10"

TOKEN = "NIGHTDESK_DISCORD__BOT_TOKEN"  # noqa: S105 - the name of a variable
KEY = "NIGHTDESK_DISCORD__PUBLIC_KEY"

_SNOWFLAKE = re.compile(r"[1-9][0-9]{16,19}")
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_COPY = "(Discord: User Settings, Advanced, Developer Mode; then Copy {} ID in its menu)"


def principal(text: str) -> Principal:
    """The person that the id names.

    Raises:
        ValueError: it names nobody; the message says what would.
    """
    return Principal(DISCORD, "", _id(text, "a person", "User"))


def channel(text: str) -> ChannelRef:
    """The channel that the id names.

    Raises:
        ValueError: it names none; the message says what would.
    """
    return ChannelRef(DISCORD, "", _id(text, "a channel", "Channel"))


def guild(text: str) -> str:
    """The id of a server.

    Raises:
        ValueError: it is none; the message says what one looks like.
    """
    return _id(text, "a server", "Server")


def _id(text: str, what: str, menu: str) -> str:
    if not _SNOWFLAKE.fullmatch(text):
        example = '"123456789012345678"'
        raise ValueError(
            f"{what} is named by its id here, a long number in quotes such as {example} "
            f"{_COPY.format(menu)}"
        )
    return text


def _bot_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if token.casefold().startswith("bot"):
        raise ValueError('write the token alone, without the word "Bot" before it')
    if _KEY.fullmatch(token):
        raise ValueError("this is the public key; the token is on the application's page, Bot")
    if token.count(".") < 2:  # noqa: PLR2004 - it has three parts
        raise ValueError("a bot token has two points in it (Discord: developer portal, Bot)")
    return value


def _public_key(value: str) -> str:
    if not _KEY.fullmatch(value):
        raise ValueError(
            "a public key has 64 hex digits (Discord: developer portal, General Information)"
        )
    return value.lower()


def _application(value: str) -> str:
    if not _SNOWFLAKE.fullmatch(value):
        raise ValueError(
            "an application's id is a long number (Discord: developer portal, General Information)"
        )
    return value


BotToken = Annotated[SecretStr, AfterValidator(_bot_token)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
ApplicationId = Annotated[str, AfterValidator(_application)]


class Part(Protocol):
    """`NIGHTDESK_DISCORD__…`."""

    @property
    def bot_token(self) -> SecretStr | None:
        """What the bot signs in with."""
        ...

    @property
    def public_key(self) -> str | None:
        """What Discord signs interactions with."""
        ...

    @property
    def previous_public_key(self) -> str | None:
        """The one before."""
        ...

    @property
    def application_id(self) -> str | None:
        """The application that the token must belong to."""
        ...

    @property
    def base_url(self) -> str:
        """Where the REST API is."""
        ...


class Table(Protocol):
    """`[discord]`."""

    @property
    def guilds(self) -> tuple[str, ...]:
        """The servers that are heard."""
        ...

    @property
    def gateway(self) -> bool:
        """Hear messages over the gateway too."""
        ...


def settings_of(part: Part, table: Table | None, problems: Problems) -> DiscordSettings | None:
    """How to talk with Discord; None where it is not connected."""
    key, before = part.public_key, part.previous_public_key
    if part.bot_token is None:
        if not problems.names(TOKEN) and (key or before or part.application_id):
            problems.variable(TOKEN, "it is missing, and Discord needs it (developer portal, Bot)")
        return None
    gateway = table.gateway if table else True
    if key is None and not problems.names(KEY) and (before or not gateway):
        said = "it is missing, and without the gateway Discord needs it (General Information)"
        problems.variable(KEY, said)
    return DiscordSettings(
        bot_token=Secret(part.bot_token.get_secret_value()),
        public_key=key,
        previous_public_key=before,
        application_id=part.application_id,
        base_url=part.base_url,
        guilds=table.guilds if table else (),
        gateway=gateway,
    )
