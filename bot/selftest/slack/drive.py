"""People in the fake Slack, by webhooks or Socket Mode."""

import asyncio
import random
from typing import Any

import aiohttp

from bot.selftest.plan import Person, PlatformPlan
from bot.selftest.slack.names import APP_TOKEN, BOT, SIGNING_SECRET, TEAM, TOKEN
from bot.selftest.slack.sender import Signed, SlackSender
from bot.selftest.slack.server import FakeSlack, Fault
from bot.selftest.stage import STRANGERS, Line, Stage
from bot.selftest.tally import Shown, Wants

UNLISTED = "C0NOTLISTED"
_LOST_ACK_SECONDS = 1.0
_FAULTS = (
    Fault("rate", "chat.postMessage", retry_after=1),
    Fault("lost_answer", "chat.postMessage"),
    Fault("status", "chat.postMessage", status=503),
    Fault("lost_request", "chat.postMessage"),
    Fault("error", "chat.postMessage", error="internal_error"),
)


class SlackStage(Stage):
    """Slack."""

    def __init__(self, plan: PlatformPlan, base: str, chance: random.Random) -> None:
        """Be the workspace of the operator's file."""
        super().__init__(plan, base, chance)
        self.fake = FakeSlack()
        self.fake.team = plan.workspace or TEAM
        self.fake.channels |= {room.id for room in plan.rooms} | {UNLISTED}
        users = [person.user for person in plan.people] + [_stranger(n) for n in range(STRANGERS)]
        self.fake.channels |= {_direct(user) for user in users}
        self.transport = "webhook" if plan.by_webhook else "Socket Mode"
        self._sender = SlackSender(self.fake.now, team=self.fake.team)
        self._kills = 0

    async def open(self) -> None:
        """Begin to listen."""
        await self.fake.start()

    async def close(self) -> None:
        """Stop listening."""
        await self.fake.stop()

    def environ(self) -> dict[str, str]:
        """What connects the program with the fake."""
        way = (
            {"NIGHTDESK_SLACK__SIGNING_SECRET": SIGNING_SECRET}
            if self.plan.by_webhook
            else {"NIGHTDESK_SLACK__APP_TOKEN": APP_TOKEN}
        )
        return way | {
            "NIGHTDESK_SLACK__BOT_TOKEN": TOKEN,
            "NIGHTDESK_SLACK__BASE_URL": self.fake.url,
        }

    async def say(self, who: Person, room: str, words: str, mark: str) -> Line:
        """Somebody mentions the bot in a channel, or writes to it alone."""
        if not room:
            channel = _direct(who.user)
            asked = self.ask(channel, mark)
            await self._deliver(self._event(who.user, channel, words))
            return Line("", "", asked)
        said = f"<@{BOT}> {words}"
        ts = self.fake.say(said, channel=room).ts
        asked = self.ask(f"{room}:{ts}", mark)
        # Slack tells of a mention in two events, in any order.
        events = [
            self._event(who.user, room, said, ts=ts, kind="app_mention"),
            self._event(who.user, room, said, ts=ts),
        ]
        self.chance.shuffle(events)
        await asyncio.gather(*map(self._deliver, events))
        return Line(room, ts, asked)

    async def go_on(self, line: Line, who: Person, words: str, mark: str) -> Line:
        """Somebody replies in the thread, without a mention."""
        asked = self.ask(line.asked.place, mark)
        await self._deliver(self._event(who.user, line.room, words, thread_ts=line.root))
        return Line(line.room, line.root, asked)

    async def command(self, who: Person, room: str) -> bool:
        """Somebody types `/nightdesk schedule show`; Slack delivers that once, and never again."""
        if not who.commands:
            return False
        number = self.number()
        asked = self.ask(f"response:{number}", str(number), promised=False, may_repeat=True)
        signed = self._sender.command(
            f"schedule show {number}",
            reply_url=self.fake.response_url(str(number)),
            user=who.user,
            channel=room or _direct(who.user),
        )
        asked.promised = await self._once(signed)
        return True

    async def annoy(self, kind: str, number: int) -> None:
        """A stranger, a bot, an edit, a channel that is not listed."""
        user = _stranger(number % STRANGERS)
        room = self.chance.choice(self.rooms) if self.rooms else UNLISTED
        ts = self.fake.say("what is scheduled?", channel=UNLISTED).ts
        member = self.plan.people[0].user
        match kind:
            case "stranger" if number % 2:
                self.expect(_direct(user), Wants.REFUSAL)
                await self._deliver(self._event(user, _direct(user), "what is scheduled?"))
            case "stranger":
                self.expect(f"{room}:{ts}", Wants.REFUSAL)
                said = f"<@{BOT}> what is scheduled?"
                await self._deliver(self._event(user, room, said, ts=ts, kind="app_mention"))
            case "bot":
                self.expect(f"{room}:{ts}", Wants.NOTHING)
                said = f"<@{BOT}> what is scheduled?"
                event = self._event(member, room, said, ts=ts, bot_id="B0OTHER")
                await self._deliver(event)
            case "edit":
                self.expect(f"{room}:{ts}", Wants.NOTHING)
                await self._deliver(self._edit(member, room, ts))
            case _:
                self.expect(f"{UNLISTED}:{ts}", Wants.NOTHING)
                said = f"<@{BOT}> what is scheduled?"
                await self._deliver(self._event(member, UNLISTED, said, ts=ts, kind="app_mention"))

    def shown(self) -> list[Shown]:
        """Every finished message of the bot."""
        found = []
        for posted in self.fake.visible():
            place = posted.channel
            if not place.startswith(("D", "response:")):
                place = f"{place}:{posted.thread_ts or posted.ts}"
            if not posted.streaming:
                found.append(Shown(place, posted.markdown or posted.text))
        return found

    def spoil(self, number: int) -> None:
        """Let one of the next requests go wrong."""
        self.fake.faults.append(_FAULTS[number % len(_FAULTS)])
        if not self.plan.by_webhook and number % 2:
            self.fake.sockets.lose_acks += 1

    def spoiled(self) -> bool:
        """Whether a request is still to go wrong."""
        return bool(self.fake.faults)

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.fake.faults.clear()
        self.fake.sockets.lose_acks = 0

    async def reconnect(self) -> None:
        """Slack asks for a new socket, or one breaks."""
        if self.chance.random() < 0.5:
            await self.fake.sockets.refresh()
        else:
            for socket in list(self.fake.sockets.open):
                socket.abort()

    def violations(self) -> list[str]:
        """What the fake found wrong with the program's requests."""
        return [*self.fake.violations, *self.fake.sockets.violations]

    def killed(self) -> None:
        """The program is being killed now."""
        self._kills += 1

    def allowed(self) -> int:
        """Private answers that were on their way at a kill: Slack cannot say whether they came."""
        return 2 * self._kills

    def private(self) -> list[str]:
        """The strangers' own places."""
        return [_direct(_stranger(number)) for number in range(STRANGERS)]

    # ---- delivery

    def _event(self, user: str, channel: str, text: str, **fields: Any) -> Signed:
        return self._sender.signed_event(text, user, channel, team=self.fake.team, **fields)

    def _edit(self, user: str, room: str, ts: str) -> Signed:
        message = {"type": "message", "user": user, "text": f"<@{BOT}> hello", "ts": ts}
        changed = {
            "type": "message",
            "subtype": "message_changed",
            "channel": room,
            "channel_type": "channel",
            "ts": self.fake.next_ts(),
            "event_ts": self.fake.next_ts(),
            "message": {**message, "edited": {"user": user, "ts": ts}},
            "previous_message": {**message, "text": "hello"},
        }
        return self._sender.envelope(changed)

    async def _deliver(self, signed: Signed) -> None:
        """Deliver until it is acknowledged, and now and then once more."""
        for number, pause in enumerate(self.pauses()):
            if await self._once(signed.again(number) if number else signed):
                break
            await asyncio.sleep(pause)
        if self.chance.random() < 0.25:
            await asyncio.sleep(self.chance.uniform(0.0, 0.3))
            await self._once(signed.again())

    async def _once(self, signed: Signed) -> bool:
        """One delivery; whether it was acknowledged."""
        watch = self.timed()
        try:
            if self.plan.by_webhook:
                status, _ = await signed.post(self.base, self.session)
                good = status == 200
            else:
                good = await self._by_socket(signed)
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return False
        if good:
            watch.stop()
        return good

    async def _by_socket(self, signed: Signed) -> bool:
        sockets = self.fake.sockets
        if not sockets.open:
            return False
        name = await sockets.deliver(signed.envelope)
        await sockets.answered(name, _LOST_ACK_SECONDS)
        return True


def _direct(user: str) -> str:
    return f"D{user[1:]}"


def _stranger(number: int) -> str:
    return f"U0STRANGER{number}"
