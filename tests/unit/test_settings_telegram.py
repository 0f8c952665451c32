"""Telegram's settings: the numbers of people and chats, the token, the webhook."""

from pathlib import Path

import pytest

from bot.environ import load_settings
from bot.settings import Settings
from runtime.errors import ConfigurationError
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal
from tests.support.fake_telegram import SECRET, TOKEN

TELEGRAM = Platform("telegram")


def load(folder: Path, text: str = "", **variables: str) -> Settings:
    (folder / "nightdesk.toml").write_text(text)
    ours = {f"NIGHTDESK_TELEGRAM__{name}": value for name, value in variables.items()}
    return load_settings({"HOME": str(folder), **ours}, cwd=folder)


def test_people_and_chats_are_numbers_with_or_without_quotes(tmp_path: Path) -> None:
    text = """
[[members]]
name = "Ana"
telegram = [123456789, "7000000000"]
[[channels]]
platform = "telegram"
id = -1001234567890
[[channels]]
platform = "telegram"
id = "-5001"
"""
    team = load(tmp_path, text).team
    assert team.members[0].principals == (
        Principal(TELEGRAM, "", "123456789"),
        Principal(TELEGRAM, "", "7000000000"),
    )
    assert [rule.ref for rule in team.channels] == [
        ChannelRef(TELEGRAM, "", "-1001234567890"),
        ChannelRef(TELEGRAM, "", "-5001"),
    ]


@pytest.mark.parametrize("said", ['"@ana"', '"ana"', "0", "-5", "1.5", "true", '"12 34"', "[[]]"])
def test_a_persons_name_is_refused_and_the_number_explained(tmp_path: Path, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"nightdesk.toml:3: members\[0\]"):
        load(tmp_path, f'[[members]]\nname = "Ana"\ntelegram = {said}\n')


@pytest.mark.parametrize("said", ['"@ops"', '"https://t.me/ops"', '"-"', "0", '"C0123ABCD"'])
def test_a_chats_name_is_refused_and_the_number_explained(tmp_path: Path, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.telegram\.org"):
        load(tmp_path, f'[[channels]]\nplatform = "telegram"\nid = {said}\n')


def test_the_token_alone_connects_by_polling(tmp_path: Path) -> None:
    settings = load(tmp_path, BOT_TOKEN=TOKEN)
    assert settings.telegram is not None
    assert settings.telegram.webhook_url is None
    assert TOKEN in settings.secrets()
    assert TOKEN not in repr(settings)
    assert load(tmp_path).telegram is None


@pytest.mark.parametrize(
    "url", ["https://bot.example.org", "https://bot.example.org/", "https://bot.example.org/telegram/webhook"]
)  # fmt: skip
def test_the_webhook_is_an_address_of_ours(tmp_path: Path, url: str) -> None:
    settings = load(tmp_path, BOT_TOKEN=TOKEN, WEBHOOK_URL=url, WEBHOOK_SECRET=SECRET)
    assert settings.telegram is not None
    assert settings.telegram.webhook_url == "https://bot.example.org/telegram/webhook"
    assert SECRET in settings.secrets()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BOT_TOKEN": "xoxb-1"}, "a bot token is a number, a colon and letters"),
        ({"WEBHOOK_SECRET": SECRET}, "BOT_TOKEN: it is missing"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_SECRET": SECRET}, "WEBHOOK_URL: it is missing"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_URL": "https://b.example.org"}, "WEBHOOK_SECRET: it is missing"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_URL": "http://b.example.org", "WEBHOOK_SECRET": SECRET}, "https only"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_URL": "https://[", "WEBHOOK_SECRET": SECRET}, "https only"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_URL": "https://u:p@b.org", "WEBHOOK_SECRET": SECRET}, "https only"),
        ({"BOT_TOKEN": TOKEN, "WEBHOOK_SECRET": "short"}, "32 to 256 random characters"),
        ({"BOT_TOKEN": TOKEN, "BASE_URL": "api.telegram.org"}, "write a web address"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_would_be_right(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        load(tmp_path, **variables)
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)
