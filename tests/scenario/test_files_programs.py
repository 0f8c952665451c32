"""Files both ways through the real program, on Slack, Telegram and Discord as their fakes are.

The agent is told by a model server to read the file that came in, and to send back what it read.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.selftest.discord.names import DIRECT as DISCORD_DIRECT
from tests.support import discord_program, program, telegram_program
from tests.support.eventually import eventually
from tests.support.fake_openai import Calls, FakeOpenAI, Says, call_delta, fake_openai
from tests.support.fake_telegram import ADA

CONTENT = b"name,value\nanswer,42\n"
PROGRAM = b"MZ\x90\x00\x03" + bytes(200)
ANSWER = "Here is what you sent."


@dataclass(frozen=True, slots=True)
class Sent:
    """What a person sees after a question with files.

    Attributes:
        texts: the words of the bot's messages, in order.
        files: the name and the bytes of each file that the bot sent.
    """

    texts: list[str]
    files: list[tuple[str, bytes]]


def clerk(server: FakeOpenAI) -> Calls | Says:
    """Read the file that is named first, send its text back, and say so."""
    messages = server.last["messages"]
    assert isinstance(messages, list)
    last = messages[-1]
    assert isinstance(last, dict)
    said = str(last["content"])
    if last["role"] == "user":
        named = re.search(r"id (\w{26}): ", said)
        return calls("file_read", {"id": named[1]}) if named else Says(("There is none.",))
    if said.startswith("[begin "):
        text = said.split("\n", 1)[1].rpartition("\n[end ")[0]
        return calls("file_send", {"name": "copy.csv", "content": text})
    return Says((ANSWER,))


def calls(name: str, arguments: dict[str, str]) -> Calls:
    return Calls((call_delta(id_="c1", name=name, arguments=json.dumps(arguments)),))


def config_of(config: str, server: FakeOpenAI) -> str:
    model = f'[models.fake]\nmodel = "openai/fake"\nbase_url = "{server.base_url}"\n'
    return config.replace('model = "offline"', 'model = "fake"') + model


async def on_slack(folder: Path, server: FakeOpenAI) -> Sent:
    config = config_of(program.CONFIG, server)
    async with program.running_program(folder, config=config) as running:
        slack = running.slack
        files = [
            {"id": held, "name": name, "url_private_download": slack.file_url(held), "size": size}
            for name, size, held in (
                ("data.csv", len(CONTENT), slack.hold_file(CONTENT)),
                ("evil.csv", len(PROGRAM), slack.hold_file(PROGRAM)),
            )
        ]
        asked = running.sender.signed_event(
            "<@U0BOT> copy it", kind="app_mention", ts=running.sender.next_ts(), files=files
        )
        assert await running.post(asked) == 200
        await loaded(lambda: len(slack.visible()) >= 3)
        await running.delivered()
        texts = await running.shown(3)  # what grew is whole by now
        shared = [slack.files[f] for posted in slack.visible() for f in posted.files]
        return Sent([text for text in texts if text], [(f.name, f.data or b"") for f in shared])


async def on_telegram(folder: Path, server: FakeOpenAI) -> Sent:
    config = config_of(telegram_program.CONFIG, server)
    running_program = telegram_program.running_program(folder, by_webhook=False, config=config)
    async with running_program as running:
        world = running.telegram.world
        for name, content in (("data.csv", CONTENT), ("evil.csv", PROGRAM)):
            world.files[name] = content
            document = {
                "file_id": name,
                "file_unique_id": f"unique-{name}",
                "file_name": name,
                "mime_type": "text/csv",
                "file_size": len(content),
            }
            running.telegram.send.message(caption="copy it", document=document)
            await running.arrives()
            if content is CONTENT:
                await loaded(lambda: any(posted.file for posted in world.visible()))
        await running.shown(3)
        await running.delivered()
        shown = [posted for posted in world.visible() if posted.chat == ADA]
        sent = [(posted.file, posted.content) for posted in shown if posted.file]
        return Sent([posted.text for posted in shown], sent)


async def on_discord(folder: Path, server: FakeOpenAI) -> Sent:
    config = config_of(discord_program.CONFIG, server)
    async with discord_program.discord_program(folder, config=config) as running:
        discord = running.discord
        attachments = [
            {
                "id": f"30000000000000010{number}",
                "filename": name,
                "size": len(content),
                "url": discord.file_url(name, content),
                "proxy_url": "https://media.discordapp.net/x",
                "content_type": "text/csv; charset=utf-8",
            }
            for number, (name, content) in enumerate((("data.csv", CONTENT), ("evil.csv", PROGRAM)))
        ]
        discord.say("copy it", channel=DISCORD_DIRECT, attachments=attachments)
        await loaded(lambda: any(posted.files for posted in discord.visible()))
        await running.delivered()
        shown = await running.shown(2)
        return Sent([p.content for p in shown], [file for p in shown for file in p.files])


async def loaded(reached: Callable[[], object]) -> None:
    """Wait until it is reached: the first call of a model in a process loads what calls it."""
    await eventually(reached, "the answer", within=60.0)


@asynccontextmanager
async def model_server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as server:
        server.falls_back_to(clerk)
        yield server
        assert server.problems == []


@pytest.mark.parametrize("platform", [on_slack, on_telegram, on_discord])
async def test_a_file_comes_in_is_read_and_its_copy_goes_out(
    platform: Callable[[Path, FakeOpenAI], Awaitable[Sent]], tmp_path: Path
) -> None:
    async with model_server() as server:
        sent = await platform(tmp_path, server)
    assert sent.files == [("copy.csv", CONTENT)]
    refused = [text for text in sent.texts if "evil.csv" in text]
    assert len(refused) == 1
    assert "it is a program, and those are never taken" in refused[0]
    assert [text for text in sent.texts if ANSWER in text] == [ANSWER]
