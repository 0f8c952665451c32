"""The executor: the only place that runs a tool.

Judge whether whoever asked may (at each call, an approved one included), judge by policy, ask where
policy says so, record as executing, run, record. What was recorded as executing and has no result
is never run again by itself: a person is asked to look.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from runtime.access import authorize
from runtime.approvals import checkpoints
from runtime.approvals.judging import context_of
from runtime.approvals.questions import Questions
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model import recorded
from runtime.model.approval import Approval, ApprovalState
from runtime.model.audit import AuditEvent, AuditKind
from runtime.model.conversation import Entry, Role
from runtime.model.step import StepState
from runtime.model.team import Team
from runtime.model.tools import Json, ToolCall, ToolResult, ToolSpec
from runtime.model.value import value
from runtime.notices import Notice
from runtime.ports import Judged, Policy, ToolContext, Tools, Verdict
from runtime.words import explain

_NO_RULE: Mapping[str, Json] = {}
"""Where people said yes: their approval has its own records."""


class MustWait(Exception):
    """The turn waits for people.

    Attributes:
        approvals: what it waits for.
    """

    def __init__(self, approvals: Sequence[Approval]) -> None:
        super().__init__("the turn waits for people")
        self.approvals = tuple(approvals)


@value(kw_only=True)
class Job:
    """The turn for which calls are run.

    Attributes:
        context: in whose name and where, as things are when it is asked.
        append: writes to the turn's log, what that does to the audit log, and what people are
            told of it; raises `Conflict` where the turn is another's.
        show: shows how far a call is.
    """

    context: Callable[[], ToolContext]
    append: Callable[[Entry, Sequence[AuditEvent], Notice | None], Awaitable[None]]
    show: Callable[[ToolCall, StepState], Awaitable[None]]


class Executor:
    """Runs the calls of turns."""

    def __init__(
        self,
        tools: Tools,
        policy: Policy,
        questions: Questions,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Run `tools` for people of `team` as `policy` says; ask people through `questions`."""
        self._tools = tools
        self._policy = policy
        self._questions = questions
        self._team = team
        self._clock = clock

    def specs(self, job: Job) -> tuple[ToolSpec, ...]:
        """What the job's agent may call."""
        return self._tools.specs(job.context().agent)

    async def run(self, call: ToolCall, job: Job) -> Approval | None:
        """Judge a call of which nothing was done yet, and run it; what it waits for, or None."""
        spec = self._spec(call, job)
        if spec is None:
            known = ", ".join(spec.name for spec in self.specs(job)) or "none"
            why = f"no tool {call.name}; there are: {known}"
            # What a model made up is a text of its own, and no name.
            await self._refuse(replace(call, name=""), job, why, rule="there is no such tool")
            return None
        if why := self._no_right(spec, job):
            needs = self._tools.needs(spec.name)
            rule = f"it takes the right {needs}, which who asked does not have"
            await self._refuse(call, job, f"{call.name} was not run. {why}", rule=rule)
            return None
        judged = await self._policy.judge(call, spec, job.context())
        match judged.verdict:
            case Verdict.ALLOW:
                await self._perform(call, spec, job, rule=judged.reason, notify=judged.notify)
                return None
            case Verdict.ASK:
                return await self._ask(call, spec, judged, job)
            case Verdict.DENY:
                why = f": {judged.reason}" if judged.reason else ""
                said = f"policy does not allow {call.name}{why}"
                await self._refuse(call, job, said, rule=judged.reason)
                return None
            case _:
                assert_never(judged.verdict)

    async def take_up(
        self, call: ToolCall, job: Job, *, begun: bool, asked: Iterable[Approval]
    ) -> Approval | None:
        """Go on with a call that has no result yet; `begun` where the log says that it ran."""
        approval = deciding(call, asked)
        if approval is not None:
            return await self._go_on(call, approval, job)
        spec = self._spec(call, job)
        if begun and not (spec and spec.repeatable):
            return await self._questions.unsure(call, spec, job.context())
        return await self.run(call, job)

    async def _ask(
        self, call: ToolCall, spec: ToolSpec, judged: Judged, job: Job
    ) -> Approval | None:
        context = job.context()
        try:
            frozen = await self._tools.frozen(call, context)
            grant = await self._questions.granting.find(frozen, judged, spec, context)
            if grant is not None:
                granted = replace(call, arguments=frozen.arguments)
                await self._perform(granted, spec, job, rule=judged.reason, grant=grant.number)
                return None
            return await self._questions.ask(frozen, judged, spec, call, context)
        except Refused as refused:
            rule = f"{judged.reason}; it could not be asked for"
            await self._refuse(call, job, explain(refused), rule=rule)
            return None

    async def _go_on(self, call: ToolCall, approval: Approval, job: Job) -> Approval | None:
        """Do what follows from what people said."""
        match approval.state:
            case ApprovalState.PENDING | ApprovalState.UNKNOWN:
                await self._questions.again(approval)
                return approval
            case ApprovalState.APPROVED:
                return await self._run_approved(call, approval, job)
            case ApprovalState.EXECUTING if await self._repeats(approval, job):
                await self._run_begun(call, approval, job)
            case ApprovalState.EXECUTING:
                # Whoever ran it is gone: the turn is taken up by its owner's successor only.
                lost = await self._questions.lost(approval)
                if lost.state is ApprovalState.UNKNOWN:
                    return lost
                return await self._go_on(call, lost, job)
            case ApprovalState.DONE if await self._repeats(approval, job):
                # For what it made besides words, which is in no approval: twice is once.
                same = replace(_as_approved(approval), id=call.id)
                await self._answer(call, await self._tools.run(same, job.context()), job)
            case ApprovalState.DONE | ApprovalState.FAILED:
                failed = approval.state is ApprovalState.FAILED
                ended = ToolResult(call=call.id, text=approval.note, failed=failed)
                await self._answer(call, ended, job)
            case ApprovalState.DENIED | ApprovalState.EXPIRED | ApprovalState.CANCELLED:
                told = self._questions.told(approval)
                await self._refuse(call, job, told, rule=f"its approval is {approval.state}")
            case _:
                assert_never(approval.state)
        return None

    async def _run_approved(self, call: ToolCall, approval: Approval, job: Job) -> Approval | None:
        spec = self._spec(_as_approved(approval), job)
        lost = self._no_right(spec, job) if spec else ""
        begun = await self._questions.begin(approval, job.context(), objection=lost)
        if begun.state is not ApprovalState.EXECUTING:
            return await self._go_on(call, begun, job)
        await self._run_begun(call, begun, job)
        return None

    async def _run_begun(self, call: ToolCall, begun: Approval, job: Job) -> None:
        await job.show(call, StepState.RUNNING)
        result = await self._tools.run(replace(_as_approved(begun), id=call.id), job.context())
        await self._questions.ended(begun, result)
        await self._answer(call, result, job)
        await job.show(call, StepState.FAILED if result.failed else StepState.DONE)

    async def _perform(
        self,
        call: ToolCall,
        spec: ToolSpec,
        job: Job,
        *,
        rule: str,
        grant: int | None = None,
        notify: bool = False,
    ) -> None:
        """Run what may run: recorded as executing before, where it is not repeatable.

        People are told of it in the transaction that stores its result.
        """
        await job.show(call, StepState.RUNNING)
        context = job.context()
        by: dict[str, Json] = {"rule": rule} if grant is None else {"rule": rule, "grant": grant}
        if not spec.repeatable:
            await job.append(
                Entry(
                    role=Role.EXECUTING,
                    text=call.name,
                    at=self._clock.now(),
                    turn=context.turn,
                    call=call.id,
                ),
                [_recorded(AuditKind.TOOL_BEGUN, call, context, by)],
                None,
            )
        result = await self._tools.run(call, context)
        told = Notice(call=call.id, tool=call.name, failed=result.failed, rule=rule)
        await self._answer(call, result, job, by, told if notify else None)
        await job.show(call, StepState.FAILED if result.failed else StepState.DONE)

    async def _refuse(self, call: ToolCall, job: Job, why: str, *, rule: str) -> None:
        told = checkpoints.refused(call.name, why)
        refused = ToolResult(call=call.id, text=told, failed=True)
        record = _recorded(AuditKind.TOOL_REFUSED, call, job.context(), {"rule": rule})
        await job.append(self._entry(refused, job), [record], None)

    async def _answer(
        self,
        call: ToolCall,
        result: ToolResult,
        job: Job,
        by: Mapping[str, Json] = _NO_RULE,
        notice: Notice | None = None,
    ) -> None:
        how = {**by, "failed": result.failed}
        record = _recorded(AuditKind.TOOL_ENDED, call, job.context(), how)
        await job.append(self._entry(result, job), [record], notice)

    def _entry(self, result: ToolResult, job: Job) -> Entry:
        return Entry(
            role=Role.TOOL,
            text=result.text,
            at=self._clock.now(),
            turn=job.context().turn,
            call=result.call,
            files=result.files,
            ending=result.ending,
        )

    async def _repeats(self, approval: Approval, job: Job) -> bool:
        """Whether it may run again: that has the effect of once, and it is what was approved."""
        call = _as_approved(approval)
        spec = self._spec(call, job)
        if spec is None or not spec.repeatable or self._no_right(spec, job):
            return False
        try:
            now = await self._tools.frozen(call, context_of(approval))
        except Refused:
            return False
        return now.digest() == approval.digest

    def _no_right(self, spec: ToolSpec, job: Job) -> str:
        """Why whoever asked may not have the tool run, as the team is now; empty where they may."""
        try:
            authorize(self._team(), job.context().requester, self._tools.needs(spec.name))
        except Refused as refused:
            return f"Who asked for it may not have it done; they would be told: {explain(refused)}"
        return ""

    def _spec(self, call: ToolCall, job: Job) -> ToolSpec | None:
        return next((spec for spec in self.specs(job) if spec.name == call.name), None)


def _recorded(
    kind: AuditKind, call: ToolCall, context: ToolContext, how: Mapping[str, Json]
) -> AuditEvent:
    return recorded.tool(kind, call, turn=context.turn, agent=context.agent, **how)


def _as_approved(approval: Approval) -> ToolCall:
    """The call in the bytes that were approved: what the model wrote is not looked at again."""
    frozen = approval.frozen
    return ToolCall(id=approval.call, name=frozen.tool, arguments=frozen.arguments)


def not_begun(approval: Approval | None) -> bool:
    """Whether nothing can have happened yet of what the approval is about."""
    return approval is None or approval.state not in (
        ApprovalState.EXECUTING,
        ApprovalState.UNKNOWN,
    )


def deciding(call: ToolCall, asked: Iterable[Approval]) -> Approval | None:
    """The approval that decides about the call: an edited one before the one it was made from.

    A cancelled one only where there is no other.
    """
    known = list(asked)
    found = [one for one in known if one.call == call.id]
    for one in found:
        found += [other for other in known if other.replaces == one.id]
    held = [one for one in found if one.state is not ApprovalState.CANCELLED]
    return next(reversed(held or found), None)
