"""The command lane: a row is carried out by code, answered and finished in one transaction."""

import logging
from collections.abc import Callable

from runtime.clock import Clock
from runtime.errors import NightdeskError, StorageUnavailable
from runtime.ids import IdSource, OutboxId, derived
from runtime.model.events import Message, Received
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.outbox import Splitter, compose
from runtime.ports import Commands, Inbox
from runtime.words import explain

log = logging.getLogger("nightdesk.commands")

STORE_PAUSE = 5.0
"""Seconds between tries while the database takes nothing."""


class CommandLane:
    """Carries out commands and button presses."""

    def __init__(
        self,
        inbox: Inbox,
        commands: Commands,
        *,
        split: Splitter,
        clock: Clock,
        ids: IdSource,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Carry out what `commands` knows; finish rows in `inbox`."""
        self._inbox = inbox
        self._commands = commands
        self._split = split
        self._clock = clock
        self._ids = ids
        self._wake_outbox = wake_outbox

    async def __call__(self, received: Received) -> None:
        """Carry out one row, whatever happens in it."""
        while True:
            content, private = await self._answer(received)
            try:
                await self._inbox.finish(received.id, self._rows(received, content, private))
            except StorageUnavailable:
                log.exception("command.not_stored", extra={"row": received.id})
                await self._clock.sleep(STORE_PAUSE)
            else:
                self._wake_outbox()
                return

    async def _answer(self, received: Received) -> tuple[Content, bool]:
        try:
            return await self._commands.answer(received)
        except NightdeskError as error:
            log.warning("command.refused", extra={"row": received.id}, exc_info=error)
            return Content(explain(error)), True
        except Exception:
            # A command is a turn without a model: its supervision point is here.
            reference = self._ids.new()[-8:]
            log.exception("command.failed", extra={"row": received.id, "reference": reference})
            return Content(f"Something went wrong on our side. Reference: {reference}"), True

    def _rows(self, received: Received, content: Content, private: bool) -> list[OutboxItem]:  # noqa: FBT001 - what the port returns
        inbound = received.inbound
        body = inbound.body
        reply = Reply(
            id=OutboxId(derived("command", received.id)),
            thread=inbound.thread,
            content=content,
            only_for=inbound.sender if private else None,
            reply_url="" if isinstance(body, Message) or not private else body.reply_url,
        )
        return compose(reply, split=self._split, now=self._clock.now())
