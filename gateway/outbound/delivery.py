"""The delivery of one message: whether it may go, what its platform answers, and what follows."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from gateway.outbound.answers import Answer, Answers
from gateway.outbound.ends import Ends
from gateway.outbound.indoubt import FIRST_PAUSE, GIVE_UP_AFTER, SENT_AGAIN, InDoubt
from gateway.outbound.pace import Pace
from runtime.clock import Clock
from runtime.egress import objection_now
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import IdSource, Platform
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.team import Team
from runtime.ports import ChannelTrust, ChatLimits, ChatPort
from runtime.storing import STORE_PAUSE

log = logging.getLogger("nightdesk.dispatcher")


class Delivery:
    """Gives claimed messages to their platforms, and asks there for those that may have arrived.

    Both its words raise `Conflict` where another process took the message on.
    """

    def __init__(  # noqa: PLR0913 - one port or service each
        self,
        chats: Mapping[Platform, ChatPort],
        trust: ChannelTrust,
        ends: Ends,
        pace: Pace,
        *,
        team: Callable[[], Team],
        clock: Clock,
        ids: IdSource,
        held: Callable[[OutboxItem], object],
        ask_again: Callable[[InDoubt], None],
    ) -> None:
        """Deliver.

        Args:
            chats: the platforms this process can send to.
            trust: what became known of channels, for the allow-list.
            ends: writes down what becomes of messages.
            pace: how fast the platforms may be sent to.
            team: the configuration as it is now, for the allow-list.
            clock: the clock.
            ids: makes references for the log.
            held: whether a stop holds a message back.
            ask_again: is given each message for which the platform is to be asked later.
        """
        self._chats = chats
        self._trust = trust
        self._ends = ends
        self._pace = pace
        self._team = team
        self._clock = clock
        self._answers = Answers(chats, ids)
        self._held = held
        self._ask_again = ask_again

    async def deliver(self, item: OutboxItem) -> None:
        """Send one message, or say why not."""
        try:
            goes = await self._may_go(item)
        except Retryable as error:
            log.warning("outbox.not_looked_at", extra={"item": item.id, "why": str(error)})
            # It was not sent. Put off, and not only kept: it may be taken back until then.
            again = self._clock.now() + timedelta(seconds=STORE_PAUSE)
            await self._ends.noted(item, lambda: self._ends.put_off(item, again, item.error))
            return
        if goes:
            answer = await self._answers.to_send(item)
            await self._ends.noted(item, lambda: self._answered(item, answer))

    async def _may_go(self, item: OutboxItem) -> bool:
        """Whether it may be sent now; where not, that is written down.

        Raises:
            Conflict: another process took the message on.
            StorageUnavailable: nobody knows.
        """
        if self._held(item):
            await self._ends.hold(item)
            return False
        if item.proactive:
            known = await self._trust.of(item.thread.channel)
            objection = objection_now(item, self._team(), known)
            if objection:
                await self._ends.end(item, OutboxState.WITHHELD, objection)
                return False
        wait = self._pace.wait(item)
        if wait > 0:
            until = self._clock.now() + timedelta(seconds=wait)
            await self._ends.put_off(item, until, item.error)
            return False
        await self._ends.require_claim(item)
        return True

    async def _answered(self, item: OutboxItem, answer: Answer) -> None:
        match answer:
            case Retryable() as error:
                await self._ends.postpone(item, error)
            case Permanent() as error:
                await self._ends.end(item, OutboxState.DEAD, str(error))
            case Ambiguous() | None:
                now = self._clock.now()
                await self.ask(InDoubt(item, now, again_after=FIRST_PAUSE))
            case message:
                await self._ends.arrived(item, message)

    async def ask(self, in_doubt: InDoubt) -> None:
        """Ask the platform whether it has the message; only if it has not, send it again.

        A send that broke just now may still be on its way, so the next try waits a moment.
        """
        answer = await self._answers.to_find(in_doubt.item)
        await self._ends.noted(in_doubt.item, lambda: self._found(in_doubt, answer))

    async def _found(self, in_doubt: InDoubt, answer: Answer) -> None:
        item = in_doubt.item
        match answer:
            case Retryable() as error:
                await self._ask_later(in_doubt, error)
            case Ambiguous() as error:
                await self._ask_later(in_doubt, Retryable(str(error)))
            case Permanent() as error if in_doubt.may_repeat(self._limits(item), self._clock.now()):
                log.warning("outbox.sent_again", extra={"item": item.id, "why": str(error)})
                again = self._clock.now() + timedelta(seconds=in_doubt.again_after)
                await self._ends.put_off(item, again, SENT_AGAIN)
            case Permanent() as error:
                await self._ends.end(
                    item, OutboxState.DEAD, f"sent or not, nobody can tell: {error}"
                )
            case None:
                await self._ends.postpone(item, Retryable("not there", after=in_doubt.again_after))
            case message:
                await self._ends.arrived(item, message)

    def _limits(self, item: OutboxItem) -> ChatLimits:
        return self._chats[item.thread.platform].limits

    async def _ask_later(self, in_doubt: InDoubt, error: Retryable) -> None:
        """The platform cannot be asked. Sending instead could make the message twice."""
        now, item = self._clock.now(), in_doubt.item
        if now - item.created_at > GIVE_UP_AFTER:
            reason = f"sent or not, nobody could tell for a day: {error}"
            await self._ends.end(item, OutboxState.DEAD, reason)
            return
        wait = in_doubt.pause if error.after is None else error.after
        log.warning("outbox.unknown", extra={"item": item.id, "wait": wait, "why": str(error)})
        self._ask_again(in_doubt.asked_after(now, wait))
