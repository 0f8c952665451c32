"""Telegram's part of the configuration: how its ids are spelled, and what is set of it where.

Ids of Telegram are numbers. Names (`@somebody`) are not taken: they can be given up, and then
belong to somebody else.
"""

import re
from typing import Annotated, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from bot.configuration.problems import Problems
from bot.configuration.values import Secret
from bot.settings import TelegramSettings
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal

TELEGRAM = Platform("telegram")
BASE_URL = "https://api.telegram.org"
WEBHOOK_PATH = "/telegram/webhook"

TOKEN = "NIGHTDESK_TELEGRAM__BOT_TOKEN"  # noqa: S105 - the name of a variable
SECRET = "NIGHTDESK_TELEGRAM__WEBHOOK_SECRET"  # noqa: S105 - the same
URL = "NIGHTDESK_TELEGRAM__WEBHOOK_URL"

_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")
_PERSON = re.compile(r"[1-9][0-9]{0,15}")
_CHAT = re.compile(r"-?[1-9][0-9]{0,15}")
_HERE = {"127.0.0.1", "::1", "localhost"}

_NOBODY = (
    "a person is named by their number here, such as 123456789, never by a name (Telegram: write "
    "to the bot, which tells a stranger their number)"
)
_NOWHERE = (
    "a chat is named by its number here, such as -1001234567890, never by a name (Telegram: open "
    "the group in a browser, web.telegram.org; the address ends with the number)"
)


def principal(text: str) -> Principal:
    """The person that the number names.

    Raises:
        ValueError: it names nobody; the message says what would.
    """
    if not _PERSON.fullmatch(text):
        raise ValueError(_NOBODY)
    return Principal(TELEGRAM, "", text)


def channel(text: str) -> ChannelRef:
    """The chat that the number names.

    Raises:
        ValueError: it names none; the message says what would.
    """
    if not _CHAT.fullmatch(text):
        raise ValueError(_NOWHERE)
    return ChannelRef(TELEGRAM, "", text)


def _bot_token(value: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(
            "a bot token is a number, a colon and letters, 123456789:AA… (Telegram: @BotFather, "
            "/mybots, API Token)"
        )
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(value.get_secret_value()):
        raise ValueError(
            "write 32 to 256 random characters of A-Z, a-z, 0-9, _ and -, such as the output of "
            "openssl rand -hex 32"
        )
    return value


def _webhook_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        bad = not parts.hostname or bool(parts.query or parts.fragment) or "@" in parts.netloc
        allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    except ValueError:
        bad, allowed = True, False
    if bad or not allowed:
        raise ValueError(
            'write the public address of this Nightdesk, such as "https://bot.example.org": '
            "Telegram calls https only"
        )
    return f"{value.rstrip('/').removesuffix(WEBHOOK_PATH)}{WEBHOOK_PATH}"


BotToken = Annotated[SecretStr, AfterValidator(_bot_token)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
WebhookUrl = Annotated[str, AfterValidator(_webhook_url)]


class Part(Protocol):
    """`NIGHTDESK_TELEGRAM__…`."""

    @property
    def bot_token(self) -> SecretStr | None:
        """What the bot signs in with."""
        ...

    @property
    def webhook_secret(self) -> SecretStr | None:
        """What Telegram sends along."""
        ...

    @property
    def previous_webhook_secret(self) -> SecretStr | None:
        """The one before."""
        ...

    @property
    def webhook_url(self) -> str | None:
        """The public address."""
        ...

    @property
    def base_url(self) -> str:
        """Where the Bot API is."""
        ...


def settings_of(part: Part, problems: Problems) -> TelegramSettings | None:
    """How to talk with Telegram; None where it is not connected."""
    secrets = (part.webhook_secret, part.previous_webhook_secret)
    if part.bot_token is None:
        if not problems.names(TOKEN) and (part.webhook_url or any(secrets)):
            problems.variable(TOKEN, "it is missing, and Telegram needs it (@BotFather)")
        return None
    if part.webhook_url and not part.webhook_secret and not problems.names(SECRET):
        said = "it is missing, and without it anybody could call the webhook: openssl rand -hex 32"
        problems.variable(SECRET, said)
    if any(secrets) and not part.webhook_url and not problems.names(URL):
        said = "it is missing: a secret is for a webhook (for polling, leave both out)"
        problems.variable(URL, said)
    return TelegramSettings(
        bot_token=_ours(part.bot_token),
        webhook_secret=_ours(part.webhook_secret) if part.webhook_secret else None,
        previous_webhook_secret=(
            _ours(part.previous_webhook_secret) if part.previous_webhook_secret else None
        ),
        webhook_url=part.webhook_url,
        base_url=part.base_url,
    )


def _ours(secret: SecretStr) -> Secret:
    return Secret(secret.get_secret_value())
