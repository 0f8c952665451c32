"""Two gateways wired together: what either posts, the other hears; and graphs of agents."""

import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from adapters.discord.commands import ApplicationCommands
from adapters.discord.inbound import DiscordInbound
from adapters.discord.places import Place, Places
from adapters.discord.wire import Message as DiscordMessage
from adapters.discord.wire import decoded
from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step, ToolCalls
from adapters.slack.inbound import SlackInbound
from adapters.telegram import wire as telegram
from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.places import Chains
from bot.selftest.discord.names import APP, BOT, CHANNEL, GUILD
from gateway.commands.forms import FORMS
from runtime.forms import form_for
from runtime.ids import MessageId, TimeOrderedIds
from runtime.model.address import Principal, ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.events import Ignored, Message, Parsed
from runtime.model.team import ChannelRule, Listen, Member, MemberRole, Team
from tests.support.build import ANN, TERMINAL, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.handing import answers_of

MANY = 40
"""Messages after which it is a loop, whatever comes then."""
ROOM = ThreadRef(team().channels[0].ref)
AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Wire(StrEnum):
    """How what one posts reaches the other."""

    THREAD = "in the same thread"
    ANEW = "each message in a thread of its own"
    DIRECT = "in a direct conversation"


def bot_name(side: int) -> Principal:
    """The account through which a gateway speaks."""
    return Principal(TERMINAL, "local", f"bot-{side}")


def one_side(side: int, wire: Wire) -> Team:
    """A gateway's team: Ann, and the other gateway's account."""
    other = Member(
        name="The other one", role=MemberRole.OPERATOR, principals=(bot_name(1 - side),), bot=True
    )
    listen = Listen.MENTIONS if wire is Wire.THREAD else Listen.ALL
    rule = ChannelRule(ref=ROOM.channel, name="ops", listen=listen, proactive=True)
    return replace(team(), members=(*team().members, other), channels=(rule,))


def in_folder(folder: Path) -> tuple[Path, Path]:
    """Homes for two gateways on a disk."""
    homes = (folder / "0", folder / "1")
    for home in homes:
        home.mkdir(mode=0o700, parents=True)
    return homes


def in_memory(clock: ManualClock) -> tuple[MemoryStore, MemoryStore]:
    """Homes for two gateways that are quick, and outlive each life of theirs."""
    ids = TimeOrderedIds(clock)
    return MemoryStore(clock=clock, ids=ids), MemoryStore(clock=clock, ids=ids)


@dataclass
class Pair:
    """Two gateways and the wire between them.

    Attributes:
        homes: where each keeps what it knows.
        posted: how many messages each has posted since a person spoke last.
    """

    homes: tuple[Path | MemoryStore, Path | MemoryStore]
    wire: Wire
    chance: random.Random
    clock: ManualClock = field(default_factory=ManualClock)
    chats: tuple[MemoryChat, MemoryChat] = field(
        default_factory=lambda: (MemoryChat(), MemoryChat())
    )
    posted: list[int] = field(default_factory=lambda: [0, 0])
    carried: list[int] = field(default_factory=lambda: [0, 0])
    spoken: int = 0

    @asynccontextmanager
    async def life(self, side: int) -> AsyncIterator[DeskUnderTest]:
        async with running_desk(
            self.homes[side],
            lambda request: f"Answer {len(request.entries)}, and what do you say?",
            chat=self.chats[side],
            clock=self.clock,
            members=one_side(side, self.wire),
        ) as desk:
            yield desk

    async def exchange(self) -> int:
        """Let a person speak to one, and carry messages until none comes; how many were posted."""
        begins = self.chance.randrange(2)
        await self.say(begins, ANN, "Talk to each other.", mentioned=True)
        side = 1 - begins
        while sum(self.posted) < MANY:
            quiet = all(self.carried[s] == len(self.chats[s].shown) for s in (0, 1))
            if quiet:
                break
            await self._carry(1 - side, side)
            side = 1 - side
            await self.clock.advance(self.chance.choice((0.0, 1.0, 20.0)))
        return sum(self.posted)

    async def _carry(self, giver: int, taker: int) -> None:
        """Let one hear what the other has posted."""
        shown = self.chats[giver].shown
        fresh, self.carried[giver] = shown[self.carried[giver] :], len(shown)
        for one in fresh:
            await self.say(taker, bot_name(giver), one.text, mentioned=True)

    async def say(self, side: int, who: Principal, text: str, *, mentioned: bool) -> None:
        """One life in which somebody speaks, for a restart must not make them forget."""
        self.spoken += 1
        before = len(self.chats[side].shown)
        async with self.life(side) as desk:
            body = Message(
                text=text,
                message_id=MessageId(f"m{self.spoken}"),
                direct=self.wire is Wire.DIRECT,
                mentioned=mentioned,
            )
            await desk.say(body=body, sender=who, thread=self._thread(side), key=f"k{self.spoken}")
            await desk.quiet()
        self.posted[side] += len(self.chats[side].shown) - before

    def _thread(self, side: int) -> ThreadRef:
        match self.wire:
            case Wire.THREAD:
                return ROOM.under(MessageId("root"))
            case Wire.ANEW:
                return ROOM.under(MessageId(f"root-{self.spoken}"))
            case Wire.DIRECT:
                channel = replace(ROOM.channel, channel=f"dm-{side}")
                return ThreadRef(channel)


