"""People in the fake Telegram, by long polling or webhook."""

import asyncio
import random
import time

import aiohttp

from bot.selftest.plan import Person, PlatformPlan
from bot.selftest.stage import STRANGERS, Line, Stage
from bot.selftest.tally import Shown, Utterance, Wants
from bot.selftest.telegram.names import SECRET, TOKEN, USERNAME
from bot.selftest.telegram.server import FakeTelegram, Fault
from bot.selftest.telegram.world import Fields

UNLISTED = -1_009_999_999_999
_STRANGER = 9_900_000
_IN_A_GROUP = 10
"""Conversations begun in one group: Telegram takes 20 messages a minute there."""
_FLIGHT_SECONDS = 0.5
_LOOK_EVERY = 0.005
_IN_FLIGHT_SECONDS = 1.0
_FAULTS = (
    Fault("rate", "sendMessage", retry_after=1),
    Fault("lost_answer", "sendMessage"),
    Fault("status", "sendMessage", status=502),
    Fault("lost_request", "sendMessage"),
)
_POLL_FAULTS = (Fault("lost_answer", "getUpdates"), Fault("status", "getUpdates", status=502))


class TelegramStage(Stage):
    """Telegram."""

    deadline: float | None = None

    def __init__(self, plan: PlatformPlan, base: str, chance: random.Random) -> None:
        """Hold the chats of the operator's file."""
        super().__init__(plan, base, chance)
        self.fake = FakeTelegram(patience=2.0)
        self.fake.flood.flight = _FLIGHT_SECONDS
        self.fake.world.privacy = False
        self.transport = "webhook" if plan.by_webhook else "long polling"
        if not plan.by_webhook:
            # Edits are not among what the program asks for.
            self.kinds = ("stranger", "bot", "unlisted")
        world = self.fake.world
        strangers = [_STRANGER + number for number in range(STRANGERS)]
        for user in [*(int(person.user) for person in plan.people), *strangers]:
            world.add_chat(user, type="private", first_name="Somebody")
        for room in [*(int(room.id) for room in plan.rooms), UNLISTED]:
            if room < 0:
                world.add_chat(room, type="supergroup" if room < -(10**12) else "group")
        self._begun: dict[str, int] = {}
        self._lost = 0
        self._in_flight = 0
        self._arrived: dict[int, float] = {}
        self._polls = 0
        self._pump: asyncio.Task[None] | None = None

    @property
    def rooms(self) -> list[str]:
        """The groups in which the bot is to answer, while they take more messages."""
        free = [room for room in super().rooms if self._begun.get(room, 0) < _IN_A_GROUP]
        return [room for room in free if int(room) < 0]

    async def open(self) -> None:
        """Begin to listen."""
        await self.fake.listen(0)
        work = self._post_all() if self.plan.by_webhook else self._watch_all()
        self._pump = asyncio.create_task(work)

    async def close(self) -> None:
        """Stop listening."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        await self.fake.close()

    def environ(self) -> dict[str, str]:
        """What connects the program with the fake."""
        found = {
            "NIGHTDESK_TELEGRAM__BOT_TOKEN": TOKEN,
            "NIGHTDESK_TELEGRAM__BASE_URL": self.fake.url,
        }
        if self.plan.by_webhook:
            found["NIGHTDESK_TELEGRAM__WEBHOOK_URL"] = self.base
            found["NIGHTDESK_TELEGRAM__WEBHOOK_SECRET"] = SECRET
        return found

    async def say(self, who: Person, room: str, words: str, mark: str) -> Line:
        """Somebody names the bot in a group, or writes to it alone."""
        if not room:
            self.fake.send.message(words, user=int(who.user))
            asked = self.ask(who.user, mark, may_repeat=True)
            await self.fake.tell()
            return Line("", "", asked)
        self._begun[room] = self._begun.get(room, 0) + 1
        made = self.fake.send.message(f"@{USERNAME} {words}", user=int(who.user), chat=int(room))
        root = str(made["message"]["message_id"])
        asked = self._ask(who, f"{room}:{root}", mark)
        await self.fake.tell()
        return Line(room, root, asked)

    async def go_on(self, line: Line, who: Person, words: str, mark: str) -> Line:
        """Somebody replies to the bot's answer."""
        place = (int(line.room), int(line.root))
        answers = [p.id for p in self.fake.world.posted if (p.chat, p.reply_to) == place]
        asked = self._ask(who, line.asked.place, mark)
        self._begun[line.room] = self._begun.get(line.room, 0) + 1
        self.fake.send.message(
            words, user=int(who.user), chat=place[0], reply_to=answers[-1] if answers else place[1]
        )
        await self.fake.tell()
        return Line(line.room, line.root, asked)

    async def annoy(self, kind: str, number: int) -> None:
        """A stranger, a bot, an edit, a group that is not listed."""
        stranger = _STRANGER + number % STRANGERS
        room = int(self.chance.choice(self.rooms)) if self.rooms else UNLISTED
        member = int(self.plan.people[0].user)
        words, send = f"@{USERNAME} what is scheduled?", self.fake.send
        match kind:
            case "stranger" if number % 2:
                self.expect(str(stranger), Wants.REFUSAL)
                send.message("what is scheduled?", user=stranger)
            case "stranger":
                self._expect(send.message(words, user=stranger, chat=room), Wants.REFUSAL)
            case "bot":
                self._expect(self._bot_says(room, words), Wants.NOTHING)
            case "edit":
                update = send.message("nothing for the bot", user=member, chat=UNLISTED)
                self._expect(update, Wants.NOTHING)
                send.edit(update, words)
            case _:
                update = send.message(words, user=member, chat=UNLISTED)
                self._expect(update, Wants.NOTHING)
        await self.fake.tell()

    def shown(self) -> list[Shown]:
        """Every message of the bot."""
        return [
            Shown(f"{posted.chat}:{posted.reply_to}" if posted.chat < 0 else str(posted.chat), text)
            for posted in self.fake.world.visible()
            for text in [posted.text]
        ]

    def spoil(self, number: int) -> None:
        """Let one of the next requests go wrong."""
        fault = _FAULTS[number % len(_FAULTS)]
        self._lost += fault.kind == "lost_answer"
        self.fake.faults.append(fault)

    def spoiled(self) -> bool:
        """Whether a request is still to go wrong."""
        return bool(self.fake.faults)

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self._lost -= sum(
            fault.kind == "lost_answer" and fault.method == "sendMessage"
            for fault in self.fake.faults
        )
        self.fake.faults.clear()

    async def reconnect(self) -> None:
        """A poll breaks off."""
        if not self.plan.by_webhook:
            self.fake.faults.append(self.chance.choice(_POLL_FAULTS))
            await self.fake.tell()

    def violations(self) -> list[str]:
        """What the fake found wrong with the program's requests."""
        return self.fake.violations

    def killed(self) -> None:
        """The program is being killed now: what it was sending may be there or not."""
        since = self.fake.world.now() - _IN_FLIGHT_SECONDS
        sent = [self.fake.world.message(p.chat, p.id) or {} for p in self.fake.world.posted]
        self.fake.flood.forgive()
        self._polls = len(self.fake.called("getUpdates"))
        self._in_flight += max(1, sum(message.get("date", 0) >= int(since) for message in sent))

    def allowed(self) -> int:
        """What Telegram cannot tell about: answers that were lost, or on their way at a kill."""
        return self._lost + self._in_flight

    def private(self) -> list[str]:
        """The strangers' own chats."""
        return [str(_STRANGER + number) for number in range(STRANGERS)]

    # ---- delivery

    def _ask(self, who: Person, place: str, mark: str) -> Utterance:
        """Ask in a group. What is for one person's eyes comes into their own chat."""
        return self.ask(place, mark, may_repeat=True, or_place=who.user if mark else "")

    def _expect(self, update: Fields, wants: Wants) -> None:
        message = update["message"]
        self.expect(f"{message['chat']['id']}:{message['message_id']}", wants)

    def _bot_says(self, room: int, words: str) -> Fields:
        other = {
            "id": 8_000_000_001,
            "is_bot": True,
            "first_name": "Other",
            "username": "other_bot",
        }
        written = self.fake.world.write(room, other, topic=None, reply_to=None, text=words)
        return self.fake.world.happen(message=written)

    async def _post_all(self) -> None:
        """Post what happens, now and then twice, until it is taken."""
        while True:
            waiting = bool(self.fake.world.updates)
            watch = self.timed()
            try:
                repeats = 2 if self.chance.random() < 0.25 else 1
                statuses = await self.fake.post_updates(repeats=repeats) if waiting else []
                if statuses and statuses[-1] == 200:
                    watch.stop()
                    self.acks[-1] /= len(statuses)
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.1)
            await asyncio.sleep(_LOOK_EVERY * 4)

    async def _watch_all(self) -> None:
        """Take the time from each update to its confirmation by a later poll.

        While the program is down there is nobody to hand an update to.
        """
        while True:
            there = {update["update_id"] for update in self.fake.world.updates}
            now = time.monotonic()
            down = len(self.fake.called("getUpdates")) <= self._polls
            for update in there if down else there - self._arrived.keys():
                self._arrived[update] = now
            for update in self._arrived.keys() - there:
                self.acks.append(now - self._arrived.pop(update))
            await asyncio.sleep(_LOOK_EVERY)
