"""What the executor asks people, and how what they said is used: once, in time, and as shown.

Who said yes is looked up again when it runs, and the tool must still be the one that was shown.
Nothing here runs a tool.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from runtime.approvals import cards
from runtime.approvals.book import WAITS, ApprovalBook, QuestionLimits
from runtime.approvals.granting import Granting
from runtime.approvals.judging import Judging, call_of, context_of, left_open
from runtime.approvers import deciders, name_of, voices
from runtime.errors import Conflict, Refused
from runtime.ids import ApprovalId, TurnId, unguessable
from runtime.model.approval import (
    Approval,
    ApprovalEvent,
    ApprovalState,
    Frozen,
)
from runtime.model.checkpoint import CHECKPOINT, NOT_AGAIN
from runtime.model.tools import Risk, ToolCall, ToolResult, ToolSpec
from runtime.ports import Judged, Policy, ToolContext, Tools, Verdict

log = logging.getLogger("nightdesk.approvals")

STOPPED = "What asked for it was stopped."


class Questions:
    """Asks people for calls, and lets run what they said yes to."""

    def __init__(
        self, book: ApprovalBook, tools: Tools, policy: Policy, limits: QuestionLimits
    ) -> None:
        """Ask through `book`, for calls of `tools`; `policy` is asked again before they run."""
        self._book = book
        self._tools = tools
        self.judging = Judging(tools, policy)
        self.granting = Granting(book, tools, policy)
        self.limits = limits

    # ---- asking

    async def ask(
        self, frozen: Frozen, judged: Judged, spec: ToolSpec, call: ToolCall, context: ToolContext
    ) -> Approval:
        """Ask people whether this may run; where the call asked before, that question.

        Raises:
            Refused: it is not asked; says why, for the model.
        """
        now = self._book.clock.now()
        dangerous = spec.risk is Risk.DANGEROUS
        lasts = self.limits.dangerous_for if dangerous else self.limits.open_for
        question = Approval(
            id=ApprovalId(unguessable()),
            frozen=frozen,
            digest=frozen.digest(),
            risk=spec.risk,
            reason=judged.reason,
            turn=context.turn,
            call=call.id,
            conversation=context.conversation,
            agent=context.agent,
            requester=context.requester,
            thread=context.thread,
            needed=judged.needed,
            created_at=now,
            expires_at=now + lasts,
            varies=left_open(spec, judged),
            too_often=judged.too_often,
            chain=context.chain,
        )
        known = await self._book.approvals.of_turn(context.turn)
        if all(one.call != call.id for one in known):
            await self._refuse_too_many(question)
        asked = await self._book.approvals.ask(question)
        await self._book.announce(asked)
        log.info("approval.asked", extra={"approval": asked.id, "tool": frozen.tool})
        return asked

    async def edited(self, question: Approval) -> Judged:
        """What policy says of a question that a person edited; it is asked for in any case.

        No edit lifts how many people are needed.

        Raises:
            Refused: policy blocks it, or it is not asked; says why.
        """
        judged = await self.judging.judged(question, context_of(question))
        if judged.verdict is Verdict.DENY:
            raise Refused(
                f"The policy does not allow {question.frozen.tool} with that: {judged.reason}."
            )
        needed = max(question.needed, judged.needed)
        await self._refuse_too_many(replace(question, needed=needed))
        return replace(judged, needed=needed)

    async def runs_by_itself(self, approval: Approval) -> bool:
        """Whether policy lets it run unasked, so that only how often it happened is asked about."""
        alone = replace(context_of(approval), attended=False)
        return (await self.judging.judged(approval, alone)).verdict is Verdict.ALLOW

    async def _refuse_too_many(self, question: Approval) -> None:
        waiting = await self._book.approvals.open()
        here = [
            one
            for one in waiting
            if one.conversation == question.conversation and one.id != question.replaces
        ]
        same = next((one for one in here if one.digest == question.digest), None)
        if same is not None:
            raise Refused(
                f"The same call waits for approval {cards.short_id(same)} already.",
                hint="It is asked for, and run, once.",
            )
        # At a gate a model is told to stay, and nothing that could be read as going on.
        gate = question.frozen.tool == CHECKPOINT
        if sum(one.turn == question.turn for one in here) >= self.limits.per_turn:
            raise Refused(
                f"{self.limits.per_turn} calls of this turn wait for approval already.",
                hint="" if gate else "Go on with those first.",
            )
        hour_ago = question.created_at - timedelta(hours=1)
        asked = await self._book.approvals.count(question.agent, since=hour_ago)
        # What a person edits, no agent asks.
        if question.replaces is None and asked >= self.limits.per_hour:
            raise Refused(
                f"{question.agent} has asked people {self.limits.per_hour} times within the hour, "
                "which is the most.",
                hint="" if gate else "Do without it, and say so.",
            )
        able = len(deciders(self._book.team(), question))
        if able < question.needed:
            raise Refused(
                f"The policy asks for {question.needed} people who may approve it, and the team "
                f"has {able}."
            )

    # ---- running, for the executor

    async def of_turn(self, turn: TurnId) -> list[Approval]:
        """What the turn asked, oldest first; what was edited is as old as what it was before."""
        return await self._book.approvals.of_turn(turn)

    async def again(self, approval: Approval) -> None:
        """It still waits for people: show it, where a crash came before that."""
        if not approval.cards:
            await self._book.announce(approval)

    def told(self, approval: Approval) -> str:
        """What the model is told of a call that people did not let run."""
        tool = approval.frozen.tool
        match approval.state:
            case ApprovalState.DENIED:
                by = name_of(self._book.team(), approval.decided_by)
                why = f": {approval.note}" if approval.note else ""
                return f"{by} said no to {tool}{why}. {NOT_AGAIN}"
            case ApprovalState.EXPIRED:
                if len(approval.votes) >= approval.needed:
                    return f"{tool} was approved, but did not run in time, so it was not run"
                return f"nobody decided in time about {tool}, so it was not run"
            case _:
                return f"{tool} was not run. {approval.note}".strip()

    async def unsure(self, call: ToolCall, spec: ToolSpec | None, context: ToolContext) -> Approval:
        """A call that nobody was asked about had begun when its process died: ask what became."""
        try:
            frozen = await self._tools.frozen(call, context)
        except Refused:
            # The tool is not the one that ran: what the model wrote is all there is to show.
            frozen = Frozen(tool=call.name[:60], schema="", arguments=json.dumps(call.arguments))
        now = self._book.clock.now()
        begun = Approval(
            id=ApprovalId(unguessable()),
            frozen=frozen,
            digest=frozen.digest(),
            risk=spec.risk if spec else Risk.DANGEROUS,
            reason="it was allowed, and had begun when Nightdesk ended",
            turn=context.turn,
            call=call.id,
            conversation=context.conversation,
            agent=context.agent,
            requester=context.requester,
            thread=context.thread,
            state=ApprovalState.EXECUTING,
            created_at=now,
            expires_at=now + self.limits.open_for,
        )
        return await self.lost(await self._book.approvals.ask(begun))

    async def recheck(self, waits: Iterable[Approval]) -> None:
        """Let a turn go on that was parked only after somebody had decided."""
        for approval in waits:
            now = await self._book.approvals.get(approval.id)
            if now is not None and now.state not in WAITS:
                await self._book.changed(now, resumes=True)
                return

    async def begin(
        self, approval: Approval, context: ToolContext, *, objection: str = ""
    ) -> Approval:
        """Let it run, once: whoever gets the approval back in `EXECUTING` must run it now.

        What is no longer as it was when people said yes comes back ended, and so does what the
        caller has an objection to.

        Raises:
            Conflict: somebody else runs it.
        """
        objection_now = objection or await self._objection_now(approval, context)
        if objection_now:
            return await self._book.quietly(approval, ApprovalEvent.CANCEL, objection_now)
        try:
            return await self._book.approvals.change(
                approval.id, ApprovalEvent.BEGIN, now=self._book.clock.now()
            )
        except Conflict:
            found = await self._book.approvals.get(approval.id) or approval
            if found.state is ApprovalState.EXECUTING:
                raise  # another process has the turn, and runs it
            if found.state is ApprovalState.APPROVED:
                return await self._book.quietly(found, ApprovalEvent.EXPIRE, "the yes grew too old")
            return found

    async def _objection_now(self, approval: Approval, context: ToolContext) -> str:
        """Why what was approved may not run as things are now; empty where it may."""
        if approval.frozen.digest() != approval.digest:
            return "What is stored is not what was approved."
        try:
            now = await self._tools.frozen(call_of(approval), context_of(approval))
        except Refused as refused:
            return f"The tool changed since it was asked for: {refused.message}"
        if now.digest() != approval.digest:
            return "The tool changed since it was asked for."
        if voices(self._book.team(), approval) < approval.needed:
            return "Somebody who said yes may no longer say it."
        judged = await self.judging.judged(approval, context)
        if judged.verdict is Verdict.DENY:
            return f"The policy does not allow it any more: {judged.reason}."
        if voices(self._book.team(), replace(approval, needed=judged.needed)) < judged.needed:
            return f"The policy asks for {judged.needed} people now: {judged.reason}."
        return ""

    async def ended(self, approval: Approval, result: ToolResult) -> Approval:
        """Note how it went."""
        event = ApprovalEvent.FAIL if result.failed else ApprovalEvent.SUCCEED
        return await self._book.quietly(approval, event, result.text)

    async def lost(self, approval: Approval) -> Approval:
        """It was executing when its process died: a person is asked to look."""
        lost = await self._book.quietly(approval, ApprovalEvent.LOSE)
        if lost.state is ApprovalState.UNKNOWN:
            log.warning("approval.unknown", extra={"approval": lost.id})
            await self._book.announce(lost, first=True)  # the answer to a STOP waits for it
        return lost

    # ---- ending

    async def turn_over(self, turn: TurnId, note: str = STOPPED) -> None:
        """Take back what a turn asked that was stopped; what it was about to run is looked at."""
        for approval in await self._book.approvals.of_turn(turn):
            await self.orphaned(approval, note)

    async def orphaned(self, approval: Approval, note: str = STOPPED) -> None:
        """Nobody takes up the turn of this approval any more; `note` says why, on its cards."""
        if approval.state in (ApprovalState.PENDING, ApprovalState.APPROVED):
            await self._book.quietly(approval, ApprovalEvent.CANCEL, note, resumes=True)
        elif approval.state is ApprovalState.EXECUTING:
            await self.lost(approval)
        elif approval.state is ApprovalState.UNKNOWN:
            await self._book.resume(approval)
