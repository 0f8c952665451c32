"""What time does to approvals: reminders, the next groups of people, the end; and lost wakes.

At half of a question's time those who see it are reminded; in the other half the groups that were
not asked yet are asked, one after the other at equal distances; at its end it is a no. Everything
here may be done twice, by any process.
"""

import logging
from collections.abc import Container, Iterable, Sequence
from datetime import datetime

from runtime.approvals.book import WAITS, ApprovalBook
from runtime.approvals.cards import short_id
from runtime.approvals.questions import Questions
from runtime.ids import ApprovalId, TurnId
from runtime.model.approval import Approval, ApprovalState
from runtime.model.localtime import show_time
from runtime.model.team import Member
from runtime.model.turn import Turn, TurnState
from runtime.money.pauses import TakeUp
from runtime.parked import Parked

log = logging.getLogger("nightdesk.approvals")

_OVER = frozenset({TurnState.DONE, TurnState.FAILED, TurnState.STOPPED})


class Vigil:
    """Looks after open approvals."""

    def __init__(
        self, book: ApprovalBook, questions: Questions, parked: Parked, *, take_up: TakeUp
    ) -> None:
        """Look after the approvals of `book`; those of turns that ended go to `questions`.

        Turns that are in `parked` for nothing are taken up by `take_up`.
        """
        self._book = book
        self._questions = questions
        self._parked = parked
        self._take_up = take_up
        self._for_nothing: set[tuple[TurnId, int]] = set()
        self._done: set[tuple[ApprovalId, str]] = set()

    async def tick(self) -> datetime | None:
        """Do what is due; returns when to look again, or None where nothing is open."""
        for late in await self._book.approvals.overdue(now=self._book.clock.now()):
            await self._book.expire(late)
        waiting = await self._book.approvals.open()
        for approval in waiting:
            await self._look_at(approval)
        approvals = self._book.approvals
        await self._look_at_orphans([*await approvals.approved(), *await approvals.executing()])
        await self._look_at_parked()
        still = {approval.id for approval in waiting}
        self._done = {(this, what) for this, what in self._done if this in still}
        times = [at for approval in waiting for at in self._times(approval)]
        last = await self._book.approvals.next_time()
        return min([*times, *([last] if last else [])], default=None)

    async def recover(self) -> None:
        """Learn what waits, and take up what was decided while nobody lived to take it up."""
        await self.tick()

    async def _look_at(self, approval: Approval) -> None:
        if await self._is_over(approval):
            await self._questions.orphaned(approval)
            return
        now = self._book.clock.now()
        if now >= _half(approval) and self._first(approval, "remind"):
            words = self._still(approval)
            await self._book.say(await self._book.cards.say(approval, "remind", words))
        for at, group in self._later(approval):
            role = group[0].role
            if now >= at and self._first(approval, role):
                await self._book.say(await self._book.cards.to_group(approval, group))
                log.info("approval.escalated", extra={"approval": approval.id, "to": role})

    def _later(self, approval: Approval) -> list[tuple[datetime, Sequence[Member]]]:
        """When each group is asked that was not asked at once, in order."""
        later = self._book.cards.asked_later(approval)
        half = _half(approval)
        step = (approval.expires_at - half) / (len(later) + 1)
        return [(half + step * place, group) for place, group in enumerate(later, start=1)]

    async def _look_at_orphans(self, decided: Iterable[Approval]) -> None:
        """What people said yes to runs in its turn, and where that is over, not at all."""
        for approval in decided:
            if await self._is_over(approval):
                await self._questions.orphaned(approval)

    async def _is_over(self, approval: Approval) -> bool:
        return await self._book.store.turns.state(approval.turn) in _OVER

    async def _look_at_parked(self) -> None:
        last = None
        before, self._for_nothing = self._for_nothing, set()
        while page := await self._book.store.turns.parked(after=last):
            for turn in page:
                await self._look_at_turn(turn, before)
            last = page[-1].id

    async def _look_at_turn(self, turn: Turn, before: Container[tuple[TurnId, int]]) -> None:
        """Take a parked turn up where people decided, and whoever heard of that died.

        One that waits for nothing at two looks is not about to go on: nobody else takes it up.
        """
        if turn.thread is not None:
            self._parked.add(turn.conversation)
        if await self._book.store.budgets.paused(turn.id) is not None:
            return  # it waits for money
        asked = await self._book.approvals.of_turn(turn.id)
        approved = [one for one in asked if one.state is ApprovalState.APPROVED]
        if approved or not any(one.state in WAITS for one in asked):
            for approval in (approved or asked)[-1:]:
                await self._book.resume(approval)
            if not approved:
                await self._take_up_lost(turn, again=(turn.id, turn.fence) in before)

    async def _take_up_lost(self, turn: Turn, *, again: bool) -> None:
        self._for_nothing.add((turn.id, turn.fence))
        if again:
            is_run, key = turn.thread is None, f"lost/{turn.fence}"
            if await self._take_up(turn.id, turn.conversation, is_run=is_run, key=key):
                log.warning("turn.waited_for_nothing", extra={"turn": turn.id})

    def _first(self, approval: Approval, what: str) -> bool:
        if (approval.id, what) in self._done:
            return False
        self._done.add((approval.id, what))
        return True

    def _times(self, approval: Approval) -> list[datetime]:
        now = self._book.clock.now()
        asked = [at for at, _ in self._later(approval)]
        return [at for at in (_half(approval), *asked, approval.expires_at) if at > now]

    def _still(self, approval: Approval) -> str:
        zone = self._book.team().zone
        until = show_time(approval.expires_at, zone, now=self._book.clock.now())
        this = short_id(approval)
        return (
            f"Approval `{this}` of `{approval.frozen.tool}` still waits for a yes or a no, "
            f"until {until}. `/approve show {this}` shows it."
        )


def _half(approval: Approval) -> datetime:
    """When half of its time is over."""
    return approval.created_at + (approval.expires_at - approval.created_at) / 2
