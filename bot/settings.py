"""The settings, as values: frozen, handed down. `bot.environ` reads them, once at start.

Secrets and what belongs to the machine come from `NIGHTDESK_…` variables, what the team decides
from `nightdesk.toml`. Everything that is wrong in either is told at once, as one
`ConfigurationError`, each problem with its file, line or variable and with what would be right.
`docs/configuration.md` lists every key.

What they are read with (`bot.configuration.reading`, and pydantic under it) is needed once and
takes 12 MB, so it is imported by whoever reads them: `bot.program` does so in a child.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bot.configuration.values import OFFLINE, LogFormat, LogLevel, Secret
from bot.role import Role
from runtime.ids import ModelName
from runtime.model.completion import Price
from runtime.model.team import Team
from runtime.model.value import value

__all__ = [
    "OFFLINE",
    "DiscordSettings",
    "EmailSettings",
    "HttpSettings",
    "LogFormat",
    "LogLevel",
    "ModelSettings",
    "Secret",
    "Settings",
    "SlackSettings",
    "TelegramSettings",
    "WebhookSettings",
]

FILE_NAME = "nightdesk.toml"
"""What the team's file is called."""

POLICY_NAME = "policy.yaml"
"""What the file with the rules for tools is called, beside the team's."""

LOG_NAME = "nightdesk.log"
"""What the log file in the data folder is called."""

_DEFAULT_TIMEOUT = 60.0


@value(kw_only=True)
class HttpSettings:
    """Where the HTTP listener is.

    Attributes:
        host: the address to listen on.
        port: the port; 0 for any free one.
    """

    host: str
    port: int


@value(kw_only=True)
class SlackSettings:
    """How to talk with Slack.

    Attributes:
        signing_secret: what Slack signs its requests with; None without webhooks.
        previous_signing_secret: the one before, while it is being replaced.
        bot_token: what the bot signs in with.
        app_token: what opens sockets (Socket Mode); None where none are to be opened.
        base_url: where the Web API is; ends with a slash.
        workspace: the workspace that the file names for all its ids, or None.
    """

    signing_secret: Secret | None
    previous_signing_secret: Secret | None
    bot_token: Secret
    app_token: Secret | None = None
    base_url: str
    workspace: str | None = None


@value(kw_only=True)
class DiscordSettings:
    """How to talk with Discord.

    Attributes:
        bot_token: what the bot signs in with.
        public_key: what Discord signs interactions with; None where none come by webhook.
        previous_public_key: the one before, while it is being replaced.
        application_id: the application that the token must belong to; None for any.
        base_url: where the REST API is.
        guilds: the servers that are heard; all others are not.
        gateway: hear messages over the gateway too.
    """

    bot_token: Secret
    public_key: str | None
    previous_public_key: str | None
    application_id: str | None
    base_url: str
    guilds: tuple[str, ...]
    gateway: bool


@value(kw_only=True)
class EmailSettings:
    """Where mail is handed in.

    Attributes:
        host: the server's name.
        port: its port.
        tls: how the line is encrypted: `implicit` from the start, `starttls`, or `none`.
        user: the account, or empty for none.
        password: its password; None for none.
        sender: the address that messages come from.
    """

    host: str
    port: int
    tls: str
    user: str
    password: Secret | None
    sender: str


@value(kw_only=True)
class WebhookSettings:
    """How to call what the team lists.

    Attributes:
        secret: signs every request.
        allow_private: addresses of private networks may be called too.
    """

    secret: Secret
    allow_private: bool


@value(kw_only=True)
class TelegramSettings:
    """How to talk with Telegram.

    Attributes:
        bot_token: what the bot signs in with.
        webhook_secret: what Telegram sends along with each update; None where we poll.
        previous_webhook_secret: the one before, while it is being replaced.
        webhook_url: the public address that Telegram calls, its path included; None to poll.
        base_url: where the Bot API is.
    """

    bot_token: Secret
    webhook_secret: Secret | None
    previous_webhook_secret: Secret | None
    webhook_url: str | None
    base_url: str


