"""The README shows one conversation on each platform, as its fake holds it."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.scenario.test_transcripts import ROOT, as_cut, timeless
from tests.support.discord_program import discord_program
from tests.support.eventually import eventually
from tests.support.fake_telegram import GROUP, USERNAME
from tests.support.fake_telegram import Posted as TelegramPosted
from tests.support.program import running_program as slack_program
from tests.support.telegram_program import running_program as telegram_program

ASKED = "what is scheduled?"
MADE = "!schedule create every weekday at 8:30 Post the morning briefing"


def printed(platform: str) -> str:
    """The block under the platform's heading."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^\*\*{platform}\*\*.*?\n```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"README.md shows no conversation on {platform}"
    return found[1]


def screen(*said: tuple[str, str]) -> str:
    """What people see: who, and what."""
    lines = []
    for who, text in said:
        first, *rest = text.strip().splitlines()
        lines += [f"{who}: {first}", *(f"  {line}" for line in rest if line.strip())]
    return "\n".join(lines) + "\n"


def in_order(one: str, other: str) -> tuple[str, str]:
    """The two answers; which of them made the schedule came second."""
    return (one, other) if "Schedule 1" in other else (other, one)


async def on_slack(folder: Path) -> str:
    async with slack_program(folder) as program:
        ts = program.sender.next_ts()
        await program.mention(ASKED, ts=ts)
        await program.shown(1)
        await program.reply(MADE, thread_ts=ts)
        first, second = await program.shown(2)
        posts = program.slack.visible()
        assert {post.thread_ts for post in posts} == {ts}
        return screen(
            ("Ada in #ops", f"@nightdesk {ASKED}"),
            ("nightdesk in the thread", first),
            ("Ada in the thread", MADE),
            ("nightdesk in the thread", second),
        )


def bold(posted: TelegramPosted) -> str:
    """The words, with what is bold or code as Telegram's entities say it."""
    units = posted.text.encode("utf-16-le")
    marks = {"bold": "**", "code": "`"}
    edges = [
        (at, marks[entity["type"]])
        for entity in posted.entities
        if entity["type"] in marks
        for at in (entity["offset"], entity["offset"] + entity["length"])
    ]
    for at, mark in sorted(edges, reverse=True):
        units = units[: 2 * at] + mark.encode("utf-16-le") + units[2 * at :]
    return units.decode("utf-16-le")


async def on_telegram(folder: Path) -> str:
    async with telegram_program(folder, by_webhook=False) as program:
        root = program.telegram.send.message(f"@{USERNAME} {ASKED}", chat=GROUP)
        await program.arrives()
        [first] = await program.shown(1)
        program.telegram.send.message(MADE, chat=GROUP, reply_to=first.id)
        await program.arrives()
        _, second = await program.shown(2)
        assert second.reply_to == root["message"]["message_id"]
        return screen(
            ("Ada in the group", f"@{USERNAME} {ASKED}"),
            ("Nightdesk, in reply", bold(first)),
            ("Ada, in reply", MADE),
            ("Nightdesk, in reply", bold(second)),
        )


async def on_discord(folder: Path) -> str:
    async with discord_program(folder) as program:
        program.discord.say(ASKED, mention=True)
        [first] = await program.shown(1)
        program.discord.say(MADE, channel=first.channel)
        await eventually(lambda: len(program.discord.visible()) == 2, "the second answer")
        _, second = await program.shown(2)
        assert second.channel == first.channel
        return screen(
            ("Ada in #ops", f"@Nightdesk {ASKED}"),
            ("Nightdesk in a thread", first.content),
            ("Ada in the thread", MADE),
            ("Nightdesk in the thread", second.content),
        )


@pytest.mark.parametrize(
    ("platform", "happens"),
    [("Slack", on_slack), ("Telegram", on_telegram), ("Discord", on_discord)],
)
async def test_the_readme_shows_what_the_platform_shows(
    platform: str, happens: Callable[[Path], Awaitable[str]], tmp_path: Path
) -> None:
    shown = timeless(await happens(tmp_path))
    on_page = timeless(printed(platform))
    assert as_cut(shown, on_page) == on_page