# ---- what platforms sign as a bot's


def bots_heard(texts: list[str]) -> int:
    """How many messages that platforms sign as a bot's any adapter lets through."""
    heard = 0
    for number, text in enumerate(texts):
        for parse in (_slack, _telegram, _discord):
            heard += sum(not isinstance(one, Ignored) for one in parse(number, text))
    return heard


def _slack(number: int, text: str) -> Iterator[Parsed]:
    inbound = SlackInbound("U0US")
    for signed in (
        {"bot_id": "B0OTHER", "user": "U0BOT"},
        {"subtype": "bot_message"},
        {"user": "U0US"},
    ):
        ts = f"17676000{number:02}.000200"
        event = {
            "type": "message",
            "text": text,
            "ts": ts,
            "channel": "C1",
            "thread_ts": ts,
            **signed,
        }
        envelope = {
            "type": "event_callback",
            "team_id": "T1",
            "event_id": f"E{number}",
            "event": event,
        }
        yield inbound.event(json.dumps(envelope | {"event_time": 1_767_600_000}).encode(), AT)


def _telegram(number: int, text: str) -> Iterator[Parsed]:
    inbound = TelegramInbound(
        1, username=lambda: "us_bot", nouns=(), chains=Chains(), clock=ManualClock()
    )
    for user in (1, 5):
        message = {
            "message_id": number + 1,
            "date": 1_767_000_000,
            "chat": {"id": -100, "type": "supergroup"},
            "from": {"id": user, "is_bot": True, "first_name": "x"},
            "text": f"@us_bot {text}",
        }
        update = json.dumps({"update_id": number + 1, "message": message}).encode()
        yield inbound.read(*telegram.update(update))


def _discord(number: int, text: str) -> Iterator[Parsed]:
    inbound = DiscordInbound(
        Places(user_id=BOT, application_id=APP),
        guilds=frozenset({GUILD}),
        grammar=ApplicationCommands(FORMS),
        form_for=form_for,
    )
    for signed in (
        {"author": {"id": "1", "bot": True}},
        {"author": {"id": BOT}},
        {"webhook_id": "1"},
    ):
        said = {"id": str(10**17 + number), "content": text, "guild_id": GUILD, "type": 0, **signed}
        yield inbound.message(decoded(DiscordMessage, json.dumps(said).encode()), Place(CHANNEL))


# ---- graphs of agents


@dataclass
class Graph:
    """Agents that hand on whatever they are asked, to whomever they think of.

    Attributes:
        turns: how often an agent was asked since a person spoke.
    """

    chance: random.Random
    names: list[str]
    reach: dict[str, list[str]]
    turns: list[str] = field(default_factory=list)

    @classmethod
    def at_random(cls, chance: random.Random) -> "Graph":
        """Some agents, with some edges between them; none, all, and rings among them."""
        names = [f"a{number}" for number in range(chance.randint(2, 9))]
        share = chance.choice((0.2, 0.5, 1.0))
        reach = {
            name: [other for other in names if other != name and chance.random() < share]
            for name in names
        }
        return cls(chance, names, reach)

    def script(self, request: ModelRequest) -> Step:
        """Try to hand it on, to one or to several at once; answer where nothing else works."""
        if answers_of(request):
            return "I keep it."
        name = request.instructions
        self.turns.append(name)
        wanted = self.chance.choices(self.names, k=self.chance.randint(1, 3))
        if self.chance.random() < 0.7 and self.reach[name]:
            wanted.insert(0, self.chance.choice(self.reach[name]))
        if all(spec.name != "handoff.to" for spec in request.tools):
            return "I cannot hand it on."
        calls = [json.dumps({"agent": to, "task": "Go on."}) for to in wanted]
        return ToolCalls(tuple(("handoff.to", call) for call in calls))
