"""A Telegram in which the program is killed: groups, private chats, commands and buttons.

By webhook, each update is posted until it is taken, three in ten once more, and in no order that
holds. By polling, an update is given out again until the next one is asked for, and three in ten
answers also bring what was confirmed already. What Telegram is asked to forget must be stored.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.selftest.telegram import server
from bot.selftest.telegram.names import BOT, SECRET, TOKEN, USERNAME
from bot.selftest.telegram.server import SECRET_HEADER, Fault
from bot.selftest.telegram.world import Fields, Posted
from runtime.ids import Platform
from runtime.model.address import Principal
from runtime.model.reminder import Reminder
from tests.support.crash_platforms import (
    DOUBLED,
    LATER,
    Lives,
    Told,
    reminder,
)
from tests.support.crash_points import AFTER, BEFORE
from tests.support.crash_strikes import Strike, Striker
from tests.support.fake_telegram import by_schema

GROUPS = 80
"""Telegram takes 20 messages a minute in a group, and so the program sends no more."""
PEOPLE = 20
_HEAD = """
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[[agents]]
name = "desk"
model = "offline"
instructions = "Be brief."
"""


def group(number: int) -> int:
    """One of the groups."""
    return -1_002_000_000_000 - number


def person(number: int) -> int:
    """One of the people, and their private chat."""
    return 2_000 + number


class Forgetting(server.FakeTelegram):
    """The fake, which says what it is asked to forget and repeats what it should have forgotten."""

    def __init__(self, striker: Striker, chance: random.Random) -> None:
        super().__init__(checks=[by_schema, striker])
        striker.lose = lambda method: self.faults.insert(0, Fault("lost_request", method))
        self.chance = chance
        self.flood.flight = float("inf")  # who was killed knows of no ban any more
        self.on_forgotten: Callable[[list[Fields]], None] = lambda _: None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await super()._answer(request)
        except ConnectionResetError:  # who asked was killed before it was done asking
            return web.Response()

    async def _updates(self, fields: Fields) -> list[Fields]:
        offset = fields.get("offset") or 0
        old = [update for update in self.world.updates if update["update_id"] < offset]
        if old:
            self.on_forgotten(old)
        found = await super()._updates(fields)
        if found and old and self.chance.random() < DOUBLED:
            return [*old[-3:], *found]
        return found


@dataclass(kw_only=True)
class Telegram(Lives):
    """The world of Telegram.

    Attributes:
        telegram: the fake.
        by_webhook: updates are posted to the program.
    """

    telegram: Forgetting
    by_webhook: bool
    _pressed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.telegram.on_forgotten = self._forgotten

    def untaken(self) -> Sequence[str]:
        """The updates that Telegram still has and the program has not stored."""
        waiting = [f"{BOT}:{update['update_id']}" for update in self.telegram.world.updates]
        return self._not_stored(waiting) if waiting else ()

    @property
    def strikes(self) -> Sequence[Strike]:
        """Before and after a message is accepted, an edit, and a question for updates."""
        methods = ["sendMessage", "sendMessage", "editMessageText"]
        methods += [] if self.by_webhook else ["getUpdates"]
        return [Strike(method, phase) for method in methods for phase in (BEFORE, AFTER)]

    def connection(self) -> dict[str, str]:
        """The settings that connect the program with the fake."""
        found = {
            "NIGHTDESK_TELEGRAM__BOT_TOKEN": TOKEN,
            "NIGHTDESK_TELEGRAM__BASE_URL": self.telegram.url,
        }
        if self.by_webhook:
            found["NIGHTDESK_TELEGRAM__WEBHOOK_URL"] = self.base
            found["NIGHTDESK_TELEGRAM__WEBHOOK_SECRET"] = SECRET
        return found

    def wire(self) -> list[tuple[str, str]]:
        """Every message of the bot."""
        return [(str(posted.chat), posted.text) for posted in self.telegram.world.visible()]

    def violations(self) -> Sequence[str]:
        """What the fake found wrong."""
        return self.telegram.violations

    def reminders(self, count: int, *, every: float) -> list[Reminder]:
        """One after the other, for one person after the other."""
        return [
            reminder(
                number,
                Principal(Platform("telegram"), "", str(person(number % PEOPLE))),
                self.marked()[1],
                after=1 + number * every,
            )
            for number in range(count)
        ]

    # ---- people

    async def say(self) -> None:
        """Somebody writes in a group, answers there, writes alone, types a command, presses."""
        kind = self.chance.random()
        cards = [
            p for p in self.telegram.world.visible() if p.buttons and p.id not in self._pressed
        ]
        if kind < 0.2 and cards:
            await self.press(self.chance.choice(cards))
        elif kind < 0.35:
            await self.direct()
        elif kind < 0.45:
            await self.command()
        elif kind < 0.65:
            await self.reply()
        else:
            await self.mention()

    async def mention(self, place: int | None = None) -> Told:
        """Somebody names the bot in a group."""
        place = group(self.chance.randrange(GROUPS)) if place is None else place
        mark, text = self.marked(f"@{USERNAME} ")
        return await self._message(mark, text, place, chat=place)

    async def reply(self) -> None:
        """Somebody answers the bot in a group, if it has said something there."""
        answers = [p for p in self.telegram.world.visible() if p.chat < 0][-50:]
        if answers:
            answered = self.chance.choice(answers)
            mark, text = self.marked("and ")
            await self._message(mark, text, answered.chat, chat=answered.chat, reply_to=answered.id)

    async def direct(self, user: int | None = None) -> Told:
        """Somebody writes to the bot alone."""
        user = person(self.chance.randrange(PEOPLE)) if user is None else user
        mark, text = self.marked("psst, ")
        return await self._message(mark, text, user, user=user)

    async def command(self, place: int | None = None) -> Told:
        """Somebody makes a schedule in a group."""
        place = group(self.chance.randrange(GROUPS)) if place is None else place
        mark, _ = self.marked()
        update = self._send(f"/schedule create {LATER} say {mark}", chat=place)
        return await self._taken(update, Told(mark, str(place)))

    async def press(self, card: Posted) -> None:
        """Somebody presses "Done" on a card."""
        self._pressed.add(card.id)
        update = self.telegram.send.press(card, user=card.chat)
        mark = next(word for word in card.text.split() if word.startswith("m0"))
        await self._taken(update, Told(mark, str(card.chat)), press=True)

    async def _message(self, mark: str, text: str, place: int, **fields: Any) -> Told:
        update = self._send(text, **fields)
        told = Told(mark, str(place), f"{BOT}:{update['update_id']}")
        return await self._taken(update, told)

    def _send(self, text: str, **fields: Any) -> Fields:
        return self.telegram.send.message(text, **{"user": person(0), **fields})

    async def _taken(self, update: Fields, told: Told, *, press: bool = False) -> Told:
        """Return when the program has it."""
        heard = self.pressed if press else self.told
        if not self.by_webhook:
            heard.append(told)  # Telegram keeps it until it is confirmed
            await self.telegram.tell()
            return told
        self.telegram.world.updates.remove(update)
        await self._post(update)
        heard.append(told)
        if self.chance.random() < DOUBLED:
            await asyncio.sleep(self.chance.uniform(0.0, 0.3))
            await self._post(update)
        return told

    async def _post(self, update: Fields) -> None:
        """Post until it is taken, as Telegram does, but faster."""
        began = time.monotonic()
        url, headers = f"{self.base}/telegram/webhook", {SECRET_HEADER: SECRET}
        while True:
            try:
                async with self.session.post(url, json=update, headers=headers) as answer:
                    if answer.status == 200:
                        body = await answer.read()
                        assert not body or json.loads(body)["method"] == "answerCallbackQuery"
                        return
            except aiohttp.ClientError:
                pass
            assert not self.impatient(began), f"it is not taken: {update}"
            await asyncio.sleep(self.chance.uniform(0.01, 0.1))

    def _forgotten(self, updates: list[Fields]) -> None:
        """Telegram forgets updates: look that each is stored."""
        self.skipped += self._not_stored([f"{BOT}:{update['update_id']}" for update in updates])

    def _not_stored(self, keys: Sequence[str]) -> list[str]:
        stored = {key for (key,) in self.rows("SELECT event_key FROM inbox")}
        return [key for key in keys if key not in stored]


@asynccontextmanager
async def telegram_world(
    folder: Path, *, by_webhook: bool, url: str | None = None, seed: int | None = None
) -> AsyncIterator[Telegram]:
    """A world with a folder for the program; nothing runs when it ends."""
    groups = "".join(
        f'\n[[channels]]\nplatform = "telegram"\nid = {group(number)}\nname = "#g{number}"\n'
        "listen = true\n"
        for number in range(GROUPS)
    )
    members = "".join(
        f'\n[[members]]\nname = "P{number}"\nrole = "{role}"\ntelegram = {person(number)}\n'
        for number, role in enumerate(["owner", *["member"] * (PEOPLE - 1)])
    )
    (folder / "nightdesk.toml").write_text(_HEAD + members + groups)
    chance, striker = random.Random(seed), Striker()
    async with Forgetting(striker, chance) as telegram, aiohttp.ClientSession() as session:
        for number in range(GROUPS):
            telegram.world.add_chat(group(number))
        for number in range(PEOPLE):
            telegram.world.add_chat(person(number), type="private", first_name=f"P{number}")
        made = Telegram(
            folder, url, session, chance, striker, telegram=telegram, by_webhook=by_webhook
        )
        try:
            yield made
        finally:
            await made.close()
