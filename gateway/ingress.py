"""From a parsed event to a row of the inbox, and from the row to its conversation's mailbox.

Everything up to the row happens before the platform is told that we have the event, so it is
short: judge by the configuration, one durable insert. The rest happens afterwards, and again
after a crash, from the row.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
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
    """An event that starts nothing, and why (a constant for the log, and words for a stranger)."""

    reason: str
    refused: Refused | None = None


_NOT_ADDRESSED = _Drop("not_addressed")
_ASK = _Drop("ask")
"""No verdict: it depends on whether the thread has a conversation, which the database knows."""


def _nobody(_who: Principal, _words: str) -> bool:
    return False


class _Arriving:
    """Threads of which an event is on its way to its conversation, which may not be there yet.

    Who follows up on what was accepted a moment ago, or by a life that ended, is heard without
    mentioning us again.
    """

    def __init__(self) -> None:
        self._counts: dict[ThreadRef, int] = {}

    def __contains__(self, thread: ThreadRef) -> bool:
        return thread in self._counts

    def begin(self, thread: ThreadRef) -> None:
        """Count one; the caller ends it."""
        self._counts[thread] = self._counts.get(thread, 0) + 1

    def end(self, thread: ThreadRef) -> None:
        """End one, if one is counted."""
        count = self._counts.get(thread)
        if count is None:
            return
        if count > 1:
            self._counts[thread] = count - 1
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
        introduces: Callable[[Principal, str], bool] = _nobody,
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
            introduces: whether a stranger's direct message is to be heard all the same, because
                it says who they are: a one-time code.
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
        self._introduces = introduces
        self._accepted: deque[Received] = deque()
        self._something = asyncio.Event()
        self._arriving = _Arriving()
        self._refused: OrderedDict[Principal, float] = OrderedDict()
        # The database stores without being waited for, until it shows that it does not.
        self._at_once = True

    async def __call__(self, inbound: Inbound) -> None:
        """Judge and store the event; durable, or dropped for a logged reason, when this returns.

        Raises:
            StorageUnavailable: it was not stored.
        """
        judged = self._judge(inbound)
        if judged is _ASK:
            judged = self._judge(inbound, bound=await self._bindings.is_bound(inbound.thread))
        if isinstance(judged, _Drop):
            log.info("ingress.dropped", extra={"reason": judged.reason, "key": inbound.event_key})
            if judged.refused is not None:
                await self._refuse(inbound, judged.refused)
            if inbound.cursor is not None:
                await self._store.inbox.move(inbound.cursor)
            return
        received = self._received(judged)
        self._begin(inbound.thread)
        new = False
        try:
            new = await self._store.inbox.append(received)
        finally:
            self._settle(received, new=new)

    def offer(self, inbound: Inbound, stored: Callable[[bool], None]) -> bool:
        """Accept an ordinary event without waiting, and so without a task: see `gateway.http`.

        False, and nothing was done, for what is to be dropped, for what the database must be asked
        about, and where the database stores nothing without being waited for.

        Raises:
            NightdeskError: nothing is stored any more.
        """
        judged = self._judge(inbound)
        if isinstance(judged, _Drop) or not self._at_once:
            return False
        received = self._received(judged)
        storing = self._store.inbox.append(received)
        if not isinstance(storing, asyncio.Future):
            self._at_once = False
            if isinstance(storing, Coroutine):
                storing.close()
            return False
        self._begin(inbound.thread)
        storing.add_done_callback(partial(self._offered, received, stored))
        return True

    def _offered(
        self, received: Received, stored: Callable[[bool], None], storing: asyncio.Future[bool]
    ) -> None:
        good = not storing.cancelled() and storing.exception() is None
        self._settle(received, new=good and storing.result())
        stored(good)

    def _received(self, judged: Inbound) -> Received:
        return Received(
            id=InboxId(self._ids.new()),
            lane=Lane.TURN if isinstance(judged.body, Message) else Lane.COMMAND,
            inbound=judged,
            received_at=self._clock.now(),
        )

    def _begin(self, thread: ThreadRef) -> None:
        """Count an event of a thread that is not known yet; of others it need not be known."""
        if not self._bindings.recalls(thread):
            self._arriving.begin(thread)

    def _settle(self, received: Received, *, new: bool) -> None:
        """What was arriving is stored, and goes on its way; or it was not, and is forgotten."""
        if new:
            self._hand_over(received)
            return
        self._arriving.end(received.inbound.thread)
        log.info("ingress.not_new", extra={"key": received.inbound.event_key})

    async def recover(self, *, before: datetime | None = None) -> int:
        """Hand over what was accepted (before that time) and not processed; returns how many.

        For a start, and among many processes for now and then: handing over twice is harmless.
        Nothing while what was handed over before still waits, so that it cannot pile up.
        """
        if self._accepted:
            return 0
        count, last = 0, None
        while rows := await self._store.inbox.pending(after=last):
            old = [row for row in rows if before is None or row.received_at < before]
            for received in old:
                self._begin(received.inbound.thread)
                self._hand_over(received)
            count, last = count + len(old), rows[-1].id
        return count

    async def run(self) -> None:
        """Hand accepted events to their mailboxes until cancelled."""
        while True:
            if not self._accepted:
                self._something.clear()
                await self._something.wait()
            await self._hand_on(self._accepted[0])

    async def _hand_on(self, received: Received) -> None:
        thread = received.inbound.thread
        try:
            conversation = self._bindings.recall(thread)
            if conversation is None:
                await self._bind_new()
            work = partial(self._deliver, received, conversation)
            await until_stored(work, clock=self._clock, what=received.id)
        finally:
            self._accepted.popleft()
            self._arriving.end(thread)
            self._activity.end()

    def _hand_over(self, received: Received) -> None:
        self._activity.begin()
        self._accepted.append(received)
        self._something.set()

    async def _bind_new(self) -> None:
        """Bind the threads that are new side by side, so that they share a commit.

        It binds them for the deliveries that follow, in order: it is remembered.
        """
        if not self._bindings.alone:
            return
        waiting = (row.inbound.thread for row in self._accepted)
        new = {thread for thread in waiting if not self._bindings.recalls(thread)}
        binding = [
            until_stored(partial(self._conversation, thread), clock=self._clock, what="a thread")
            for thread in new
        ]
        await asyncio.gather(*binding)

    async def _deliver(self, received: Received, known: ConversationId | None) -> None:
        conversation = known or await self._conversation(received.inbound.thread)
        await self._dispatch.post(conversation, received)

    async def _conversation(self, thread: ThreadRef) -> ConversationId:
        return await self._bindings.conversation(thread, self._agent(thread))

    def _agent(self, thread: ThreadRef) -> AgentName:
        team = self._team()
        rule = team.rule_of(thread.channel)
        return rule.agent if rule else team.agents[0].name

    # ---- judging

    def _judge(self, inbound: Inbound, *, bound: bool | None = None) -> Inbound | _Drop:
        """The event as it is to be stored, or why it is not; `_ASK` where that is not known.

        Args:
            inbound: the event.
            bound: whether the thread has a conversation; None where nobody has asked.
        """
        body = inbound.body
        if isinstance(body, Told):
            return inbound
        team = self._team()
        if isinstance(body, Message) and not body.direct:
            addressed = self._addressed(team, inbound.thread, body)
            if addressed is None and bound is None:
                return _ASK
            if not (addressed or bound):
                return _NOT_ADDRESSED
        try:
            authorize(team, inbound.sender, Action.CONVERSE)
        except Refused as refused:
            spoken = isinstance(body, Message) and body.direct
            if spoken and self._introduces(inbound.sender, body.text):
                return replace(inbound, body=Command(text=body.text))
            return _Drop("stranger", refused)
        if isinstance(body, Message) and self._is_command(body.text):
            return replace(inbound, body=Command(text=body.text))
        return inbound

    def _addressed(self, team: Team, thread: ThreadRef, body: Message) -> bool | None:
        """Whether words in a channel are meant for us; None where that is so in a bound thread."""
        rule = team.rule_of(thread.channel)
        match rule.listen if rule else Listen.OFF:
            case Listen.OFF:
                return False
            case Listen.ALL:
                return True
            case Listen.MENTIONS:
                near = body.mentioned or thread in self._arriving or self._bindings.recalls(thread)
                return near or None

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
