"""Hears Telegram: a poll of our own, or a watch over the webhook that Telegram calls.

The poll remembers where it is in the transaction that stores an update. Telegram forgets an update
when the next is asked for, so nothing is forgotten that is not on our disk.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

from adapters.telegram import wire
from adapters.telegram.api import BotApi
from adapters.telegram.faults import OtherListener, Refusal
from adapters.telegram.inbound import ALLOWED_UPDATES, TelegramInbound
from runtime.clock import Clock
from runtime.errors import Ambiguous, Malformed, Retryable
from runtime.model.events import Cursor, Inbound, Parsed
from runtime.ports import Accept

log = logging.getLogger("nightdesk.telegram")

WEBHOOK_PATH = "/telegram/webhook"
POLL_SECONDS = 50
"""How long Telegram holds a question open for which it has no answer yet."""
SILENCE = POLL_SECONDS + 40.0
"""Seconds without an answer to a poll after which nothing is heard."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
OTHERS_PAUSE = 10.0
"""Seconds before a try after another program took our updates."""
WATCH_EVERY = 60.0
"""Seconds between two looks at the webhook."""
DEAF_EVERY = 300.0
"""Seconds of empty answers after which Telegram is asked whether it holds updates back."""
MOST_CALLS = 40
"""Connections that Telegram may call the webhook over at once; its own default."""
TRIES = 5
"""How often an update is tried that something of ours fails on, before it is passed over."""

_ANSWER_SECONDS = 5.0


class Positions(Protocol):
    """Where a stream goes on; the inbox keeps that."""

    async def move(self, cursor: Cursor) -> None:
        """Remember it, behind updates of which nothing is stored."""
        ...

    async def position(self, name: str) -> int | None:
        """Where the stream of that name goes on, or None where it was never read."""
        ...


@dataclass(slots=True)
class Hearing:
    """How well we hear.

    Attributes:
        begun: somebody listens in this process.
        heard_at: the last answer, in monotonic seconds; None before the first.
        trouble: what is wrong, and what to do; empty where nothing is.
    """

    begun: bool = False
    heard_at: float | None = None
    trouble: str = ""


