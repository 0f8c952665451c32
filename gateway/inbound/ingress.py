"""From a parsed event to a row of the inbox, and from the row to its conversation's mailbox.

Everything up to the row happens before the platform is told that we have the event, so it is
short: judge by the configuration, one durable insert. The rest happens afterwards, and again
after a crash, from the row.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial

from gateway.inbound.appending import Appending
from gateway.inbound.arriving import Arriving
from gateway.inbound.backlog import Backlog
from gateway.inbound.bindings import Bindings
from gateway.inbound.early import EarlyReplies
from gateway.inbound.judging import ASK, Drop, Judge
from gateway.inbound.strangers import Strangers
from gateway.inbound.urgent import Urgent
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import Retryable
from runtime.ids import AgentName, ConversationId, IdSource, InboxId
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Inbound, Lane, Message, Received
from runtime.model.team import Team
from runtime.ports import Dispatch, Store, Stored
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.ingress")


def _nobody(_who: Principal, _words: str) -> bool:
    return False


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
        self._strangers = strangers
        self._clock = clock
        self._ids = ids
        self._activity = activity
        self._urgent = urgent
        self._early = EarlyReplies(bindings, store.outbox, clock=clock)
        self._accepted: deque[Received] = deque()
        self._backlog: Backlog | None = None
        self._something = asyncio.Event()
        self._arriving = Arriving()
        self._appending = Appending(store.inbox)
        self._judge = Judge(
            team, is_command=is_command, introduces=introduces, ours=self._may_be_known
        )
        # The database stores without being waited for, until it shows that it does not.
        self._at_once = True

    async def __call__(self, inbound: Inbound, *, first: bool = False) -> None:
        """Judge and store the event; durable, or dropped for a logged reason, when this returns.

        Args:
            inbound: the event.
            first: store it before what else is to be written, as a STOP is anyway.

        Raises:
            StorageUnavailable: it was not stored.
        """
        judged = self._judge(inbound)
        if judged is ASK:
            judged = self._judge(inbound, bound=await self._may_be_ours(inbound))
        if isinstance(judged, Drop):
            log.info("ingress.dropped", extra={"reason": judged.reason, "key": inbound.event_key})
            if judged.refused is not None:
                await self._strangers.met(inbound, judged.refused)
            if inbound.cursor is not None:
                await self._store.inbox.move(inbound.cursor)
            return
        [received] = self._received([judged])
        self._begin(inbound.thread)
        new: bool | None = None
        try:
            if self._urgent.means(received):
                new = await self._appending.stop(received)
            elif first:
                new = await self._appending.first(received)
            else:
                new = await self._appending.in_turn(received)
        finally:
            self._settle(received, new=new)

    async def in_stream(self, inbound: Inbound) -> None:
        """The same for a listener's event, whose next comes once this is stored: a STOP, perhaps.

        So it goes first, as what comes by webhooks does.
        """
        await self(inbound, first=True)

    def offer(self, events: Sequence[Inbound], stored: Stored) -> None:
        """Accept ordinary events without waiting, so without a task: see `gateway.http.webhook`.

        Nothing is done with what is to be dropped, with what the database must be asked about, and
        with anything where the database stores nothing without being waited for.

        Raises:
            NightdeskError: nothing is stored any more.
        """
        judged = self._judge.each(events)
        refused: list[int] = []
        taken: list[int] = []
        good: list[Inbound] = []
        for number, inbound in enumerate(judged):
            if isinstance(inbound, Drop) or not self._at_once:
                refused.append(number)
            else:
                taken.append(number)
                good.append(inbound)
        rows = self._received(good)
        # A STOP takes along what waits in its thread, which is not done in one go.
        if any(self._urgent.means(row) and self._appending.waits(row) for row in rows) or (
            rows and not self._append(rows, lambda on_disk: stored(taken, on_disk))
        ):
            refused += taken
        if refused:
            stored(refused, False)

    def _append(self, rows: Sequence[Received], stored: Callable[[bool], None]) -> bool:
        """Store the events; False where the database has to be waited for."""
        storing = self._store.inbox.append_all(rows)
        if not isinstance(storing, asyncio.Future):
            self._at_once = False
            if isinstance(storing, Coroutine):
                storing.close()
            return False
        for received in rows:
            self._begin(received.inbound.thread)
        storing.add_done_callback(lambda ended: self._appended(rows, stored, ended))
        return True

    def _appended(
        self,
        rows: Sequence[Received],
        stored: Callable[[bool], None],
        storing: asyncio.Future[Sequence[bool]],
    ) -> None:
        good = not storing.cancelled() and storing.exception() is None
        news: Sequence[bool | None] = storing.result() if good else [None] * len(rows)
        if all(news) and self._backlog is None:
            self._activity.begin(len(rows))
            for received in rows:
                self._hand_over(received)
        else:
            for received, new in zip(rows, news, strict=True):
                self._settle(received, new=new)
        stored(good)

    def _received(self, judged: Sequence[Inbound]) -> Sequence[Received]:
        now = self._clock.now()
        received = [
            Received(
                id=InboxId(key),
                lane=Lane.TURN if isinstance(inbound.body, Message) else Lane.COMMAND,
                inbound=inbound,
                received_at=now,
            )
            for key, inbound in zip(self._ids.several(len(judged)), judged, strict=True)
        ]
        if self._backlog is not None:
            self._backlog.since.update(row.id for row in received)
        return received

    def _begin(self, thread: ThreadRef) -> None:
        """Count an event of a thread that is not known yet; of others it need not be known."""
        if not self._bindings.recalls(thread):
            self._arriving.begin(thread)

    def _settle(self, received: Received, *, new: bool | None) -> None:
        """What was arriving is stored and goes on its way, or is forgotten.

        `new` is False where it was stored before, and None where it could not be stored.
        """
        if new:
            self._activity.begin()
            backlog = self._backlog
            if backlog is None or backlog.before is not None or self._urgent.means(received):
                self._hand_over(received)
            else:
                backlog.behind.append(received)
            return
        self._arriving.end(received.inbound.thread)
        if new is not None:
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
        self._backlog = Backlog(before)
        return self._take_page(self._backlog, rows)

    async def _next_page(self, backlog: Backlog) -> None:
        rows = await self._store.inbox.pending(after=backlog.after)
        self._take_page(backlog, rows)

    def _take_page(self, backlog: Backlog, rows: Sequence[Received]) -> int:
        """Hand a page of the backlog over; an empty one is its end."""
        if not rows:
            self._backlog = None
            for received in backlog.behind:
                self._hand_over(received)
            self._activity.end()
            return 0
        old = backlog.of_page(rows)
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
            known = self._bindings.recall(thread)
            if known is None or not await self._posted(known, received):
                await self._bind_new()
                await until_stored(
                    lambda: self._deliver(received), clock=self._clock, what=received.id
                )
        finally:
            self._accepted.popleft()
            self._arriving.end(thread)
            self._activity.end()

    def _hand_over(self, received: Received) -> None:
        if received.lane is Lane.COMMAND and self._urgent.takes(received):
            self._arriving.end(received.inbound.thread)
        elif not self._early.hold(received):
            self._accept(received)

    def _accept(self, received: Received) -> None:
        self._accepted.append(received)
        self._something.set()

    async def _released(self, early: Sequence[Received]) -> None:
        """Early replies are late enough: on their way, or dropped where a thread is not ours."""
        uncalled = {e.inbound.thread for e in early if not self._judge.calls_us(e.inbound)}
        # In this order: what leaves the line has bound its thread before.
        ours = {waiting.inbound.thread for waiting in self._accepted}
        unknown = uncalled - ours

        async def bound() -> set[ThreadRef]:
            return await self._bindings.bound_among(unknown)

        ours |= await until_stored(bound, clock=self._clock, what="early replies")
        strange: list[Received] = []
        for received in early:
            thread = received.inbound.thread
            if thread in ours or self._judge.calls_us(received.inbound):
                ours.add(thread)
                self._accept(received)
            else:
                strange.append(received)
        if strange:
            await self._forget(strange)

    async def _forget(self, strange: Sequence[Received]) -> None:
        """Drop what was accepted and turns out to be in threads that are not ours."""
        rows = [received.id for received in strange]

        async def drop() -> None:
            await self._store.inbox.drop(rows)

        await until_stored(drop, clock=self._clock, what="early replies")
        for received in strange:
            key = received.inbound.event_key
            log.info("ingress.dropped", extra={"reason": "not_ours", "key": key})
            self._arriving.end(received.inbound.thread)
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

    async def _posted(self, known: ConversationId, received: Received) -> bool:
        """Whether it could be handed on at once, as most often."""
        try:
            await self._dispatch.post(known, received)
        except Retryable:
            return False
        return True

    async def _deliver(self, received: Received) -> None:
        conversation = await self._conversation(received.inbound.thread)
        await self._dispatch.post(conversation, received)

    async def _conversation(self, thread: ThreadRef) -> ConversationId:
        return await self._bindings.conversation(thread, self._agent(thread))

    def _agent(self, thread: ThreadRef) -> AgentName:
        team = self._team()
        rule = team.rule_of(thread.channel)
        return rule.agent if rule else team.agents[0].name

    async def _may_be_ours(self, inbound: Inbound) -> bool:
        """Whether the thread has a conversation, or may be about to have one."""
        thread = inbound.thread
        return await self._bindings.is_bound(thread) or await self._early.possible(
            thread, inbound.body
        )

    def _may_be_known(self, thread: ThreadRef) -> bool:
        """Whether the thread is known to have a conversation, or to get one."""
        return thread in self._arriving or self._bindings.recalls(thread)
