"""The environment's part of the settings: secrets, and what belongs to this machine.

pydantic-settings takes the variables apart; this module says which there are, reads secrets from
files, and turns every refusal into a sentence that begins with the name of the variable.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.configuration import discord, telegram
from bot.configuration.entries import is_url, web_address
from bot.configuration.problems import NEAR, Problems, did_you_mean, listed, shown
from bot.configuration.values import LogFormat, LogLevel
from runtime.near import nearest

PREFIX = "NIGHTDESK_"

_UNFILLED = re.compile(r"\$\w+|\$\{.*\}|<.*>|\{\{.*\}\}")
_OF_THE_TESTS = {"NIGHTDESK_SPECS"}
_MODEL_KEY = re.compile(r"NIGHTDESK_MODELS__[A-Z0-9]+(_[A-Z0-9]+)*__API_KEY")
_LONGEST_DRAIN = 600
# An event that a platform delivers again, for up to seven days, is known by the row of the first.
_SHORTEST_RETENTION = 8
_LONGEST_RETENTION = 36_500
_SHORTEST_TOTALS = 62
"""So that what was spent in the month that is under way, and in the one before, is always known."""
_LAST_PORT = 65_535


def _whole(low: int, high: int) -> BeforeValidator:
    def check(value: str) -> int:
        if not re.fullmatch(r"\d{1,6}", value) or not low <= int(value) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(value)

    return BeforeValidator(check)


def _yes_or_no(value: str) -> bool:
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("write 1 or 0")


def _one_of(kind: type[StrEnum]) -> BeforeValidator:
    def check(value: str) -> StrEnum:
        words = [str(each) for each in kind]
        if value.lower() not in words:
            raise ValueError(did_you_mean(value, words, f"write {listed(words)}"))
        return kind(value.lower())

    return BeforeValidator(check)


def _bot_token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if token.startswith("xapp-"):
        raise ValueError("this is an app-level token; the bot token begins with xoxb-")
    if not token.startswith(("xoxb-", "xoxe.xoxb-")):
        raise ValueError("a bot token begins with xoxb- (Slack: OAuth & Permissions)")
    return value


def _app_token(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith("xapp-"):
        raise ValueError("an app-level token begins with xapp- (Slack: Basic Information)")
    return value


def _signing_secret(value: SecretStr) -> SecretStr:
    if value.get_secret_value().startswith(("xoxb-", "xapp-")):
        raise ValueError("this is a token; the signing secret is under Basic Information in Slack")
    if not _SIGNING_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError(
            "a signing secret has 32 digits and small letters (Slack: Basic Information)"
        )
    return value


def _smtp_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    parts = urlsplit(text if is_url(text) else "")
    if parts.scheme not in SMTP_PORTS or not parts.hostname or parts.path.strip("/"):
        raise ValueError(
            'write "smtps://user:password@host" (encrypted from the start) or '
            '"smtp://user:password@host:587" (STARTTLS); "smtp+plain://host:25" does not encrypt'
        )
    if parts.password and parts.scheme == "smtp+plain" and parts.hostname not in _HERE:
        raise ValueError("a password is not sent over a line that is not encrypted: use smtps://")
    return value


def _sender(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;]{1,64}@[A-Za-z0-9.-]{1,253}", value):
        raise ValueError('write an address alone, such as "nightdesk@example.org"')
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _LEAST_SECRET:
        raise ValueError(f"write at least {_LEAST_SECRET} characters that nobody can guess")
    return value


_SIGNING_SECRET = re.compile("[0-9a-z]{32}")
"""Slack gives hexadecimal ones; that of its documentation has other letters too."""
SMTP_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
"""How the line is encrypted, and the port where none is given."""
_HERE = {"localhost", "127.0.0.1", "::1"}
_LEAST_SECRET = 20


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", value):
        raise ValueError("write an address alone, such as 127.0.0.1, 0.0.0.0 or ::1")
    return value


def _slot(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError('write up to 64 letters, digits, ".", "_" and "-", such as worker-1')
    return value


def _database(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in _DRIVERS or not rest.strip("/") or not is_url(value):
        raise ValueError(
            'write "postgresql://user:password@host/database" or "sqlite:////folder/nightdesk.db"'
        )
    return f"{_DRIVERS[scheme]}://{rest}"


_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

Address = Annotated[str, AfterValidator(web_address)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing_secret)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlackPart(_Part):
    """`NIGHTDESK_SLACK__…`."""

    signing_secret: SigningSecret | None = None
    previous_signing_secret: SigningSecret | None = None
    bot_token: Annotated[SecretStr, AfterValidator(_bot_token)] | None = None
    app_token: Annotated[SecretStr, AfterValidator(_app_token)] | None = None
    base_url: Address = "https://slack.com/api"


class DiscordPart(_Part):
    """`NIGHTDESK_DISCORD__…`."""

    bot_token: discord.BotToken | None = None
    public_key: discord.PublicKey | None = None
    previous_public_key: discord.PublicKey | None = None
    application_id: discord.ApplicationId | None = None
    base_url: Address = discord.BASE_URL


class TelegramPart(_Part):
    """`NIGHTDESK_TELEGRAM__…`."""

    bot_token: telegram.BotToken | None = None
    webhook_secret: telegram.WebhookSecret | None = None
    previous_webhook_secret: telegram.WebhookSecret | None = None
    webhook_url: telegram.WebhookUrl | None = None
    base_url: Address = telegram.BASE_URL


class EmailPart(_Part):
    """`NIGHTDESK_EMAIL__…`."""

    smtp_url: Annotated[SecretStr, AfterValidator(_smtp_url)] | None = None
    sender: Annotated[str, AfterValidator(_sender)] | None = None


class WebhookPart(_Part):
    """`NIGHTDESK_WEBHOOK__…`."""

    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    allow_private: Annotated[bool, BeforeValidator(_yes_or_no)] = False


class HttpPart(_Part):
    """`NIGHTDESK_HTTP__…`."""

    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[int, _whole(0, _LAST_PORT)] = 8787


class ModelPart(_Part):
    """`NIGHTDESK_MODELS__<name>__…`."""

    api_key: SecretStr


class Environment(BaseSettings):
    """Everything that the environment can set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=False,
        protected_namespaces=(),
    )

    data_dir: Path | None = None
    database_url: Annotated[str, BeforeValidator(_database)] | None = None
    config: Path | None = None
    http: HttpPart = HttpPart()
    slack: SlackPart = SlackPart()
    telegram: TelegramPart = TelegramPart()
    discord: DiscordPart = DiscordPart()
    email: EmailPart = EmailPart()
    webhook: WebhookPart = WebhookPart()
    model: str | None = None
    model_api_key: SecretStr | None = None
    model_base_url: Address | None = None
    models: dict[str, ModelPart] = {}
    log_level: Annotated[LogLevel, _one_of(LogLevel)] = LogLevel.INFO
    log_format: Annotated[LogFormat, _one_of(LogFormat)] = LogFormat.AUTO
    slot: Annotated[str, AfterValidator(_slot)] | None = None
    no_spend: Annotated[bool, BeforeValidator(_yes_or_no)] = False
    drain_seconds: Annotated[int, _whole(0, _LONGEST_DRAIN)] = 10
    retention_days: Annotated[int, _whole(_SHORTEST_RETENTION, _LONGEST_RETENTION)] = 30
    totals_days: Annotated[int, _whole(_SHORTEST_TOTALS, _LONGEST_RETENTION)] = 400

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the caller only, who hands over the variables to read."""
        return (init_settings,)


_SECRETS = (
    discord.TOKEN,
    "NIGHTDESK_SLACK__SIGNING_SECRET",
    "NIGHTDESK_SLACK__PREVIOUS_SIGNING_SECRET",
    "NIGHTDESK_SLACK__BOT_TOKEN",
    "NIGHTDESK_SLACK__APP_TOKEN",
    "NIGHTDESK_TELEGRAM__BOT_TOKEN",
    "NIGHTDESK_TELEGRAM__WEBHOOK_SECRET",
    "NIGHTDESK_TELEGRAM__PREVIOUS_WEBHOOK_SECRET",
    "NIGHTDESK_EMAIL__SMTP_URL",
    "NIGHTDESK_WEBHOOK__SECRET",
    "NIGHTDESK_MODEL_API_KEY",
    "NIGHTDESK_DATABASE_URL",
)


def _names() -> Iterator[str]:
    """Every variable there is; the model's name stands for itself."""
    for name, field in Environment.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, _Part):
            yield from (f"{PREFIX}{name}__{key}".upper() for key in part.model_fields)
        elif name == "models":
            yield f"{PREFIX}MODELS__<NAME>__API_KEY"
        else:
            yield f"{PREFIX}{name}".upper()


