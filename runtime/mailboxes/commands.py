"""The command lane: a row is carried out by code, answered and finished in one transaction."""

import logging
from collections.abc import Callable

from runtime.clock import Clock
from runtime.errors import NightdeskError, Retryable
from runtime.ids import IdSource, OutboxId, derived
from runtime.model import recorded
from runtime.model.audit import AuditEvent
from runtime.model.events import ButtonPress, Received, reply_url_of
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.outbox import Splitter, compose
from runtime.ports import Answered, Commands, Inbox
from runtime.storing import until_stored
from runtime.words import explain

log = logging.getLogger("nightdesk.commands")


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
        what = f"command {received.id}"
        answered = await until_stored(lambda: self._answer(received), clock=self._clock, what=what)
        rows = self._rows(received, answered) if answered else []
        audit = _recorded(received, answered) if answered and answered.did else []
        await until_stored(
            lambda: self._inbox.finish(received.id, rows, audit=audit),
            clock=self._clock,
            what=what,
        )
        self._wake_outbox()

    async def _answer(self, received: Received) -> Answered | None:
        try:
            return await self._commands.answer(received)
        except Retryable:
            raise
        except NightdeskError as error:
            log.warning("command.refused", extra={"row": received.id, "why": str(error)})
            return Answered(Content(explain(error), ours=True))
        except Exception:
            # A command is a turn without a model: its supervision point is here.
            reference = self._ids.new()[-8:]
            log.exception("command.failed", extra={"row": received.id, "reference": reference})
            return Answered(Content(f"Something went wrong on our side. Reference: {reference}"))

    def _rows(self, received: Received, answered: Answered) -> list[OutboxItem]:
        """What the pressed message becomes, and what is answered."""
        inbound = received.inbound
        body = inbound.body
        said: list[Reply] = []
        if answered.updates is not None and isinstance(body, ButtonPress):
            said.append(
                Reply(
                    id=OutboxId(derived("card", received.id)),
                    thread=inbound.thread,
                    content=answered.updates,
                    reply_url=reply_url_of(body),
                    draft=body.message_id,
                )
            )
        if answered.content is not None:
            said.append(
                Reply(
                    id=OutboxId(derived("command", received.id)),
                    thread=inbound.thread,
                    content=answered.content,
                    only_for=inbound.sender if answered.private else None,
                    reply_url=reply_url_of(body),
                )
            )
        now = self._clock.now()
        return [row for reply in said for row in compose(reply, split=self._split, now=now)]


def _recorded(received: Received, answered: Answered) -> list[AuditEvent]:
    said = received.inbound
    return [
        recorded.command(
            received.id,
            answered.did,
            said.sender,
            said.thread.channel,
            refused=answered.refused,
        )
    ]
