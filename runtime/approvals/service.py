"""What people say to approvals: yes, no, something else, and what became of it.

Who may is looked at when they press. Words alone never decide: each of these is a button, a form
or a command, and names the approval by its id.
"""

import logging
from dataclasses import replace
from datetime import datetime

from runtime.approvals import cards, checkpoints
from runtime.approvals.book import ApprovalBook
from runtime.approvals.decided import Decided
from runtime.approvals.edits import changed
from runtime.approvals.granting import Coverage
from runtime.approvals.judging import context_of
from runtime.approvals.questions import Questions
from runtime.approvers import name_of, objection, person
from runtime.errors import Conflict, Refused
from runtime.ids import AgentName, ApprovalId, ToolCallId, derived, unguessable
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import (
    GRANTED_FOR,
    Approval,
    ApprovalEvent,
    ApprovalState,
    Frozen,
    Grant,
    Vote,
    after,
    pattern_of,
)
from runtime.model.messages import Content
from runtime.model.tools import ToolCall
from runtime.ports import Tools

log = logging.getLogger("nightdesk.approvals")

SHORTEST_ID = 6
"""Characters of an id that a person must write at the least."""
GRANTS_SHOWN = 20
"""Of what is allowed for a time, so many are shown in one go."""
_NEVER_RUNS = frozenset({ApprovalState.DENIED, ApprovalState.EXPIRED, ApprovalState.CANCELLED})


