"""E-mail, webhook and file channels, and people's time zones, in the settings."""

from pathlib import Path

import pytest

from bot.environ import load_settings
from bot.settings import EmailSettings, Settings, WebhookSettings
from runtime.errors import ConfigurationError
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal

FILE = """
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[members]]
name = "Ann"
role = "owner"
terminal = "ann"
timezone = "America/New_York"

[[channels]]
platform = "{platform}"
id = "{channel}"
name = "out"
proactive = true
"""
MAIL = {
    "NIGHTDESK_EMAIL__SMTP_URL": "smtps://desk:p%40ss@mail.example.org",
    "NIGHTDESK_EMAIL__SENDER": "desk@example.org",
}
HOOK = {"NIGHTDESK_WEBHOOK__SECRET": "twenty-characters-and-more"}


def load(tmp_path: Path, platform: str, channel: str, extra: str = "", **environ: str) -> Settings:
    (tmp_path / "nightdesk.toml").write_text(
        FILE.format(platform=platform, channel=channel) + extra, "utf-8"
    )
    return load_settings({"HOME": str(tmp_path), **environ}, cwd=tmp_path)


def refused(tmp_path: Path, platform: str, channel: str, extra: str = "", **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, platform, channel, extra, **environ)
    return str(caught.value)


def test_an_email_channel_and_its_server(tmp_path: Path) -> None:
    settings = load(tmp_path, "email", "ops@example.org", **MAIL)

    assert isinstance(settings.email, EmailSettings)
    email = settings.email
    assert (email.host, email.port, email.tls) == ("mail.example.org", 465, "implicit")
    assert email.user == "desk"
    assert email.password is not None
    assert email.password.get_secret_value() == "p@ss"
    assert "p@ss" in settings.secrets()
    assert "p@ss" not in repr(settings)
    (rule,) = settings.team.channels
    assert rule.ref == ChannelRef(Platform("email"), "", "ops@example.org")


def test_a_webhook_channel_and_its_secret(tmp_path: Path) -> None:
    settings = load(tmp_path, "webhook", "https://ci.example.org/hook?x=1", **HOOK)

    assert isinstance(settings.webhook, WebhookSettings)
    assert not settings.webhook.allow_private
    assert HOOK["NIGHTDESK_WEBHOOK__SECRET"] in settings.secrets()


def test_a_file_channel_needs_nothing_more(tmp_path: Path) -> None:
    settings = load(tmp_path, "file", "night")

    assert settings.email is None
    assert settings.webhook is None


def test_a_member_has_a_time_zone_of_their_own(tmp_path: Path) -> None:
    team = load(tmp_path, "file", "night").team
    assert team.zone_of(Principal(Platform("terminal"), "local", "ann")) == "America/New_York"


@pytest.mark.parametrize(
    ("platform", "channel", "said"),
    [
        ("email", "ops", "an address alone"),
        ("email", "a@x.org, b@x.org", "an address alone"),
        ("webhook", "ftp://example.org", "a web address"),
        ("webhook", "https://user:pass@example.org/x", "a web address"),
        ("webhook", "https://example.org:notaport/", "a web address"),
        ("file", "../etc/passwd", "a short lower-case word"),
    ],
)
def test_an_id_that_is_none_is_refused(
    tmp_path: Path, platform: str, channel: str, said: str
) -> None:
    assert said in refused(tmp_path, platform, channel, **MAIL, **HOOK)


def test_nobody_listens_there(tmp_path: Path) -> None:
    said = refused(tmp_path, "file", "night", extra='listen = "all"\n')
    assert "nobody writes to us from file" in said


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "NIGHTDESK_EMAIL__SMTP_URL: it is missing"),
        ({**MAIL, "NIGHTDESK_EMAIL__SMTP_URL": "mail.example.org"}, "smtps://user:password@host"),
        ({**MAIL, "NIGHTDESK_EMAIL__SMTP_URL": "smtp+plain://u:p@mail.org"}, "not encrypted"),
        ({**MAIL, "NIGHTDESK_EMAIL__SENDER": "Desk <desk@x.org>"}, "an address alone"),
    ],
)
def test_a_mail_server_that_cannot_be_used_is_told(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    assert said in refused(tmp_path, "email", "ops@example.org", **environ)


def test_a_webhook_needs_a_secret_that_is_one(tmp_path: Path) -> None:
    url = "https://ci.example.org/hook"
    assert "NIGHTDESK_WEBHOOK__SECRET: it is missing" in refused(tmp_path, "webhook", url)
    short = refused(tmp_path, "webhook", url, NIGHTDESK_WEBHOOK__SECRET="short")
    assert "at least 20 characters" in short
    assert "short\n" not in short


def test_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nightdesk.toml"
    text = FILE.format(platform="file", channel="night").replace("America/New_York", "New York")
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match="timezone"):
        load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
