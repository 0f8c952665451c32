"""The outside for `nightdesk doctor`: each platform, asked by a real round trip."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence

from bot.diagnosis import Diagnosis, State
from bot.doctor.probing import connection_of
from bot.settings import (
    DiscordSettings,
    EmailSettings,
    Settings,
    SlackSettings,
    TelegramSettings,
    WebhookSettings,
)
from runtime.clock import Clock
from runtime.errors import ConfigurationError, NightdeskError, Permanent
from runtime.model import probe
from runtime.model.files import OutFile
from runtime.model.team import Team
from runtime.ports import ChatPort

_NONE_FOUND = "the terminal alone: neither Slack nor Telegram nor Discord is connected"
_NONE_TODO = "To connect one: docs/slack.md, docs/telegram.md or docs/discord.md."


async def connections(settings: Settings, clock: Clock) -> AsyncIterator[Diagnosis]:
    """Ask each platform that is connected, or that the team's file names."""
    team, asked = settings.team, False
    if settings.slack is not None or _lists(team, "slack"):
        asked = True
        yield await _slack(settings.slack, team, clock)
    if settings.telegram is not None or _lists(team, "telegram"):
        asked = True
        yield await _telegram(settings.telegram, team, clock)
    if settings.discord is not None or _lists(team, "discord"):
        asked = True
        yield await _discord(settings.discord, team, clock)
    if not asked:
        yield Diagnosis("chat", State.MISSING, _NONE_FOUND, _NONE_TODO)
    # A channel of these without its settings is an error of the configuration.
    if settings.email is not None:
        yield await _email(settings.email, team, clock)
    if settings.webhook is not None:
        yield await _webhook(settings.webhook, team, clock)


async def _slack(slack: SlackSettings | None, team: Team, clock: Clock) -> Diagnosis:
    layer = "slack"
    if slack is None:
        found = "not connected, though nightdesk.toml names channels or members of it"
        todo = (
            "To connect it: `nightdesk slack manifest`, then set NIGHTDESK_SLACK__BOT_TOKEN and "
            "NIGHTDESK_SLACK__APP_TOKEN (or, for webhooks, NIGHTDESK_SLACK__SIGNING_SECRET)."
        )
        return Diagnosis(layer, State.MISSING, found, todo)
    from adapters.slack.outbound import SlackChat  # noqa: PLC0415 - the SDK, where it is needed

    chat = SlackChat(
        slack.bot_token.get_secret_value(),
        base_url=slack.base_url,
        clock=clock,
        team=slack.workspace,
        app_token=slack.app_token.get_secret_value() if slack.app_token else "",
    )
    try:
        await chat.open()
    except ConfigurationError as error:
        todo = "Copy the token again from OAuth & Permissions into NIGHTDESK_SLACK__BOT_TOKEN."
        return Diagnosis(layer, State.WRONG, str(error), todo)
    except NightdeskError as error:
        todo = f"Check that this machine reaches {slack.base_url}."
        return Diagnosis(layer, State.WRONG, f"it cannot be reached: {error}", todo)
    try:
        return await _channels_of(chat, layer, team)
    finally:
        await chat.close()


def _lists(team: Team, platform: str) -> bool:
    """Whether the team's file has channels or members of that platform."""
    people = (who.platform for member in team.members for who in member.principals)
    return platform in {*people, *(rule.ref.platform for rule in team.channels)}


async def _telegram(telegram: TelegramSettings | None, team: Team, clock: Clock) -> Diagnosis:
    layer = "telegram"
    if telegram is None:
        todo = "To connect it: set NIGHTDESK_TELEGRAM__BOT_TOKEN (docs/telegram.md)."
        found = "not connected, though nightdesk.toml names channels or members of it"
        return Diagnosis(layer, State.MISSING, found, todo)
    await asyncio.to_thread(
        importlib.import_module, "bot.platforms.telegram"
    )  # its library is large
    from bot.platforms.telegram import examine as ask_telegram  # noqa: PLC0415 - loaded there

    return _of_platform(layer, await ask_telegram(telegram, team, clock))


async def _discord(discord: DiscordSettings | None, team: Team, clock: Clock) -> Diagnosis:
    layer = "discord"
    if discord is None:
        todo = "To connect it: set NIGHTDESK_DISCORD__BOT_TOKEN (docs/discord.md)."
        found = "not connected, though nightdesk.toml names channels or members of it"
        return Diagnosis(layer, State.MISSING, found, todo)
    from bot.platforms.discord import examine as ask_discord  # noqa: PLC0415 - where it is needed

    return _of_platform(layer, await ask_discord(discord, team, clock))


async def _email(email: EmailSettings, team: Team, clock: Clock) -> Diagnosis:
    from bot.platforms.oneway import open_email  # noqa: PLC0415 - its library, where it is needed

    return await _channels_of(open_email(email, clock, _nothing).chat, "email", team)


async def _webhook(webhook: WebhookSettings, team: Team, clock: Clock) -> Diagnosis:
    from bot.platforms.oneway import open_webhook  # noqa: PLC0415 - its library, where it is needed

    async with open_webhook(webhook, clock, _nothing) as opened:
        return await _channels_of(opened.chat, "webhook", team)


async def _channels_of(chat: ChatPort, layer: str, team: Team) -> Diagnosis:
    looked = await connection_of(chat, team)
    return Diagnosis(layer, State.OK if looked.ok else State.WRONG, looked.found, looked.todo)


async def _nothing(file: OutFile) -> bytes:
    """No file is sent by a test."""
    raise Permanent(f"{file.name} is not sent by a test")


def _of_platform(layer: str, findings: Sequence[probe.Finding]) -> Diagnosis:
    """What a platform's own test found, in one."""
    found = "\n".join(one.what + f" ({one.missing})" * bool(one.missing) for one in findings)
    wrong = [one.todo for one in findings if not one.ok]
    # Sentences of one finding each, in the order in which they are to be done.
    return Diagnosis(layer, State.WRONG if wrong else State.OK, found, " ".join(wrong))
