"""People in the fake Discord, over the gateway and by interactions."""

import asyncio
import random
import time

import aiohttp

from bot.selftest.discord.content import DIRECT_MESSAGE, Posted, Room
from bot.selftest.discord.names import BOT, FOREIGN_CHANNEL, GUILD, OTHER_GUILD, PUBLIC_KEY, TOKEN
from bot.selftest.discord.sender import DiscordSender, command
from bot.selftest.discord.server import FakeDiscord, Fault
from bot.selftest.plan import Person, PlatformPlan
from bot.selftest.stage import STRANGERS, Line, Stage
from bot.selftest.tally import Shown, Utterance, Wants

_IN_FLIGHT_SECONDS = 1.0
_GROWING = "▌"
_POST = "POST /channels/{channel_id}/messages"
_FAULTS = (
    Fault("rate", _POST, retry_after=1.0),
    Fault("lost_answer", _POST),
    Fault("status", _POST, status=503),
    Fault("lost_request", _POST),
)


class DiscordStage(Stage):
    """Discord."""

    def __init__(self, plan: PlatformPlan, base: str, chance: random.Random) -> None:
        """Be the servers of the operator's file, and one that it does not name."""
        super().__init__(plan, base, chance)
        self.fake = FakeDiscord()
        guild = plan.guild or GUILD
        self.fake.guilds = {guild: "The team's", OTHER_GUILD: "Elsewhere"}
        self.fake.member_of = {guild, OTHER_GUILD}
        self.fake.rooms = {room.id: Room(room.id, guild=guild) for room in plan.rooms}
        self.fake.rooms[FOREIGN_CHANNEL] = Room(FOREIGN_CHANNEL, guild=OTHER_GUILD)
        self.fake.direct = {}
        for user in [*(person.user for person in plan.people), *map(_stranger, range(STRANGERS))]:
            self.fake.rooms[_direct(user)] = Room(_direct(user), DIRECT_MESSAGE, guild="", name="")
            self.fake.direct[user] = _direct(user)
        self.gateway = not plan.by_webhook
        self.transport = "gateway" if self.gateway else "interactions"
        if not self.gateway:
            self.kinds = ("stranger",)
        self._sender = DiscordSender(self.fake.now)
        self._said: list[tuple[float, Utterance]] = []
        self._restarts = 0
        self._sessions = 0

    async def open(self) -> None:
        """Begin to listen."""
        await self.fake.start()

    async def close(self) -> None:
        """Stop listening."""
        await self.fake.stop()

    def environ(self) -> dict[str, str]:
        """What connects the program with the fake."""
        return {
            "NIGHTDESK_DISCORD__BOT_TOKEN": TOKEN,
            "NIGHTDESK_DISCORD__PUBLIC_KEY": PUBLIC_KEY,
            "NIGHTDESK_DISCORD__BASE_URL": self.fake.url,
        }

    async def say(self, who: Person, room: str, words: str, mark: str) -> Line:
        """Somebody mentions the bot in a channel, or writes to it alone."""
        if not self.gateway:
            await self.command(who, room)
            return Line("", "", self.asked[-1])
        await self._connected()
        if not room:
            self.fake.say(words, channel=_direct(who.user), user=who.user)
            return Line("", "", self._spoken(_direct(who.user), mark, who))
        posted = self.fake.say(words, channel=room, user=who.user, mention=True)
        return Line(room, posted.id, self._spoken(posted.id, mark, who))

    async def go_on(self, line: Line, who: Person, words: str, mark: str) -> Line:
        """Somebody writes in the thread, without a mention."""
        await self._connected()
        if line.root in self.fake.rooms:
            self.fake.say(words, channel=line.root, user=who.user)
            return Line(line.room, line.root, self._spoken(line.root, mark, who))
        return await self.say(who, line.room, words, mark)

    async def command(self, who: Person, room: str) -> bool:
        """Somebody uses `/schedule show`; Discord delivers that once, and never again."""
        number = self.number()
        channel = room or _direct(who.user)
        data = command("schedule", "show", number=number)  # a guest is told that it needs a role
        payload = self.fake.interaction(2, data, channel=channel, user=who.user)
        mark = str(number) if who.commands else ""
        place = f"interaction:{payload['id']}"
        # Where we did not hear the acknowledgement, the interaction takes no answer any more.
        private = _direct(who.user)
        asked = self.ask(place, mark, promised=False, may_repeat=True, or_place=private)
        watch = self.timed()
        try:
            status, _ = await self._sender.deliver(self.fake, payload, self.base, self.session)
        except (aiohttp.ClientError, ConnectionError):
            await asyncio.sleep(0.2)
            return True
        asked.promised = status == 200
        if asked.promised:
            watch.stop()
        return True

    async def annoy(self, kind: str, number: int) -> None:
        """A stranger, a bot, an edit, another server."""
        user, member = _stranger(number % STRANGERS), self.plan.people[0].user
        if not self.gateway:
            await self.command(Person(user, commands=False), next(iter(self.rooms), ""))
            self.asked[-1].wants = Wants.REFUSAL
            return
        await self._connected()
        room = self.chance.choice(self.rooms) if self.rooms else FOREIGN_CHANNEL
        match kind:
            case "stranger" if number % 2:
                self.fake.say("what is scheduled?", channel=_direct(user), user=user)
                self.expect(_direct(user), Wants.REFUSAL)
            case "stranger":
                posted = self.fake.say("what is scheduled?", channel=room, user=user, mention=True)
                self.expect(posted.id, Wants.REFUSAL)
            case "bot":
                posted = Posted(self.fake.snowflake(), room, member, f"<@{BOT}> hello", bot=True)
                self.fake.messages.append(posted)
                self.fake.tell("MESSAGE_CREATE", posted)
                self.expect(posted.id, Wants.NOTHING)
            case "edit":
                posted = self.fake.say("nothing for the bot", channel=FOREIGN_CHANNEL, user=member)
                posted.content, posted.mentions = f"<@{BOT}> hello", [BOT]
                self.fake.tell("MESSAGE_UPDATE", posted)
                self.expect(posted.id, Wants.NOTHING)
            case _:
                posted = self.fake.say("hi", channel=FOREIGN_CHANNEL, user=member, mention=True)
                self.expect(posted.id, Wants.NOTHING)

    def shown(self) -> list[Shown]:
        """Every finished message of the bot."""
        originals = {
            asked.original: f"interaction:{asked.id}"
            for asked in list(self.fake.asked.values())
            if asked.original is not None
        }
        return [
            Shown(originals.get(posted.id, posted.channel), posted.content)
            for posted in self.fake.visible()
            if not posted.content.endswith(_GROWING)
        ]

    def spoil(self, number: int) -> None:
        """Let one of the next requests go wrong."""
        self.fake.faults.append(_FAULTS[number % len(_FAULTS)])
        self.fake.gateway.twice = bool(number % 2)

    def spoiled(self) -> bool:
        """Whether a request is still to go wrong."""
        return bool(self.fake.faults)

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.fake.faults.clear()
        self.fake.gateway.twice = False

    async def reconnect(self) -> None:
        """The gateway asks for a new connection, or breaks off."""
        if self.chance.random() < 0.5:
            await self.fake.gateway.reconnect()
        else:
            self.fake.gateway.drop()

    def violations(self) -> list[str]:
        """What the fake found wrong with the program's requests."""
        return [*self.fake.violations, *self.fake.gateway.problems]

    def killed(self) -> None:
        """The program is being killed now.

        The gateway tells each event once and asks for no acknowledgement, so what it told right
        before is nobody's promise: people see no answer, and say it again.
        """
        self._restarts += 1
        # Its session ends with it, even if the fake does not know that yet.
        self._sessions = self.fake.gateway.identified
        since = time.monotonic() - _IN_FLIGHT_SECONDS
        for at, asked in self._said:
            if at >= since:
                asked.promised = False

    def allowed(self) -> int:
        """Answers to interactions that were on their way at a kill."""
        return 2 * self._restarts

    def private(self) -> list[str]:
        """The strangers' own places."""
        return [_direct(_stranger(number)) for number in range(STRANGERS)]

    def _spoken(self, place: str, mark: str, who: Person) -> Utterance:
        """Ask over the gateway. What is for one person's eyes comes into their own chat."""
        asked = self.ask(place, mark, or_place=_direct(who.user) if mark else "")
        self._said.append((time.monotonic(), asked))
        return asked

    async def _connected(self) -> None:
        """Nobody can be heard while the program is not there: Discord keeps nothing for it."""
        for pause in self.pauses():
            gateway = self.fake.gateway
            if gateway.connected and gateway.identified > self._sessions:
                return
            await asyncio.sleep(pause)


def _direct(user: str) -> str:
    return f"5{user[1:]}" if user[0] != "5" else f"6{user[1:]}"


def _stranger(number: int) -> str:
    return f"39000000000000000{number}"
