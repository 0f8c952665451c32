"""`nightdesk discord` and doctor's look at Discord."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.diagnosis import Diagnosis, State
from bot.doctor.examination import examine
from bot.environ import load_settings
from bot.platforms.discord import address_to_invite, synchronise_commands
from bot.selftest.discord.names import APP, CHANNEL, GUILD, PUBLIC_KEY, TOKEN
from bot.settings import Settings
from runtime.errors import ConfigurationError
from tests.support.clock import ManualClock
from tests.support.fake_discord import FakeDiscord

TEAM = f'[discord]\nguilds = ["{GUILD}"]\n[[channels]]\nplatform = "discord"\nid = "{CHANNEL}"\n'


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake
        assert fake.violations == []


def settings(folder: Path, url: str, **variables: str) -> Settings:
    (folder / "nightdesk.toml").write_text(TEAM)
    given = {"BOT_TOKEN": TOKEN, "BASE_URL": url, **variables}
    environ = {f"NIGHTDESK_DISCORD__{name}": value for name, value in given.items()}
    return load_settings({"HOME": str(folder), **environ}, cwd=folder)


async def look(found: Settings, clock: ManualClock) -> Diagnosis:
    layers = {finding.layer: finding for finding in await examine(lambda: found, clock)}
    return layers["discord"]


async def test_commands_are_synchronised_only_when_they_changed(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    here = settings(tmp_path, discord.url)
    assert await synchronise_commands(here, clock, check=True)
    assert discord.commands == []
    assert await synchronise_commands(here, clock, check=False)
    assert not await synchronise_commands(here, clock, check=False)
    assert not await synchronise_commands(here, clock, check=True)
    assert {"schedule", "status", "help"} <= {made["name"] for made in discord.commands}
    # Somebody changed one in between: its description, or a sub-command.
    discord.commands = [{**discord.commands[0], "description": "x"}, *discord.commands[1:]]
    assert await synchronise_commands(here, clock, check=True)


async def test_the_invitation_names_the_application_and_what_it_may_do(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    url = await address_to_invite(settings(tmp_path, discord.url), clock)
    assert f"client_id={APP}&" in url
    assert "scope=bot+applications.commands" in url


async def test_without_a_token_the_commands_say_what_to_set(
    tmp_path: Path, clock: ManualClock
) -> None:
    here = load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
    with pytest.raises(ConfigurationError, match="NIGHTDESK_DISCORD__BOT_TOKEN"):
        await synchronise_commands(here, clock, check=True)


async def test_a_discord_that_cannot_be_reached_is_a_clear_error(
    tmp_path: Path, clock: ManualClock
) -> None:
    with pytest.raises(ConfigurationError, match="reached"):
        await address_to_invite(settings(tmp_path, "http://127.0.0.1:1/api/v10"), clock)


async def test_doctor_finds_a_connection_that_works(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    here = settings(tmp_path, discord.url, PUBLIC_KEY=PUBLIC_KEY)
    await synchronise_commands(here, clock, check=False)
    found = await look(here, clock)
    assert found.state is State.OK, found
    assert "#ops: the bot is in it and may post" in found.found


async def test_doctor_names_what_is_missing(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    discord.flags = 0
    discord.permissions = 0x400
    here = settings(tmp_path, discord.url, PUBLIC_KEY="ab12" * 16)
    found = await look(here, clock)
    assert found.state is State.WRONG
    for words in (
        "Message Content Intent",
        "Send Messages, Embed Links",
        "another application's",
    ):
        assert words in found.found
    assert "nightdesk discord sync" in found.todo


async def test_without_the_gateway_the_intent_is_not_missed(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    discord.flags = 0
    here = settings(tmp_path, discord.url, PUBLIC_KEY=PUBLIC_KEY)
    await synchronise_commands(here, clock, check=False)
    assert here.discord is not None
    alone = replace(here, discord=replace(here.discord, gateway=False))
    found = await look(alone, clock)
    assert found.state is State.OK, found
    assert "not heard" in found.found


async def test_doctor_names_a_token_that_is_refused(
    tmp_path: Path, clock: ManualClock, discord: FakeDiscord
) -> None:
    found = await look(settings(tmp_path, discord.url, BOT_TOKEN="a.b.c"), clock)
    assert found.state is State.WRONG
    assert "NIGHTDESK_DISCORD__BOT_TOKEN" in found.todo
    assert "a.b.c" not in found.found


def test_doctor_says_that_channels_are_listed_and_nothing_is_connected(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "nightdesk.toml").write_text(TEAM)
    here = load_settings({"HOME": str(tmp_path)}, cwd=tmp_path)
    found = asyncio.run(look(here, clock))
    assert found.state is State.MISSING


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        (
            '[[channels]]\nplatform = "discord"\nid = "#ops"\n',
            {},
            'channels[0].id = "#ops": a channel is named by its id here, a long number',
        ),
        (
            '[[members]]\nname = "Ada"\ndiscord = "ada#1234"\n',
            {},
            'a person is named by its id here, a long number in quotes such as "123456789012345678"',
        ),
        ('[discord]\nguilds = ["Night shift"]\n', {}, "a server is named by its id here"),
        (
            f'[[channels]]\nplatform = "discord"\nid = "{CHANNEL}"\n',
            {},
            "in which server is it? add [discord] with guilds",
        ),
        ("[discord]\nguild = []\n", {}, "did you mean guilds?"),
        (
            '[discord]\nbot_token = "x"\n',
            {},
            "set NIGHTDESK_DISCORD__BOT_TOKEN in the environment instead",
        ),
        ("", {"PUBLIC_KEY": PUBLIC_KEY}, "NIGHTDESK_DISCORD__BOT_TOKEN: it is missing"),
        ("", {"PUBLIC_KEY": "abc", "BOT_TOKEN": TOKEN}, "a public key has 64 hex digits"),
        ("", {"BOT_TOKEN": f"Bot_{TOKEN}"}, 'without the word "Bot"'),
        ("", {"BOT_TOKEN": PUBLIC_KEY}, "this is the public key"),
        ("", {"BOT_TOKEN": "nonsense"}, "two points"),
        ("", {"APPLICATION_ID": "me", "BOT_TOKEN": TOKEN}, "an application's id is a long number"),
        (
            "[discord]\ngateway = false\n",
            {"BOT_TOKEN": TOKEN},
            "NIGHTDESK_DISCORD__PUBLIC_KEY: it is missing, and without the gateway",
        ),
    ],
)
def test_a_mistake_in_the_configuration_says_what_would_be_right(
    tmp_path: Path, text: str, variables: dict[str, str], said: str
) -> None:
    (tmp_path / "nightdesk.toml").write_text(text)
    environ = {f"NIGHTDESK_DISCORD__{name}": value for name, value in variables.items()}
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"HOME": str(tmp_path), **environ}, cwd=tmp_path)
    assert said in str(raised.value)
    assert TOKEN not in str(raised.value)
