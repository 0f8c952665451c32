"""People who are not in the team: refused where they speak to us, and else not heard.

In a channel that is listened to as a whole most of what strangers write is meant for others. The
owners are told of strangers once a day in all: whoever they are, and however many.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from zoneinfo import ZoneInfo

from gateway.notices import OwnerNotices
from runtime.access import account_id
from runtime.clock import Clock
from runtime.errors import NightdeskError, Refused
from runtime.ids import OutboxId, derived
from runtime.model.address import Principal
from runtime.model.events import (
    Body,
    Command,
    FormSubmit,
    HomeOpened,
    Inbound,
    Message,
    reply_url_of,
)
from runtime.model.messages import Content, Reply
from runtime.model.team import Team
from runtime.outbox import Splitter, compose
from runtime.people.members import named
from runtime.places import place_name
from runtime.ports import Outbox
from runtime.storing import until_stored
from runtime.words import explain

log = logging.getLogger("nightdesk.strangers")

REFUSE_EVERY = 3600.0
"""Seconds between two refusals to the same stranger, but for those that answer a command or a form
at its own address, and between two tries to reach an owner."""
NOTICE_BEGINS = "Somebody who is not in "
"""How the word to the owners begins."""
_REMEMBERED = 10_000


class Strangers:
    """Is told of each event of a stranger."""

    def __init__(
        self,
        outbox: Outbox,
        notices: OwnerNotices,
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Refuse through `outbox`, and tell the owners through `notices`."""
        self._outbox = outbox
        self._notices = notices
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._refused: OrderedDict[Principal, float] = OrderedDict()
        self._told_on: date | None = None
        self._silent_until = 0.0
        self._first: Inbound | None = None
        self._somebody = asyncio.Event()

    async def met(self, inbound: Inbound, refused: Refused) -> None:
        """The event of a stranger was dropped: say why, where they spoke to us.

        Of who only opened the app's own page nobody is told anything.

        Raises:
            StorageUnavailable: the refusal was not stored.
        """
        if isinstance(inbound.body, HomeOpened):
            return  # who only looks has said nothing, to us or to anybody
        who, spoken = inbound.sender, spoken_to_us(inbound.body)
        log.info("stranger.met", extra={"who": str(who), "answered": spoken})
        if self._told_on != self._today() and self._clock.monotonic() >= self._silent_until:
            self._first = self._first or inbound
            self._somebody.set()
        if spoken:
            await self._refuse(inbound, refused)

    async def run(self) -> None:
        """Tell the owners, until cancelled; apart from the event, which is not to wait for it."""
        while True:
            await self._somebody.wait()
            self._somebody.clear()
            await until_stored(self._tell, clock=self._clock, what="notice of a stranger")

    async def _tell(self) -> None:
        first, today = self._first, self._today()
        if first is None or self._told_on == today:
            return
        told = await self._notices.tell(f"strangers {today}", self._words(first))
        self._first = None
        if told:
            self._told_on = today
            self._wake_outbox()
        else:
            self._silent_until = self._clock.monotonic() + REFUSE_EVERY

    def _words(self, inbound: Inbound) -> str:
        team, who = self._team(), inbound.sender
        place = place_name(team, inbound.thread)
        did = "I refused" if spoken_to_us(inbound.body) else "I did not react"
        return (
            f"{NOTICE_BEGINS}{team.name} wrote in {place}, and {did}. Their id is "
            f"`{who.platform}: {account_id(who)}`; to let them in, write `/member add {named(who)} "
            "member`, or list it under a member in nightdesk.toml.\nI tell you of strangers once a "
            "day at the most, however many there are. The log names each (`stranger.met`)."
        )

    async def _refuse(self, inbound: Inbound, refused: Refused) -> None:
        """Tell a stranger why nothing happens, at most once in a while where nobody waits for it.

        Discord shows "thinking…" under a command or a form until its own answer is there.
        """
        now = self._clock.monotonic()
        last = self._refused.get(inbound.sender)
        awaited = isinstance(inbound.body, Command | FormSubmit) and inbound.body.reply_url
        if last is not None and now - last < REFUSE_EVERY and not awaited:
            return
        self._refused[inbound.sender] = now
        self._refused.move_to_end(inbound.sender)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)
        reply = Reply(
            id=OutboxId(derived("refusal", inbound.event_key)),
            thread=inbound.thread,
            content=Content(explain(refused), ours=True),
            only_for=inbound.sender,
            reply_url=reply_url_of(inbound.body),
        )
        rows = compose(reply, split=self._split, now=self._clock.now())
        try:
            # A listener has its next event, a STOP perhaps, once it is done with this one.
            await self._outbox.enqueue(rows, first=True)
        except NightdeskError:
            self._refused.pop(inbound.sender, None)  # the platform delivers it again
            raise
        self._wake_outbox()

    def _today(self) -> date:
        return self._clock.now().astimezone(ZoneInfo(self._team().zone)).date()


def spoken_to_us(body: Body) -> bool:
    """Whether it was meant for us: a mention, a direct message, a command, a button."""
    return not isinstance(body, Message) or body.direct or body.mentioned
