"""A Discord in which the program is killed: mentions, threads, direct messages, commands, buttons.

Words come over the gateway, three in ten of them twice, and in no order that holds. The gateway
keeps nothing for who is not connected and hears of no acknowledgement, so what was not stored
counts as not heard. Interactions are signed and posted, three in ten of them twice; what was not
acknowledged is done once or not at all, and the person tries again with another.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot.selftest.discord import server
from bot.selftest.discord.content import Json, Posted, Room
from bot.selftest.discord.names import GUILD, PUBLIC_KEY, TOKEN
from bot.selftest.discord.sender import DiscordSender, command, press
from bot.selftest.discord.server import Fault
from bot.selftest.discord.world import LOADING
from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.reminder import Reminder
from tests.support.crash_platforms import (
    DOUBLED,
    LATER,
    PATIENCE_SECONDS,
    Lives,
    Told,
    passed,
    reminder,
)
from tests.support.crash_points import AFTER, BEFORE
from tests.support.crash_process import Process
from tests.support.crash_strikes import Strike, Striker
from tests.support.fake_discord import by_schema

CHANNELS = 40
PEOPLE = 20
POST = "POST /channels/{channel_id}/messages"
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
THREAD = "POST /channels/{channel_id}/messages/{message_id}/threads"
CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"
FOLLOW_UP = "POST /webhooks/{webhook_id}/{webhook_token}"
FILL = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"
TAKE_BACK = "DELETE /webhooks/{webhook_id}/{webhook_token}/messages/@original"
_HEAD = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[discord]
guilds = ["{GUILD}"]

[[agents]]
name = "desk"
model = "offline"
instructions = "Be brief."
"""


def channel(number: int) -> str:
    """One of the channels."""
    return str(220_000_000_000_000_000 + number)


def person(number: int) -> str:
    """One of the people."""
    return str(320_000_000_000_000_000 + number)


def direct(number: int) -> str:
    """A person's direct messages."""
    return str(230_000_000_000_000_000 + number)


