"""What people are told of a call that runs without their yes, where policy says `notify`."""

import logging
from collections.abc import Callable, Mapping

from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.egress import Withheld, clear_question
from runtime.errors import Permanent, Retryable
from runtime.ids import OutboxId, Platform, ToolCallId, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content, Proactive, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, ToolContext

log = logging.getLogger("nightdesk.policy")


@value(kw_only=True)
class Notice:
    """A call that ran, and of which people are told.

    Attributes:
        call: which.
        tool: the name of the tool.
        failed: it ran, and failed.
        rule: whose word it is that they are told.
    """

    call: ToolCallId
    tool: str
    failed: bool
    rule: str


class Notices:
    """Makes the rows that tell people: in the thread, or to the owners for what runs by itself."""

    def __init__(
        self,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
    ) -> None:
        """Tell people of `team`, over `chats`."""
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock

    async def rows(self, notice: Notice, context: ToolContext) -> list[OutboxItem]:
        """The rows for a notice; the same ones for the same call, however often they are made.

        Nobody is mentioned in them. An owner who cannot be reached is left out, and logged.
        """
        content = Content(self._words(notice, context))
        thread = context.thread
        if thread is not None:
            reply = Reply(id=_id(notice, context, thread), thread=thread, content=content)
            return compose(reply, split=self._split, now=self._clock.now())
        rows: list[OutboxItem] = []
        for owner in self._team().owners():
            rows += await self._to_owner(owner, notice, context, content)
        return rows

    def _words(self, notice: Notice, context: ToolContext) -> str:
        who = name_of(self._team(), context.requester)
        ran = "ran, and failed" if notice.failed else "ran"
        return (
            f"For your information: `{notice.tool}` {ran}, called by {context.agent} for {who}. "
            f"The policy lets it run and has people told: {notice.rule}."
        )

    async def _to_owner(
        self, owner: Principal, notice: Notice, context: ToolContext, content: Content
    ) -> list[OutboxItem]:
        chat = self._chats.get(owner.platform)
        if chat is None:
            return []
        try:
            thread = await chat.direct(owner)
        except (Retryable, Permanent) as error:
            log.warning("policy.notify_unreachable", extra={"why": str(error)})
            return []
        message = Proactive(id=_id(notice, context, thread), thread=thread, content=content)
        cleared = clear_question(message, self._team(), owner)
        if isinstance(cleared, Withheld):
            return []
        return compose(cleared, split=self._split, now=self._clock.now())


def _id(notice: Notice, context: ToolContext, thread: ThreadRef) -> OutboxId:
    ref = thread.channel
    place = (ref.platform, ref.workspace, ref.channel, thread.root)
    return OutboxId(derived("notice", context.turn, notice.call, *place))
