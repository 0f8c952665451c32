"""What the policy says now of a call that people were asked about, or allowed for a time."""

from runtime.model.approval import Approval
from runtime.model.tools import ToolCall, ToolSpec
from runtime.ports import Judged, Policy, ToolContext, Tools, Verdict


class Judging:
    """Asks the policy again, with the tools as they are now. Nothing is counted."""

    def __init__(self, tools: Tools, policy: Policy) -> None:
        """Ask `policy` about calls of `tools`."""
        self._tools = tools
        self._policy = policy

    def spec(self, approval: Approval) -> ToolSpec | None:
        """The tool, if the agent still has it."""
        specs = self._tools.specs(approval.agent)
        return next((one for one in specs if one.name == approval.frozen.tool), None)

    async def judged(self, approval: Approval, context: ToolContext) -> Judged:
        """What policy says of the call; a tool that is not there any more is blocked."""
        spec = self.spec(approval)
        if spec is None:
            return Judged(verdict=Verdict.DENY, reason="there is no such tool")
        return await self._policy.judge(call_of(approval), spec, context, counted=False)

    async def varies(self, approval: Approval) -> tuple[str, ...]:
        """The arguments that a yes for a time would leave open, as tool and policy are now."""
        spec = self.spec(approval)
        if spec is None:
            return ()
        return left_open(spec, await self.judged(approval, context_of(approval)))


def left_open(spec: ToolSpec, judged: Judged) -> tuple[str, ...]:
    """The arguments that a yes for a time leaves open: never one that a rule looks at."""
    return tuple(sorted(spec.varies - judged.looked_at))


def call_of(approval: Approval) -> ToolCall:
    """The call that it asks for, in the bytes that people see."""
    frozen = approval.frozen
    return ToolCall(id=approval.call, name=frozen.tool, arguments=frozen.arguments)


def context_of(approval: Approval) -> ToolContext:
    """In whose name and where the call would run, as far as the question itself says."""
    return ToolContext(
        turn=approval.turn,
        conversation=approval.conversation,
        agent=approval.agent,
        requester=approval.requester,
        thread=approval.thread,
        attended=approval.thread is not None,
        chain=approval.chain,
    )