VARIABLES = tuple(_names())
"""The names of all variables, without their `_FILE` forms."""


def read_environment(environ: Mapping[str, str], problems: Problems) -> Environment:
    """Read the variables that begin with `NIGHTDESK_`; what is wrong is noted and left out."""
    ours = {
        name.upper(): value
        for name, value in environ.items()
        if name.upper().startswith(PREFIX) and name.upper() not in _OF_THE_TESTS
    }
    usable = _filled(_from_files(_known(ours, problems), problems), problems)
    source = EnvSettingsSource(Environment)
    while True:
        source.env_vars = {name.lower(): value for name, value in usable.items()}
        try:
            return Environment(**source())
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                name = PREFIX + "__".join(map(str, detail["loc"])).upper()
                said = detail.get("ctx", {}).get("error", detail["msg"])
                value = "" if _is_secret(name) else f" = {shown(usable[name])}"
                problems.variable(name + value, str(said))
                del usable[name]


def _known(ours: Mapping[str, str], problems: Problems) -> dict[str, str]:
    known = {}
    every = [*VARIABLES, *(f"{secret}_FILE" for secret in _SECRETS)]
    for name, value in ours.items():
        if name in every or _MODEL_KEY.fullmatch(name.removesuffix("_FILE")):
            known[name] = value
        else:
            problems.variable(name, f"unknown variable: {_suggestion(name, every)}")
    return known