@dataclass(slots=True)
class Poll:
    """Asks for updates, for ever.

    Attributes:
        api: the Bot API.
        inbound: reads updates.
        bot: our bot's number: whose updates they are.
        positions: where to go on.
        clock: paces tries.
        hearing: is told how it goes.
        seconds: how long Telegram may hold a question open.
    """

    api: BotApi
    inbound: TelegramInbound
    bot: int
    positions: Positions
    clock: Clock
    hearing: Hearing
    seconds: int = POLL_SECONDS
    _offset: int | None = None
    _failed: int = 0
    _asked_at: float = 0.0
    _held_back: int = 0
    _answers: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    @property
    def _name(self) -> str:
        return f"telegram:{self.bot}"

    async def run(self, accept: Accept) -> None:
        """Hand over what comes, until cancelled."""
        self.hearing.begun = True
        pause, known = FIRST_PAUSE, False
        async with self._answers:
            while True:
                try:
                    if not known:
                        await self._take_over()
                        self._offset = await self.positions.position(self._name)
                        known = True
                    await self._round(accept)
                except OtherListener as error:
                    known = False  # perhaps somebody has set a webhook
                    self._worry("telegram.conflict", f"{error}. Let one program use the bot.")
                    await self.clock.sleep(OTHERS_PAUSE)
                except (Retryable, Ambiguous, Refusal) as error:
                    if isinstance(error, Refusal):
                        self.hearing.trouble = str(error)
                    log.warning("telegram.not_heard", extra={"why": str(error)})
                    wait = error.after if isinstance(error, Retryable) else None
                    await self.clock.sleep(wait or pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    pause = FIRST_PAUSE

    async def _take_over(self) -> None:
        """Make sure that Telegram gives us the updates: it gives none where a webhook is set.

        Raises:
            Retryable: it does not yet.
        """
        with self.api.asking() as bot:
            url = (await bot.get_webhook_info()).url
        if not url:
            return
        if not urlsplit(url).path.endswith(WEBHOOK_PATH):
            raise OtherListener(
                f"another program takes this bot's updates by a webhook at {_host(url)}: use a bot "
                "of your own, or take that webhook away with the Bot API's deleteWebhook"
            )
        with self.api.calling() as bot:
            await bot.delete_webhook(drop_pending_updates=False)
        log.warning("telegram.webhook_taken_away", extra={"host": _host(url)})

    async def _round(self, accept: Accept) -> None:
        # The first question is answered at once, so that it is soon known whether we hear.
        held = self.seconds if self.hearing.heard_at is not None else 0
        found = await self.api.updates(offset=self._offset, seconds=held)
        self.hearing.heard_at = self.clock.monotonic()
        if found:
            self._asked_at, self._held_back = self.clock.monotonic(), 0
            self.hearing.trouble = ""
            await self._take(found, accept)
        else:
            await self._listen_closely()

    async def _take(self, found: Sequence[object], accept: Accept) -> None:
        """Store the updates in order; the place moves with each, and behind all at the end."""
        passed: Cursor | None = None
        try:
            for raw in found:
                number = raw.get("update_id") if isinstance(raw, dict) else None
                if not isinstance(number, int):
                    log.error("telegram.unnumbered_update")
                    continue
                cursor = Cursor(name=self._name, value=number + 1)
                stored = await self._one(raw, cursor, accept)
                passed, self._offset, self._failed = None if stored else cursor, number + 1, 0
        finally:
            if passed is not None:
                await self.positions.move(passed)

    async def _one(self, raw: object, cursor: Cursor, accept: Accept) -> bool:
        """Hand one update over; False where nothing of it is stored.

        A supervision point: what fails for a reason of ours is tried again, then passed over.

        Raises:
            Retryable: it is to be tried again.
        """
        try:
            update, kind = wire.polled(raw)
            parsed: Parsed = self.inbound.read(update, kind)
            if isinstance(parsed, Inbound):
                await accept(replace(parsed, cursor=cursor, acknowledgement=""))
            if update.callback_query is not None:
                self._answers.create_task(self._answer(update.callback_query.id))
        except Malformed as error:
            log.warning("telegram.malformed", extra={"update": cursor.value - 1, "why": str(error)})
            return False
        except Retryable:
            raise
        except Exception as error:
            self._failed += 1
            log.exception("telegram.failed", extra={"update": cursor.value - 1})
            if self._failed < TRIES:
                raise Retryable("an update could not be processed") from error
            return False
        return isinstance(parsed, Inbound)

    async def _answer(self, query: str) -> None:
        """Let the pressed button stop to wait."""
        try:
            with self.api.calling() as bot:
                await bot.answer_callback_query(query, read_timeout=_ANSWER_SECONDS)
        except (Retryable, Ambiguous, Refusal) as error:
            log.info("telegram.press_unanswered", extra={"why": str(error)})

    async def _listen_closely(self) -> None:
        """Now and then, ask whether Telegram holds updates back while it gives us none."""
        now, waiting = self.clock.monotonic(), 0
        if now - self._asked_at >= DEAF_EVERY:
            self._asked_at = now
            with self.api.asking() as bot:
                waiting = (await bot.get_webhook_info()).pending_update_count
            self._held_back = self._held_back + 1 if waiting else 0
        if not self._held_back:
            self.hearing.trouble = ""
        elif self._held_back > 1 and waiting:
            self._worry(
                "telegram.deaf",
                f"Telegram holds {waiting} updates and gives us none: restart, and if that does "
                "not help, let @BotFather make a new token",
            )

    def _worry(self, event: str, trouble: str) -> None:
        if self.hearing.trouble != trouble:
            log.error(event, extra={"why": trouble})
        self.hearing.trouble = trouble


@dataclass(slots=True)
class Watch:
    """Sets the webhook, and looks that Telegram can call it.

    Attributes:
        api: the Bot API.
        url: the public address, its path included.
        secret: what Telegram is to send along.
        clock: paces the looks.
        hearing: is told how it goes.
    """

    api: BotApi
    url: str
    secret: str = field(repr=False)
    clock: Clock
    hearing: Hearing

    async def run(self, _: Accept) -> None:
        """Watch until cancelled."""
        self.hearing.begun = True
        pause, is_set = FIRST_PAUSE, False
        while True:
            try:
                if not is_set:
                    await self._set()
                    is_set = True
                is_set = await self._look()
            except (Retryable, Ambiguous, Refusal) as error:
                if isinstance(error, Refusal):
                    self.hearing.trouble = f"the webhook at {_host(self.url)}: {error}"
                log.warning("telegram.no_webhook", extra={"why": str(error)})
                wait = error.after if isinstance(error, Retryable) else None
                await self.clock.sleep(wait or pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE
                if is_set:
                    await self.clock.sleep(WATCH_EVERY)

    async def _set(self) -> None:
        """Set it, each time: the secret cannot be read back to be compared."""
        with self.api.calling() as bot:
            await bot.set_webhook(
                self.url,
                secret_token=self.secret,
                allowed_updates=ALLOWED_UPDATES,
                max_connections=MOST_CALLS,
                drop_pending_updates=False,
            )
        log.info("telegram.webhook_set", extra={"host": _host(self.url)})

    async def _look(self) -> bool:
        """Whether the webhook is still ours; notes whether Telegram gets through."""
        with self.api.asking() as bot:
            info = await bot.get_webhook_info()
        if info.url != self.url:
            log.warning("telegram.webhook_lost", extra={"host": _host(info.url)})
            return False
        self.hearing.heard_at = self.clock.monotonic()
        failed = info.last_error_date.timestamp() if info.last_error_date else 0.0
        lately = self.clock.now().timestamp() - failed < 2 * WATCH_EVERY
        self.hearing.trouble = ""
        if info.pending_update_count and lately:
            said = info.last_error_message or "it does not say why"
            self.hearing.trouble = f"Telegram cannot call {_host(self.url)}: {said}"
        return True


def _host(url: str) -> str:
    """The host of an address: the rest of it may be somebody's secret."""
    return urlsplit(url).hostname or "nowhere"