@value(kw_only=True)
class ModelSettings:
    """A language model.

    Attributes:
        name: what the team calls it.
        model: provider and model, as LiteLLM spells them.
        base_url: where its server is; None for the provider's own.
        api_key: its key, ours or the provider's own; None where it needs none, or it is missing.
        lacks: the variables that can have its key, where none of them has one.
        account: what tells its key from the first one that is used there; empty for that one.
        context_tokens: its context window; None to use what is known of it.
        timeout_seconds: how long to wait for the first word of an answer.
        client: what it is called with, `direct` or `litellm`; empty for what suits it.
        prices: what it costs; None for what LiteLLM's list says.
        currency: of those prices.
        unpriced_allowed: it may be called though its price is not known.
        max_output_tokens: its longest answer; None for what is known of it.
        tools: it can call tools; None for what is known of it.
        vision: it can look at pictures; None for what is known of it.
        streaming: it answers piece by piece.
        quality: how good the team holds it for, from 1 to 10; 0 where the file does not say.
    """

    name: ModelName
    model: str
    base_url: str | None = None
    api_key: Secret | None = None
    lacks: tuple[str, ...] = ()
    account: str = ""
    context_tokens: int | None = None
    timeout_seconds: float = _DEFAULT_TIMEOUT
    client: str = ""
    prices: tuple[Price, ...] | None = None
    currency: str = "USD"
    unpriced_allowed: bool = False
    max_output_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    streaming: bool = True
    quality: int = 0


@value(kw_only=True)
class Settings:
    """Everything that was decided before the start.

    Attributes:
        team: what the team decides; each agent's model is a key of `models` or `OFFLINE`.
        models: the language models by name.
        slack: how to talk with Slack; None where it is not connected.
        telegram: how to talk with Telegram; None where it is not connected.
        discord: how to talk with Discord; None where it is not connected.
        email: where mail is handed in; None where there are no e-mail channels.
        webhook: how webhooks are called; None where there are none.
        http: where the HTTP listener is.
        data_dir: the data folder, absolute; it may not exist yet.
        database_url: SQLAlchemy's address of the database; None for SQLite in the data folder.
        config_path: the team's file, absolute.
        config_found: it exists; if not, `team` is what the first start would write.
        log_level: the least important line that is logged.
        log_format: how a log line looks.
        slot: the stable name of this process, if one was given; see `slot_for`.
        no_spend: refuse to call any model off this machine.
        drain_seconds: how long work under way may go on after SIGTERM.
        retention_days: how long what is settled is kept.
        totals_days: how long it is kept what was spent in a day and in a month.
        terminal: show the terminal chat in the role `ALL`.
    """

    team: Team
    models: Mapping[ModelName, ModelSettings]
    slack: SlackSettings | None
    telegram: TelegramSettings | None = None
    discord: DiscordSettings | None = None
    email: EmailSettings | None
    webhook: WebhookSettings | None
    http: HttpSettings
    data_dir: Path
    database_url: str | None = field(repr=False)  # it may hold a password
    config_path: Path
    config_found: bool
    log_level: LogLevel
    log_format: LogFormat
    slot: str | None
    no_spend: bool
    drain_seconds: float
    retention_days: int = 30
    totals_days: int = 400
    terminal: bool = True

    def slot_for(self, role: Role) -> str:
        """The stable name of this process in that role: what was given, or `<role>-0`."""
        return self.slot or f"{role}-0"

    @property
    def on_sqlite(self) -> bool:
        """The database is a SQLite file, which one process owns."""
        return self.database_url is None or self.database_url.startswith("sqlite")

    @property
    def policy_path(self) -> Path:
        """The rules for what agents may do, beside the team's file; it need not exist."""
        return self.config_path.with_name(POLICY_NAME)

    @property
    def log_path(self) -> Path:
        """The log file in the data folder."""
        return self.data_dir / LOG_NAME

    def secrets(self) -> frozenset[str]:
        """The value of every secret, for whoever keeps them out of the log."""
        url = urlsplit(self.database_url or "")
        passwords = [unquote(url.password or ""), *parse_qs(url.query).get("password", ())]
        parts = (self.slack, self.telegram, self.discord, self.email, self.webhook, self.models)
        inside = [secret for part in parts for secret in _secrets_in(part)]
        return frozenset(secret for secret in (*passwords, *inside) if secret)


def _secrets_in(value: object) -> Iterator[str]:
    """Every secret inside a value, however deep."""
    if isinstance(value, Secret):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _secrets_in(getattr(value, each.name))
