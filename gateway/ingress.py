"""From a parsed event to a row of the inbox, and from the row to its conversation's mailbox.

Everything up to the row happens before the platform is told that we have the event, so it is
short: judge by the configuration, one durable insert. The rest happens afterwards, and again
after a crash, from the row.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from gateway.access import Action, authorize
from gateway.bindings import Bindings
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, IdSource, InboxId, OutboxId, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import (
    Command,
    Inbound,
    Lane,
    Message,
    Received,
    Told,
    reply_url_of,
)
from runtime.model.messages import Content, Reply
from runtime.model.team import Listen, Team
from runtime.outbox import Splitter, compose
from runtime.ports import Dispatch, Store
from runtime.storing import until_stored
from runtime.words import explain

log = logging.getLogger("nightdesk.ingress")

REFUSE_EVERY = 3600.0
"""Seconds between two refusals to the same stranger; further events are dropped in silence."""
_STRANGERS = 10_000


@dataclass(frozen=True, slots=True)
class _Drop:
    """An event that starts nothing, and why (a constant for the log)."""

    reason: str


class _Arriving:
    """Threads of which an event is on its way to its conversation, which may not be there yet.

    Who follows up on what was accepted a moment ago, or by a life that ended, is heard without
    mentioning us again.
    """

    def __init__(self) -> None:
        self._counts: dict[ThreadRef, int] = {}

    def __contains__(self, thread: ThreadRef) -> bool:
        return thread in self._counts

    @contextmanager
    def holding(self, thread: ThreadRef) -> Iterator[None]:
        """Count the block as an event on its way."""
        self.begin(thread)
        try:
            yield
        finally:
            self.end(thread)

    def begin(self, thread: ThreadRef) -> None:
        """Count one; the caller ends it."""
        self._counts[thread] = self._counts.get(thread, 0) + 1

    def end(self, thread: ThreadRef) -> None:
        """End one."""
        left = self._counts[thread] - 1
        if left:
            self._counts[thread] = left
        else:
            del self._counts[thread]


class Ingress:
    """Accepts events. Implements `runtime.ports.Accept`."""

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        store: Store,
        bindings: Bindings,
        dispatch: Dispatch,
        *,
        team: Callable[[], Team],
        is_command: Callable[[str], bool],
        split: Splitter,
        clock: Clock,
        ids: IdSource,
        wake_outbox: Callable[[], None],
        activity: Activity,
    ) -> None:
        """Accept events.

        Args:
            store: the database.
            bindings: which thread belongs to which conversation.
            dispatch: where a conversation's mailbox is worked.
            team: the configuration as it is now.
            is_command: whether words to the bot are a command.
            split: cuts a refusal into messages.
            clock: the clock.
            ids: makes inbox ids, in the order of arrival.
            wake_outbox: says that there is something to send.
            activity: is told what is under way.
        """
        self._store = store
        self._bindings = bindings
        self._dispatch = dispatch
        self._team = team
        self._is_command = is_command
        self._split = split
        self._clock = clock
        self._ids = ids
        self._wake_outbox = wake_outbox
        self._activity = activity
        self._accepted: asyncio.Queue[Received] = asyncio.Queue()
        self._arriving = _Arriving()
        self._refused: OrderedDict[Principal, float] = OrderedDict()

    async def __call__(self, inbound: Inbound) -> None:
        """Judge and store the event; durable, or dropped for a logged reason, when this returns.

        Raises:
            StorageUnavailable: it was not stored.
        """
        judged = await self._judge(inbound)
        if isinstance(judged, _Drop):
            log.info("ingress.dropped", extra={"reason": judged.reason, "key": inbound.event_key})
            if inbound.cursor is not None:
                await self._store.inbox.move(inbound.cursor)
            return
        received = Received(
            id=InboxId(self._ids.new()),
            lane=Lane.TURN if isinstance(judged.body, Message) else Lane.COMMAND,
            inbound=judged,
            received_at=self._clock.now(),
        )
        with self._arriving.holding(inbound.thread):
            if await self._store.inbox.append(received):
                self._hand_over(received)
            else:
                log.info("ingress.duplicate", extra={"key": inbound.event_key})

    async def recover(self, *, before: datetime | None = None) -> int:
        """Hand over what was accepted (before that time) and not processed; returns how many.

        For a start, and among many processes for now and then: handing over twice is harmless.
        Nothing while what was handed over before still waits, so that it cannot pile up.
        """
        if not self._accepted.empty():
            return 0
        count, last = 0, None
        while rows := await self._store.inbox.pending(after=last):
            old = [row for row in rows if before is None or row.received_at < before]
            for received in old:
                self._hand_over(received)
            count, last = count + len(old), rows[-1].id
        return count

    async def run(self) -> None:
        """Hand accepted events to their mailboxes until cancelled."""
        while True:
            received = await self._accepted.get()
            try:
                await until_stored(
                    partial(self._deliver, received), clock=self._clock, what=f"row {received.id}"
                )
            finally:
                self._arriving.end(received.inbound.thread)
                self._activity.end()

    def _hand_over(self, received: Received) -> None:
        self._activity.begin()
        self._arriving.begin(received.inbound.thread)
        self._accepted.put_nowait(received)

    async def _deliver(self, received: Received) -> None:
        conversation = await self._conversation(received.inbound.thread)
        await self._dispatch.post(conversation, received)

    async def _conversation(self, thread: ThreadRef) -> ConversationId:
        return await self._bindings.conversation(thread, self._agent(thread))

    def _agent(self, thread: ThreadRef) -> AgentName:
        team = self._team()
        rule = team.rule_of(thread.channel)
        return rule.agent if rule else team.agents[0].name

    # ---- judging

    async def _judge(self, inbound: Inbound) -> Inbound | _Drop:
        """The event as it is to be stored, or why it is not."""
        if isinstance(inbound.body, Told):
            return inbound
        addressed = await self._addressed(inbound)
        if not addressed:
            return _Drop("not_addressed")
        try:
            authorize(self._team(), inbound.sender, Action.CONVERSE)
        except Refused as refused:
            await self._refuse(inbound, refused)
            return _Drop("stranger")
        body = inbound.body
        if isinstance(body, Message) and self._is_command(body.text):
            return replace(inbound, body=Command(text=body.text))
        return inbound

    async def _addressed(self, inbound: Inbound) -> bool:
        """Whether the event is meant for the desk at all."""
        body = inbound.body
        if not isinstance(body, Message) or body.direct:
            return True
        rule = self._team().rule_of(inbound.thread.channel)
        match rule.listen if rule else Listen.OFF:
            case Listen.OFF:
                return False
            case Listen.ALL:
                return True
            case Listen.MENTIONS:
                return (
                    body.mentioned
                    or inbound.thread in self._arriving
                    or await self._bindings.is_bound(inbound.thread)
                )

    async def _refuse(self, inbound: Inbound, refused: Refused) -> None:
        """Tell a stranger why nothing happens, at most once in a while."""
        now = self._clock.monotonic()
        last = self._refused.get(inbound.sender)
        if last is not None and now - last < REFUSE_EVERY:
            return
        self._refused[inbound.sender] = now
        self._refused.move_to_end(inbound.sender)
        if len(self._refused) > _STRANGERS:
            self._refused.popitem(last=False)
        reply = Reply(
            id=OutboxId(derived("refusal", inbound.event_key)),
            thread=inbound.thread,
            content=Content(explain(refused)),
            only_for=inbound.sender,
            reply_url=reply_url_of(inbound.body),
        )
        rows = compose(reply, split=self._split, now=self._clock.now())
        await self._store.outbox.enqueue(rows)
        self._wake_outbox()
