"""Where the cards of an approval go, as rows of the outbox: new ones, and new faces of old ones."""

import logging
from collections.abc import Callable, Mapping, Sequence

from runtime.approvals.cards import card
from runtime.approvers import groups, objection
from runtime.clock import Clock
from runtime.egress import Withheld, clear, clear_question
from runtime.errors import Permanent, Retryable
from runtime.ids import OutboxId, Platform, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval
from runtime.model.messages import Cleared, Content, Proactive, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.team import Member, Team
from runtime.model.trust import ChannelState
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort

log = logging.getLogger("nightdesk.approvals")


class Cards:
    """Makes the rows that show an approval."""

    def __init__(
        self,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
    ) -> None:
        """Show approvals to the people of `team`, over `chats`."""
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock

    async def first(
        self, approval: Approval, known: ChannelState | None = None
    ) -> list[OutboxItem]:
        """The cards of a question: in the thread where the person wrote, or to those who decide.

        Where the thread is the person's own direct conversation and they cannot decide alone,
        those who can are written to as well: nobody else would see it. What no thread asks is asked
        in the team's channel for that, of which `known` is known; where there is none that may be
        written to, those who decide are.
        """
        rows: list[OutboxItem] = []
        thread = approval.thread
        if thread is not None:
            rows += self._rows(self._reply(approval, thread))
        elif channel := self._team().approvals:
            rows += self._in_channel(approval, ThreadRef(channel), known)
            if rows:
                return rows
        if self._asks_a_group(approval):
            for group in groups(self._team(), approval):
                if direct := await self.to_group(approval, group):
                    return [*rows, *direct]
        return rows

    async def to_group(
        self, approval: Approval, group: Sequence[Member], words: str = ""
    ) -> list[OutboxItem]:
        """Cards in the direct conversations of those deciders, each with those words before it."""
        rows: list[OutboxItem] = []
        for member in group:
            rows += await self._to_member(approval, member, words)
        return rows

    def seen_in(self, approval: Approval) -> ThreadRef | None:
        """The thread or channel where those who decide see its card; None where there is none."""
        thread, channel = approval.thread, self._team().approvals
        if thread is not None:
            return None if self._nobody_sees(approval, thread) else thread
        return ThreadRef(channel) if channel else None

    def id_of(self, approval: Approval, thread: ThreadRef) -> OutboxId:
        """The row of its first card in that place."""
        return self._id("card", approval, thread, "")

    def word(
        self, approval: Approval, thread: ThreadRef, text: str, known: ChannelState | None
    ) -> Sequence[OutboxItem]:
        """A few words about it in a channel, of which that is known, where it may be posted to."""
        this = self._id("word", approval, thread, "")
        message = Proactive(id=this, thread=thread, content=Content(text, ours=True))
        cleared = clear(message, self._team(), known)
        return () if isinstance(cleared, Withheld) else self._rows(cleared)

    def asked_later(self, approval: Approval) -> Sequence[Sequence[Member]]:
        """The groups of deciders who were not asked at once, the next one first. None is empty."""
        # Where the channel could not be asked the first group was: once more changes nothing.
        at_once = self._asks_a_group(approval) and not self._has_channel(approval)
        return groups(self._team(), approval)[1 if at_once else 0 :]

    def again(self, approval: Approval) -> list[OutboxItem]:
        """What every card that there is becomes."""
        content = self.face(approval)
        return [
            row
            for shown in approval.cards
            for row in self._rows(
                Reply(
                    id=self._id("update", approval, shown.thread, shown.message),
                    thread=shown.thread,
                    content=content,
                    draft=shown.message,
                )
            )
        ]

    async def say(self, approval: Approval, what: str, text: str) -> list[OutboxItem]:
        """A few words where its cards are and messages may go; once for each `what`.

        What a thread asks is said where its cards are; of what nobody waits for people hear in the
        direct conversations of those who may decide, and in channels on the list.
        """
        places = list(dict.fromkeys(shown.thread for shown in approval.cards))
        if approval.thread is None:
            direct = await self.directs(approval)
            places = [one for one in places if one in direct or self._is_listed(one)]
        return [
            row
            for thread in places
            for row in self._rows(
                Reply(
                    id=self._id(what, approval, thread, ""),
                    thread=thread,
                    content=Content(text, ours=True),
                )
            )
        ]

    def face(self, approval: Approval) -> Content:
        """The card as it is now."""
        return card(approval, self._team(), now=self._clock.now())

    async def directs(self, approval: Approval) -> set[ThreadRef]:
        """The direct conversations of those who may decide it now."""
        team = self._team()
        everybody = [
            who for group in groups(team, approval) for one in group for who in one.principals
        ]
        found = [await self._direct(who) for who in everybody]
        return {thread for thread in found if thread is not None}

    def _reply(self, approval: Approval, thread: ThreadRef) -> Reply:
        this = self.id_of(approval, thread)
        return Reply(id=this, thread=thread, content=self.face(approval))

    async def _to_member(
        self, approval: Approval, member: Member, words: str = ""
    ) -> list[OutboxItem]:
        rows: list[OutboxItem] = []
        for who in member.principals:
            thread = await self._direct(who)
            if thread is None:
                continue
            said = [("why", Content(words, ours=True))] if words else []
            for what, content in (*said, ("card", self.face(approval))):
                this = self._id(what, approval, thread, "")
                message = Proactive(id=this, thread=thread, content=content)
                cleared = clear_question(message, self._team(), who)
                if not isinstance(cleared, Withheld):
                    rows += self._rows(cleared)
        return rows

    def _in_channel(
        self, approval: Approval, thread: ThreadRef, known: ChannelState | None
    ) -> Sequence[OutboxItem]:
        this = self.id_of(approval, thread)
        message = Proactive(id=this, thread=thread, content=self.face(approval))
        cleared = clear(message, self._team(), known)
        if isinstance(cleared, Withheld):
            log.warning("approval.channel_closed", extra={"why": cleared.reason})
            return ()
        return self._rows(cleared)

    def _has_channel(self, approval: Approval) -> bool:
        return approval.thread is None and self._team().approvals is not None

    def _is_listed(self, thread: ThreadRef) -> bool:
        """Whether the list has the channel."""
        rule = self._team().rule_of(thread.channel)
        return rule is not None and rule.proactive

    async def _direct(self, who: Principal) -> ThreadRef | None:
        """The person's direct conversation; None where there is none now."""
        chat = self._chats.get(who.platform)
        if chat is None:
            return None
        try:
            return await chat.direct(who)
        except (Retryable, Permanent) as error:
            log.warning("approval.unreachable", extra={"why": str(error)})
            return None

    def _asks_a_group(self, approval: Approval) -> bool:
        """Whether the first group is asked at once: what is asked reaches no deciders otherwise."""
        return approval.thread is None or self._nobody_sees(approval, approval.thread)

    def _nobody_sees(self, approval: Approval, thread: ThreadRef) -> bool:
        """Whether who asked is the only one who sees the thread, and not enough to decide."""
        team = self._team()
        direct = team.rule_of(thread.channel) is None
        return direct and bool(objection(team, approval.requester, approval) or approval.needed > 1)

    def _id(self, what: str, approval: Approval, thread: ThreadRef, message: str) -> OutboxId:
        """The same for the same card of the same approval in the same state."""
        ref = thread.channel
        stages = {"card": approval.state, "update": f"{approval.state}/{len(approval.votes)}"}
        stage = stages.get(what, "")
        place = (ref.platform, ref.workspace, ref.channel, thread.root)
        return OutboxId(derived("approval", what, approval.id, *place, message, stage))

    def _rows(self, message: Reply | Cleared) -> Sequence[OutboxItem]:
        return compose(message, split=self._split, now=self._clock.now())