@dataclass(kw_only=True)
class Discord(Lives):
    """The world of Discord.

    Attributes:
        discord: the fake.
        tasks: tell of what happens, each in its own time.
    """

    discord: server.FakeDiscord
    tasks: asyncio.TaskGroup
    _sender: DiscordSender = field(default_factory=lambda: DiscordSender(time.time))
    _carded: set[str] = field(default_factory=set)
    _words: list[Told] = field(default_factory=list)
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.discord.heard = self._happens

    @property
    def strikes(self) -> Sequence[Strike]:
        """Before and after a message, an edit, a thread, an empty reply taken back."""
        methods = (POST, POST, EDIT, THREAD, TAKE_BACK)
        return [Strike(method, phase) for method in methods for phase in (BEFORE, AFTER)]

    def connection(self) -> dict[str, str]:
        """The settings that connect the program with the fake."""
        return {
            "NIGHTDESK_DISCORD__BOT_TOKEN": TOKEN,
            "NIGHTDESK_DISCORD__PUBLIC_KEY": PUBLIC_KEY,
            "NIGHTDESK_DISCORD__BASE_URL": self.discord.url,
        }

    def wire(self) -> list[tuple[str, str]]:
        """Every message of the bot."""
        return [(posted.channel, posted.content) for posted in self.discord.visible()]

    def violations(self) -> Sequence[str]:
        """What the fake found wrong."""
        return [*self.discord.violations, *self.discord.gateway.problems]

    def reminders(self, count: int, *, every: float) -> list[Reminder]:
        """One after the other, for one person after the other."""
        return [
            reminder(
                number,
                Principal(Platform("discord"), "", person(number % PEOPLE)),
                self.marked()[1],
                after=1 + number * every,
            )
            for number in range(count)
        ]

    async def connected(self, *, within: float = PATIENCE_SECONDS) -> bool:
        """Wait, so many seconds at the most, until the gateway has somebody; whether it has."""
        return await passed(lambda: self.discord.gateway.connected, within=within)

    def untaken(self) -> Sequence[str]:
        """What the gateway has not told yet."""
        return [task.get_name() for task in self._telling]

    async def kill(self, process: Process) -> None:
        """Kill it, unless it is dead, and wait until the gateway sees that nobody listens."""
        await super().kill(process)
        gateway = self.discord.gateway
        gone = await passed(lambda: not gateway.connected, within=PATIENCE_SECONDS)
        assert gone, "a killed process still listens"

    def unheard(self) -> int:
        """How much the gateway told, and no process lived to store."""
        return len(self._words) - sum(told in self._words for told in self.told)

    def verdict(self) -> Any:
        """Judge; of what the gateway told, what is stored counts as taken in."""
        stored = {key for (key,) in self.rows("SELECT event_key FROM inbox")}
        self.told += [w for w in self._words if w.key in stored and w not in self.told]
        return super().verdict()

    # ---- people

    async def say(self) -> None:
        """Somebody mentions the bot, writes on in a thread or alone, types a command, presses."""
        kind = self.chance.random()
        cards = [p for p in self.discord.visible() if p.buttons and p.id not in self._carded]
        if kind < 0.2 and cards:
            await self.press(self.chance.choice(cards))
        elif kind < 0.35 or not self.discord.gateway.connected:
            await self.command()  # nobody would hear a word
        elif kind < 0.5:
            await self.direct()
        elif kind < 0.7:
            await self.reply()
        else:
            await self.mention()

    async def mention(self, place: str = "") -> Told:
        """Somebody mentions the bot in a channel."""
        place = place or channel(self.chance.randrange(CHANNELS))
        mark, text = self.marked()
        said = self.discord.say(text, channel=place, user=person(0), mention=True)
        return self._said(mark, said, said.id)

    async def reply(self) -> None:
        """Somebody writes on in a thread where the bot answered."""
        threads = [
            p.channel for p in self.discord.visible() if self.discord.rooms[p.channel].parent
        ]
        if threads:
            thread = self.chance.choice(threads[-50:])
            mark, text = self.marked("and ")
            self._said(mark, self.discord.say(text, channel=thread, user=person(0)), thread)

    async def direct(self, number: int | None = None) -> Told:
        """Somebody writes to the bot alone."""
        number = self.chance.randrange(PEOPLE) if number is None else number
        mark, text = self.marked("psst, ")
        said = self.discord.say(text, channel=direct(number), user=person(number))
        return self._said(mark, said, direct(number))

    def _said(self, mark: str, said: Posted, place: str) -> Told:
        told = Told(mark, place, f"message:{said.id}")
        self._words.append(told)
        return told

    async def command(self, place: str = "") -> None:
        """Somebody makes a schedule, and tries again where Discord says that it failed."""
        place = place or channel(self.chance.randrange(CHANNELS))
        began = time.monotonic()
        while not self.impatient(began):
            mark, _ = self.marked()
            made = command("schedule", "create", when=LATER, instruction=f"say {mark}")
            if await self.use(2, made, channel=place):
                self.told.append(Told(mark, place))
                return
            await asyncio.sleep(self.chance.uniform(0.05, 0.2))
        raise AssertionError("no command is taken")

    async def press(self, card: Posted) -> None:
        """Somebody presses "Done" on a card, and again where Discord says that it failed."""
        self._carded.add(card.id)
        mark = next(word for word in card.content.split() if word.startswith("m0"))
        done = next(name for name in card.buttons if name.startswith("reminder.done"))
        user = next(who for who, where in self.discord.direct.items() if where == card.channel)
        began = time.monotonic()
        while not self.impatient(began):
            pressed = press(card, done)
            if await self.use(3, pressed, channel=card.channel, user=user, message=card):
                self.pressed.append(Told(mark, card.channel))
                return
            await asyncio.sleep(self.chance.uniform(0.05, 0.2))
        raise AssertionError("no press is taken")

    async def use(self, kind: int, data: Json, **fields: Any) -> bool:
        """Use a command or a button; whether it was acknowledged."""
        payload = self.discord.interaction(kind, data, **{"user": person(0), **fields})
        try:
            status, _ = await self._sender.deliver(self.discord, payload, self.base, self.session)
            if status == 200 and self.chance.random() < DOUBLED:
                await asyncio.sleep(self.chance.uniform(0.0, 0.3))
                await self._sender.signed(payload).post(self.base, self.session)
        except aiohttp.ClientError:
            return self.discord.asked[payload["token"]].answered is not None
        return status == 200

    def empty_replies(self) -> list[str]:
        """Channels in which the bot still seems to think."""
        return [posted.channel for posted in self.discord.messages if posted.flags & LOADING]

    def _happens(self, kind: str, data: Json) -> None:
        task = self.tasks.create_task(self._tell(kind, data))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, kind: str, data: Json) -> None:
        """Tell of it soon, and three in ten times once more later."""
        for _ in range(2 if self.chance.random() < DOUBLED else 1):
            await asyncio.sleep(self.chance.choice([0.0, 0.0, self.chance.uniform(0.0, 0.2)]))
            await self.discord.gateway.tell(kind, data)


@asynccontextmanager
async def discord_world(
    folder: Path, *, url: str | None = None, seed: int | None = None
) -> AsyncIterator[Discord]:
    """A world with a folder for the program; nothing runs when it ends."""
    channels = "".join(
        f'\n[[channels]]\nplatform = "discord"\nid = "{channel(number)}"\nname = "#c{number}"\n'
        "listen = true\n"
        for number in range(CHANNELS)
    )
    members = "".join(
        f'\n[[members]]\nname = "P{number}"\nrole = "{role}"\ndiscord = "{person(number)}"\n'
        for number, role in enumerate(["owner", *["member"] * (PEOPLE - 1)])
    )
    (folder / "nightdesk.toml").write_text(_HEAD + members + channels)
    striker = Striker()
    async with (
        server.FakeDiscord(checks=[by_schema, striker]) as discord,
        aiohttp.ClientSession() as session,
        asyncio.TaskGroup() as tasks,
    ):
        striker.lose = lambda method: discord.faults.insert(0, Fault("lost_request", method))
        for number in range(CHANNELS):
            discord.rooms[channel(number)] = Room(channel(number), name=f"c{number}")
        for number in range(PEOPLE):
            discord.rooms[direct(number)] = Room(direct(number), 1, guild="", name="")
            discord.direct[person(number)] = direct(number)
        made = Discord(
            folder, url, session, random.Random(seed), striker, discord=discord, tasks=tasks
        )
        try:
            yield made
        finally:
            await made.close()
