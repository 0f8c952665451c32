"""From a parsed event to a row of the inbox, and from the row to its conversation's mailbox.

Everything up to the row happens before the platform is told that we have the event, so it is
short: judge by the configuration, one durable insert. The rest happens afterwards, and again
after a crash, from the row.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from gateway.arriving import Arriving
from gateway.bindings import Bindings
from gateway.early import EarlyReplies
from gateway.strangers import Strangers, spoken_to_us
from gateway.urgent import Urgent
from runtime.access import authorize, wanted_by
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import AgentName, ConversationId, IdSource, InboxId
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Body, Command, Inbound, Lane, Message, Received
from runtime.model.team import Listen, Team
from runtime.ports import Dispatch, Store
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.ingress")


@dataclass(frozen=True, slots=True)
class _Drop:
    """An event that starts nothing, and why (a constant for the log, and words for a stranger)."""

    reason: str
    refused: Refused | None = None


_NOT_ADDRESSED = _Drop("not_addressed")
_ASK = _Drop("ask")
"""No verdict: it depends on whether the thread has a conversation, which the database knows."""


def _words_alone(body: Body) -> str:
    """What somebody said to us and nobody else: by a command, or in a direct message."""
    match body:
        case Command(text=text) | Message(text=text, direct=True):
            return text
        case _:
            return ""


def _nobody(_who: Principal, _words: str) -> bool:
    return False


@dataclass(slots=True)
class _Backlog:
    """What was accepted before and not processed, handed over page by page.

    Attributes:
        before: a time; what was received later is passed over. None at a start, when what comes
            in meanwhile keeps behind the backlog.
        after: the last row of the page before.
        since: what came in meanwhile, which is handed over anyway.
        behind: that of it which keeps behind.
    """

    before: datetime | None
    after: InboxId | None = None
    since: set[InboxId] = field(default_factory=set)
    behind: list[Received] = field(default_factory=list)


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
        strangers: Strangers,
        clock: Clock,
        ids: IdSource,
        activity: Activity,
        urgent: Urgent,
        introduces: Callable[[Principal, str], bool] = _nobody,
    ) -> None:
        """Accept events.

        Args:
            store: the database.
            bindings: which thread belongs to which conversation.
            dispatch: where a conversation's mailbox is worked.
            team: the configuration as it is now.
            is_command: whether words to the bot are a command.
            strangers: is told of events of people who are not in the team.
            clock: the clock.
            ids: makes inbox ids, in the order of arrival.
            activity: is told what is under way.
            urgent: carries out what cannot wait.
            introduces: whether a stranger's direct message is to be heard all the same, because
                it says who they are: a one-time code.
        """
        self._store = store
        self._bindings = bindings
        self._dispatch = dispatch
        self._team = team
        self._is_command = is_command
        self._strangers = strangers
        self._clock = clock
        self._ids = ids
        self._activity = activity
        self._introduces = introduces
        self._urgent = urgent
        self._early = EarlyReplies(bindings, store.outbox, clock=clock)
        self._accepted: deque[Received] = deque()
        self._backlog: _Backlog | None = None
        self._something = asyncio.Event()
        self._arriving = Arriving()
        # The database stores without being waited for, until it shows that it does not.
        self._at_once = True

    async def __call__(self, inbound: Inbound) -> None:
        """Judge and store the event; durable, or dropped for a logged reason, when this returns.

        Raises:
            StorageUnavailable: it was not stored.
        """
        judged = self._judge(inbound)
        if judged is _ASK:
            judged = self._judge(inbound, bound=await self._may_be_ours(inbound))
        if isinstance(judged, _Drop):
            log.info("ingress.dropped", extra={"reason": judged.reason, "key": inbound.event_key})
            if judged.refused is not None:
                await self._strangers.met(inbound, judged.refused)
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
        key = InboxId(self._ids.new())
        if self._backlog is not None:
            self._backlog.since.add(key)
        return Received(
            id=key,
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
            self._activity.begin()
            backlog = self._backlog
            if backlog is None or backlog.before is not None or self._urgent.means(received):
                self._hand_over(received)
            else:
                backlog.behind.append(received)
            return
        self._arriving.end(received.inbound.thread)
        log.info("ingress.not_new", extra={"key": received.inbound.event_key})

    async def recover(self, *, before: datetime | None = None) -> int:
        """Hand over what was accepted (before that time) and not processed; returns how many.

        For a start, and among many processes for now and then: handing over twice is harmless.
        Nothing while what was handed over before still waits, so that it cannot pile up. The
        first page is handed over now, each other one when `run` is through with those before.
        """
        if self._accepted or self._backlog is not None:
            return 0
        rows = await self._store.inbox.pending()
        if not rows:
            return 0
        self._activity.begin()
        self._backlog = _Backlog(before)
        return self._take_page(self._backlog, rows)

    async def _next_page(self, backlog: _Backlog) -> None:
        rows = await self._store.inbox.pending(after=backlog.after)
        self._take_page(backlog, rows)

    def _take_page(self, backlog: _Backlog, rows: Sequence[Received]) -> int:
        """Hand a page of the backlog over; an empty one is its end."""
        if not rows:
            self._backlog = None
            for received in backlog.behind:
                self._hand_over(received)
            self._activity.end()
            return 0
        backlog.after = rows[-1].id
        before = backlog.before
        old = [row for row in rows if before is None or row.received_at < before]
        old = [row for row in old if row.id not in backlog.since]
        for received in old:
            self._activity.begin()
            self._begin(received.inbound.thread)
            self._hand_over(received)
        return len(old)

    def look(self) -> None:
        """Say that a message was sent and bound its thread: what replied early may go on."""
        self._early.look()

    async def run(self) -> None:
        """Hand accepted events to their mailboxes until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            early = self._early.run(self._released)
            for loop in (early, self._strangers.run(), self._urgent.run()):
                tasks.create_task(loop)
            await self._serve()

    async def _serve(self) -> None:
        while True:
            while self._backlog is not None and not self._accepted and not self._early.full:
                page = partial(self._next_page, self._backlog)
                await until_stored(page, clock=self._clock, what="backlog")
            if self._accepted:
                await self._hand_on(self._accepted[0])
            else:
                self._something.clear()
                await self._something.wait()

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
        if self._urgent.takes(received):
            self._arriving.end(received.inbound.thread)
        elif not self._early.hold(received):
            self._accept(received)

    def _accept(self, received: Received) -> None:
        self._accepted.append(received)
        self._something.set()

    async def _released(self, received: Received) -> None:
        """An early reply is late enough: on its way, or dropped where its thread is not ours."""
        thread = received.inbound.thread
        # In this order: what leaves the line has bound its thread before.
        ours = any(row.inbound.thread == thread for row in self._accepted)
        if ours or self._calls_us(received.inbound) or await self._bindings.is_bound(thread):
            self._accept(received)
            return
        await self._store.inbox.finish(received.id, ())
        log.info("ingress.dropped", extra={"reason": "not_ours", "key": received.inbound.event_key})
        self._arriving.end(thread)
        self._activity.end()
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

    async def _may_be_ours(self, inbound: Inbound) -> bool:
        """Whether the thread has a conversation, or may be about to have one."""
        thread = inbound.thread
        return await self._bindings.is_bound(thread) or await self._early.possible(
            thread, inbound.body
        )

    def _calls_us(self, inbound: Inbound) -> bool:
        """Whether the event is meant for us whatever its thread is."""
        body, thread = inbound.body, inbound.thread
        if spoken_to_us(body):
            return True
        rule = self._team().rule_of(thread.channel)
        return rule is not None and rule.listen is Listen.ALL

    def _judge(self, inbound: Inbound, *, bound: bool | None = None) -> Inbound | _Drop:
        """The event as it is to be stored, or why it is not; `_ASK` where that is not known.

        Args:
            inbound: the event.
            bound: whether the thread has a conversation; None where nobody has asked.
        """
        body = inbound.body
        action = wanted_by(body)
        if action is None:
            return inbound
        team = self._team()
        if isinstance(body, Message) and not body.direct:
            addressed = self._addressed(team, inbound.thread, body)
            if addressed is None and bound is None:
                return _ASK
            if not (addressed or bound):
                return _NOT_ADDRESSED
        try:
            authorize(team, inbound.sender, action)
        except Refused as refused:
            words = _words_alone(body)
            if words and self._introduces(inbound.sender, words):
                said = isinstance(body, Message)
                command = Command(text=words, direct=True)
                return replace(inbound, body=command) if said else inbound
            return _Drop("stranger", refused)
        if isinstance(body, Message) and self._is_command(body.text):
            return replace(inbound, body=Command(text=body.text, direct=body.direct))
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