class ApprovalService:
    """Notes what people say."""

    def __init__(self, book: ApprovalBook, tools: Tools, questions: Questions) -> None:
        """Note it in `book`; what is edited must fit `tools`, and be one of the `questions`."""
        self._book = book
        self._tools = tools
        self._questions = questions
        self.decided = Decided(book.store, team=book.team)

    # ---- deciding

    async def find(self, written: str) -> Approval:
        """The approval that a person means by its id or by the beginning of it.

        Raises:
            Refused: there is none, or it could be more than one.
        """
        if whole := await self._book.approvals.get(ApprovalId(written)):
            return whole
        if len(written) >= SHORTEST_ID and written.isascii() and written.isprintable():
            waiting = await self.waiting()
            meant = [one for one in waiting if one.id.startswith(written)]
            # What is over is found as well: whoever comes late is told how it ended.
            meant = meant or await self._book.approvals.beginning(written)
            if len(meant) == 1:
                return meant[0]
        if written and len(written) < SHORTEST_ID:
            raise Refused(
                f"“{written}” is too short for an id: write its first {SHORTEST_ID} characters.",
                hint="/approve list shows those that are open.",
            )
        raise Refused(
            f"There is no open approval “{written[:30]}”.", hint="/approve list shows those."
        )

    async def waiting(self) -> list[Approval]:
        """Everything that waits for a person, oldest first."""
        approvals = self._book.approvals
        return [*await approvals.unclear(), *await approvals.open()]

    async def in_thread(self, thread: ThreadRef) -> list[Approval]:
        """What waits for a yes in that thread: was asked in it, or is shown in it; oldest first."""
        waiting = await self._book.approvals.open()
        now = self._book.clock.now()
        return [one for one in waiting if one.expires_at > now and one.is_in(thread)]

    def seen_since(self, approval: Approval, thread: ThreadRef) -> datetime | None:
        """Since when people can see its card in that thread; None where it never arrived there."""
        if not any(card.is_in(thread) for card in approval.cards):
            return None
        return self._book.shown_at(approval.id) or approval.created_at

    async def approve(self, approval: Approval, who: Principal, *, shown: str) -> Approval:
        """Note a person's yes to what they were shown; `shown` begins its digest.

        Where they said it before, it comes back as it is now: a crash has a press done again.

        Raises:
            Refused: they may not, or it is too late, or it is another thing; says which.
        """
        self.require_right(approval, who)
        if not self._said_yes(approval, who):
            await self._require_open(approval)
        bytes_hold = approval.frozen.digest() == approval.digest
        if not bytes_hold or not shown or not approval.digest.startswith(shown):
            raise Refused(
                "This is not what the approval is bound to.",
                hint=f"/approve show {cards.short_id(approval)} shows it, with its hash.",
            )
        if approval.state is not ApprovalState.PENDING:
            return await self._done_before(approval)
        vote = Vote(by=person(self._book.team(), who), at=self._book.clock.now())
        foreseen = _with_vote(approval, vote)
        try:
            voted = await self._book.approvals.vote(
                approval.id, vote, digest=approval.digest, rows=self._book.cards.again(foreseen)
            )
        except Conflict:
            raise await self._too_late(approval) from None
        if (voted.state, voted.votes, voted.cards) != (
            foreseen.state,
            foreseen.votes,
            foreseen.cards,
        ):
            await self._book.say(self._book.cards.again(voted))
        log.info("approval.voted", extra={"approval": voted.id, "state": voted.state})
        await self._book.changed(voted, resumes=True)
        return voted

    async def always(
        self, approval: Approval, who: Principal, *, shown: str
    ) -> tuple[Approval, Grant]:
        """Approve it, and allow for a time what its card says: the same, but for what varies.

        Raises:
            Refused: as for `approve`, or it may not be allowed for a time.
        """
        if approval.too_often:
            raise Refused(
                "This is asked for because it happens too often, which nothing lifts for a time.",
                hint="Approve it this once.",
            )
        if await self._questions.runs_by_itself(approval):
            raise Refused(
                "The policy lets this run by itself now, so nothing is to be allowed for a time.",
                hint="Approve it this once.",
            )
        if not cards.may_always(approval):
            raise Refused("This must be asked for each time.", hint="Approve it this once.")
        if await self._questions.judging.varies(approval) != approval.varies:
            raise Refused(
                "What may vary is not what its card says any more: the tool or the policy changed.",
                hint="Approve it this once.",
            )
        if approval.state in _NEVER_RUNS:
            raise await self._too_late(approval)
        # The yes and the grant are two transactions. A crash between them has the press done
        # again: the yes is there then, and what is granted already is not granted anew.
        approved = await self.approve(approval, who, shown=shown)
        now = self._book.clock.now()
        pattern = pattern_of(approval.frozen, approval.varies)
        grant = await self._book.store.grants.add(
            Grant(
                id=approval.id,
                agent=approval.agent,
                frozen=pattern.frozen,
                varies=pattern.varies,
                digest=pattern.digest(),
                given_by=person(self._book.team(), who),
                given_at=now,
                expires_at=now + GRANTED_FOR,
            )
        )
        return approved, grant

    async def deny(self, approval: Approval, who: Principal, reason: str) -> Approval:
        """Note a person's no; who asked may take it back, too.

        Raises:
            Refused: they may not, or it is decided.
        """
        team = self._book.team()
        if person(team, who) != person(team, approval.requester):
            self.require_right(approval, who)
        note = reason.strip()
        if self._did(approval, ApprovalState.DENIED, who, note):
            return await self._done_before(approval)
        await self._require_open(approval)
        return await self._change(approval, ApprovalEvent.DENY, by=who, note=note)

    async def edit(self, approval: Approval, who: Principal, changes: str) -> Approval:
        """Ask anew with other arguments; the question that was asked before is taken back.

        Raises:
            Refused: they may not, it is decided, or the arguments do not fit.
        """
        self.require_right(approval, who)
        if approval.state is not ApprovalState.CANCELLED:
            await self._require_open(approval)
        arguments, difference = changed(approval.frozen.arguments, changes)
        call = ToolCall(id=approval.call, name=approval.frozen.tool, arguments=arguments)
        frozen = await self._tools.frozen(call, context_of(approval))
        checkpoints.require_only_next(approval.frozen, frozen)
        # A crash has an edit done again: what it asked is there then, and is not asked anew.
        asked = await self._asked_instead(approval, frozen, who, difference)
        if asked is None:
            await self._require_open(approval)
            asked = await self._ask_instead(approval, frozen, who, difference)
        if asked.state is ApprovalState.PENDING:
            await self._book.announce(asked)
        return asked

    async def require_editable(self, approval: Approval, who: Principal) -> None:
        """Return where the person may edit it, and nobody has decided it.

        Raises:
            Refused: they may not, or it is decided; says by whom.
        """
        self.require_right(approval, who)
        await self._require_open(approval)

    async def _asked_instead(
        self, approval: Approval, frozen: Frozen, who: Principal, difference: str
    ) -> Approval | None:
        """What the same edit by the same person asked before.

        It may have been frozen as something else: “tomorrow” was another day then.
        """
        by = _edited_by(name_of(self._book.team(), who))
        for one in await self._book.approvals.of_turn(approval.turn):
            _, edited, lines = one.reason.partition(f"{by}\n")
            same = one.digest == frozen.digest() or lines == difference
            if one.replaces == approval.id and edited and same:
                return one
        return None

    async def _ask_instead(
        self, approval: Approval, frozen: Frozen, who: Principal, difference: str
    ) -> Approval:
        another = replace(
            approval,
            id=ApprovalId(unguessable()),
            frozen=frozen,
            digest=frozen.digest(),
            call=ToolCallId(derived("edited", approval.id)),
            replaces=approval.id,
            votes=(),
            cards=(),
        )
        judged = await self._questions.edited(another)
        by = _edited_by(name_of(self._book.team(), who))
        another = replace(
            another, needed=judged.needed, reason=f"{judged.reason}{by}\n{difference}"
        )
        another = replace(another, varies=await self._questions.judging.varies(another))
        anchor = person(self._book.team(), who)
        note = f"Edited by {name_of(self._book.team(), who)}: "
        note += f"approval {cards.short_id(another)} is asked instead."
        try:
            await self._book.exchange(approval, another, by=anchor, note=note)
        except Conflict:
            # Somebody decided it, or edited it, at the same moment.
            same = await self._asked_instead(approval, frozen, who, difference)
            if same is None:
                raise await self._too_late(approval) from None
            return same
        return another

    async def looked(self, approval: Approval, who: Principal, *, happened: bool) -> Approval:
        """A person looked, and says what became of what may have run.

        Raises:
            Refused: they may not, or it is known already.
        """
        self.require_right(replace(approval, needed=1), who)
        event = ApprovalEvent.SUCCEED if happened else ApprovalEvent.FAIL
        by = name_of(self._book.team(), who)
        found = "it did take effect" if happened else "it did not take effect, or not rightly"
        note = f"{by} looked after a crash: {found}. Its own answer is lost."
        if self._did(approval, after(ApprovalState.UNKNOWN, event), who, note):
            return await self._done_before(approval)
        if approval.state in (ApprovalState.PENDING, ApprovalState.APPROVED):
            raise Refused(
                "It has not run yet, so there is nothing to look at.",
                hint="Only what may have run before a crash is marked.",
            )
        if approval.state is not ApprovalState.UNKNOWN:
            raise await self._too_late(approval)
        return await self._change(approval, event, by=who, note=note)

    async def grants(self, since: int = 0) -> tuple[list[tuple[Grant, str]], int]:
        """What is allowed for a time now from that number on, and how much more there is.

        Oldest first, a page of them, and why each covers nothing by now.
        """
        grants, now = self._book.store.grants, self._book.clock.now()
        page = await grants.active(now=now, since=since, limit=GRANTS_SHOWN)
        more = await grants.count(now=now, since=page[-1].number + 1) if page else 0
        return [(grant, await self._questions.granting.ended_by(grant)) for grant in page], more

    async def coverage(self, call: ToolCall, agent: AgentName, who: Principal) -> Coverage | None:
        """What a yes for a time is to that call: see `Granting.coverage`."""
        return await self._questions.granting.coverage(call, agent, who)

    async def revoke(self, number: int, who: Principal) -> Grant:
        """End a grant, as that person wants.

        Raises:
            Refused: there is none of that number in force.
        """
        found = await self._book.store.grants.revoke(
            number, now=self._book.clock.now(), by=person(self._book.team(), who)
        )
        if found is None:
            raise Refused(f"There is no grant {number}.", hint="/approve grants shows those.")
        return found

    def face(self, approval: Approval) -> Content:
        """Its card as it is now."""
        return self._book.cards.face(approval)

    def require_right(self, approval: Approval, who: Principal) -> None:
        """Return where the person may say yes to it.

        Raises:
            Refused: they may not; says why, and who may.
        """
        if why := objection(self._book.team(), who, approval):
            raise Refused(why)

    def _said_yes(self, approval: Approval, who: Principal) -> bool:
        by = person(self._book.team(), who)
        decided = approval.state is not ApprovalState.PENDING
        return decided and any(vote.by == by for vote in approval.votes)

    def _did(self, approval: Approval, state: ApprovalState, who: Principal, note: str) -> bool:
        """Whether that person brought it there, with those words."""
        ended = (approval.state, approval.decided_by, approval.note)
        return ended == (state, person(self._book.team(), who), note)

    async def _done_before(self, approval: Approval) -> Approval:
        """What a press did before a crash: whoever waits for it is woken again."""
        await self._book.changed(approval, resumes=True)
        return approval

    async def _require_open(self, approval: Approval) -> None:
        if approval.state is not ApprovalState.PENDING:
            raise await self._too_late(approval)
        if approval.expires_at <= self._book.clock.now():
            await self._book.expire(approval)
            raise Refused("Its time is over, which is a no.", hint="The agent can ask again.")

    async def _too_late(self, approval: Approval) -> Refused:
        """What to tell whoever came after somebody else."""
        now = await self._book.approvals.get(approval.id) or approval
        if now.state is ApprovalState.UNKNOWN:
            return Refused(
                "It may have run already: please look, and say what became of it.",
                hint=f"/approve mark {cards.short_id(now)} done, or failed",
            )
        by = f": decided by {name_of(self._book.team(), now.decided_by)}" if now.decided_by else ""
        return Refused(f"It is already {now.state}{by}.")

    async def _change(
        self,
        approval: Approval,
        event: ApprovalEvent,
        *,
        by: Principal,
        note: str = "",
    ) -> Approval:
        anchor = person(self._book.team(), by)
        try:
            return await self._book.change(approval, event, by=anchor, note=note)
        except Conflict:
            raise await self._too_late(approval) from None


def _with_vote(approval: Approval, vote: Vote) -> Approval:
    """The approval as it will be, if nobody else votes meanwhile."""
    if any(known.by == vote.by for known in approval.votes):
        return approval
    votes = (*approval.votes, vote)
    if len(votes) < approval.needed:
        return replace(approval, votes=votes)
    return replace(approval, votes=votes, state=ApprovalState.APPROVED)


def _edited_by(name: str) -> str:
    """How the reason of an edited question goes on, before the difference."""
    return f"; edited by {name}"
