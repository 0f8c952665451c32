"""What channels that only take messages need: a mail server, a secret that signs webhooks."""

from urllib.parse import unquote, urlsplit

from bot.configuration import ids
from bot.configuration.environment import SMTP_PORTS, Environment
from bot.configuration.problems import Problems
from bot.configuration.values import Secret
from bot.settings import EmailSettings, WebhookSettings
from runtime.ids import Platform
from runtime.model.team import Team

_TLS = {"smtps": "implicit", "smtp": "starttls", "smtp+plain": "none"}
_URL = "NIGHTDESK_EMAIL__SMTP_URL"
_SENDER = "NIGHTDESK_EMAIL__SENDER"
_SECRET = "NIGHTDESK_WEBHOOK__SECRET"  # noqa: S105 - the name of the variable


def email(variables: Environment, team: Team | None, problems: Problems) -> EmailSettings | None:
    """Where mail is handed in; what is missing for a channel of the file is told."""
    url, sender = variables.email.smtp_url, variables.email.sender
    if url is not None and sender is not None:
        parts = urlsplit(url.get_secret_value())
        password = unquote(parts.password or "")
        return EmailSettings(
            host=parts.hostname or "",
            port=parts.port or SMTP_PORTS[parts.scheme],
            tls=_TLS[parts.scheme],
            user=unquote(parts.username or ""),
            password=Secret(password) if password else None,
            sender=sender,
        )
    if problems.names(_URL, _SENDER):
        return None  # what is there cannot be used, and that was said
    wanted = url is not None or sender is not None or _uses(team, ids.EMAIL)
    if wanted and url is None:
        problems.variable(_URL, "it is missing, and e-mail needs it: smtps://user:password@host")
    if wanted and sender is None:
        problems.variable(_SENDER, "it is missing, and e-mail needs it: nightdesk@example.org")
    return None


def webhook(
    variables: Environment, team: Team | None, problems: Problems
) -> WebhookSettings | None:
    """How webhooks are called; what is missing for a channel of the file is told."""
    secret = variables.webhook.secret
    if secret is not None:
        return WebhookSettings(
            secret=Secret(secret.get_secret_value()),
            allow_private=variables.webhook.allow_private,
        )
    if _uses(team, ids.WEBHOOK) and not problems.names(_SECRET):
        said = "it is missing, and webhooks are signed with it: a long random text"
        problems.variable(_SECRET, said)
    return None


def _uses(team: Team | None, platform: Platform) -> bool:
    return team is not None and any(rule.ref.platform == platform for rule in team.channels)