def _suggestion(name: str, every: Sequence[str]) -> str:
    """What it may have meant; compared without the prefix, which makes every two names alike."""
    known = (each.removeprefix(PREFIX) for each in every)
    near = nearest(name.removeprefix(PREFIX), known, cutoff=NEAR)
    if near is None:
        return "docs/configuration.md lists what there is"
    return f"did you mean {PREFIX}{near}?"


def _from_files(ours: Mapping[str, str], problems: Problems) -> dict[str, str]:
    """Put the content of the file that `…_FILE` names in the place of the variable."""
    values = {name: value for name, value in ours.items() if not name.endswith("_FILE")}
    for name in ours.keys() - values.keys():
        target = name.removesuffix("_FILE")
        if target in values:
            problems.variable(name, f"{target} is set too: keep one of the two")
            continue
        try:
            values[target] = Path(ours[name]).read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            problems.variable(f"{name} = {shown(ours[name])}", f"the file cannot be read: {reason}")
    return values


def _filled(ours: Mapping[str, str], problems: Problems) -> dict[str, str]:
    filled = {}
    for name, value in ours.items():
        text = value.strip()
        if wrong := what_is_wrong(text, secret=_is_secret(name)):
            problems.variable(name, wrong)
        else:
            filled[name] = text
    return filled


def what_is_wrong(text: str, *, secret: bool) -> str:
    """Why the text, stripped, cannot be the value of a variable; empty where it can."""
    if not text:
        return "it is empty: give it a value, or remove it"
    if _UNFILLED.fullmatch(text):
        still = "a placeholder" if secret else f"the placeholder {text}"
        return f"it is still {still}: give it a value"
    if not text.isprintable():
        return "there is a control character inside: write it again"
    if secret and any(c.isspace() for c in text):
        return "there is a blank inside: was it copied whole, and only once?"
    return ""


def _is_secret(name: str) -> bool:
    return name in _SECRETS or _MODEL_KEY.fullmatch(name) is not None
