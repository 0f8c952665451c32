"""What is no matter of `nightdesk.toml`, and the variable that has it."""

from collections.abc import Mapping

ELSEWHERE: Mapping[str, str] = {
    "slack.bot_token": "NIGHTDESK_SLACK__BOT_TOKEN",
    "slack.signing_secret": "NIGHTDESK_SLACK__SIGNING_SECRET",
    "slack.previous_signing_secret": "NIGHTDESK_SLACK__PREVIOUS_SIGNING_SECRET",
    "slack.base_url": "NIGHTDESK_SLACK__BASE_URL",
    "telegram": "NIGHTDESK_TELEGRAM__BOT_TOKEN",
    "email.smtp_url": "NIGHTDESK_EMAIL__SMTP_URL",
    "email.sender": "NIGHTDESK_EMAIL__SENDER",
    "webhook.secret": "NIGHTDESK_WEBHOOK__SECRET",
    "discord.bot_token": "NIGHTDESK_DISCORD__BOT_TOKEN",
    "discord.public_key": "NIGHTDESK_DISCORD__PUBLIC_KEY",
    "discord.application_id": "NIGHTDESK_DISCORD__APPLICATION_ID",
    "discord.base_url": "NIGHTDESK_DISCORD__BASE_URL",
    "http": "NIGHTDESK_HTTP__HOST and NIGHTDESK_HTTP__PORT",
    "data_dir": "NIGHTDESK_DATA_DIR",
    "database_url": "NIGHTDESK_DATABASE_URL",
    "log_level": "NIGHTDESK_LOG_LEVEL",
    "log_format": "NIGHTDESK_LOG_FORMAT",
}
"""What people look for in the file though it is a secret or a matter of the machine."""
